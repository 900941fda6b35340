/** Keeps the members of the federation: connections, health, status, tokens, and their leaving. */
import { type Cluster, clusterType, systemNamespace } from '../api/cluster.ts';
import type { MemberTypes } from '../apiserver/catalog.ts';
import type { BudgetOptions } from '../base/budget.ts';
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import { type Logger, silentLogger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { Informer } from '../client/informer.ts';
import type { RestClient } from '../client/rest.ts';
import { pathOf } from '../kube/resource.ts';
import { ApiError } from '../kube/status.ts';
import { Controller, type ReconcileResult } from '../reconcile/controller.ts';
import { OpenapiDocuments } from './catalog-reader.ts';
import { statusOf, urgency } from './cluster-status.ts';
import type { FederationIdentity, OpenTransport } from './connection.ts';
import { credentialOf } from './credentials.ts';
import type { ConditionFacts } from './health.ts';
import { secretNameOf, unjoinFinalizer } from './join.ts';
import { JoinedMember } from './joined-member.ts';
import { type Leave, leaveMember } from './leave.ts';
import type { Member, MemberListener, MemberSet } from './member-set.ts';
import { renewalDueInMs, renewToken, type StoredCredential, storedCredential } from './tokens.ts';
import { unjoinAnnotations } from './unjoin.ts';

export interface MembersOptions {
  /** The federation's own API, in this process. */
  readonly client: RestClient;
  readonly federation: FederationIdentity;
  readonly openTransport: OpenTransport;
  readonly clock: Clock;
  readonly random: Random;
  readonly log?: Logger;
  /** What may be kept of the objects of one member, out of what is for all. */
  readonly room?: BudgetOptions;
  /** What a member serves has changed. */
  readonly onTypes: (name: string, types: MemberTypes) => Promise<void> | void;
  /** A member is no more: its types go, unless objects of them are stored. */
  readonly onGone?: (name: string) => Promise<void> | void;
  /** Releases or deletes the copies in a member that leaves. */
  readonly releaseCopies: Leave;
}

/**
 * Least time between two status writes of one Cluster: for conditions, and for amounts,
 * milliseconds.
 */
const writeGapMs = 1000;
const amountsGapMs = 30_000;

/** Changes of nodes and pods are looked at together after so long, milliseconds. */
const capacityDelayMs = 2000;

export class MembersController implements MemberSet {
  readonly #options: MembersOptions;
  readonly #log: Logger;
  readonly #controller: Controller;
  readonly #clusters: Informer<Cluster>;
  readonly #secrets: Informer<StoredCredential>;
  readonly #documents = new OpenapiDocuments();
  readonly #joined = new Map<string, JoinedMember>();
  readonly #snapshots = new Map<string, Member>();
  readonly #writtenAt = new Map<string, number>();
  readonly #listeners = new Set<MemberListener>();
  #sorted: readonly Member[] | undefined;

  constructor(options: MembersOptions) {
    const { client, clock, random, log } = options;
    this.#options = options;
    this.#log = log ?? silentLogger;
    this.#controller = new Controller({
      name: 'members',
      reconcile: (key, signal) => this.#reconcile(key, signal),
      clock,
      random,
      log: this.#log,
      // A member that is slow to let go must not hold up the others.
      workers: 16,
    });
    const shared = { client, clock, random };
    this.#clusters = new Informer<Cluster>({ ...shared, target: pathOf(clusterType) });
    this.#secrets = new Informer<StoredCredential>({
      ...shared,
      target: `/api/v1/namespaces/${systemNamespace}/secrets`,
      transform: (secret) => storedCredential(secret, credentialOf),
    });
    this.#clusters.onChange((key) => this.#controller.add(key));
    this.#secrets.onChange((key) => this.#secretChanged(key));
  }

  /** Resolves when the Clusters are known; members answer in their own time. */
  async start(): Promise<void> {
    this.#secrets.start();
    await this.#secrets.whenSynced();
    this.#clusters.start();
    await this.#clusters.whenSynced();
    this.#controller.start();
    await this.#controller.whenIdle();
  }

  /** Closes all connections and gives the leases back. */
  async stop(): Promise<void> {
    await Promise.all([this.#clusters.stop(), this.#secrets.stop(), this.#controller.stop()]);
    await Promise.all([...this.#joined.values()].map((member) => member.stop()));
    this.#joined.clear();
  }

  get(name: string): Member | undefined {
    return this.#snapshots.get(name);
  }

  list(): readonly Member[] {
    this.#sorted ??= [...this.#snapshots.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    return this.#sorted;
  }

  onChange(listener: MemberListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #secretChanged(key: string): void {
    const secret = key.slice(systemNamespace.length + 1);
    for (const cluster of this.#clusters.cache.values()) {
      if (cluster.spec.credentialsRef?.name === secret) {
        this.#controller.add(cluster.metadata.name!);
      }
    }
  }

  async #reconcile(name: string, signal: AbortSignal): Promise<ReconcileResult> {
    const cluster = this.#clusters.cache.get(name);
    const known = this.#joined.get(name);
    if (known !== undefined && known.clusterObjectUid !== cluster?.metadata.uid) {
      await this.#drop(name, known);
    }
    if (cluster === undefined) return {};
    const member = this.#joined.get(name) ?? this.#add(cluster);
    this.#tell(name, member);
    if (cluster.metadata.deletionTimestamp !== undefined)
      return this.#letGo(cluster, member, signal);
    await this.#keepFinalizer(cluster);
    const renewIn = await this.#keepToken(cluster, member);
    const writeIn = await this.#writeStatus(cluster, member);
    const delays = [renewIn, writeIn].filter((delay) => delay !== undefined);
    return delays.length === 0 ? {} : { requeueAfterMs: Math.min(...delays, 3600_000) };
  }

  #add(cluster: Cluster): JoinedMember {
    const name = cluster.metadata.name!;
    const { federation, openTransport, clock, random, log, room } = this.#options;
    const member = new JoinedMember({
      cluster,
      credential: this.#credentialOf(cluster)?.credential,
      federation,
      openTransport,
      clock,
      random,
      ...(log === undefined ? {} : { log }),
      ...(room && { room }),
      documents: this.#documents,
      onChange: () => {
        if (this.#joined.get(name) !== member) return;
        this.#tell(name, member);
        this.#controller.add(name);
      },
      onCapacity: () => this.#controller.addAfter(name, capacityDelayMs),
      onTypes: (types) => this.#options.onTypes(name, types),
    });
    this.#joined.set(name, member);
    this.#seen.set(name, fingerprint(cluster, this.#credentialOf(cluster)));
    this.#log.info('a member was added', { member: name });
    member.start();
    return member;
  }

  async #drop(name: string, member: JoinedMember): Promise<void> {
    this.#joined.delete(name);
    this.#writtenAt.delete(name);
    const old = this.#snapshots.get(name);
    this.#snapshots.delete(name);
    this.#sorted = undefined;
    for (const listener of this.#listeners) listener(name, old, undefined);
    await member.stop();
    await this.#options.onGone?.(name);
    this.#log.info('a member is gone', { member: name });
  }

  /** What the connection was last told of: most changes of a Cluster are our own status writes. */
  readonly #seen = new Map<string, string>();

  #tell(name: string, member: JoinedMember): void {
    const cluster = this.#clusters.cache.get(name);
    if (cluster !== undefined && cluster.metadata.uid === member.clusterObjectUid) {
      const credential = this.#credentialOf(cluster);
      const print = fingerprint(cluster, credential);
      if (this.#seen.get(name) !== print) {
        this.#seen.set(name, print);
        member.update(cluster, credential?.credential);
      }
    }
    const old = this.#snapshots.get(name);
    const now = member.snapshot();
    if (old !== undefined && !differs(old, now)) return;
    this.#snapshots.set(name, now);
    this.#sorted = undefined;
    for (const listener of this.#listeners) listener(name, old, now);
  }

  #credentialOf(cluster: Cluster): StoredCredential | undefined {
    const secret = cluster.spec.credentialsRef?.name;
    return secret === undefined
      ? undefined
      : this.#secrets.cache.get(`${systemNamespace}/${secret}`);
  }

  async #keepFinalizer(cluster: Cluster): Promise<void> {
    const finalizers = cluster.metadata.finalizers ?? [];
    if (finalizers.includes(unjoinFinalizer)) return;
    await this.#patch(cluster, [...finalizers, unjoinFinalizer]);
  }

  /** Writes the finalizers; a Cluster that has changed meanwhile is looked at again. */
  async #patch(cluster: Cluster, finalizers: readonly string[]): Promise<void> {
    const { name, resourceVersion } = cluster.metadata;
    const body = { metadata: { resourceVersion, finalizers } };
    const patch = { type: 'application/merge-patch+json', body } as const;
    await this.#options.client.patch({ ...clusterType, name: name! }, patch);
  }

  /** Milliseconds until the token is due; renews it when it is. */
  async #keepToken(cluster: Cluster, member: JoinedMember): Promise<number | undefined> {
    const { client, clock } = this.#options;
    const stored = this.#credentialOf(cluster);
    const due = stored === undefined ? undefined : renewalDueInMs(stored, clock.now());
    // Only the replica that writes there renews, and only while it is heard.
    if (due !== 0 || !member.connection.health.writable) return due === 0 ? 60_000 : due;
    try {
      await renewToken({
        federation: client,
        member: member.connection.client,
        secretName: cluster.spec.credentialsRef!.name,
        clock,
      });
      this.#log.info('a token was renewed', { member: cluster.metadata.name });
    } catch (error) {
      this.#log.warn('a token could not be renewed', {
        member: cluster.metadata.name,
        error: messageOf(error),
      });
    }
    return 60_000;
  }

  /** Milliseconds until a write that has to wait may be made. */
  async #writeStatus(cluster: Cluster, member: JoinedMember): Promise<number | undefined> {
    const name = cluster.metadata.name!;
    const { facts } = member;
    // Before the first probe there is nothing to say: a restart of a quiet federation writes
    // nothing.
    if (!isTelling(facts.conditions)) return undefined;
    const { client, clock } = this.#options;
    const status = statusOf(cluster, facts, clock.now());
    const need = urgency(cluster.status, status);
    if (need === 'no') return undefined;
    const since = clock.monotonic() - (this.#writtenAt.get(name) ?? Number.NEGATIVE_INFINITY);
    const gap = need === 'now' ? writeGapMs : amountsGapMs;
    if (since < gap) return gap - since;
    this.#writtenAt.set(name, clock.monotonic());
    try {
      const { resourceVersion, uid } = cluster.metadata;
      await client.patch(
        { ...clusterType, name, subresource: 'status' },
        {
          type: 'application/merge-patch+json',
          body: { metadata: { resourceVersion, uid }, status: replacing(cluster.status, status) },
        },
      );
    } catch (error) {
      // Changed or gone meanwhile: its event brings us here again.
      if (!(error instanceof ApiError) || (error.code !== 409 && error.code !== 404)) throw error;
    }
    return undefined;
  }

  async #letGo(
    cluster: Cluster,
    member: JoinedMember,
    signal: AbortSignal,
  ): Promise<ReconcileResult> {
    const finalizers = cluster.metadata.finalizers ?? [];
    if (!finalizers.includes(unjoinFinalizer)) return {};
    const name = cluster.metadata.name!;
    const outcome = await leaveMember({
      wishes: () => this.#clusters.cache.get(name)?.metadata.annotations ?? {},
      member: member.snapshot(),
      releaseCopies: this.#options.releaseCopies,
      noteReleased: () => this.#noteReleased(name),
      signal,
    });
    if (outcome.done) {
      // Its lease is gone with the namespace: do not make it again.
      await member.stop(false);
      await this.#removeSecret(cluster);
      await this.#removeFinalizer(name);
      return {};
    }
    this.#log.info('a member cannot be let go yet', { member: name, why: outcome.why });
    await this.#writeStatus(cluster, member);
    return { requeueAfterMs: 5000 };
  }

  async #removeFinalizer(name: string): Promise<void> {
    const now = (await this.#options.client.find({ ...clusterType, name }))?.object<Cluster>();
    const finalizers = now?.metadata.finalizers ?? [];
    if (now === undefined || !finalizers.includes(unjoinFinalizer)) return;
    await this.#patch(
      now,
      finalizers.filter((finalizer) => finalizer !== unjoinFinalizer),
    );
  }

  /** From here on a refused credential means that our rights are gone already. */
  async #noteReleased(name: string): Promise<void> {
    const body = { metadata: { annotations: { [unjoinAnnotations.released]: 'true' } } };
    const patch = { type: 'application/merge-patch+json', body } as const;
    await this.#options.client.patch({ ...clusterType, name }, patch);
  }

  /** The Secret that join made; one of the user's own making stays. */
  async #removeSecret(cluster: Cluster): Promise<void> {
    const secret = secretNameOf(cluster.metadata.name!);
    if (cluster.spec.credentialsRef?.name !== secret) return;
    await this.#options.client.remove(`/api/v1/namespaces/${systemNamespace}/secrets/${secret}`);
  }
}

