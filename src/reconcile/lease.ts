/** One writer: a Lease that is held by a monotonic clock and given up before it ends. */
import type { Clock, Timer } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { RestClient } from '../client/rest.ts';
import { type KubeObject, valueAt } from '../kube/object.ts';
import { ApiError } from '../kube/status.ts';
import { decideLease, type LeaseRecord, type LeaseRefusal } from './lease-decision.ts';

export interface LeaseOptions {
  readonly client: RestClient;
  readonly namespace: string;
  readonly name: string;
  readonly federation: string;
  readonly instance: string;
  readonly term: number;
  /** Random, new in every process. */
  readonly process: string;
  /** Highest revision of the store, asked at every renewal. */
  readonly revision: () => number;
  /** Highest revision that another process can have seen in the past of our store. */
  readonly reach: (process: string) => number;
  readonly clock: Clock;
  /** How long others keep off after our last renewal, milliseconds. */
  readonly durationMs?: number;
  /** Runs when `state` has changed; must not throw. */
  readonly onChange: (state: LeaseState) => void;
}

export type LeaseReason = 'Held' | 'Pending' | 'Unanswered' | 'Refused' | LeaseRefusal;

export interface LeaseState {
  readonly held: boolean;
  readonly reason: LeaseReason;
  readonly message: string;
  /** Grows with every change of hands; what a fenced write may name. */
  readonly term: number;
}

export const annotations = {
  federation: 'ubernetes.dev/federation',
  instance: 'ubernetes.dev/instance',
  process: 'ubernetes.dev/process',
  term: 'ubernetes.dev/term',
  revision: 'ubernetes.dev/revision',
} as const;

const defaultDurationMs = 30_000;

/**
 * Part of the duration after which a holder that could not renew stops: the rest covers writes in
 * flight.
 */
const stopAt = 5 / 6;

const path = { group: 'coordination.k8s.io', version: 'v1', resource: 'leases' };

export class WriterLease {
  readonly #options: LeaseOptions;
  readonly #durationMs: number;
  #state: LeaseState;
  /** The Lease as it last stood in the server. */
  #lease: KubeObject | undefined;
  #leaseSeenAt = 0;
  #deadline = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;
  #expiry: Timer | undefined;
  #running: Promise<void> | undefined;
  #stopped = false;
  #conflicted = false;

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#durationMs = options.durationMs ?? defaultDurationMs;
    this.#state = { held: false, reason: 'Pending', message: '', term: options.term };
  }

  /**
   * Held now: true only while the last renewal, counted from before it was sent, has not run out.
   */
  get held(): boolean {
    return !this.#stopped && this.#options.clock.monotonic() < this.#deadline;
  }

  get state(): LeaseState {
    return this.#state;
  }

  start(): void {
    this.poke();
  }

  /** Tries at once: for a member that has just come back. */
  poke(): void {
    if (this.#stopped || this.#running !== undefined) return;
    this.#timer?.cancel();
    this.#running = this.#try().finally(() => {
      this.#running = undefined;
      if (this.#stopped) return;
      this.#timer = this.#options.clock.after(this.#nextTryMs(), () => this.poke());
    });
  }

  /**
   * Stops, and gives the lease back so that a successor need not wait; a member that does not
   * answer is left.
   */
  async stop(release = true): Promise<void> {
    const wasHeld = this.held;
    this.#stopped = true;
    this.#timer?.cancel();
    this.#expiry?.cancel();
    await this.#running;
    this.#deadline = Number.NEGATIVE_INFINITY;
    if (!release || !wasHeld || this.#lease === undefined) return;
    try {
      await this.#write({ ...this.#body(this.#state.term), holder: '' }, 2000);
    } catch {
      // It runs out by itself.
    }
  }

  #nextTryMs(): number {
    if (this.#conflicted) return this.#durationMs / 100;
    if (this.held) return this.#durationMs / 3;
    return this.#state.reason === 'Unanswered' ? this.#durationMs / 10 : this.#durationMs / 6;
  }

  async #try(): Promise<void> {
    const { clock } = this.#options;
    this.#conflicted = false;
    try {
      if (this.#lease === undefined || !this.held) await this.#read();
      const record = this.#lease === undefined ? undefined : recordOf(this.#lease);
      const decision = decideLease(
        {
          federation: this.#options.federation,
          instance: this.#options.instance,
          process: this.#options.process,
          term: this.#options.term,
          reach: this.#options.reach(record?.process ?? ''),
        },
        record,
        clock.monotonic() - this.#leaseSeenAt,
      );
      if (!decision.take) {
        this.#lose(decision.reason, decision.message);
        return;
      }
      const sentAt = clock.monotonic();
      await this.#write(this.#body(decision.term), this.#durationMs / 4);
      this.#hold(sentAt + this.#durationMs * stopAt, decision.term);
    } catch (error) {
      this.#noteFailure(error);
    }
  }

  #noteFailure(error: unknown): void {
    if (error instanceof ApiError && error.code === 409) {
      // Somebody else wrote it: look again before anything more.
      this.#lease = undefined;
      this.#conflicted = true;
    }
    if (this.held) return;
    const refused = error instanceof ApiError && error.code < 500 && error.code !== 429;
    this.#lose(refused ? 'Refused' : 'Unanswered', messageOf(error));
  }

  async #read(): Promise<void> {
    const { client, namespace, name, clock } = this.#options;
    const answer = await client.find({ ...path, namespace, name }, { timeoutMs: 5000 });
    const lease = answer?.object();
    if (lease?.metadata.resourceVersion !== this.#lease?.metadata.resourceVersion) {
      this.#leaseSeenAt = clock.monotonic();
    }
    this.#lease = lease;
  }

  async #write(body: LeaseBody, timeoutMs: number): Promise<void> {
    const { client, namespace, name } = this.#options;
    const old = this.#lease;
    const object = leaseObject({ namespace, name, old, body, now: this.#options.clock.now() });
    const target = { ...path, namespace };
    const answer =
      old === undefined
        ? await client.create(target, object, { timeoutMs })
        : await client.update({ ...target, name }, object, { timeoutMs });
    this.#lease = answer.object();
    this.#leaseSeenAt = this.#options.clock.monotonic();
  }

  #body(term: number): LeaseBody {
    const { federation, instance, process } = this.#options;
    return {
      holder: `${federation}/${instance}`,
      federation,
      instance,
      process,
      term,
      revision: this.#options.revision(),
      durationMs: this.#durationMs,
    };
  }

  #hold(deadline: number, term: number): void {
    const { clock } = this.#options;
    if (this.#stopped || clock.monotonic() >= deadline) return;
    this.#deadline = deadline;
    this.#expiry?.cancel();
    this.#expiry = clock.after(deadline - clock.monotonic(), () => {
      this.#lose('Unanswered', 'the lease could not be renewed in time');
    });
    this.#enter({ held: true, reason: 'Held', message: '', term });
  }

  #lose(reason: LeaseReason, message: string): void {
    this.#deadline = Number.NEGATIVE_INFINITY;
    this.#expiry?.cancel();
    this.#enter({ held: false, reason, message, term: this.#state.term });
  }

  #enter(state: LeaseState): void {
    const old = this.#state;
    this.#state = state;
    if (
      old.held !== state.held ||
      old.reason !== state.reason ||
      old.message !== state.message ||
      old.term !== state.term
    ) {
      this.#options.onChange(state);
    }
  }
}

