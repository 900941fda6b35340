/** Pods as their controllers see them: made from a template, counted, and chosen for removal. */

import { createHash } from 'node:crypto';
import { conditionStatus } from '../../kube/condition.ts';
import {
  isObject,
  type JsonObject,
  type KubeObject,
  objectAt,
  valueAt,
} from '../../kube/object.ts';
import { controllerReference } from './followed.ts';
import type { Collection } from './kinds.ts';

export interface PodFor {
  readonly owner: KubeObject;
  readonly collection: Collection;
  /** `spec.template` of the owner. */
  readonly template: JsonObject | undefined;
  /** Absent: generated from the owner's name. */
  readonly name?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly spec?: JsonObject;
}

/** The body of a new pod. */
export function podFor({ owner, collection, template, name, labels, spec }: PodFor) {
  const { namespace } = owner.metadata;
  const meta = objectAt(template, 'metadata');
  const annotations = objectAt(meta, 'annotations');
  return {
    metadata: {
      ...(name === undefined ? { generateName: `${owner.metadata.name}-` } : { name }),
      namespace: namespace!,
      labels: { ...objectAt(meta, 'labels'), ...labels } as Record<string, string>,
      ...(annotations === undefined ? {} : { annotations: annotations as Record<string, string> }),
      ownerReferences: [controllerReference(collection, owner)],
    },
    spec: { ...objectAt(template, 'spec'), ...spec },
  };
}

/** Neither ended nor being deleted. */
export function isActive(pod: KubeObject): boolean {
  const phase = valueAt(pod, 'status', 'phase');
  if (phase === 'Succeeded' || phase === 'Failed') return false;
  return pod.metadata.deletionTimestamp === undefined;
}

export function isReady(pod: KubeObject): boolean {
  return conditionStatus(pod, 'Ready') === 'True';
}

/** The pods that go first when there are too many: unbound, not ready, youngest. */
export function byRemoval(a: KubeObject, b: KubeObject): number {
  return (
    Number(isBound(a)) - Number(isBound(b)) ||
    Number(isReady(a)) - Number(isReady(b)) ||
    compare(b.metadata.creationTimestamp ?? '', a.metadata.creationTimestamp ?? '') ||
    compare(a.metadata.name!, b.metadata.name!)
  );
}

export function isBound(pod: KubeObject): boolean {
  return Boolean(valueAt(pod, 'spec', 'nodeName'));
}

export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Without vowels and look-alikes, as Kubernetes encodes its hashes. */
const safe = 'bcdfghjklmnpqrstvwxz2456789';

/** Names a pod template: `pod-template-hash` and `controller-revision-hash`. */
export function templateHash(template: JsonObject | undefined): string {
  const text = JSON.stringify(sorted(template ?? {}));
  const digest = createHash('sha256').update(text).digest();
  return Array.from(digest.subarray(0, 9), (byte) => safe[byte % safe.length]).join('');
}

/** Fields in a fixed order: who wrote a template in another order has not changed it. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value === 'bigint') return String(value);
  if (!isObject(value)) return value;
  const entries = Object.entries(value).sort(([a], [b]) => compare(a, b));
  return entries.map(([field, inner]) => [field, sorted(inner)]);
}

/** Zero becomes null: a merge patch then takes the field away, as Kubernetes leaves it out. */
export function counts(numbers: Readonly<Record<string, number>>): Record<string, number | null> {
  return Object.fromEntries(Object.entries(numbers).map(([name, n]) => [name, n === 0 ? null : n]));
}
