/**
 * A dry-run of the rendered copy in one healthy target, so that what members would refuse is
 * refused at the door.
 */
import { createHash } from 'node:crypto';
import { BoundedMap } from '../base/bounded-map.ts';
import type { Clock } from '../base/clock.ts';
import type { Answer } from '../client/rest.ts';
import { TransportError } from '../client/transport.ts';
import type { KubeObject } from '../kube/object.ts';
import { apiVersionOf, pathOf, type ResourceType } from '../kube/resource.ts';
import { ApiError } from '../kube/status.ts';
import type { Member, MemberSet } from '../members/member-set.ts';
import { modeOf } from '../placement/modes.ts';
import { nextAction } from './action.ts';
import { decideUnit, travels } from './decide-unit.ts';
import type { Fleet } from './fleet.ts';
import { fieldManager } from './owned.ts';
import { Patience } from './patience.ts';
import { verdictKey } from './preflight-key.ts';
import { wordOf } from './preflight-word.ts';
import { type Rendering, withoutAllocated } from './render.ts';
import type { TemplateTypes } from './templates.ts';
import { Unit, type Units, unitKey } from './unit.ts';

/** Longest waits for a member's word. */
const limits = { memberMs: 300, queueMs: 1000 };
/** Renderings whose verdict is remembered, and for how long, milliseconds. */
const rememberedMax = 2000;
const rememberedMs = 300_000;
/** Questions that one member may leave open; it is slow then, and is not asked more. */
const waitingMax = 64;

export interface PreflightInput {
  readonly type: ResourceType;
  /** As it would be stored. */
  readonly object: KubeObject;
  readonly old: KubeObject | undefined;
  warn(text: string): void;
}

export interface PreflightOptions {
  readonly federation: string;
  readonly units: Units;
  readonly members: MemberSet;
  readonly fleet: () => Fleet;
  readonly types: TemplateTypes;
  readonly clock: Clock;
}

interface Target {
  readonly member: Member;
  readonly rendering: Rendering;
  readonly unit: Unit;
}

/** A verdict that counts until then (monotonic milliseconds), and what the member said with it. */
interface Passed {
  readonly until: number;
  readonly warnings: readonly string[];
}

type Answered =
  | { readonly does: 'pass'; readonly warnings: readonly string[] }
  | { readonly does: 'warn'; readonly text: string }
  | { readonly does: 'nothing' };

export class Preflight {
  readonly #options: PreflightOptions;
  /** By hash of what was asked. */
  readonly #passed = new BoundedMap<string, Passed>(rememberedMax);
  /** Questions that each member has not answered yet. */
  readonly #waiting = new Map<string, number>();

  constructor(options: PreflightOptions) {
    this.#options = options;
  }

  /** @throws ApiError with the member's own status when the object itself is wrong */
  async check(input: PreflightInput): Promise<void> {
    const { type, object, old } = input;
    if (!travels(type) || modeOf(type, object).mode === 'Home') return;
    if (
      old !== undefined &&
      old.metadata.generation === object.metadata.generation &&
      sameBody(old, object)
    )
      return;
    for (const field of withoutAllocated(type, object as never).dropped) {
      input.warn(`${field} is allocated by each member itself and is not propagated`);
    }
    const target = this.#target(input);
    if (target === undefined) return;
    const { member, rendering } = target;
    const written = target.unit.copies.get(member.name)?.written?.object;
    const before = old === undefined ? undefined : (written ?? old);
    const key = verdictKey(member.name, rendering.object, before);
    const now = this.#options.clock.monotonic();
    const passed = this.#passed.get(key);
    if (passed !== undefined && passed.until > now) {
      for (const warning of passed.warnings) input.warn(warning);
      return;
    }
    const word = await this.#ask(target, input);
    if (word.does === 'warn') input.warn(word.text);
    else if (word.does === 'pass')
      this.#passed.set(key, { until: now + rememberedMs, warnings: word.warnings });
  }

  /** @throws ApiError what the member refuses the object with */
  async #ask(target: Target, input: PreflightInput): Promise<Answered> {
    const { member, unit } = target;
    const cluster = member.name;
    const waiting = this.#waiting.get(cluster) ?? 0;
    const late = `not checked beforehand: no answer from cluster ${cluster} within ${limits.memberMs} ms`;
    if (waiting >= waitingMax) return { does: 'warn', text: late };
    this.#waiting.set(cluster, waiting + 1);
    const taken = unit.copies.get(cluster)?.problem?.reason === 'NameTaken';
    const patience = new Patience(this.#options.clock, limits);
    try {
      const answer = await patience.wait((sent) => {
        const dryRun = this.#dryRun(target, 'its own', sent);
        void Promise.allSettled([dryRun]).then(() =>
          this.#waiting.set(cluster, (this.#waiting.get(cluster) ?? 1) - 1),
        );
        return dryRun;
      });
      if (answer === 'late') return { does: 'warn', text: late };
      const warnings = answer?.warnings ?? [];
      for (const warning of warnings) input.warn(warning);
      return { does: 'pass', warnings };
    } catch (error) {
      if (!(error instanceof ApiError) && !(error instanceof TransportError)) throw error;
      const word = wordOf(error, { cluster, taken });
      if (word.does === 'refuse') throw error;
      if (word.does === 'ask elsewhere') return this.#askElsewhere(target, input, patience);
      return word.does === 'pass' ? { does: 'pass', warnings: [] } : word;
    }
  }

