/** Who sends a request: a verified client certificate, else a bearer token; nobody else gets in. */
import type { User } from '../backend.ts';
import type { RequestInfo } from '../request.ts';
import type { ApiRequest } from '../types.ts';
import { type FrontProxyOptions, proxiedUser } from './front-proxy.ts';

/** Undefined: nothing matches (401). */
export type Authenticate = (request: ApiRequest, info: RequestInfo) => Promise<User | undefined>;

export interface VerifiedUser extends User {
  /** Of those wanted, which the token is for; absent: it is not made for anyone in particular. */
  readonly audiences?: readonly string[];
}

/**
 * The user of a bearer token, or undefined when it is not one of mine. `audiences`: whom it must be
 * for; absent: this server. Throws TokenRefused for one of mine that does not count.
 */
export type TokenVerifier = (
  token: string,
  audiences?: readonly string[],
) => Promise<VerifiedUser | undefined> | VerifiedUser | undefined;

/** Why a token does not count, in words that its holder may read. */
export class TokenRefused extends Error {
  override readonly name = 'TokenRefused';
}

export interface AuthenticationOptions {
  /** Asked in order. */
  readonly tokens: readonly TokenVerifier[];
  /** What a front proxy says in headers; absent: nobody is believed. */
  readonly frontProxy?: FrontProxyOptions;
  /** Exact paths that may be asked for without a credential, as system:anonymous. */
  readonly anonymousPaths?: ReadonlySet<string>;
}

/** Longer tokens are not looked at; bytes. */
const tokenMax = 16 * 1024;

export const healthPaths: ReadonlySet<string> = new Set(['/healthz', '/livez', '/readyz']);

export const anonymous: User = {
  name: 'system:anonymous',
  groups: ['system:unauthenticated'],
  extra: {},
};

export function authenticator(options: AuthenticationOptions): Authenticate {
  const open = options.anonymousPaths ?? healthPaths;
  return async (request, info) => {
    const { certificate, headers } = request;
    const { frontProxy } = options;
    if (frontProxy !== undefined && certificate?.isFrontProxy === true) {
      const user = proxiedUser(headers, certificate.commonName, frontProxy);
      if (user !== undefined) return withAuthenticated(user);
    }
    if (certificate?.isUser !== false && certificate !== undefined && certificate.commonName !== '')
      return {
        name: certificate.commonName,
        groups: [...certificate.organizations, 'system:authenticated'],
        extra: {},
      };
    const authorization = headers.authorization;
    if (authorization === undefined || authorization === '')
      return open.has(info.path) ? anonymous : undefined;
    const token = bearerOf(authorization);
    if (token === undefined) return undefined;
    const verified = await verifyToken(options.tokens, token);
    return 'user' in verified ? withAuthenticated(verified.user) : undefined;
  };
}

/** Asks the verifiers one after the other; says why those refused that knew the token. */
export async function verifyToken(
  verifiers: readonly TokenVerifier[],
  token: string,
  audiences?: readonly string[],
): Promise<{ readonly user: VerifiedUser } | { readonly refusals: readonly string[] }> {
  const refusals: string[] = [];
  for (const verify of verifiers) {
    try {
      const user = await verify(token, audiences);
      if (user !== undefined) return { user };
    } catch (error) {
      if (!(error instanceof TokenRefused)) throw error;
      refusals.push(error.message);
    }
  }
  return { refusals };
}

function bearerOf(authorization: string): string | undefined {
  if (authorization.length > tokenMax) return undefined;
  const match = /^bearer ([^ ]+)$/i.exec(authorization.trim());
  return match?.[1];
}

function withAuthenticated({ audiences: _audiences, ...user }: VerifiedUser): User {
  if (user.groups.includes('system:authenticated')) return user;
  return { ...user, groups: [...user.groups, 'system:authenticated'] };
}
