/**
 * The executor of one member: carries out the newest stored decisions there, and nothing that is
 * not recorded.
 */
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { splitKey } from '../client/cache.ts';
import type { RestClient } from '../client/rest.ts';
import type { Json, KubeObject } from '../kube/object.ts';
import { apiVersionOf, groupResource, pathOf, type ResourceType } from '../kube/resource.ts';
import { ApiError } from '../kube/status.ts';
import type { Member } from '../members/member-set.ts';
import { Controller, type ReconcileResult } from '../reconcile/controller.ts';
import type { QueueMetrics } from '../reconcile/queue-metrics.ts';
import { type Action, nextAction } from './action.ts';
import type { Copy } from './copy.ts';
import { CopyInformers } from './copy-informers.ts';
import { parseCopy } from './copy-json.ts';
import { correctionDelay, noteCorrection, noteRecreated, noteWritten } from './drift.ts';
import { clusterHoldsStrangers } from './emptiness.ts';
import { unmarkPatch } from './mark.ts';
import { fieldManager, replicasScaledBy } from './owned.ts';
import { problemOf } from './problem.ts';
import type { Rendering } from './render.ts';
import { shareParts } from './share.ts';
import type { ListKeys } from './three-way.ts';
import type { Unit, Units } from './unit.ts';

/** Writes in flight to one member. */
const writesInFlight = 32;
/** How often one reconciliation looks again after finding the member changed. */
const roundsMax = 4;

export interface ExecutorOptions {
  readonly member: Member;
  readonly federation: string;
  /** For hashes of values that may not be shown. */
  readonly salt: string;
  readonly units: Units;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly queues?: QueueMetrics | undefined;
  listKeys(type: ResourceType): ListKeys;
  /** The type as this member serves it; undefined: it does not. */
  typeHere(type: ResourceType): ResourceType | undefined;
  namespacedTypes(): readonly ResourceType[];
  /** A copy's status changed, or what is known of it did. */
  onCopyChange(unit: Unit, what: 'status' | 'copy'): void;
  /** The member has nothing left of a deleted template. */
  onAnswered(unit: Unit, uid: string, cluster: string): void;
}

export class Executor {
  readonly #options: ExecutorOptions;
  readonly #controller: Controller;
  readonly #informers: CopyInformers;
  /** Namespace → units that wait for its copy. */
  readonly #waiting = new Map<string, Set<string>>();
  /** Types that were asked for and are not served here. */
  readonly #lacking = new Map<string, ResourceType>();
  #member: Member;
  /** Of the member, for whole copies. */
  #client: RestClient;

