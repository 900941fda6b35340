/** What controllers write into a status: conditions with their times, and only what has changed. */
import type { Clock } from '../../base/clock.ts';
import { deepEqual } from '../../kube/json.ts';
import { type KubeObject, objectAt, valueAt } from '../../kube/object.ts';
import { timestamp } from '../../kube/time.ts';
import type { Followed } from './followed.ts';

export interface ConditionFacts {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason?: string;
  readonly message?: string;
}

/** Conditions as they are to be stored: those that say the same keep their times. */
export function conditionsFor(
  object: KubeObject,
  facts: readonly ConditionFacts[],
  clock: Clock,
): object[] {
  const stored = valueAt(object, 'status', 'conditions');
  const known = Array.isArray(stored) ? stored : [];
  return facts.map((fact) => {
    const old = known.find((condition) => valueAt(condition, 'type') === fact.type);
    const same = old !== undefined && valueAt(old, 'status') === fact.status;
    const time = same ? valueAt(old, 'lastTransitionTime') : undefined;
    return { ...fact, lastTransitionTime: time ?? timestamp(clock) };
  });
}

/** Writes the fields of `status` that differ; null takes one away. */
export async function writeStatus(
  followed: Followed,
  object: KubeObject,
  status: Readonly<Record<string, unknown>>,
): Promise<void> {
  const stored = objectAt(object, 'status') ?? {};
  const differing = Object.entries(status).filter(([field, value]) => {
    const now = Object.hasOwn(stored, field) ? stored[field] : undefined;
    return value === null || value === undefined ? now !== undefined : !deepEqual(now, value);
  });
  if (differing.length === 0) return;
  const body = { status: Object.fromEntries(differing) };
  await followed.patch(object, body, 'status');
}