/** Probed, and the lease tried. */
function isTelling(conditions: readonly ConditionFacts[]): boolean {
  return !conditions.some(
    ({ type, reason }) =>
      (type === 'Reachable' && reason === 'NotProbed') ||
      (type === 'Writable' && reason === 'Pending'),
  );
}

function fingerprint(cluster: Cluster, stored: StoredCredential | undefined): string {
  const { generation, labels, deletionTimestamp } = cluster.metadata;
  return JSON.stringify([generation, cluster.spec, labels, deletionTimestamp, stored?.credential]);
}

/** A merge patch that makes the old value the new one: maps lose the keys that are gone. */
function replacing(old: unknown, now: unknown): unknown {
  if (typeof now !== 'object' || now === null || Array.isArray(now)) return now;
  if (typeof old !== 'object' || old === null || Array.isArray(old)) return now;
  const patch: Record<string, unknown> = {};
  for (const key of Object.keys(old)) if (!Object.hasOwn(now, key)) patch[key] = null;
  for (const [key, value] of Object.entries(now)) {
    patch[key] = replacing((old as Record<string, unknown>)[key], value);
  }
  return patch;
}

/** Whether others would see a difference; when it was last ready is none. */
function differs(old: Member, now: Member): boolean {
  return fieldsOf(old) !== fieldsOf(now);
}

function fieldsOf({ port: _port, client: _client, lastReadyAt: _at, ...seen }: Member): string {
  return JSON.stringify(seen);
}
