/**
 * A unit: one name of one type, with its template, records and copies. Everything propagation does
 * is done per unit.
 */

import type { DecisionSpec, TemplateIdentity, TombstoneSpec } from '../api/records.ts';
import { BoundedMap } from '../base/bounded-map.ts';
import { keyOf } from '../client/cache.ts';
import type { KubeObject } from '../kube/object.ts';
import { groupResource, type ResourceType } from '../kube/resource.ts';
import type { DecideInput, DecideResult } from '../placement/decide.ts';
import { type ClusterShare, type Decision, wantedIn } from '../placement/decision.ts';
import type { Wanted } from './action.ts';
import { Copy } from './copy.ts';
import { type Rendering, render } from './render.ts';

export interface StoredDecision {
  readonly spec: DecisionSpec;
  readonly decision: Decision;
  readonly resourceVersion: string;
}

export interface StoredTombstone {
  readonly spec: TombstoneSpec;
  readonly resourceVersion: string;
}

/** The last run of the planner: what it was asked, and what it said. */
export interface Decided {
  readonly input: DecideInput;
  readonly result: DecideResult;
}

/** 'deployments.apps|default/web'. */
export function unitKey(type: { group: string; resource: string }, objectKey: string): string {
  return `${groupResource(type)}|${objectKey}`;
}

/** What a rendering hangs on besides the template and the share. */
export interface RenderedFor {
  readonly federation: string;
  /** Something else (an HPA) owns the number of replicas. */
  readonly replicasOwned: boolean;
  /** The version in which the member serves the type; absent: the template's. */
  readonly apiVersion?: string | undefined;
}

interface Rendered {
  readonly template: KubeObject;
  readonly share: ClusterShare;
  readonly replicasOwned: boolean;
  readonly apiVersion: string | undefined;
  readonly rendering: Rendering;
}

/** Objects on their way into the store. */
const foreseenMax = 256;

export class Unit {
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  type: ResourceType;
  /** By template uid: a name can be used again before its last bearer's copies are gone. */
  readonly decisions = new Map<string, StoredDecision>();
  readonly tombstones = new Map<string, StoredTombstone>();
  readonly copies = new Map<string, Copy>();
  /** Most of what changes is no reason to decide otherwise. */
  decided: Decided | undefined;
  /** What the last decision said; undefined before the first in this process. */
  result: DecideResult | undefined;
  /** A decision cannot be made or stored; shown in Distribution. */
  obstacle: { readonly reason: string; readonly message: string } | undefined;
  /** The template and tombstones that executors were last told of; undefined: tell them. */
  announced: string | undefined;
  /** Template uid → clusters that have answered its tombstone in this process. */
  readonly answered = new Map<string, Set<string>>();
  /** Monotonic time since which it waits for members to be looked through, milliseconds. */
  waitsSince: number | undefined;
  /** Monotonic time of the last status write, milliseconds. */
  statusWrittenAt = Number.NEGATIVE_INFINITY;
  #template: KubeObject | undefined;
  readonly #renderings = new Map<string, Rendered>();
  readonly #onPresence: (difference: 1 | -1) => void;

  constructor(
    type: ResourceType,
    objectKey: string,
    onPresence: (difference: 1 | -1) => void = () => {},
  ) {
    this.type = type;
    this.#onPresence = onPresence;
    this.key = unitKey(type, objectKey);
    const slash = objectKey.indexOf('/');
    this.namespace = slash < 0 ? '' : objectKey.slice(0, slash);
    this.name = objectKey.slice(slash + 1);
  }

  /** What the user wants; undefined = it is deleted. */
  get template(): KubeObject | undefined {
    return this.#template;
  }

  set template(object: KubeObject | undefined) {
    this.#template = object;
    // A deleted unit stays as long as its tombstones: only with what they need.
    if (object !== undefined) return;
    this.#renderings.clear();
    this.decided = undefined;
  }

  get objectKey(): string {
    return keyOf({ namespace: this.namespace, name: this.name });
  }

  /** The stored decision of the template that stands there now. */
  get decision(): StoredDecision | undefined {
    const uid = this.template?.metadata.uid;
    return uid === undefined ? undefined : this.decisions.get(uid);
  }

  get identity(): TemplateIdentity {
    const { group, version, kind, resource } = this.type;
    const { namespace, name } = this;
    return {
      group,
      version,
      kind,
      resource,
      namespace,
      name,
      uid: this.template?.metadata.uid ?? '',
    };
  }

  /** Nothing is known of it any more. */
  get empty(): boolean {
    return (
      this.template === undefined &&
      this.decisions.size === 0 &&
      this.tombstones.size === 0 &&
      ![...this.copies.values()].some((copy) => copy.live !== undefined)
    );
  }

