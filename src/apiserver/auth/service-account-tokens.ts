/** Tokens of service accounts: ES256 JWTs, signed and verified. */
import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import { isObject, type JsonObject, valueAt } from '../../kube/object.ts';
import type { User } from '../backend.ts';
import type { TokenSigner } from '../registry/token-request.ts';
import { tokenDigest } from './token-file.ts';

/** Verified tokens that are remembered, so that a signature is checked once. */
const rememberedMax = 4096;

export interface BoundObject {
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
}

export interface ServiceAccountTokenOptions {
  /** P-256; the first signs, all verify. */
  readonly keys: readonly [KeyObject, ...KeyObject[]];
  readonly issuer: string;
  /** A token must be for one of these to be a credential here. */
  readonly audiences: readonly string[];
  readonly clock: Clock;
  /** The uid of an account as it stands now; undefined: it is gone and so are its tokens. */
  readonly accountUid: (namespace: string, name: string) => string | undefined;
}

interface Claims {
  readonly expires: number;
  readonly notBefore: number;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly id: string;
  readonly bound: BoundObject | undefined;
}

/** Signs for TokenRequest and verifies what comes back. */
export class ServiceAccountTokens implements TokenSigner {
  readonly #options: ServiceAccountTokenOptions;
  readonly #verifyKeys: ReadonlyMap<string, KeyObject>;
  readonly #signKeyId: string;
  readonly #remembered = new Map<string, Claims>();

  constructor(options: ServiceAccountTokenOptions) {
    this.#options = options;
    const keys = options.keys.map((key) => [keyId(key), createPublicKey(key)] as const);
    this.#verifyKeys = new Map(keys);
    this.#signKeyId = keys[0]![0];
  }

  get issuer(): string {
    return this.#options.issuer;
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
   * The service account of a token that is signed, in time, for us, and whose account still stands.
   */
  verify(token: string): User | undefined {
    const digest = tokenDigest(token);
    let claims = this.#remembered.get(digest);
    if (claims === undefined) {
      claims = this.#read(token);
      if (claims === undefined) return undefined;
      if (this.#remembered.size >= rememberedMax)
        this.#remembered.delete(this.#remembered.keys().next().value!);
      this.#remembered.set(digest, claims);
    }
    const now = this.#options.clock.now() / 1000;
    if (now >= claims.expires || now + 1 < claims.notBefore) return undefined;
    if (this.#options.accountUid(claims.namespace, claims.name) !== claims.uid) return undefined;
    return userOf(claims);
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
    if (claims === undefined || claims.iss !== this.#options.issuer) return undefined;
    const audiences = Array.isArray(claims.aud) ? claims.aud : [claims.aud];
    const forUs = audiences.some(
      (audience) => typeof audience === 'string' && this.#options.audiences.includes(audience),
    );
    return forUs ? claimsOf(claims) : undefined;
  }
}

function claimsOf(claims: JsonObject): Claims | undefined {
  const { exp, nbf, jti } = claims;
  const namespace = valueAt(claims, 'kubernetes.io', 'namespace');
  const name = valueAt(claims, 'kubernetes.io', 'serviceaccount', 'name');
  const uid = valueAt(claims, 'kubernetes.io', 'serviceaccount', 'uid');
  if (typeof exp !== 'number' || typeof jti !== 'string') return undefined;
  if (typeof namespace !== 'string' || typeof name !== 'string' || typeof uid !== 'string')
    return undefined;
  const bound = boundOf(claims);
  const notBefore = typeof nbf === 'number' ? nbf : 0;
  return { expires: exp, notBefore, namespace, name, uid, id: jti, bound };
}

function boundOf(claims: JsonObject): BoundObject | undefined {
  for (const kind of ['pod', 'secret', 'node']) {
    const name = valueAt(claims, 'kubernetes.io', kind, 'name');
    const uid = valueAt(claims, 'kubernetes.io', kind, 'uid');
    if (typeof name === 'string' && typeof uid === 'string') return { kind, name, uid };
  }
  return undefined;
}

function userOf({ namespace, name, uid, id, bound }: Claims): User {
  const extra: Record<string, string[]> = {
    'authentication.kubernetes.io/credential-id': [`JTI=${id}`],
  };
  if (bound !== undefined && bound.kind !== 'secret') {
    extra[`authentication.kubernetes.io/${bound.kind}-name`] = [bound.name];
    extra[`authentication.kubernetes.io/${bound.kind}-uid`] = [bound.uid];
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
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(spki).digest('base64url');
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