  constructor(options: ExecutorOptions) {
    this.#options = options;
    this.#member = options.member;
    this.#client = options.member.client.parsing(parseCopy);
    const { clock, random, log } = options;
    this.#controller = new Controller({
      name: `executor ${options.member.name}`,
      reconcile: (key, signal) => this.#reconcile(key, signal),
      clock,
      random,
      log,
      workers: writesInFlight,
      queues: options.queues,
      backoff: { firstMs: 200, maxMs: 60_000 },
    });
    this.#informers = new CopyInformers({
      ...options,
      client: () => this.#client,
      room: options.member.port.room,
      cluster: options.member.name,
      onEvent: (unit, what) => {
        if (what === 'gone' && this.#wanted(unit).kind === 'copy') {
          noteRecreated(unit.copy(this.cluster), clock);
        }
        if (what !== 'status') this.#controller.add(unit.key);
        options.onCopyChange(unit, what === 'status' ? 'status' : 'copy');
      },
    });
  }

  get cluster(): string {
    return this.#member.name;
  }

  start(): void {
    this.#controller.start();
  }

  async stop(): Promise<void> {
    await this.#controller.stop();
    await this.#informers.stop();
  }

  /** The newest snapshot; a member that can be written again catches up at once. */
  update(member: Member): void {
    const was = this.#member.health;
    if (member.client !== this.#member.client) this.#client = member.client.parsing(parseCopy);
    this.#member = member;
    if (!was.reachable && member.health.reachable) this.#informers.restart();
    if (!was.writable && member.health.writable) this.catchUp();
  }

  /** Looks at every unit that has or should have a copy here. */
  catchUp(): void {
    for (const unit of this.#options.units.all()) {
      if (unit.clusters().has(this.cluster)) this.add(unit);
    }
  }

  add(unit: Unit): void {
    this.watch(unit.type);
    this.#controller.add(unit.key);
  }

  /** Learns what copies of a type stand here, also when nothing is to be written. */
  watch(type: ResourceType, then?: () => void): void {
    if (this.lacks(type)) this.#lacking.set(groupResource(type), type);
    else this.#informers.ensure(type, then);
  }

  /** Whether the member is known not to serve the type. */
  lacks(type: ResourceType): boolean {
    return this.#options.typeHere(type) === undefined;
  }

  /** The member may serve other types than before; the asked-for ones that it has now. */
  typesChanged(): readonly ResourceType[] {
    this.#informers.typesChanged();
    const appeared = [...this.#lacking.values()].filter((type) => !this.lacks(type));
    for (const type of appeared) {
      this.#lacking.delete(groupResource(type));
      this.#informers.ensure(type);
    }
    return appeared;
  }

  /** Whether the copies of a type are known here. */
  knows(type: ResourceType): boolean {
    return this.#informers.synced(type);
  }

  #wanted(unit: Unit) {
    const live = unit.copies.get(this.cluster)?.live;
    const scaledBy = live === undefined ? undefined : replicasScaledBy(live);
    const replicasOwned = scaledBy === 'kube-controller-manager';
    const { federation } = this.#options;
    const apiVersion = apiVersionOf(this.#typeOf(unit));
    return unit.wanted(this.cluster, { federation, replicasOwned, apiVersion });
  }

  async #reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult | undefined> {
    const unit = this.#options.units.get(key);
    if (unit === undefined || !this.#member.health.writable) return undefined;
    // A member that leaves keeps what it has: releasing it is not drift.
    if (this.#member.leaving) return undefined;
    const lacks = this.lacks(unit.type);
    if (!lacks && !this.#informers.synced(unit.type)) {
      this.#informers.ensure(unit.type, () => this.#controller.add(key));
      return undefined;
    }
    const copy = unit.copy(this.cluster);
    const before = copy.problem;
    try {
      if (lacks) return await this.#notServed(unit, copy);
      for (let round = 0; round < roundsMax && !signal.aborted; round++) {
        const action = nextAction(this.#wanted(unit), copy, this.#options.listKeys(unit.type));
        const result = await this.#perform(action, unit, copy);
        if (result !== 'again') return result;
      }
      return { requeueAfterMs: 1000 };
    } catch (error) {
      return this.#fail(unit, copy, error);
    } finally {
      // The same failure again, at a later time, is no news.
      if (!sameProblem(before, copy.problem)) this.#options.onCopyChange(unit, 'copy');
      this.#answer(unit, copy);
    }
  }

  /** Nothing can be written here, and nothing of ours can stand here. */
  async #notServed(unit: Unit, copy: Copy): Promise<undefined> {
    copy.forget();
    this.watch(unit.type);
    const what = `${groupResource(unit.type)} in version ${unit.type.version}`;
    const message = `cluster ${this.cluster} does not serve ${what}, nor in another that is equal`;
    if (this.#wanted(unit).kind === 'copy') this.#setProblem(copy, 'NotServed', message);
    else copy.problem = undefined;
    await this.#lookAgain(unit, copy);
    return undefined;
  }

  async #perform(
    action: Action,
    unit: Unit,
    copy: Copy,
  ): Promise<ReconcileResult | 'again' | undefined> {
    switch (action.do) {
      case 'nothing':
        copy.problem = undefined;
        return this.#lookAgain(unit, copy);
      case 'adopt':
        this.#written(unit, copy, { response: copy.live!, rendering: action.rendering });
        return undefined;
      case 'wait':
        this.#setProblem(copy, action.reason, action.message);
        return { requeueAfterMs: 5000 };
      case 'create':
        return this.#create(unit, copy, action.rendering);
      case 'patch':
        return this.#patch(unit, copy, action);
      case 'delete':
        return this.#delete(unit, copy);
      case 'unmark':
        return this.#unmark(unit, copy);
    }
  }

  /** Two that want different things must not fight over a copy for ever. */
  #correctLater(copy: Copy, how: 'changed' | 'deleted'): ReconcileResult | undefined {
    const waitMs = correctionDelay(copy, this.#options.clock.monotonic());
    if (waitMs <= 0) return undefined;
    const message = `${how} again right after every correction; the next one waits`;
    this.#setProblem(copy, 'Drifted', message);
    return { requeueAfterMs: waitMs };
  }

  async #create(
    unit: Unit,
    copy: Copy,
    rendering: Rendering,
  ): Promise<ReconcileResult | 'again' | undefined> {
    const later = this.#correctLater(copy, 'deleted');
    if (later !== undefined) return later;
    const { corrections } = copy;
    copy.keptFor = undefined;
    copy.unsure = true;
    try {
      const target = pathOf({ ...this.#typeOf(unit), ...namespaceOf(unit) });
      const answer = await this.#client.create(target, rendering.object, {
        fieldManager,
      });
      const response = this.#informers.learn(unit.type, answer);
      this.#written(unit, copy, { response, rendering });
      this.#wake(unit);
      if (copy.live !== undefined) return undefined;
      // The watch has told already that it is gone again.
      copy.forget();
      if (copy.corrections === corrections) noteRecreated(copy, this.#options.clock);
      return 'again';
    } catch (error) {
      if (error instanceof ApiError && error.code < 500) copy.unsure = false;
      if (!(error instanceof ApiError) || error.reason !== 'AlreadyExists') throw error;
      return this.#meet(unit, copy);
    }
  }

  /** Something of that name stands there already. */
  async #meet(unit: Unit, copy: Copy): Promise<ReconcileResult | 'again' | undefined> {
    const answer = await this.#client.find(this.#path(unit));
    if (answer === undefined) return 'again';
    const object = answer.object();
    copy.live = undefined;
    copy.observe(object, this.#options.federation);
    if (copy.mark !== undefined) return 'again';
    copy.forget();
    if (unit.type.resource === 'namespaces' && unit.type.group === '') {
      copy.problem = undefined;
      copy.used = true;
      this.#wake(unit);
      return undefined;
    }
    const message = `an object of this name that the federation did not make is there already`;
    this.#setProblem(copy, 'NameTaken', message);
    return { requeueAfterMs: 30_000 };
  }

  async #patch(
    unit: Unit,
    copy: Copy,
    action: Action & { do: 'patch' },
  ): Promise<ReconcileResult | 'again' | undefined> {
    const { clock, salt } = this.#options;
    if (action.drift.length > 0) {
      const later = this.#correctLater(copy, 'changed');
      if (later !== undefined) return later;
    }
    const before = copy.live!;
    try {
      const answer = await this.#client.patch(
        this.#path(unit),
        { type: 'application/merge-patch+json', body: action.patch },
        { fieldManager },
      );
      const response = this.#informers.learn(unit.type, answer);
      noteCorrection({
        copy,
        before,
        after: response,
        drift: action.drift,
        kind: unit.type.kind,
        salt,
        clock,
      });
      this.#written(unit, copy, { response, rendering: action.rendering });
      return undefined;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.code === 404 || error.reason === 'Conflict') return this.#refresh(unit, copy);
      throw error;
    }
  }

  async #delete(unit: Unit, copy: Copy): Promise<ReconcileResult | 'again' | undefined> {
    const live = copy.live!;
    const strangers = await clusterHoldsStrangers({
      unit,
      live,
      client: this.#client,
      federation: this.#options.federation,
      cluster: this.cluster,
      namespacedTypes: this.#options.namespacedTypes(),
    });
    if (strangers !== undefined) return this.#keepForStrangers(unit, copy, strangers);
    const template = copy.mark!.uid;
    const policy = unit.tombstones.get(template)?.spec.propagationPolicy ?? 'Background';
    const { uid, resourceVersion } = live.metadata;
    try {
      const answer = await this.#client.delete(this.#path(unit), {
        propagationPolicy: policy,
        preconditions: { uid: uid!, resourceVersion: resourceVersion! },
      });
      const said = answer.object<KubeObject>();
      const gone = said.kind === 'Status' || said.metadata.deletionTimestamp === undefined;
      if (gone) {
        copy.forget();
        copy.goneFrom.add(template);
      } else copy.observe(said, this.#options.federation);
      this.#options.onCopyChange(unit, 'copy');
      // The name is free for whatever template bears it now.
      return gone ? 'again' : undefined;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.code === 404 || error.reason === 'Conflict') return this.#refresh(unit, copy);
      throw error;
    }
  }

  async #keepForStrangers(
    unit: Unit,
    copy: Copy,
    strangers: string,
  ): Promise<ReconcileResult | 'again' | undefined> {
    this.#options.log.warn('kept a copy because of what is in it', {
      unit: unit.key,
      cluster: this.cluster,
      strangers,
    });
    return this.#unmark(unit, copy, strangers);
  }

  /** `keptFor`: what is in it, when it was to be deleted. */
  async #unmark(unit: Unit, copy: Copy, keptFor?: string): Promise<'again'> {
    try {
      const patch = {
        type: 'application/merge-patch+json',
        body: unmarkPatch(copy.live!),
      } as const;
      await this.#client.patch(this.#path(unit), patch);
      copy.forget();
      copy.keptFor = keptFor;
      this.#options.onCopyChange(unit, 'copy');
      return 'again';
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.code === 404 || error.reason === 'Conflict') return this.#refresh(unit, copy);
      throw error;
    }
  }

  /** The member has something newer than we knew. */
  async #refresh(unit: Unit, copy: Copy): Promise<'again'> {
    const answer = await this.#client.find(this.#path(unit));
    if (answer === undefined) copy.forget();
    else {
      copy.live = undefined;
      copy.observe(answer.object(), this.#options.federation);
    }
    return 'again';
  }

  /**
   * Takes in the answer to a write. What was sent is remembered with it: what is wanted may have
   * become something else while the answer was on its way.
   */
  #written(
    unit: Unit,
    copy: Copy,
    { response, rendering }: { response: KubeObject; rendering: Rendering },
  ): void {
    shareParts(response as unknown as Json, rendering.object as unknown as Json);
    copy.observe(response, this.#options.federation);
    copy.problem = undefined;
    noteWritten({ copy, rendering, response, listKeys: this.#options.listKeys(unit.type) });
    this.#options.onCopyChange(unit, 'copy');
  }

  #fail(unit: Unit, copy: Copy, error: unknown): ReconcileResult {
    const problem = problemOf(error, this.#options.clock);
    copy.problem = problem;
    if (problem.reason === 'NamespaceMissing') {
      const keys = this.#waiting.get(unit.namespace) ?? new Set();
      this.#waiting.set(unit.namespace, keys.add(unit.key));
    }
    this.#options.log.debug('a member refused a write', {
      unit: unit.key,
      cluster: this.cluster,
      reason: problem.reason,
    });
    if (problem.transient) throw error;
    return { requeueAfterMs: 60_000 };
  }

  /** A namespace has come to this member: what waits for it goes on. */
  #wake(unit: Unit): void {
    if (unit.type.group !== '' || unit.type.resource !== 'namespaces') return;
    const keys = this.#waiting.get(unit.name);
    this.#waiting.delete(unit.name);
    for (const key of keys ?? []) this.#controller.add(key);
  }

  /**
   * Before it is said that nothing is left: a live look under its name, once. A copy that lost its
   * label is in no watch, and a write whose answer was lost may have been carried out.
   */
  async #lookAgain(unit: Unit, copy: Copy): Promise<'again' | undefined> {
    if (copy.live !== undefined) return undefined;
    const unseen = unit.goingFrom(this.cluster).filter((uid) => !copy.goneFrom.has(uid));
    if (unseen.length === 0 && !copy.unsure) return undefined;
    const answer = await this.#client.find(this.#path(unit));
    for (const uid of unseen) copy.goneFrom.add(uid);
    if (answer !== undefined) copy.observe(answer.object(), this.#options.federation);
    const uid = copy.mark?.uid;
    if (uid !== undefined && unit.knows(uid)) return 'again';
    copy.forget();
    this.#options.onCopyChange(unit, 'copy');
    return undefined;
  }

  #answer(unit: Unit, copy: Copy): void {
    for (const uid of unit.unanswered()) {
      const looked = copy.live !== undefined || copy.goneFrom.has(uid);
      if (looked && copy.mark?.uid !== uid) this.#options.onAnswered(unit, uid, this.cluster);
    }
  }

  #setProblem(copy: Copy, reason: string, message: string): void {
    if (copy.problem?.reason === reason && copy.problem.message === message) return;
    const time = new Date(this.#options.clock.now()).toISOString();
    copy.problem = { reason, message, time, transient: false };
  }

  #path(unit: Unit): string {
    return pathOf({ ...this.#typeOf(unit), ...namespaceOf(unit), name: unit.name });
  }

  #typeOf(unit: Unit): ResourceType {
    return this.#options.typeHere(unit.type) ?? unit.type;
  }
}

function sameProblem(a: Copy['problem'], b: Copy['problem']): boolean {
  return a?.reason === b?.reason && a?.message === b?.message;
}

function namespaceOf(unit: Unit): { namespace?: string } {
  const { namespace } = splitKey(unit.objectKey);
  return namespace === '' ? {} : { namespace };
}
