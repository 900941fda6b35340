/**
 * One step of a Deployment's rollout: how many replicas each of its ReplicaSets should have. Pure.
 */

export interface SetState {
  readonly uid: string;
  /** `spec.replicas`. */
  readonly asked: number;
  readonly available: number;
}

export interface RolloutInput {
  readonly wanted: number;
  readonly strategy: 'RollingUpdate' | 'Recreate';
  /** In pods. */
  readonly maxSurge: number;
  readonly maxUnavailable: number;
  readonly newest: SetState;
  /** Oldest first. */
  readonly old: readonly SetState[];
  /** Pods of old sets that still stand, also those being deleted. */
  readonly oldPods: number;
}

/** uid → replicas, of the sets that change. */
export type Scaling = ReadonlyMap<string, number>;

export function nextScaling(input: RolloutInput): Scaling {
  const scaling = new Map<string, number>();
  if (input.strategy === 'Recreate') return recreate(input, scaling);
  const newest = newestSize(input);
  if (newest !== input.newest.asked) {
    scaling.set(input.newest.uid, newest);
    // As Kubernetes: old sets shrink in the next round, when the new one was scaled.
    return scaling;
  }
  shrinkOld(input, scaling);
  return scaling;
}

function recreate({ old, oldPods, newest, wanted }: RolloutInput, scaling: Map<string, number>) {
  for (const set of old) if (set.asked > 0) scaling.set(set.uid, 0);
  if (scaling.size === 0 && oldPods === 0 && newest.asked !== wanted)
    scaling.set(newest.uid, wanted);
  return scaling;
}

function newestSize({ wanted, newest, old, maxSurge }: RolloutInput): number {
  if (newest.asked >= wanted) return wanted;
  const total = newest.asked + sum(old, ({ asked }) => asked);
  const room = wanted + maxSurge - total;
  return room <= 0 ? newest.asked : newest.asked + Math.min(room, wanted - newest.asked);
}

function shrinkOld(input: RolloutInput, scaling: Map<string, number>): void {
  const { wanted, maxUnavailable, newest, old } = input;
  const total = newest.asked + sum(old, ({ asked }) => asked);
  const least = wanted - maxUnavailable;
  const newUnavailable = Math.max(0, newest.asked - newest.available);
  let removable = total - least - newUnavailable;
  if (removable <= 0) return;
  const size = new Map(old.map(({ uid, asked }) => [uid, asked]));
  for (const { uid, asked, available } of old) {
    const broken = Math.min(removable, Math.max(0, asked - available));
    size.set(uid, asked - broken);
    removable -= broken;
  }
  let spare = newest.available + sum(old, ({ available }) => available) - least;
  for (const { uid } of old) {
    const healthy = Math.min(Math.max(0, spare), size.get(uid)!, removable);
    size.set(uid, size.get(uid)! - healthy);
    spare -= healthy;
    removable -= healthy;
  }
  for (const { uid, asked } of old) if (size.get(uid) !== asked) scaling.set(uid, size.get(uid)!);
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}

/** maxSurge and maxUnavailable in pods; 25 % unless given, and never both zero. */
export function bounds(
  rolling: { readonly maxSurge?: unknown; readonly maxUnavailable?: unknown },
  wanted: number,
): { maxSurge: number; maxUnavailable: number } {
  const maxSurge = inPods(rolling.maxSurge ?? '25%', wanted, Math.ceil);
  const maxUnavailable = inPods(rolling.maxUnavailable ?? '25%', wanted, Math.floor);
  if (maxSurge === 0 && maxUnavailable === 0) return { maxSurge, maxUnavailable: 1 };
  return { maxSurge, maxUnavailable: Math.min(maxUnavailable, wanted) };
}

function inPods(value: unknown, wanted: number, round: (n: number) => number): number {
  if (typeof value === 'number') return Math.max(0, value);
  const percent = /^(\d+)%$/.exec(String(value));
  return percent === null ? 0 : round((Number(percent[1]) * wanted) / 100);
}