  copy(cluster: string): Copy {
    let copy = this.copies.get(cluster);
    if (copy === undefined) {
      copy = new Copy(cluster, this.#onPresence);
      this.copies.set(cluster, copy);
    }
    return copy;
  }

  /** Forgets the copy in a cluster that has left: nobody can say any more what stands there. */
  dropCopy(cluster: string): void {
    this.copies.get(cluster)?.detach();
    this.copies.delete(cluster);
    this.#renderings.delete(cluster);
  }

  /** The template that stands there and is not deleted by record: its watch may lag behind that. */
  get standing(): KubeObject | undefined {
    const uid = this.template?.metadata.uid;
    return uid !== undefined && this.tombstones.has(uid) ? undefined : this.template;
  }

  /** uids of deleted templates about which not every cluster has answered. */
  unanswered(): string[] {
    const open: string[] = [];
    for (const [uid, { spec }] of this.tombstones)
      if (spec.completedAt === undefined) open.push(uid);
    return open;
  }

  /** uids of templates whose copy should go from the cluster, and may stand there still. */
  goingFrom(cluster: string): string[] {
    const { decision } = this;
    const going = this.unanswered();
    if (decision !== undefined && Object.hasOwn(decision.spec.removing, cluster))
      going.push(decision.spec.template.uid);
    return going;
  }

  /** Nothing is left to say about a deleted template. True when its tombstone was known. */
  forgetTemplate(uid: string): boolean {
    this.answered.delete(uid);
    for (const copy of this.copies.values()) copy.goneFrom.delete(uid);
    return this.tombstones.delete(uid);
  }

  /**
   * Whether a record tells of a template that bears or bore this name. Every copy had a decision
   * before it was made, so that one of a template without any belongs to a history that this store
   * has lost: a backup was restored, or its tombstone was kept long enough.
   */
  knows(templateUid: string): boolean {
    return this.decisions.has(templateUid) || this.tombstones.has(templateUid);
  }

  /** Every cluster in which there is, was or should be a copy. */
  clusters(): Set<string> {
    const names = new Set(this.copies.keys());
    for (const { spec, decision } of this.decisions.values()) {
      for (const name of Object.keys(decision.clusters)) names.add(name);
      for (const name of Object.keys(spec.removing)) names.add(name);
    }
    return names;
  }

  /**
   * What should stand in a cluster, by record: the tombstone of the copy's own template first, then
   * the decision.
   */
  wanted(cluster: string, about: RenderedFor): Wanted {
    const uid = this.copies.get(cluster)?.mark?.uid;
    const buried = uid === undefined ? undefined : this.tombstones.get(uid);
    if (buried !== undefined) {
      const how = buried.spec.propagationPolicy === 'Orphan' ? 'Orphan' : 'Delete';
      return { kind: 'gone', templateUid: uid!, how };
    }
    const stored = this.decision;
    const template = this.standing;
    if (template === undefined || stored === undefined) return { kind: 'unknown' };
    const templateUid = template.metadata.uid!;
    const share = wantedIn(stored.decision, cluster);
    if (share !== undefined) {
      const rendering = this.#render(cluster, share, about);
      return {
        kind: 'copy',
        templateUid,
        rendering,
        adopts: uid !== undefined && !this.knows(uid),
      };
    }
    const { removing } = stored.spec;
    const how = Object.hasOwn(removing, cluster) ? removing[cluster] : undefined;
    return how === undefined ? { kind: 'unknown' } : { kind: 'gone', templateUid, how };
  }

  /** Hash of what a cluster should hold now, if it has been rendered. */
  renderedHash(cluster: string): string | undefined {
    const known = this.#renderings.get(cluster);
    const share = wantedIn(this.decision?.decision, cluster);
    const newest = known !== undefined && known.template === this.template;
    return newest && known.share.share === share?.share ? known.rendering.hash : undefined;
  }

  #render(
    cluster: string,
    share: ClusterShare,
    { federation, replicasOwned, apiVersion }: RenderedFor,
  ): Rendering {
    const template = this.template!;
    const known = this.#renderings.get(cluster);
    if (
      known !== undefined &&
      known.template === template &&
      known.share.share === share.share &&
      known.share.completions === share.completions &&
      known.replicasOwned === replicasOwned &&
      known.apiVersion === apiVersion
    ) {
      return known.rendering;
    }
    const identity = this.identity;
    const about = { federation, replicasOwned, apiVersion };
    const rendering = render({ template, identity, cluster, share, ...about });
    this.#renderings.set(cluster, { template, share, replicasOwned, apiVersion, rendering });
    return rendering;
  }
}

/** All units, and who wants to know that one changed. */
export class Units {
  readonly #units = new Map<string, Unit>();
  /** Of units that are still to come: what the planner said of an object before it was stored. */
  readonly #foreseen = new BoundedMap<string, Decided>(foreseenMax);
  readonly #listeners = new Set<(unit: Unit) => void>();
  /** Copies that stand in members, for the guard. */
  governedCopies = 0;

  get(key: string): Unit | undefined {
    return this.#units.get(key);
  }

  of(type: ResourceType, objectKey: string): Unit {
    const key = unitKey(type, objectKey);
    let unit = this.#units.get(key);
    if (unit === undefined) {
      unit = new Unit(type, objectKey, (difference) => {
        this.governedCopies += difference;
      });
      unit.decided = this.#foreseen.get(key);
      this.#foreseen.delete(key);
      this.#units.set(key, unit);
    }
    return unit;
  }

  /** Spares the planner a second run once the object is stored; of one that never is, it goes. */
  foresee({ key, decided }: Unit): void {
    if (decided !== undefined && !this.#units.has(key)) this.#foreseen.set(key, decided);
  }

  all(): IterableIterator<Unit> {
    return this.#units.values();
  }

  /** For whoever shows units: Distribution. */
  onChange(listener: (unit: Unit) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A stranger that bears our label leaves no unit behind. */
  forgetEmpty(unit: Unit): void {
    if (unit.empty) this.#units.delete(unit.key);
  }

  changed(unit: Unit): void {
    this.forgetEmpty(unit);
    for (const listener of this.#listeners) listener(unit);
  }
}
