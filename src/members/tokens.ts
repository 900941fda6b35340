/** Renews members' tokens before half of their life has passed. */
import { systemNamespace } from '../api/cluster.ts';
import type { Clock } from '../base/clock.ts';
import type { RestClient } from '../client/rest.ts';
import type { KubeObject } from '../kube/object.ts';
import { type Credential, secretAnnotations, secretKeys } from './credentials.ts';
import { tokenAnnotations, tokenSeconds } from './join.ts';
import { requestToken } from './member-side.ts';

/** Part of a token's life after which it is renewed. */
const renewAt = 0.4;

/** What is kept of a credential's Secret. */
export interface StoredCredential {
  readonly credential: Credential | undefined;
  /** Whether the token is one that join obtained, so that we may renew it. */
  readonly renewable: boolean;
}

/** A Secret with only what a connection needs. */
export function storedCredential(
  secret: KubeObject,
  read: (secret: KubeObject) => Credential | undefined,
): StoredCredential {
  const credential = read(secret);
  const ours = secret.metadata.annotations?.[secretAnnotations.serviceAccount] !== undefined;
  return { credential, renewable: ours && credential?.token !== undefined };
}

/**
 * Milliseconds until a token should be renewed, 0 when it is due; undefined when it is none of
 * ours.
 */
export function renewalDueInMs(
  { credential, renewable }: StoredCredential,
  now: number,
): number | undefined {
  if (!renewable || credential?.expiresAt === undefined) return undefined;
  const issuedAt = credential.issuedAt ?? now;
  return Math.max(0, issuedAt + (credential.expiresAt - issuedAt) * renewAt - now);
}

/**
 * Obtains a new token in the member, with the old one, and stores it. @throws ApiError,
 * TransportError
 */
export async function renewToken(options: {
  readonly federation: RestClient;
  readonly member: RestClient;
  readonly secretName: string;
  readonly clock: Clock;
}): Promise<void> {
  const { federation, member, secretName, clock } = options;
  const token = await requestToken(member, tokenSeconds);
  const target = {
    group: '',
    version: 'v1',
    resource: 'secrets',
    namespace: systemNamespace,
    name: secretName,
  };
  const body = {
    metadata: { annotations: tokenAnnotations(token, clock) },
    data: { [secretKeys.token]: Buffer.from(token.token).toString('base64') },
  };
  await federation.patch(target, { type: 'application/merge-patch+json', body });
}
