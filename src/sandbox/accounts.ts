/** Who may ask a sandbox member: its administrator, and its service accounts by their tokens. */

import { createHmac, timingSafeEqual } from 'node:crypto';
import type { TokenVerifier } from '../apiserver/auth/authenticate.ts';
import type { Authorizer } from '../apiserver/auth/authorizer.ts';
import type { User } from '../apiserver/backend.ts';
import type { TokenSigner } from '../apiserver/registry/token-request.ts';
import { BoundedMap } from '../base/bounded-map.ts';
import type { Clock } from '../base/clock.ts';
import { type JsonObject, valueAt } from '../kube/object.ts';

export const administrator: User = { name: 'admin', groups: ['system:masters'], extra: {} };

/** A sandbox gives every right to whoever it knows: there is nothing in it to protect. */
export const everyRight: Authorizer = { authorize: () => ({ allowed: true, reason: '' }) };

/** The uid of an account as it stands now; undefined: it is gone and so are its tokens. */
export type AccountUid = (namespace: string, name: string) => Promise<string | undefined>;

/**
 * Signs with a shared key, so that the same claims give the same token: a seed replays every byte.
 */
export class SandboxTokens implements TokenSigner {
  readonly issuer = 'https://kubernetes.default.svc';
  readonly audiences = [this.issuer];
  readonly #key: Buffer;
  readonly #clock: Clock;
  /** Claims of tokens that were seen to be signed by us, the latest last. */
  readonly #known = new BoundedMap<string, unknown>(knownMax);

  constructor(key: Buffer, clock: Clock) {
    this.#key = key;
    this.#clock = clock;
  }

  sign(claims: JsonObject): Promise<string> {
    const payload = Buffer.from(JSON.stringify(claims)).toString('base64url');
    return Promise.resolve(`${header}.${payload}.${this.#signature(payload)}`);
  }

  verifier(accountUid: AccountUid): TokenVerifier {
    return async (token) => {
      const claims = this.#claims(token);
      const exp = valueAt(claims, 'exp');
      const namespace = valueAt(claims, 'kubernetes.io', 'namespace');
      const name = valueAt(claims, 'kubernetes.io', 'serviceaccount', 'name');
      const uid = valueAt(claims, 'kubernetes.io', 'serviceaccount', 'uid');
      if (typeof namespace !== 'string' || typeof name !== 'string') return undefined;
      if (typeof exp !== 'number' || exp * 1000 <= this.#clock.now()) return undefined;
      if (typeof uid !== 'string' || (await accountUid(namespace, name)) !== uid) return undefined;
      return {
        name: `system:serviceaccount:${namespace}:${name}`,
        uid,
        groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`],
        extra: {},
      };
    };
  }

  #claims(token: string): unknown {
    const known = this.#known.get(token);
    if (known !== undefined) return known;
    const [head, payload, signature] = token.split('.');
    if (head !== header || payload === undefined || signature === undefined) return undefined;
    const expected = Buffer.from(this.#signature(payload));
    const given = Buffer.from(signature);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    this.#known.set(token, claims);
    return claims;
  }

  #signature(payload: string): string {
    return createHmac('sha256', this.#key).update(`${header}.${payload}`).digest('base64url');
  }
}

/** Tokens whose claims are kept. */
const knownMax = 100;

const header = Buffer.from(JSON.stringify({ alg: 'HS256', typ: 'JWT' })).toString('base64url');
