/**
 * Brings templates into members: one decider per template, its decision stored first, then one
 * executor per member.
 */
import type { Clock, Timer } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { RestClient } from '../client/rest.ts';
import { groupResource, type ResourceType } from '../kube/resource.ts';
import { ApiError } from '../kube/status.ts';
import type { Member, MemberSet } from '../members/member-set.ts';
import { modeOf } from '../placement/modes.ts';
import { Controller, type ReconcileResult } from '../reconcile/controller.ts';
import type { QueueMetrics } from '../reconcile/queue-metrics.ts';
import { decideUnit, removingAfter, travels } from './decide-unit.ts';
import { Executor } from './execute.ts';
import { Fleet } from './fleet.ts';
import { Ledger } from './ledger.ts';
import { Records, tombstoneKeptMs } from './records.ts';
import { StatusWriter } from './status-writer.ts';
import { Templates, type TemplateTypes } from './templates.ts';
import { type Unit, Units } from './unit.ts';

export interface PropagationOptions {
  /** The federation's id: the uid of its kube-system namespace. */
  readonly federation: string;
  /** For hashes of values that may not be shown. */
  readonly salt: string;
  /** The federation's own API, in this process. */
  readonly client: RestClient;
  readonly members: MemberSet;
  readonly types: TemplateTypes;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** How long a member is out of reach before its replicas are replaced, milliseconds. */
  readonly failoverAfterMs?: number;
  /** Clusters that were lost when the last process ended. */
  readonly lostBefore?: ReadonlySet<string>;
  remember?(cluster: string, lost: boolean): void;
  readonly queues?: QueueMetrics | undefined;
}

const none: ReadonlySet<string> = new Set();
/** Deciders at work at one time: each waits for the store, so many share one commit. */
const decidersAtWork = 64;
/**
 * News of copies come in swarms, one from every cluster: a decision about them waits this long for
 * the rest, milliseconds.
 */
const gatherMs = 40;
/** How long the first decisions wait for members to show themselves after a start, milliseconds. */
const firstLookMs = 3000;
/**
 * How long an object that may run only once waits for members to be looked through, milliseconds.
 */
const listingMs = 2000;

export class Propagation {
  readonly units = new Units();
  readonly #options: PropagationOptions;
  readonly #deciders: Controller;
  readonly #records: Records;
  readonly #templates: Templates;
  readonly #statuses: StatusWriter;
  readonly #fleet: Fleet;
  readonly #ledger: Ledger;
  readonly #executors = new Map<string, Executor>();
  readonly #stopped = new AbortController();
  #unsubscribe: (() => void) | undefined;
  #fleetTimer: Timer | undefined;

