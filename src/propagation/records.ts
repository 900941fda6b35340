/**
 * Reads and writes the federation's records of decisions and deletions, and keeps units up to date
 * with them.
 */
import {
  type DecisionSpec,
  decisionType,
  type TemplateIdentity,
  type TombstoneSpec,
  tombstoneType,
} from '../api/records.ts';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { keyOf } from '../client/cache.ts';
import { Informer } from '../client/informer.ts';
import type { RestClient } from '../client/rest.ts';
import type { JsonObject, KubeObject } from '../kube/object.ts';
import { apiVersionOf, groupResource, pathOf, type ResourceType } from '../kube/resource.ts';
import type { Decision } from '../placement/decision.ts';
import type { Unit, Units } from './unit.ts';

/** How long a tombstone outlives the last answer, against writes that arrive late. */
export const tombstoneKeptMs = 24 * 3600 * 1000;

export interface RecordsOptions {
  readonly client: RestClient;
  readonly units: Units;
  readonly clock: Clock;
  readonly random: Random;
  /** A record of this unit came, changed or went. */
  onChange(unit: Unit): void;
  /**
   * The served type of a template; a record of a type that no longer exists keeps what it says of
   * itself.
   */
  typeOf(template: TemplateIdentity): ResourceType | undefined;
}

export class Records {
  readonly #options: RecordsOptions;
  readonly #informers: readonly Informer[];