  /** In a namespace that every cluster has; what that namespace itself forbids says nothing. */
  async #askElsewhere(
    target: Target,
    input: PreflightInput,
    patience: Patience,
  ): Promise<Answered> {
    try {
      const answer = await patience.wait((sent) => this.#dryRun(target, 'default', sent));
      for (const warning of (answer !== 'late' && answer?.warnings) || []) input.warn(warning);
    } catch (error) {
      if (!(error instanceof ApiError) && !(error instanceof TransportError)) throw error;
      const asked = { cluster: target.member.name, taken: false };
      if (wordOf(error, asked).does === 'refuse') throw error;
    }
    return { does: 'nothing' };
  }

  async #dryRun(
    { unit, rendering, member }: Target,
    where: 'its own' | 'default',
    onSent: () => void,
  ): Promise<Answer | undefined> {
    const { namespace, name } = unit;
    const type = this.#options.types.inMember(member.name, unit.type) ?? unit.type;
    const place = { ...type, ...(namespace === '' ? {} : { namespace }) };
    const copy = unit.copies.get(member.name);
    const options = { fieldManager, dryRun: true, onSent };
    if (where === 'default') {
      const { object } = rendering;
      const body = { ...object, metadata: { ...object.metadata, namespace: where } };
      return member.client.create(pathOf({ ...place, namespace: where }), body, options);
    }
    const templateUid = unit.template!.metadata.uid ?? '';
    if (copy?.live !== undefined && copy.mark?.uid === templateUid) {
      const action = nextAction(
        { kind: 'copy', templateUid, rendering, adopts: false },
        copy,
        this.#options.types.listKeys(type),
      );
      if (action.do !== 'patch') return undefined;
      // What others change meanwhile is no fault of this write.
      const { metadata, ...rest } = action.patch;
      const { resourceVersion: _, ...kept } = metadata as Record<string, unknown>;
      const body = { metadata: kept, ...rest };
      return member.client.patch(
        pathOf({ ...place, name }),
        { type: 'application/merge-patch+json', body },
        options,
      );
    }
    return member.client.create(pathOf(place), rendering.object, options);
  }

  /**
   * Where the object would go, with its share, as the planner says now; one of the healthy ones, by
   * name.
   */
  #target({ type, object }: PreflightInput): Target | undefined {
    const { units, members, fleet, federation, clock, types } = this.#options;
    const { namespace = '', name = '', uid = '' } = object.metadata;
    const objectKey = namespace === '' ? name : `${namespace}/${name}`;
    const known = units.get(unitKey(type, objectKey));
    const unit = new Unit(type, objectKey);
    unit.template = object;
    for (const [cluster, copy] of known?.copies ?? []) unit.copies.set(cluster, copy);
    const stored = known?.decisions.get(uid);
    if (stored !== undefined) unit.decisions.set(uid, stored);
    unit.decided = known?.decided;
    const { decision } = decideUnit({
      unit,
      template: object,
      clusters: fleet().facts(),
      unlisted: new Set(),
      lacking: new Set(),
      guard: { recentRemovals: 0, governedCopies: 0, tripped: false, confirmed: false },
      frozen: false,
      now: clock.now(),
    });
    units.foresee(unit);
    unit.decisions.set(uid, {
      spec: { template: unit.identity, decision: {}, removing: {} },
      decision,
      resourceVersion: '',
    });
    const targets = Object.keys(decision.clusters).filter(
      (cluster) =>
        members.get(cluster)?.health.writable && types.inMember(cluster, type) !== undefined,
    );
    const cluster = targets[spread(name) % targets.length];
    if (cluster === undefined) return undefined;
    const apiVersion = apiVersionOf(types.inMember(cluster, type) ?? type);
    const wanted = unit.wanted(cluster, { federation, replicasOwned: false, apiVersion });
    return wanted.kind === 'copy'
      ? { member: members.get(cluster)!, rendering: wanted.rendering, unit }
      : undefined;
  }
}

/** Different objects ask different members, so that no member bears all the questions. */
function spread(name: string): number {
  return createHash('sha256').update(name).digest().readUInt32LE(0);
}

function sameBody(a: KubeObject, b: KubeObject): boolean {
  if (a.metadata.generation === undefined) return false;
  const travelling = ({ labels, annotations }: KubeObject['metadata']): string =>
    JSON.stringify([labels, annotations]);
  return travelling(a.metadata) === travelling(b.metadata);
}
