/**
 * From the pods of one copy to the counts that tell a shortage from a rollout. Revisions do not
 * matter here.
 */
import { type KubeObject, valueAt } from '../kube/object.ts';

/**
 * A terminating pod holds its place for this long after its deadline; then its node is taken to be
 * stuck.
 */
const overdueMs = 30_000;

/** One pod; times in milliseconds since the epoch. */
export interface PodFacts {
  /** On a node, and neither finished nor terminating. */
  readonly bound: boolean;
  /** Terminating: when its grace ends. */
  readonly deadline?: number;
  /** The scheduler found no place for it, since then. */
  readonly unschedulableSince?: number;
}

/** What the pods of one copy add up to: the fields of CopyFacts of the same names. */
export interface PodCounts {
  readonly bound: number;
  readonly terminating: number;
  readonly unschedulable: number;
  /** When one of the counts changes by time alone; absent when none will. */
  readonly dueAt?: number;
}

/** Pods that a controller could not even create, as a quota forbids them. */
export interface RefusedPods {
  readonly count: number;
  readonly since: number;
}

export interface CountOptions {
  /** spill.after */
  readonly afterMs: number;
  readonly now: number;
  readonly refused?: RefusedPods;
}

export function countPods(pods: Iterable<PodFacts>, options: CountOptions): PodCounts {
  const { now, afterMs, refused } = options;
  let bound = 0;
  let terminating = 0;
  let unschedulable = 0;
  let dueAt = Number.POSITIVE_INFINITY;
  const missing = (since: number, count: number): void => {
    if (now >= since + afterMs) unschedulable += count;
    else dueAt = Math.min(dueAt, since + afterMs);
  };
  for (const pod of pods) {
    if (pod.bound) bound++;
    else if (pod.deadline !== undefined) {
      const until = pod.deadline + overdueMs;
      if (now >= until) continue;
      terminating++;
      dueAt = Math.min(dueAt, until);
    } else if (pod.unschedulableSince !== undefined) missing(pod.unschedulableSince, 1);
  }
  if (refused && refused.count > 0) missing(refused.since, refused.count);
  return { bound, terminating, unschedulable, ...(Number.isFinite(dueAt) && { dueAt }) };
}

/** What counts of a Pod object. */
export function podFacts(pod: KubeObject): PodFacts {
  const deadline = Date.parse(pod.metadata.deletionTimestamp ?? '');
  if (Number.isFinite(deadline)) return { bound: false, deadline };
  const phase = valueAt(pod, 'status', 'phase');
  if (phase === 'Succeeded' || phase === 'Failed') return { bound: false };
  const node = valueAt(pod, 'spec', 'nodeName');
  if (typeof node === 'string' && node !== '') return { bound: true };
  const conditions = valueAt(pod, 'status', 'conditions');
  for (const condition of Array.isArray(conditions) ? conditions : []) {
    if (valueAt(condition, 'type') !== 'PodScheduled') continue;
    if (valueAt(condition, 'status') !== 'False') continue;
    if (valueAt(condition, 'reason') !== 'Unschedulable') continue;
    const since = Date.parse(String(valueAt(condition, 'lastTransitionTime') ?? ''));
    if (Number.isFinite(since)) return { bound: false, unschedulableSince: since };
  }
  return { bound: false };
}
