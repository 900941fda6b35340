/** Tokens of service accounts: ES256 JWTs, signed and verified. */

import {
  createHash,
  createPublicKey,
  type KeyObject,
  sign,
  timingSafeEqual,
  verify,
} from 'node:crypto';
import { BoundedMap } from '../../base/bounded-map.ts';
import type { Clock } from '../../base/clock.ts';
import { isObject, type JsonObject, type KubeObject, valueAt } from '../../kube/object.ts';
import type { User } from '../backend.ts';
import type { TokenSigner } from '../registry/token-request.ts';
import { TokenRefused, type VerifiedUser } from './authenticate.ts';
import { tokenDigest } from './token-file.ts';

/** Verified tokens that are remembered, so that a signature is checked once. */
const rememberedMax = 4096;
/**
 * As long after its end, and before its beginning, a token counts, as in kube-apiserver: clocks of
 * machines differ, and are set back. So does a bound object after its deletion began.
 */
const leewayMs = 60_000;

/** `iss` of the tokens that stand in Secrets. */
export const legacyIssuer = 'kubernetes/serviceaccount';
const legacyPrefix = 'kubernetes.io/serviceaccount/';

export interface ObjectName {
  readonly name: string;
  readonly uid: string;
}

type BoundKind = 'pod' | 'secret' | 'node';

export interface ServiceAccountTokenOptions {
  /** P-256; the first signs, all verify. */
  readonly keys: readonly [KeyObject, ...KeyObject[]];
  readonly issuer: string;
  /** A token must be for one of these to be a credential here. */
  readonly audiences: readonly string[];
  readonly clock: Clock;
  /** The uid of an account as last heard of. */
  readonly accountUid: (namespace: string, name: string) => string | undefined;
  /**
   * Asked when that is not the token's; undefined: the account is gone and so are its tokens.
   * Absent: what was heard last is so.
   */
  readonly currentUid?: (namespace: string, name: string) => Promise<string | undefined>;
  /** An object that a token is bound to, as it stands now; absent: all stand. */
  readonly boundObject?: (
    kind: BoundKind,
    namespace: string,
    name: string,
  ) => Promise<KubeObject | undefined>;
}

interface Claims {
  /** Seconds; undefined: it has no end of its own. */
  readonly expires: number | undefined;
  readonly notBefore: number;
  /** Undefined: for whoever asks. */
  readonly audiences: readonly string[] | undefined;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly id: string;
  readonly bound: Partial<Record<BoundKind, ObjectName>>;
  /** Of a token that stands in a Secret: the Secret's name. */
  readonly secret: string | undefined;
}

/** Signs for TokenRequest and verifies what comes back. */
export class ServiceAccountTokens implements TokenSigner {
  readonly #options: ServiceAccountTokenOptions;
  readonly #verifyKeys: ReadonlyMap<string, KeyObject>;
  readonly #signKeyId: string;
  readonly #remembered = new BoundedMap<string, Claims>(rememberedMax);

  constructor(options: ServiceAccountTokenOptions) {
    this.#options = options;
    const keys = options.keys.map((key) => [keyId(key), publicKeyOf(key)] as const);
    this.#verifyKeys = new Map(keys);
    this.#signKeyId = keys[0]![0];
  }

  get issuer(): string {
    return this.#options.issuer;
  }

  get audiences(): readonly string[] {
    return this.#options.audiences;
  }

  /** All keys that verify, by their ids. */
  get publicKeys(): ReadonlyMap<string, KeyObject> {
    return this.#verifyKeys;
  }

