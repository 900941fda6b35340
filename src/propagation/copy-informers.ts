/** Watches the marked copies in one member, per type in use, and tells units what stands there. */
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { Informer } from '../client/informer.ts';
import type { Answer, RestClient } from '../client/rest.ts';
import type { Room } from '../client/room.ts';
import type { Json, KubeObject } from '../kube/object.ts';
import { groupResource, pathOf, type ResourceType } from '../kube/resource.ts';
import { federationLabel } from './mark.ts';
import { shareParts } from './share.ts';
import { equal } from './three-way.ts';
import type { Unit, Units } from './unit.ts';

export interface CopyInformersOptions {
  readonly cluster: string;
  readonly federation: string;
  readonly units: Units;
  readonly clock: Clock;
  readonly random: Random;
  /** Of the member. */
  readonly room: Room | undefined;
  client(): RestClient;
  /** The type as this member serves it; undefined: it does not. */
  typeHere(type: ResourceType): ResourceType | undefined;
  /** 'status': nothing changed that we write. */
  onEvent(unit: Unit, what: 'status' | 'copy' | 'gone'): void;
}

interface Watching {
  readonly type: ResourceType;
  readonly target: string;
  readonly informer: Informer;
}

export class CopyInformers {
  readonly #options: CopyInformersOptions;
  readonly #informers = new Map<string, Watching>();

  constructor(options: CopyInformersOptions) {
    this.#options = options;
  }

  /**
   * Starts watching a type, if it is served here; `then` runs when its copies are known.
   */
  ensure(type: ResourceType, then?: () => void): void {
    const key = groupResource(type);
    const informer = this.#informers.get(key)?.informer ?? this.#start(key, type);
    if (then !== undefined) void informer?.whenSynced().then(then);
  }

  synced(type: ResourceType): boolean {
    return this.#informers.get(groupResource(type))?.informer.synced ?? false;
  }

  /** The object in the answer to a write of ours, parsed once for the answer and its event. */
  learn(type: ResourceType, answer: Answer): KubeObject {
    return this.#informers.get(groupResource(type))?.informer.learn(answer) ?? answer.object();
  }

  /** Connects anew at once, for a member that has come back. */
  restart(): void {
    for (const { informer } of this.#informers.values()) informer.restart();
  }

  /** The member serves other types than before: what it serves otherwise is watched anew. */
  typesChanged(): void {
    for (const [key, { type, target, informer }] of [...this.#informers]) {
      const here = this.#options.typeHere(type);
      if (here !== undefined && pathOf(here) === target) continue;
      this.#informers.delete(key);
      void informer.stop();
      this.#start(key, type);
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#informers.values()].map(({ informer }) => informer.stop()));
  }

  #start(key: string, type: ResourceType): Informer | undefined {
    const here = this.#options.typeHere(type);
    if (here === undefined) return undefined;
    const { clock, random, federation, room } = this.#options;
    const target = pathOf(here);
    const informer = new Informer({
      client: this.#options.client(),
      target,
      clock,
      random,
      labelSelector: `${federationLabel}=${federation}`,
      ...(room && { room }),
    });
    informer.onChange((name, old, now) => this.#take(type, name, { old, now }));
    this.#informers.set(key, { type, target, informer });
    informer.start();
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
      else units.forgetEmpty(unit);
      return;
    }
    shareParts(now as unknown as Json, before as unknown as Json | undefined);
    if (!copy.observe(now, federation)) {
      units.forgetEmpty(unit);
      return;
    }
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
