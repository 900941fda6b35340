/**
 * Other servers that know users or rights: TokenReview and SubjectAccessReview sent to webhooks, as
 * kube-apiserver sends them.
 */
import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { RestClient } from '../../client/rest.ts';
import { TransportError } from '../../client/transport.ts';
import {
  isObject,
  type Json,
  type JsonObject,
  type KubeObject,
  valueAt,
} from '../../kube/object.ts';
import type { User } from '../backend.ts';
import { AnswerCache } from './answer-cache.ts';
import { TokenRefused, type TokenVerifier, type VerifiedUser } from './authenticate.ts';
import type { Attributes, Authorizer, Decision } from './authorizer.ts';
import { tokenDigest } from './token-file.ts';

const timeoutMs = 30_000;

export interface WebhookOptions {
  readonly client: RestClient;
  /** Of the webhook on its server. */
  readonly path: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** One more try when the connection broke. */
async function ask({ client, path }: WebhookOptions, review: object): Promise<KubeObject> {
  try {
    return (await client.create(path, review, { timeoutMs })).object();
  } catch (error) {
    if (!(error instanceof TransportError)) throw error;
    return (await client.create(path, review, { timeoutMs })).object();
  }
}

export interface TokenWebhookOptions extends WebhookOptions {
  /** How long an answer counts, yes or no. */
  readonly cacheMs: number;
  /** What a token must be for unless somebody else asks. */
  readonly audiences: readonly string[];
}

/** Asks a webhook whose a token is. */
export function tokenWebhook(options: TokenWebhookOptions): TokenVerifier {
  const { clock, log, cacheMs, audiences: own } = options;
  type Answer = { readonly user: VerifiedUser } | { readonly error: string };
  const cache = new AnswerCache<Answer>(clock, () => cacheMs);
  const review = async (token: string, audiences: readonly string[]): Promise<Answer> => {
    const answer = await ask(options, {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      metadata: {},
      spec: { token, audiences },
    });
    const status = valueAt(answer, 'status');
    const user = userOf(valueAt(status, 'user'));
    if (valueAt(status, 'authenticated') !== true || user === undefined)
      return { error: String(valueAt(status, 'error') ?? '') };
    // A webhook that does not know audiences has looked at the token alone.
    const named = stringsOf(valueAt(status, 'audiences'));
    if (named.length === 0) return { user };
    const shared = named.filter((each) => audiences.includes(each));
    return shared.length === 0 ? { error: '' } : { user: { ...user, audiences: shared } };
  };
  return async (token, audiences = own) => {
    const key = `${tokenDigest(token)} ${audiences.join(' ')}`;
    try {
      const answer = await cache.get(key, () => review(token, audiences));
      if ('user' in answer) return answer.user;
      if (answer.error !== '') throw new TokenRefused(answer.error);
      return undefined;
    } catch (error) {
      if (error instanceof TokenRefused) throw error;
      log.warn('the webhook for tokens did not answer', { error: messageOf(error) });
      return undefined;
    }
  };
}

function userOf(user: unknown): User | undefined {
  if (!isObject(user)) return undefined;
  const { username, uid } = user;
  if (typeof username !== 'string' || username === '') return undefined;
  const extra = isObject(user['extra']) ? Object.entries(user['extra']) : [];
  return {
    name: username,
    ...(typeof uid === 'string' && uid !== '' && { uid }),
    groups: stringsOf(user['groups']),
    extra: Object.fromEntries(extra.map(([key, values]) => [key, stringsOf(values)])),
  };
}

function stringsOf(value: unknown): string[] {
  if (!Array.isArray(value)) return [];
  return value.filter((each): each is string => typeof each === 'string');
}

export interface AccessWebhookOptions extends WebhookOptions {
  readonly allowedMs: number;
  readonly refusedMs: number;
}

/** Asks a webhook what a user may. Without an answer nothing is allowed. */
export function accessWebhook(options: AccessWebhookOptions): Authorizer {
  const { clock, log, allowedMs, refusedMs } = options;
  const lifeMs = ({ allowed }: Decision): number => (allowed ? allowedMs : refusedMs);
  const cache = new AnswerCache<Decision>(clock, lifeMs);
  const review = async (spec: JsonObject): Promise<Decision> => {
    const answer = await ask(options, {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      metadata: {},
      spec,
    });
    const { allowed, denied, reason } = (valueAt(answer, 'status') ?? {}) as JsonObject;
    const why = typeof reason === 'string' ? reason : '';
    if (allowed === true && denied === true)
      return { allowed: false, denied: true, reason: 'webhook said both allowed and denied' };
    return { allowed: allowed === true, ...(denied === true && { denied }), reason: why };
  };
  return {
    async authorize(user, attributes) {
      const spec = specOf(user, attributes);
      try {
        return await cache.get(JSON.stringify(spec), () => review(spec));
      } catch (error) {
        log.warn('the webhook for rights did not answer', { error: messageOf(error) });
        return { allowed: false, reason: '' };
      }
    },
  };
}

function specOf(user: User, attributes: Attributes): JsonObject {
  const extra = Object.entries(user.extra).map(([key, values]): [string, Json] => [
    key,
    [...values],
  ]);
  const who: JsonObject = {
    user: user.name,
    ...(user.uid !== undefined && { uid: user.uid }),
    groups: [...user.groups],
    ...(extra.length > 0 && { extra: Object.fromEntries(extra) }),
  };
  if ('path' in attributes)
    return { ...who, nonResourceAttributes: { path: attributes.path, verb: attributes.verb } };
  const filled = Object.entries(attributes).filter(([, value]) => value !== '');
  return { ...who, resourceAttributes: Object.fromEntries(filled) };
}
