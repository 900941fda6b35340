/** What all checkers share: the shape of one, and how objects and records are looked at. */
import type { DecisionSpec } from '../../src/api/records.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import type { ClusterShare } from '../../src/placement/decision.ts';
import { type Mark, markOf } from '../../src/propagation/mark.ts';
import type { Faults } from '../faults.ts';
import { storeKey } from '../mirror.ts';
import type { WriteTarget } from '../wire.ts';
import type { Observer, Stored, World } from '../world.ts';

export interface Checker extends Observer {
  /** 'I1' … as in docs/internals/invariants.md. */
  readonly name: string;
  /** The federation serves again. */
  onServe?(world: World): void;
  /** What is not as it should be when all faults have ended; empty: all is well. */
  atRest?(world: World, faults: Faults): string[];
}

export function federationId(world: World): string {
  const key = storeKey({ group: '', resource: 'namespaces', name: 'kube-system' });
  return world.mirror.get(key)?.metadata.uid ?? '';
}

export function markIn(
  world: World,
  cluster: string,
  object: KubeObject | undefined,
): Mark | undefined {
  if (object === undefined) return undefined;
  return markOf(object, { federation: federationId(world), cluster });
}

export interface StoredDecision {
  readonly number: number;
  readonly mode: string;
  readonly clusters: Readonly<Record<string, ClusterShare>>;
  readonly removing: DecisionSpec['removing'];
}

const records = 'records.ubernetes.dev';

export function decisionOf({ mirror }: Stored, uid: string): StoredDecision | undefined {
  const key = storeKey({ group: records, resource: 'decisions', name: uid });
  return decisionIn(mirror.get(key));
}

export function decisionIn(record: KubeObject | undefined): StoredDecision | undefined {
  if (record === undefined) return undefined;
  const spec = record['spec'] as DecisionSpec;
  const decision = spec.decision as unknown as Omit<StoredDecision, 'removing'>;
  return { ...decision, removing: spec.removing };
}

export function hasTombstone({ mirror }: Stored, uid: string): boolean {
  const key = storeKey({ group: records, resource: 'tombstones', name: uid });
  return mirror.get(key) !== undefined;
}

/** What the federation keeps in a member for itself. */
export function isOwn({ namespace, resource, name }: WriteTarget): boolean {
  const system = 'ubernetes-system';
  if (namespace === system || (resource === 'namespaces' && name === system)) return true;
  return resource.startsWith('clusterrole') && name.startsWith('ubernetes-');
}

export function clusterObject({ mirror }: Stored, name: string): KubeObject | undefined {
  return mirror.get(storeKey({ group: 'ubernetes.dev', resource: 'clusters', name }));
}

export function isLeaving(stored: Stored, cluster: string): boolean {
  return clusterObject(stored, cluster)?.metadata.deletionTimestamp !== undefined;
}

/**
 * Whether a stranger holds the name in some member: replicas that are to go there never get ready,
 * and so others wait for them.
 */
export function isBlocked(world: World, key: string): boolean {
  return [...world.members.values()].some(({ name, mirror }) => {
    const object = mirror.get(key);
    if (object === undefined || clusterObject(world, name) === undefined) return false;
    return markIn(world, name, object) === undefined;
  });
}
