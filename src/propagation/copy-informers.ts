/** Watches the marked copies in one member, per type in use, and tells units what stands there. */
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { Informer } from '../client/informer.ts';
import type { Answer, RestClient } from '../client/rest.ts';
import type { KubeObject } from '../kube/object.ts';
import { groupResource, pathOf, type ResourceType } from '../kube/resource.ts';
import { federationLabel } from './mark.ts';
import { equal } from './three-way.ts';
import type { Unit, Units } from './unit.ts';

export interface CopyInformersOptions {
  readonly cluster: string;
  readonly federation: string;
  readonly units: Units;
  readonly clock: Clock;
  readonly random: Random;
  client(): RestClient;
  /** 'status': nothing changed that we write. */
  onEvent(unit: Unit, what: 'status' | 'copy' | 'gone'): void;
}

export class CopyInformers {
  readonly #options: CopyInformersOptions;
  readonly #informers = new Map<string, Informer>();

  constructor(options: CopyInformersOptions) {
    this.#options = options;
  }

  /** Starts watching a type; `then` runs when its copies are known. */
  ensure(type: ResourceType, then?: () => void): void {
    const key = groupResource(type);
    let informer = this.#informers.get(key);
    if (informer === undefined) {
      informer = this.#inform(type);
      this.#informers.set(key, informer);
      informer.start();
    }
    if (then !== undefined) void informer.whenSynced().then(then);
  }

  synced(type: ResourceType): boolean {
    return this.#informers.get(groupResource(type))?.synced ?? false;
  }

  /** The object in the answer to a write of ours, parsed once for the answer and its event. */
  learn(type: ResourceType, answer: Answer): KubeObject {
    return this.#informers.get(groupResource(type))?.learn(answer) ?? answer.object();
  }

  /** Connects anew at once, for a member that has come back. */
  restart(): void {
    for (const informer of this.#informers.values()) informer.restart();
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#informers.values()].map((informer) => informer.stop()));
  }

  #inform(type: ResourceType): Informer {
    const { clock, random, federation } = this.#options;
    const informer = new Informer({
      client: this.#options.client(),
      target: pathOf(type),
      clock,
      random,
      labelSelector: `${federationLabel}=${federation}`,
    });
    informer.onChange((key, old, now) => this.#take(type, key, { old, now }));
    return informer;
  }

  #take(
    type: ResourceType,
    key: string,
    { old, now }: { old: KubeObject | undefined; now: KubeObject | undefined },
  ): void {
    const { cluster, federation, units } = this.#options;
    const unit = units.of(type, key);
    const copy = unit.copy(cluster);
    const before = copy.live;
    if (now === undefined) {
      if (copy.observeGone(old!)) this.#options.onEvent(unit, 'gone');
      return;
    }
    if (!copy.observe(now, federation)) return;
    this.#options.onEvent(unit, onlyStatus(before, now) ? 'status' : 'copy');
  }
}

/** The generation tells, for kinds that have one; the labels and annotations are compared. */
function onlyStatus(before: KubeObject | undefined, now: KubeObject): boolean {
  if (before === undefined || now.metadata.generation === undefined) return false;
  const a = before.metadata;
  const b = now.metadata;
  return (
    a.uid === b.uid &&
    a.generation === b.generation &&
    a.deletionTimestamp === b.deletionTimestamp &&
    equal(a.labels, b.labels) &&
    equal(a.annotations, b.annotations)
  );
}