  /** A compact JWS of exactly these claims. */
  sign(claims: JsonObject): Promise<string> {
    const header = { alg: 'ES256', kid: this.#signKeyId };
    const signed = `${base64url(header)}.${base64url(claims)}`;
    const key = { key: this.#options.keys[0], dsaEncoding: 'ieee-p1363' as const };
    const signature = sign('sha256', Buffer.from(signed), key).toString('base64url');
    return Promise.resolve(`${signed}.${signature}`);
  }

  /**
   * The service account of a token that is signed, in time, for us, and whose account and bound
   * objects still stand; undefined when it is none of ours.
   * @throws TokenRefused
   */
  verify(
    token: string,
    wanted: readonly string[] = this.#options.audiences,
  ): VerifiedUser | undefined | Promise<VerifiedUser | undefined> {
    const claims = this.#claimsOf(token);
    if (claims === undefined) return undefined;
    const audiences = claims.audiences?.filter((each) => wanted.includes(each)) ?? wanted;
    if (audiences.length === 0)
      throw new TokenRefused(
        `token audiences [${list(claims.audiences!)}] is invalid for the target audiences ` +
          `[${list(wanted)}]`,
      );
    const now = this.#options.clock.now();
    if (now - leewayMs > (claims.expires ?? Infinity) * 1000)
      throw new TokenRefused('service account token has expired');
    if (now + leewayMs < claims.notBefore * 1000)
      throw new TokenRefused('service account token is not valid yet');
    const user = { ...userOf(claims), audiences };
    const { namespace, name, uid } = claims;
    const { accountUid, currentUid } = this.#options;
    const heard = accountUid(namespace, name);
    if (heard === uid || currentUid === undefined) {
      refuseOtherAccount(claims, heard);
      return this.#bound(claims, token, user);
    }
    // An account may be used before the news of it has come here.
    return currentUid(namespace, name).then((current) => {
      refuseOtherAccount(claims, current);
      return this.#bound(claims, token, user);
    });
  }

  #bound(claims: Claims, token: string, user: VerifiedUser): VerifiedUser | Promise<VerifiedUser> {
    if (claims.secret !== undefined) return this.#inSecret(claims, token).then(() => user);
    const bound = Object.keys(claims.bound) as BoundKind[];
    // A pod's node is told for information only.
    const binding = bound.includes('pod') ? 'pod' : bound[0];
    return binding === undefined ? user : this.#stillBound(claims, binding).then(() => user);
  }

  #claimsOf(token: string): Claims | undefined {
    const digest = tokenDigest(token);
    let claims = this.#remembered.get(digest);
    if (claims !== undefined) return claims;
    claims = this.#read(token);
    if (claims === undefined) return undefined;
    this.#remembered.set(digest, claims);
    return claims;
  }

  #read(token: string): Claims | undefined {
    const parts = token.split('.');
    if (parts.length !== 3) return undefined;
    const [header, payload, signature] = parts as [string, string, string];
    const head = decodeObject(header);
    if (head?.alg !== 'ES256' || typeof head.kid !== 'string') return undefined;
    const key = this.#verifyKeys.get(head.kid);
    if (key === undefined) return undefined;
    const bytes = Buffer.from(signature, 'base64url');
    const how = { key, dsaEncoding: 'ieee-p1363' as const };
    if (!verify('sha256', Buffer.from(`${header}.${payload}`), how, bytes)) return undefined;
    const claims = decodeObject(payload);
    if (claims?.iss === legacyIssuer) return legacyClaimsOf(claims);
    return claims?.iss === this.#options.issuer ? claimsOf(claims) : undefined;
  }

  async #stillBound(claims: Claims, kind: BoundKind): Promise<void> {
    const { name, uid } = claims.bound[kind]!;
    const { boundObject, clock } = this.#options;
    if (boundObject === undefined) return;
    const metadata = (await boundObject(kind, claims.namespace, name))?.metadata;
    if (metadata === undefined)
      throw new TokenRefused('service account token has been invalidated');
    if (metadata.uid !== uid)
      throw new TokenRefused(
        `${kind} UID (${metadata.uid}) does not match service account ${kind} ref claim (${uid})`,
      );
    const deleted = Date.parse(metadata.deletionTimestamp ?? '');
    if (deleted + leewayMs < clock.now())
      throw new TokenRefused('service account token has been invalidated');
  }

  async #inSecret({ namespace, secret }: Claims, token: string): Promise<void> {
    const found = await this.#options.boundObject?.('secret', namespace, secret!);
    if (found === undefined || found.metadata.deletionTimestamp !== undefined)
      throw new TokenRefused('Token has been invalidated');
    const stored = Buffer.from(String(valueAt(found, 'data', 'token') ?? ''), 'base64');
    const sent = Buffer.from(token);
    if (stored.length !== sent.length || !timingSafeEqual(stored, sent))
      throw new TokenRefused("Token does not match server's copy");
  }
}

