/**
 * Signs approved requests for client certificates (kubernetes.io/kube-apiserver-client), and
 * deletes requests that nobody needs any more.
 */
import {
  type Authority,
  issueRequested,
  parseSigningRequest,
  pemOf,
} from '../apiserver/auth/certificates.ts';
import { clientSigner } from '../apiserver/auth/signing-requests.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { Informer } from '../client/informer.ts';
import type { RestClient } from '../client/rest.ts';
import { isObject, type JsonObject, type KubeObject, valueAt } from '../kube/object.ts';
import { pathOf } from '../kube/resource.ts';
import { isApiError } from '../kube/status.ts';
import { formatTime } from '../kube/time.ts';
import { Controller, type ReconcileResult } from '../reconcile/controller.ts';

const hourMs = 3_600_000;
/** How long a request is kept after it was settled, and while nobody has said anything. */
const keptMs = { approved: hourMs, denied: hourMs, failed: hourMs, pending: 24 * hourMs };
const yearSeconds = 365 * 24 * 3600;
const secondsMin = 600;

export interface CertificateSignerOptions {
  /** Of the federation itself. */
  readonly client: RestClient;
  readonly authority: Authority;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export class CertificateSigner {
  readonly #options: CertificateSignerOptions;
  readonly #requests: Informer;
  readonly #controller: Controller;

  constructor(options: CertificateSignerOptions) {
    this.#options = options;
    const { client, clock, random, log } = options;
    this.#controller = new Controller({
      name: 'certificate signer',
      reconcile: (name, signal) => this.#reconcile(name, signal),
      clock,
      random,
      log,
    });
    this.#requests = new Informer({ client, clock, random, log, target: requestsPath() });
    this.#requests.onChange((name, _old, now) => {
      if (now !== undefined) this.#controller.add(name);
    });
  }

  start(): void {
    this.#requests.start();
    this.#controller.start();
  }

  async stop(): Promise<void> {
    await this.#requests.stop();
    await this.#controller.stop();
  }

  async #reconcile(name: string, signal: AbortSignal): Promise<ReconcileResult | undefined> {
    const request = this.#requests.cache.get(name);
    if (request === undefined) return undefined;
    const { client, clock } = this.#options;
    const ends = keptUntil(request);
    if (ends <= clock.now()) {
      const { uid = '', resourceVersion = '' } = request.metadata;
      const preconditions = { uid, resourceVersion };
      await ignoringRaces(() => client.remove(requestsPath(name), { preconditions, signal }));
      return undefined;
    }
    if (awaitsSigning(request)) await this.#sign(request, signal);
    // As long as a timer can be set for.
    return { requeueAfterMs: Math.min(ends - clock.now(), 24 * hourMs) };
  }

  async #sign(request: KubeObject, signal: AbortSignal): Promise<void> {
    const status = await this.#signed(request);
    const { name = '', resourceVersion } = request.metadata;
    const body = { metadata: { resourceVersion }, status };
    const patch = { type: 'application/merge-patch+json', body } as const;
    const path = `${requestsPath(name)}/status`;
    await ignoringRaces(() =>
      this.#options.client.patch(path, patch, { signal, fieldManager: 'ubernetes' }),
    );
  }

  /** The status with a certificate, or with the reason why there will be none. */
  async #signed(request: KubeObject): Promise<JsonObject> {
    const { authority, clock, random } = this.#options;
    const usages = usagesOf(request);
    const wrong = usageProblem(usages);
    const parsed = parseSigningRequest(String(valueAt(request, 'spec', 'request') ?? ''));
    if (wrong !== undefined || typeof parsed === 'string') {
      const message = wrong ?? 'the request cannot be read';
      return { conditions: [...conditionsOf(request), failure(message, formatTime(clock.now()))] };
    }
    const certificate = await issueRequested(parsed, {
      authority,
      usages,
      now: clock.now(),
      seconds: secondsOf(request),
      serial: random.bytes(16),
    });
    return { certificate: Buffer.from(pemOf(certificate)).toString('base64') };
  }
}

/** Somebody else has written or deleted it: the watch tells what came of that. */
async function ignoringRaces(write: () => Promise<unknown>): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (!isApiError(error, 'Conflict') && !isApiError(error, 'NotFound')) throw error;
  }
}

function requestsPath(name?: string): string {
  const resource = 'certificatesigningrequests';
  const parts = { group: 'certificates.k8s.io', version: 'v1', resource };
  return pathOf(name === undefined ? parts : { ...parts, name });
}

function conditionsOf(request: KubeObject): JsonObject[] {
  const conditions = valueAt(request, 'status', 'conditions');
  return Array.isArray(conditions) ? conditions.filter(isObject) : [];
}

function isTrue(request: KubeObject, type: string): JsonObject | undefined {
  return conditionsOf(request).find((each) => each['type'] === type && each['status'] === 'True');
}

/** Wall time at which nobody needs the request any more. */
export function keptUntil(request: KubeObject): number {
  const since = (condition: JsonObject): number =>
    Date.parse(String(condition['lastUpdateTime'] ?? condition['lastTransitionTime'] ?? ''));
  for (const [type, ms] of [
    ['Denied', keptMs.denied],
    ['Failed', keptMs.failed],
    ['Approved', keptMs.approved],
  ] as const) {
    const condition = isTrue(request, type);
    if (condition !== undefined) return since(condition) + ms;
  }
  return Date.parse(request.metadata.creationTimestamp ?? '') + keptMs.pending;
}

function awaitsSigning(request: KubeObject): boolean {
  return (
    valueAt(request, 'spec', 'signerName') === clientSigner &&
    isTrue(request, 'Approved') !== undefined &&
    isTrue(request, 'Denied') === undefined &&
    isTrue(request, 'Failed') === undefined &&
    !valueAt(request, 'status', 'certificate')
  );
}

function usagesOf(request: KubeObject): string[] {
  const usages = valueAt(request, 'spec', 'usages');
  return Array.isArray(usages) ? usages.map(String) : [];
}

function usageProblem(usages: readonly string[]): string | undefined {
  const allowed = ['client auth', 'digital signature', 'key encipherment'];
  const strange = usages.find((usage) => !allowed.includes(usage));
  if (strange !== undefined) return `invalid usage for client certificate: ${strange}`;
  return usages.includes('client auth')
    ? undefined
    : 'missing required usage for client certificate: client auth';
}

function secondsOf(request: KubeObject): number {
  const asked = valueAt(request, 'spec', 'expirationSeconds');
  if (typeof asked !== 'number') return yearSeconds;
  return Math.max(secondsMin, Math.min(asked, yearSeconds));
}

function failure(message: string, now: string): JsonObject {
  return {
    type: 'Failed',
    status: 'True',
    reason: 'SignerValidationFailure',
    message,
    lastUpdateTime: now,
    lastTransitionTime: now,
  };
}