  constructor(options: RecordsOptions) {
    this.#options = options;
    const { client, clock, random } = options;
    const inform = (
      type: ResourceType,
      take: (unit: Unit, uid: string, now: KubeObject | undefined) => boolean,
    ) => {
      const informer = new Informer({ client, clock, random, target: pathOf(type) });
      informer.onChange((_, old, now) => {
        const spec = (now ?? old)!['spec'] as unknown as { template: TemplateIdentity };
        const unit = this.#unitOf(spec.template);
        if (take(unit, spec.template.uid, now)) options.onChange(unit);
      });
      return informer;
    };
    this.#informers = [
      inform(tombstoneType, (unit, uid, now) => {
        if (now === undefined) return unit.forgetTemplate(uid);
        const known = unit.tombstones.get(uid)?.resourceVersion;
        if (known === now.metadata.resourceVersion) return false;
        unit.tombstones.set(uid, storedTombstone(now));
        return true;
      }),
      inform(decisionType, (unit, uid, now) => {
        if (now === undefined) return unit.decisions.delete(uid);
        return takeDecision(unit, uid, now);
      }),
    ];
  }

  /** Resolves when every record is known: no copy may be written or deleted before. */
  async start(signal: AbortSignal): Promise<void> {
    for (const informer of this.#informers) informer.start();
    await Promise.all(this.#informers.map((informer) => informer.whenSynced(signal)));
  }

  async stop(): Promise<void> {
    await Promise.all(this.#informers.map((informer) => informer.stop()));
  }

  /**
   * Stores a decision; it is in the unit when the promise resolves. @throws ApiError on a conflict.
   */
  async storeDecision(
    unit: Unit,
    decision: Decision,
    removing: DecisionSpec['removing'],
  ): Promise<void> {
    const { uid } = unit.identity;
    const spec: DecisionSpec = {
      template: unit.identity,
      decision: decision as unknown as JsonObject,
      removing,
    };
    const known = unit.decisions.get(uid);
    const record = {
      apiVersion: apiVersionOf(decisionType),
      kind: decisionType.kind,
      metadata: {
        name: uid,
        ...(known === undefined ? {} : { resourceVersion: known.resourceVersion }),
      },
      spec,
    };
    const { client } = this.#options;
    const answer =
      known === undefined
        ? await client.create(pathOf(decisionType), record)
        : await client.update(pathOf({ ...decisionType, name: uid }), record);
    takeDecision(unit, uid, answer.object());
  }

  /** Notes that every cluster has answered a tombstone. */
  async complete(unit: Unit, uid: string, answered: readonly string[]): Promise<void> {
    const { client, clock } = this.#options;
    const { spec } = unit.tombstones.get(uid)!;
    const completedAt = new Date(clock.now()).toISOString();
    const patch = { spec: { ...spec, answered, completedAt } };
    const answer = await client.patch(pathOf({ ...tombstoneType, name: uid }), {
      type: 'application/merge-patch+json',
      body: patch,
    });
    unit.tombstones.set(uid, storedTombstone(answer.object()));
  }

  /** Forgets a deleted template: its tombstone and its decision. */
  async forget(unit: Unit, uid: string): Promise<void> {
    const { client } = this.#options;
    await client.remove(pathOf({ ...decisionType, name: uid }));
    await client.remove(pathOf({ ...tombstoneType, name: uid }));
    unit.decisions.delete(uid);
    unit.forgetTemplate(uid);
  }

  #unitOf(template: TemplateIdentity): Unit {
    const type = this.#options.typeOf(template) ?? typeFrom(template);
    return this.#options.units.of(type, keyOf(template));
  }
}

function storedTombstone(object: KubeObject): StoredTombstoneOf {
  return {
    spec: object['spec'] as unknown as TombstoneSpec,
    resourceVersion: object.metadata.resourceVersion!,
  };
}

type StoredTombstoneOf = { spec: TombstoneSpec; resourceVersion: string };

/**
 * Takes a decision unless a newer one is known: our own write is known before the watch tells of
 * it. True when it was news.
 */
function takeDecision(unit: Unit, uid: string, object: KubeObject): boolean {
  const spec = object['spec'] as unknown as DecisionSpec;
  const decision = spec.decision as unknown as Decision;
  const known = unit.decisions.get(uid);
  if (known !== undefined && known.decision.number > decision.number) return false;
  const resourceVersion = object.metadata.resourceVersion!;
  if (known !== undefined && known.resourceVersion === resourceVersion) return false;
  const kept = known?.decision.number === decision.number ? known.decision : decision;
  unit.decisions.set(uid, { spec, decision: kept, resourceVersion });
  return true;
}

/** Enough of a type to address copies of a kind that no member serves any more. */
function typeFrom(template: TemplateIdentity): ResourceType {
  const { group, version, kind, resource } = template;
  return {
    group,
    version,
    kind,
    resource,
    singular: kind.toLowerCase(),
    listKind: `${kind}List`,
    namespaced: template.namespace !== '',
    verbs: [],
    shortNames: [],
    categories: [],
    subresources: [],
  };
}

/** 'RESOURCE.GROUP' of every template that has, or lately had, copies. */
export async function recordedTypes(client: RestClient): Promise<ReadonlySet<string>> {
  const types = new Set<string>();
  for (const record of [decisionType, tombstoneType]) {
    for await (const { items } of client.pages(pathOf(record))) {
      for (const { spec } of items as unknown as { spec: { template: TemplateIdentity } }[])
        types.add(groupResource(spec.template));
    }
  }
  return types;
}

/** The record that a template's removal leaves in the same commit. */
export function tombstoneFor(removed: {
  readonly type: ResourceType;
  readonly object: KubeObject;
  readonly user: string;
  readonly propagationPolicy: TombstoneSpec['propagationPolicy'];
  readonly nowMs: number;
}): KubeObject {
  const { type, object } = removed;
  const { group, version, kind, resource } = type;
  const { namespace = '', name = '', uid = '' } = object.metadata;
  const spec: TombstoneSpec = {
    template: { group, version, kind, resource, namespace, name, uid },
    deletedAt: new Date(removed.nowMs).toISOString(),
    deletedBy: removed.user,
    propagationPolicy: removed.propagationPolicy,
    answered: [],
  };
  return {
    apiVersion: apiVersionOf(tombstoneType),
    kind: tombstoneType.kind,
    metadata: { name: uid },
    spec,
  };
}