  constructor(options: PropagationOptions) {
    this.#options = options;
    const { client, clock, random, log, members } = options;
    const shared = { client, clock, random, log, units: this.units };
    this.#deciders = new Controller({
      name: 'decider',
      reconcile: (key) => this.#reconcile(key),
      clock,
      random,
      log,
      workers: decidersAtWork,
      queues: options.queues,
    });
    const onChange = (unit: Unit): void => this.#deciders.add(unit.key);
    this.#templates = new Templates({
      ...shared,
      types: options.types,
      travels,
      onChange,
    });
    this.#records = new Records({
      ...shared,
      onChange,
      typeOf: (template) => this.#templates.typeOf(template.group, template.resource),
    });
    this.#statuses = new StatusWriter({
      ...shared,
      knows: (unit, cluster) => this.#reaches(unit, cluster),
      lacks: (unit, cluster) => this.#executors.get(cluster)?.lacks(unit.type) === true,
    });
    this.#ledger = new Ledger(clock);
    this.#fleet = new Fleet({
      members,
      clock,
      failoverAfterMs: options.failoverAfterMs ?? 300_000,
      lostBefore: options.lostBefore ?? new Set(),
      replicasIn: (cluster) => this.#replicas((name) => name === cluster),
      replicasInAll: () => this.#replicas(() => true),
      remember: (cluster, lost) => options.remember?.(cluster, lost),
    });
  }

  /** Resolves when templates and records are known and work has begun. */
  async start(): Promise<void> {
    const { signal } = this.#stopped;
    const { members } = this.#options;
    await this.#records.start(signal);
    await this.#templates.start(signal);
    const untypes = this.#options.types.onChange(() => this.#typesChanged());
    const unmembers = members.onChange((name, old, now) => this.#memberChanged(name, old, now));
    this.#unsubscribe = () => {
      untypes();
      unmembers();
    };
    for (const member of members.list()) this.#memberChanged(member.name, undefined, member);
    await this.#firstLook();
    this.#fleet.refresh();
    this.#statuses.start();
    this.#deciders.start();
    for (const executor of this.#executors.values()) executor.start();
    this.#watchFleet();
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new Error('propagation stops'));
    this.#unsubscribe?.();
    this.#fleetTimer?.cancel();
    await this.#deciders.stop();
    await Promise.all([...this.#executors.values()].map((executor) => executor.stop()));
    await Promise.all([this.#statuses.stop(), this.#templates.stop(), this.#records.stop()]);
  }

  /** Facts of the clusters as deciders see them. */
  get fleet(): Fleet {
    return this.#fleet;
  }

  get ledger(): Ledger {
    return this.#ledger;
  }

  /** Decides about everything again: after a confirmation, or when the fleet has changed. */
  decideAll(): void {
    for (const unit of this.units.all()) this.#deciders.add(unit.key);
  }

  async #firstLook(): Promise<void> {
    const { clock, members } = this.#options;
    const until = clock.monotonic() + firstLookMs;
    const settled = (): boolean => members.list().every((member) => member.health.writable);
    while (!settled() && clock.monotonic() < until && !this.#stopped.signal.aborted) {
      await new Promise<void>((resolve) => clock.after(20, resolve));
    }
  }

  #replicas(counts: (cluster: string) => boolean): number {
    let sum = 0;
    for (const unit of this.units.all()) {
      for (const [name, { share }] of Object.entries(unit.decision?.decision.clusters ?? {})) {
        if (counts(name)) sum += share ?? 0;
      }
    }
    return sum;
  }

  #memberChanged(name: string, old: Member | undefined, now: Member | undefined): void {
    let executor = this.#executors.get(name);
    const another = old !== undefined && now !== undefined && old.uid !== now.uid;
    if (executor !== undefined && (now === undefined || another)) {
      this.#executors.delete(name);
      for (const unit of this.units.all()) unit.dropCopy(name);
      void executor.stop();
      executor = undefined;
    }
    if (now !== undefined && executor === undefined) {
      executor = this.#newExecutor(now);
      this.#executors.set(name, executor);
      if (this.#fleetTimer !== undefined) executor.start();
      for (const unit of this.units.all()) if (!unit.empty) executor.watch(unit.type);
      executor.catchUp();
    } else if (now !== undefined) executor!.update(now);
    this.#fleetChanged();
  }

  #newExecutor(member: Member): Executor {
    const { federation, salt, clock, random, log, types, queues } = this.#options;
    return new Executor({
      member,
      federation,
      salt,
      clock,
      random,
      log,
      queues,
      units: this.units,
      listKeys: (type: ResourceType) => types.listKeys(type),
      typeHere: (type: ResourceType) => types.inMember(member.name, type),
      namespacedTypes: () => types.someVersions(member.name, this.#templates.namespaced()),
      onCopyChange: (unit, what) => {
        this.#statuses.add(unit);
        if (what === 'copy' || unit.result?.decision.mode === 'Divide')
          this.#deciders.addAfter(unit.key, gatherMs);
        this.units.changed(unit);
      },
      onAnswered: (unit, uid, cluster) => {
        const answered = unit.answered.get(uid) ?? new Set();
        if (answered.has(cluster)) return;
        unit.answered.set(uid, answered.add(cluster));
        this.#deciders.add(unit.key);
      },
    });
  }

  #reaches(unit: Unit, cluster: string): boolean {
    const member = this.#options.members.get(cluster);
    return (
      member?.health.reachable === true && this.#executors.get(cluster)?.knows(unit.type) === true
    );
  }

  #fleetChanged(): void {
    if (this.#fleetTimer === undefined || !this.#fleet.refresh()) return;
    this.decideAll();
    for (const unit of this.units.all()) this.#statuses.add(unit);
  }

  #watchFleet(): void {
    const wait = Math.min(this.#fleet.nextLossInMs() ?? 5000, 5000);
    this.#fleetTimer = this.#options.clock.after(wait, () => {
      this.#fleetChanged();
      this.#watchFleet();
    });
  }

  async #reconcile(key: string): Promise<ReconcileResult | undefined> {
    const unit = this.units.get(key);
    if (unit === undefined) return undefined;
    const afterTombstones = await this.#bury(unit);
    const afterDecision = unit.standing === undefined ? undefined : await this.#decide(unit);
    this.#announce(unit);
    this.units.changed(unit);
    const times = [afterTombstones, afterDecision].filter((time) => time !== undefined);
    return times.length === 0 ? undefined : { requeueAfterMs: Math.max(0, Math.min(...times)) };
  }

  /**
   * Makes the next decision about a template and sends executors after it. Returns when to look
   * again, in milliseconds.
   */
  async #decide(unit: Unit): Promise<number | undefined> {
    const template = unit.template!;
    const now = this.#options.clock.now();
    const unlisted = this.#unlisted(unit);
    if (unlisted.size > 0 && this.#shouldWait(unit)) return listingMs;
    let result: ReturnType<typeof decideUnit>;
    try {
      result = decideUnit({
        unit,
        template,
        clusters: this.#fleet.facts(),
        unlisted,
        lacking: this.#lacking(unit),
        guard: this.#ledger.facts(this.units, unit),
        frozen: this.#fleet.frozen,
        now,
      });
      unit.obstacle = undefined;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      unit.obstacle = { reason: 'InvalidPlacement', message: messageOf(error) };
      return undefined;
    }
    const waitMs = result.removals > 0 ? this.#fleet.removalsWaitMs() : 0;
    if (waitMs > 0) return waitMs;
    unit.result = result;
    const removing = removingAfter(unit, result.decision, (name) => {
      return this.#options.members.get(name) !== undefined;
    });
    const owed = JSON.stringify(removing) !== JSON.stringify(unit.decision?.spec.removing ?? {});
    const placed = Object.keys(result.decision.clusters).length > 0 || unit.decision !== undefined;
    if (placed && (result.changed || owed)) {
      await this.#records.storeDecision(unit, result.decision, removing);
    }
    this.#ledger.note(result);
    if (result.sharesChanged || owed) unit.announced = undefined;
    return result.lookAgainAt === undefined ? undefined : result.lookAgainAt - now;
  }

  /**
   * Members that answer to us but whose copies of the type are not known yet; they are listed now.
   */
  #unlisted(unit: Unit): ReadonlySet<string> {
    const names = new Set<string>();
    for (const [name, executor] of this.#executors) {
      if (executor.knows(unit.type) || executor.lacks(unit.type)) continue;
      const { writable, reason } = this.#options.members.get(name)?.health ?? {};
      // Until a rollback is accepted nothing is written, but what the lost history left is there.
      if (!writable && reason !== 'RevisionAhead') continue;
      names.add(name);
      executor.watch(unit.type, () => this.#deciders.add(unit.key));
    }
    return names;
  }

  #lacking(unit: Unit): ReadonlySet<string> {
    let names: Set<string> | undefined;
    for (const [name, executor] of this.#executors) {
      if (!executor.lacks(unit.type)) continue;
      names = (names ?? new Set()).add(name);
      executor.watch(unit.type);
    }
    return names ?? none;
  }

  /** Members that did not serve a type, and do now, get what was meant for them. */
  #typesChanged(): void {
    const appeared = new Set<string>();
    for (const executor of this.#executors.values()) {
      for (const type of executor.typesChanged()) appeared.add(groupResource(type));
    }
    if (appeared.size === 0) return;
    for (const unit of this.units.all()) {
      if (!appeared.has(groupResource(unit.type))) continue;
      this.#deciders.add(unit.key);
      for (const name of unit.clusters()) this.#executors.get(name)?.add(unit);
    }
  }

  /** What may run only once is not placed while a copy may stand where nobody has looked. */
  #shouldWait(unit: Unit): boolean {
    const now = this.#options.clock.monotonic();
    unit.waitsSince ??= now;
    if (now - unit.waitsSince >= listingMs) return false;
    return modeOf(unit.type, unit.template!).mode === 'One';
  }

  /**
   * Tells executors of a new decision, a new template or a deletion, once: from there on each keeps
   * its own pace, and only what changes in its member disturbs it.
   */
  #announce(unit: Unit): void {
    const version = [unit.template?.metadata.resourceVersion, ...unit.unanswered()].join(' ');
    if (unit.announced === version) return;
    unit.announced = version;
    for (const name of unit.clusters()) this.#executors.get(name)?.add(unit);
    this.#statuses.add(unit);
  }

  /** Sees a deletion through. Returns when to look again, in milliseconds. */
  async #bury(unit: Unit): Promise<number | undefined> {
    let next: number | undefined;
    for (const [uid, { spec }] of [...unit.tombstones]) {
      const now = this.#options.clock.now();
      if (spec.completedAt !== undefined) {
        const left = Date.parse(spec.completedAt) + tombstoneKeptMs - now;
        if (left <= 0) await this.#records.forget(unit, uid);
        else next = Math.min(next ?? left, left);
        continue;
      }
      if (this.#owing(unit, uid).length > 0) continue;
      await this.#records.complete(unit, uid, [...(unit.answered.get(uid) ?? [])]);
      next = Math.min(next ?? tombstoneKeptMs, tombstoneKeptMs);
    }
    return next;
  }

  /**
   * Members that have or may have a copy of a deleted template and have not said that it is gone.
   */
  #owing(unit: Unit, uid: string): string[] {
    const stored = unit.decisions.get(uid);
    const names = new Set([
      ...Object.keys(stored?.decision.clusters ?? {}),
      ...Object.keys(stored?.spec.removing ?? {}),
    ]);
    for (const [name, copy] of unit.copies) if (copy.mark?.uid === uid) names.add(name);
    const answered = unit.answered.get(uid);
    return [...names].filter((name) => {
      if (!this.#executors.has(name)) return false;
      return !answered?.has(name) || unit.copies.get(name)?.mark?.uid === uid;
    });
  }
}