function refuseOtherAccount({ name, uid }: Claims, standing: string | undefined): void {
  if (standing === undefined) throw new TokenRefused(`serviceaccounts "${name}" not found`);
  if (standing !== uid)
    throw new TokenRefused(`service account UID (${standing}) does not match claim (${uid})`);
}

/** The claims of the token that stands in a Secret. */
export function legacyClaims(account: KubeObject, secret: string): JsonObject {
  const { namespace = '', name = '', uid = '' } = account.metadata;
  return {
    iss: legacyIssuer,
    sub: `system:serviceaccount:${namespace}:${name}`,
    [`${legacyPrefix}namespace`]: namespace,
    [`${legacyPrefix}secret.name`]: secret,
    [`${legacyPrefix}service-account.name`]: name,
    [`${legacyPrefix}service-account.uid`]: uid,
  };
}

function list(values: readonly string[]): string {
  return values.map((value) => JSON.stringify(value)).join(' ');
}

function legacyClaimsOf(claims: JsonObject): Claims | undefined {
  const text = (name: string): string => {
    const value = claims[legacyPrefix + name];
    return typeof value === 'string' ? value : '';
  };
  const [namespace, secret] = [text('namespace'), text('secret.name')];
  const [name, uid] = [text('service-account.name'), text('service-account.uid')];
  if ([namespace, secret, name, uid].includes('')) return undefined;
  const open = { expires: undefined, notBefore: 0, audiences: undefined, bound: {}, id: '' };
  return { ...open, namespace, name, uid, secret };
}

function claimsOf(claims: JsonObject): Claims | undefined {
  const { exp, nbf, jti, aud } = claims;
  const namespace = valueAt(claims, 'kubernetes.io', 'namespace');
  const name = valueAt(claims, 'kubernetes.io', 'serviceaccount', 'name');
  const uid = valueAt(claims, 'kubernetes.io', 'serviceaccount', 'uid');
  if (typeof exp !== 'number' || typeof jti !== 'string') return undefined;
  if (typeof namespace !== 'string' || typeof name !== 'string' || typeof uid !== 'string')
    return undefined;
  const audiences = (Array.isArray(aud) ? aud : [aud]).filter((each) => typeof each === 'string');
  const notBefore = typeof nbf === 'number' ? nbf : 0;
  const bound = boundOf(claims);
  const secret = undefined;
  return { expires: exp, notBefore, audiences, namespace, name, uid, id: jti, bound, secret };
}

function boundOf(claims: JsonObject): Claims['bound'] {
  const bound: Partial<Record<BoundKind, ObjectName>> = {};
  for (const kind of ['pod', 'secret', 'node'] as const) {
    const name = valueAt(claims, 'kubernetes.io', kind, 'name');
    const uid = valueAt(claims, 'kubernetes.io', kind, 'uid') ?? '';
    if (typeof name === 'string' && typeof uid === 'string') bound[kind] = { name, uid };
  }
  return bound;
}

function userOf({ namespace, name, uid, id, bound }: Claims): User {
  const extra: Record<string, string[]> = {};
  if (id !== '') extra['authentication.kubernetes.io/credential-id'] = [`JTI=${id}`];
  for (const kind of ['pod', 'node'] as const) {
    const object = bound[kind];
    if (object === undefined) continue;
    extra[`authentication.kubernetes.io/${kind}-name`] = [object.name];
    if (object.uid !== '') extra[`authentication.kubernetes.io/${kind}-uid`] = [object.uid];
  }
  return {
    name: `system:serviceaccount:${namespace}:${name}`,
    uid,
    groups: [
      'system:serviceaccounts',
      `system:serviceaccounts:${namespace}`,
      'system:authenticated',
    ],
    extra,
  };
}

/** As kube-apiserver names keys: the digest of the public key. */
export function keyId(key: KeyObject): string {
  const spki = publicKeyOf(key).export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(spki).digest('base64url');
}

function publicKeyOf(key: KeyObject): KeyObject {
  return key.type === 'public' ? key : createPublicKey(key);
}

function base64url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function decodeObject(part: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
