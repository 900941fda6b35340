/** Users of an OpenID Connect issuer: ID tokens, verified with the keys that it publishes. */
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose';
import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Transport } from '../../client/transport.ts';
import { isObject, type JsonObject } from '../../kube/object.ts';
import { TokenRefused, type VerifiedUser } from './authenticate.ts';

/** Keys are read again when they are older, or when a token names one that is not among them. */
const keysMs = 3_600_000;
/** But not more often than this, whatever tokens name. */
const lookAgainMs = 10_000;
const documentBytesMax = 2 ** 20;
const timeoutMs = 10_000;

export interface OidcOptions {
  /** https URL, exactly as in `iss`. */
  readonly issuer: string;
  /** Where its discovery document is, if not where OpenID Connect says. */
  readonly discoveryUrl?: string;
  /** `aud` must hold one of them. */
  readonly audiences: readonly string[];
  /** Whom the claims of a verified token stand for. @throws TokenRefused */
  readonly userOf: (claims: JsonObject) => VerifiedUser;
  readonly signingAlgorithms: readonly string[];
  /** Connections to a server (`https://HOST:PORT`). */
  readonly open: (server: string) => Transport;
  readonly clock: Clock;
  readonly log: Logger;
}

type KeySet = ReturnType<typeof createLocalJWKSet>;

export class OidcUsers {
  readonly #options: OidcOptions;
  readonly #transports = new Map<string, Transport>();
  #keys: KeySet | undefined;
  #reading: Promise<void> | undefined;
  /** Monotonic, milliseconds. */
  #readAt = Number.NEGATIVE_INFINITY;
  #triedAt = Number.NEGATIVE_INFINITY;

  constructor(options: OidcOptions) {
    this.#options = options;
  }

  /** Undefined: not a token of this issuer. @throws TokenRefused */
  async verify(token: string): Promise<VerifiedUser | undefined> {
    if (issuerIn(token) !== this.#options.issuer) return undefined;
    return this.#options.userOf((await this.#verified(token)) as JsonObject);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#transports.values()].map((transport) => transport.close()));
  }

  async #verified(token: string): Promise<JWTPayload> {
    const { issuer, audiences, signingAlgorithms, clock } = this.#options;
    const how = {
      issuer,
      audience: [...audiences],
      algorithms: [...signingAlgorithms],
      requiredClaims: ['exp'],
      currentDate: new Date(clock.now()),
    };
    await this.#freshKeys(keysMs);
    try {
      return (await jwtVerify(token, this.#keySet(), how)).payload;
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw refused(error);
      await this.#freshKeys(0);
    }
    return (
      await jwtVerify(token, this.#keySet(), how).catch((error: unknown) => {
        throw refused(error);
      })
    ).payload;
  }

  #keySet(): KeySet {
    if (this.#keys !== undefined) return this.#keys;
    throw new TokenRefused('oidc: authenticator not initialized');
  }

  /** Sees to it that the keys are no older than `ageMs`, as far as the issuer lets us. */
  async #freshKeys(ageMs: number): Promise<void> {
    const now = this.#options.clock.monotonic();
    if (now - this.#readAt < ageMs || now - this.#triedAt < lookAgainMs) return this.#reading;
    this.#triedAt = now;
    this.#reading = this.#read().then(
      () => {
        this.#readAt = this.#options.clock.monotonic();
      },
      (error: unknown) =>
        this.#options.log.warn('the keys of the OIDC issuer cannot be read', {
          issuer: this.#options.issuer,
          error: messageOf(error),
        }),
    );
    return this.#reading;
  }

  async #read(): Promise<void> {
    const { issuer, discoveryUrl } = this.#options;
    const usual = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const document = await this.#get(discoveryUrl ?? usual);
    if (document['issuer'] !== issuer)
      throw new Error(`its discovery document is for ${String(document['issuer'])}`);
    const keys = await this.#get(String(document['jwks_uri']));
    this.#keys = createLocalJWKSet(keys as unknown as JSONWebKeySet);
  }

  async #get(url: string): Promise<JsonObject> {
    const { origin, protocol, pathname, search } = new URL(url);
    if (protocol !== 'https:') throw new Error(`${url} is not https`);
    let transport = this.#transports.get(origin);
    if (transport === undefined) {
      transport = this.#options.open(origin);
      this.#transports.set(origin, transport);
    }
    const headers = { accept: 'application/json' };
    const request = { method: 'GET', path: pathname + search, headers, timeoutMs };
    const response = await transport.request(request);
    const bytes = await response.bytes();
    if (response.status !== 200) throw new Error(`${url} answered ${response.status}`);
    if (bytes.length > documentBytesMax) throw new Error(`${url} is too long`);
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    if (!isObject(value)) throw new Error(`${url} is no JSON object`);
    return value;
  }
}

export interface ClaimNames {
  readonly usernameClaim: string;
  readonly usernamePrefix: string;
  readonly groupsClaim: string | undefined;
  readonly groupsPrefix: string;
  readonly requiredClaims: ReadonlyMap<string, string>;
}

/** Users by the names of claims, as kube-apiserver's --oidc flags have it. */
export function userByClaims(names: ClaimNames): OidcOptions['userOf'] {
  return (claims) => {
    for (const [claim, value] of names.requiredClaims) checkClaim(claims, claim, value);
    return {
      name: names.usernamePrefix + usernameIn(claims, names.usernameClaim),
      groups: groupsIn(claims, names.groupsClaim).map((group) => names.groupsPrefix + group),
      extra: {},
    };
  };
}

/** @throws TokenRefused */
export function checkClaim(claims: JsonObject, claim: string, value: string): void {
  const found = claims[claim];
  if (found === undefined)
    throw new TokenRefused(`oidc: required claim ${claim} not present in ID token`);
  if (found === value) return;
  const got = `Got = ${String(found)}, want = ${value}`;
  throw new TokenRefused(`oidc: required claim ${claim} value does not match. ${got}`);
}

/** @throws TokenRefused */
export function usernameIn(claims: JsonObject, claim: string): string {
  const name = claims[claim];
  if (typeof name !== 'string' || name === '')
    throw new TokenRefused(`oidc: parse username claims "${claim}": claim not present`);
  const verified = claims['email_verified'];
  if (claim === 'email' && verified !== undefined && verified !== true)
    throw new TokenRefused('oidc: email not verified');
  return name;
}

/** @throws TokenRefused */
export function groupsIn(claims: JsonObject, claim: string | undefined): string[] {
  const groups = claim === undefined ? undefined : claims[claim];
  if (groups === undefined) return [];
  const list = typeof groups === 'string' ? [groups] : groups;
  if (Array.isArray(list) && list.every((each) => typeof each === 'string')) return list;
  throw new TokenRefused(`oidc: parse groups claim "${claim}": not a list of strings`);
}

function refused(error: unknown): TokenRefused {
  return new TokenRefused(`oidc: verify token: ${messageOf(error)}`, { cause: error });
}

/** `iss` of a token, before anything of it is known to be true. */
function issuerIn(token: string): unknown {
  const payload = token.split('.')[1];
  if (payload === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    return isObject(value) ? value['iss'] : undefined;
  } catch {
    return undefined;
  }
}
