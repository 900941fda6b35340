/**
 * One joined cluster as a port: its transport, pace and breaker, its health, and the lease that
 * lets us write.
 */
import type { Cluster } from '../api/cluster.ts';
import { systemNamespace } from '../api/cluster.ts';
import { Budget, type BudgetOptions } from '../base/budget.ts';
import type { Clock } from '../base/clock.ts';
import { type Logger, silentLogger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { RestClient } from '../client/rest.ts';
import { Room } from '../client/room.ts';
import { TlsTransport } from '../client/tls-transport.ts';
import { type Transport, TransportError } from '../client/transport.ts';
import { valueAt } from '../kube/object.ts';
import { type LeaseState, WriterLease } from '../reconcile/lease.ts';
import type { Credential } from './credentials.ts';
import {
  afterProbe,
  type ConditionFacts,
  conditionsOf,
  type HealthState,
  initialHealth,
  mayWrite,
  memberHealthOf,
  type Probe,
} from './health.ts';
import { Pace } from './pace.ts';
import { PacedTransport } from './paced-transport.ts';
import type { MemberHealth, MemberPort, UserIdentity } from './port.ts';
import { Prober } from './prober.ts';

/** Name of the Lease in the member's `ubernetes-system`. */
export const leaseName = 'ubernetes-writer';

export const userAgent = 'ubernetes/0.1';

/** Who we are to all members. */
export interface FederationIdentity {
  readonly id: string;
  /** This replica, the same after a restart on the same data. */
  readonly instance: string;
  /** Grows with every start. */
  readonly term: number;
  /** Random, new in every process. */
  readonly process: string;
  /** Highest revision of the store. */
  readonly currentRevision: () => number;
  /** Highest revision that another process can have seen in the past of our store. */
  readonly reach: (process: string) => number;
}

/** Makes the transport to a member; the credential is asked for at every use. */
export type OpenTransport = (
  cluster: Cluster,
  credential: () => Credential | undefined,
) => Transport;

export interface ConnectionOptions {
  readonly cluster: Cluster;
  readonly credential: Credential | undefined;
  readonly federation: FederationIdentity;
  readonly openTransport: OpenTransport;
  readonly clock: Clock;
  readonly random: Random;
  readonly log?: Logger;
  /** Health, conditions or version have changed; must not throw. */
  readonly onChange: () => void;
  /** What may be kept of the objects of one member, out of what is for all. */
  readonly room?: BudgetOptions;
  readonly limits?: { readonly inFlight: number; readonly waiting: number };
}

/** Bytes of objects of one member. */
const roomMax = 256 * 1024 * 1024;

/** The version is read again after this many good probes. */
const probesPerVersion = 60;

export class MemberConnection implements MemberPort {
  readonly name: string;
  readonly transport: Transport;
  readonly client: RestClient;
  readonly room: Room;
  readonly #options: ConnectionOptions;
  readonly #log: Logger;
  readonly #pace: Pace;
  readonly #prober: Prober;
  #inner: Transport;
  #credential: Credential | undefined;
  #connectionKey: string;
  #state: HealthState;
  #lease: WriterLease | undefined;
  #leaseState: LeaseState;
  #health: MemberHealth;
  #version = '';
  #goodProbes = 0;
  #lastReadyAt: number | undefined;
  #stopped = false;

  constructor(options: ConnectionOptions) {
    const { cluster, clock, random } = options;
    this.name = cluster.metadata.name!;
    this.#options = options;
    this.#log = options.log ?? silentLogger;
    this.#credential = options.credential;
    this.#connectionKey = connectionKey(cluster, options.credential);
    this.#inner = options.openTransport(cluster, () => this.#credential);
    this.#pace = new Pace({ clock, ...(options.limits ?? { inFlight: 32, waiting: 8192 }) });
    this.transport = this.#paced();
    this.client = new RestClient(this.transport, { userAgent });
    this.room = new Room(options.room ?? { most: roomMax }, (why) => this.#onCrowded(why));
    this.#state = initialHealth(cluster.status?.uid ?? '');
    this.#leaseState = pending(options.federation.term);
    this.#health = memberHealthOf(this.#state, this.#leaseState);
    this.#prober = new Prober({
      transport: () => this.#inner,
      clock,
      random,
      onProbe: (probe) => this.#onProbe(probe),
    });
  }

  get health(): MemberHealth {
    // A lease that has just run out counts at once, before anybody was told.
    if (this.#health.writable && !this.#lease?.held) {
      return { ...this.#health, writable: false, reason: 'Unanswered' };
    }
    return this.#health;
  }

  get conditions(): ConditionFacts[] {
    return conditionsOf(this.#state, this.#leaseState);
  }

  /** kube-system's uid: recorded, or as first seen; '' before. */
  get uid(): string {
    return this.#state.uid;
  }

  /** 'v1.37.2', '' before it was read. */
  get version(): string {
    return this.#version;
  }

  get lastReadyAt(): number | undefined {
    return this.#lastReadyAt;
  }

  /** Monotonic time of the first silence of an unreachable member, milliseconds. */
  get unreachableSince(): number | undefined {
    return this.#state.reachable === 'False' ? this.#state.silentSince : undefined;
  }

  as(identity: UserIdentity): Transport {
    return this.#paced({ identity, prefix: `ubernetes:${this.#options.federation.id}` });
  }

  start(): void {
    this.#prober.start();
  }

  /** Closes everything; gives the lease back if `release`. */
  async stop(release = true): Promise<void> {
    this.#stopped = true;
    this.#prober.stop();
    const gives = release && this.#state.reachable === 'True';
    // What hangs in a member that does not answer must not hold up our own end.
    if (!gives) await this.#inner.close();
    await this.#lease?.stop(gives);
    this.#pace.close(new TransportError(`the connection to ${this.name} was closed`));
    await this.#inner.close();
  }

  /**
   * Takes in a changed Cluster object or credential: a token counts at once, anything else makes a
   * new connection.
   */
  update(cluster: Cluster, credential: Credential | undefined): void {
    this.#credential = credential;
    const key = connectionKey(cluster, credential);
    if (key !== this.#connectionKey) {
      this.#connectionKey = key;
      const old = this.#inner;
      this.#inner = this.#options.openTransport(cluster, () => this.#credential);
      void old.close();
    }
    this.#prober.poke();
  }

  /** Looks now rather than at the next turn. */
  poke(): void {
    this.#prober.poke();
  }

  #paced(user?: { identity: UserIdentity; prefix: string }): Transport {
    return new PacedTransport({
      inner: () => this.#inner,
      pace: this.#pace,
      note: (answered) => {
        if (!answered) this.#prober.poke();
      },
      ...(user === undefined ? {} : { user }),
    });
  }

  #onProbe(probe: Probe): void {
    const before = this.#state;
    this.#state = afterProbe(before, probe, this.#options.clock.monotonic());
    if (before.reachable !== this.#state.reachable) this.#onReach();
    if (probe.kind === 'ready') {
      this.#lastReadyAt = this.#options.clock.now();
      if (this.#goodProbes++ % probesPerVersion === 0) void this.#readVersion();
    } else this.#goodProbes = 0;
    this.#tendLease(before.reachable !== 'True');
    this.#tell();
  }

  #onCrowded(why: string): void {
    const fields = { member: this.name, why };
    if (why === '') this.#log.info('a member has room again', { member: this.name });
    else this.#log.warn('a member has too many objects', fields);
    this.#state = { ...this.#state, crowded: why };
    this.#tell();
  }

  #onReach(): void {
    const { reachable, message } = this.#state;
    this.#log.info('a member changed its reachability', {
      member: this.name,
      reachable,
      why: message,
    });
    if (reachable === 'True') {
      this.#pace.open();
      return;
    }
    this.#pace.close(new TransportError(`${this.name} does not answer: ${message}`));
    this.#inner.resetStreams?.();
  }

  #tendLease(returned: boolean): void {
    if (this.#state.same === 'False') {
      const lease = this.#lease;
      this.#lease = undefined;
      this.#leaseState = pending(this.#options.federation.term);
      // Not ours to write to, not even to give a lease back.
      void lease?.stop(false);
      return;
    }
    if (!mayWrite(this.#state)) return;
    if (this.#lease === undefined) {
      this.#lease = this.#newLease();
      this.#lease.start();
    } else if (returned) this.#lease.poke();
  }

  #newLease(): WriterLease {
    const { federation, clock } = this.#options;
    const lease = new WriterLease({
      client: new RestClient(
        throughOf(() => this.#inner),
        { userAgent, timeoutMs: 5000 },
      ),
      namespace: systemNamespace,
      name: leaseName,
      federation: federation.id,
      instance: federation.instance,
      term: federation.term,
      process: federation.process,
      revision: federation.currentRevision,
      reach: federation.reach,
      clock,
      onChange: (state) => {
        if (this.#lease !== lease) return;
        this.#leaseState = state;
        this.#tell();
      },
    });
    return lease;
  }

  async #readVersion(): Promise<void> {
    try {
      const client = new RestClient(this.#inner, { userAgent, timeoutMs: 5000 });
      const version = valueAt((await client.get('/version')).object(), 'gitVersion');
      if (typeof version !== 'string' || version === this.#version) return;
      this.#version = version.slice(0, 64);
      if (!this.#stopped) this.#options.onChange();
    } catch {
      this.#goodProbes = 0;
    }
  }

  #tell(): void {
    const health = memberHealthOf(this.#state, this.#leaseState);
    const old = this.#health;
    this.#health = health;
    const changed = (Object.keys(health) as (keyof MemberHealth)[]).some(
      (key) => old[key] !== health[key],
    );
    if (changed && !this.#stopped) this.#options.onChange();
  }
}

/** What makes a new connection necessary; a token does not. */
function connectionKey({ spec }: Cluster, credential: Credential | undefined): string {
  const { server, caBundle, insecureSkipTLSVerify, proxyURL, tlsServerName } = spec;
  return JSON.stringify([
    server,
    caBundle,
    insecureSkipTLSVerify,
    proxyURL,
    tlsServerName,
    credential?.clientCertificate,
  ]);
}

function pending(term: number): LeaseState {
  return { held: false, reason: 'Pending', message: 'not tried yet', term };
}

/** Whatever transport is current at the time of each request. */
function throughOf(inner: () => Transport): Transport {
  return { request: (request) => inner().request(request), close: async () => {} };
}

/** The transport to a real member. `answers`: what those of one member may hold under way. */
export function tlsTransports(clock: Clock, answers?: BudgetOptions): OpenTransport {
  return (cluster, credential) => {
    const { server, caBundle, insecureSkipTLSVerify, proxyURL, tlsServerName } = cluster.spec;
    const clientCertificate = credential()?.clientCertificate;
    return new TlsTransport({
      server,
      clock,
      token: () => credential()?.token,
      ...(answers && { answers: new Budget(answers) }),
      ...(caBundle ? { ca: Buffer.from(caBundle, 'base64').toString('utf8') } : {}),
      ...(insecureSkipTLSVerify ? { insecureSkipTLSVerify } : {}),
      ...(proxyURL ? { proxyURL } : {}),
      ...(tlsServerName ? { tlsServerName } : {}),
      ...(clientCertificate === undefined ? {} : { clientCertificate }),
    });
  };
}
