/**
 * How kube-apiserver treats the writes of built-in types where their documents do not tell it:
 * recorded from a real one.
 */

import { groupResource } from '../../kube/resource.ts';
import recorded from '../data/write-rules.json' with { type: 'json' };

type MetaPart = 'labels' | 'annotations' | 'finalizers' | 'ownerReferences';

export interface TypeWriteRules {
  /** A PUT of an object that is not there makes it. */
  readonly createsOnUpdate?: boolean;
  /** New objects carry metadata.generation. */
  readonly hasGeneration: boolean;
  /** What changes do to it; absent: each raises it. */
  readonly generation?: 'stays' | 'begins with a change';
  /** An update must name the version that it changes. */
  readonly needsVersion?: boolean;
  /** Which metadata a write of the status changes, and which its writer comes to own. */
  readonly status?: { readonly changes: readonly MetaPart[]; readonly owns: readonly MetaPart[] };
}

const rules = new Map(Object.entries(recorded as unknown as Record<string, TypeWriteRules>));
// One kind under two names.
rules.set('events.events.k8s.io', rules.get('events')!);

const metaParts: readonly MetaPart[] = ['labels', 'annotations', 'finalizers', 'ownerReferences'];

type Resource = { readonly group: string; readonly resource: string };

/** The metadata that a write of the status changes; none of a custom object's. */
export function statusChanges(type: Resource, native: boolean): readonly MetaPart[] {
  return native ? (writeRulesOf(type)?.status?.changes ?? metaParts) : [];
}

/**
 * Fields that a writer of this endpoint never comes to own, as paths. Of a custom object's metadata
 * a writer of the status owns nothing.
 */
export function resetFieldsOf(
  type: Resource,
  { subresource, hasStatus, native }: { subresource: string; hasStatus: boolean; native: boolean },
): readonly string[][] {
  if (subresource !== 'status') return hasStatus ? [['status']] : [];
  if (!native) return [['spec'], ['metadata']];
  const owned = writeRulesOf(type)?.status?.owns ?? metaParts;
  const kept = metaParts.filter((part) => !owned.includes(part));
  return [['spec'], ...kept.map((part) => ['metadata', part])];
}

/** Undefined for types that are not built in. */
export function writeRulesOf(type: Resource): TypeWriteRules | undefined {
  return rules.get(groupResource(type));
}
