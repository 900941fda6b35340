/** Who sends a request: a verified client certificate, else a bearer token; nobody else gets in. */
import type { User } from '../backend.ts';
import type { RequestInfo } from '../request.ts';
import type { ApiRequest } from '../types.ts';

/** Undefined: nothing matches (401). */
export type Authenticate = (request: ApiRequest, info: RequestInfo) => Promise<User | undefined>;

/** The user of a bearer token, or undefined when it is not one of mine. */
export type TokenVerifier = (token: string) => Promise<User | undefined> | User | undefined;

export interface AuthenticationOptions {
  /** Asked in order. */
  readonly tokens: readonly TokenVerifier[];
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
    if (certificate !== undefined && certificate.commonName !== '')
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
    for (const verify of options.tokens) {
      const user = await verify(token);
      if (user !== undefined) return withAuthenticated(user);
    }
    return undefined;
  };
}

function bearerOf(authorization: string): string | undefined {
  if (authorization.length > tokenMax) return undefined;
  const match = /^bearer ([^ ]+)$/i.exec(authorization.trim());
  return match?.[1];
}

function withAuthenticated(user: User): User {
  if (user.groups.includes('system:authenticated')) return user;
  return { ...user, groups: [...user.groups, 'system:authenticated'] };
}