type LeaseBody = LeaseRecord;

interface LeaseParts {
  readonly namespace: string;
  readonly name: string;
  readonly old: KubeObject | undefined;
  readonly body: LeaseBody;
  readonly now: number;
}

function leaseObject({ namespace, name, old, body, now }: LeaseParts): KubeObject {
  const time = new Date(now).toISOString().replace('Z', '000Z');
  const known = old === undefined ? undefined : recordOf(old);
  const transitions = Number(valueAt(old, 'spec', 'leaseTransitions') ?? 0);
  const changed = known !== undefined && known.holder !== body.holder;
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      name,
      namespace,
      ...(old?.metadata.resourceVersion === undefined
        ? {}
        : { resourceVersion: old.metadata.resourceVersion }),
      ...(old?.metadata.labels === undefined ? {} : { labels: old.metadata.labels }),
      annotations: {
        ...old?.metadata.annotations,
        [annotations.federation]: body.federation,
        [annotations.instance]: body.instance,
        [annotations.process]: body.process,
        [annotations.term]: String(body.term),
        [annotations.revision]: String(body.revision),
      },
    },
    spec: {
      holderIdentity: body.holder,
      leaseDurationSeconds: Math.max(1, Math.ceil(body.durationMs / 1000)),
      acquireTime:
        known?.process === body.process ? (valueAt(old, 'spec', 'acquireTime') ?? time) : time,
      renewTime: time,
      leaseTransitions: changed ? transitions + 1 : transitions,
    },
  };
}

/**
 * What a Lease object says; a lease without our annotations counts as a stranger's unless it is
 * released.
 */
export function recordOf(lease: KubeObject): LeaseRecord {
  const notes = lease.metadata.annotations ?? {};
  const holder = String(valueAt(lease, 'spec', 'holderIdentity') ?? '');
  const seconds = Number(valueAt(lease, 'spec', 'leaseDurationSeconds') ?? 0);
  return {
    holder,
    federation: notes[annotations.federation] ?? holder,
    instance: notes[annotations.instance] ?? '',
    process: notes[annotations.process] ?? '',
    term: numberOf(notes[annotations.term]),
    revision: numberOf(notes[annotations.revision]),
    durationMs: Number.isFinite(seconds) ? seconds * 1000 : 0,
  };
}

function numberOf(text: string | undefined): number {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : 0;
}
