/**
 * A Job that its author asked to divide: parallelism and completions are shared out once, and stay
 * where they are.
 */
import type { ClusterReason, ClusterShare } from './decision.ts';
import { goal, type Slot, seatsOf, withinLimits } from './divide.ts';
import { weights } from './divided.ts';
import type { ClusterFacts } from './facts.ts';
import type { DecideInput } from './input.ts';
import type { Outcome } from './outcome.ts';
import { planStep } from './plan.ts';
import type { Scope } from './scope.ts';

/** spec.parallelism when it is not given. */
const defaultParallelism = 1;

export function dividedJob(input: DecideInput, scope: Scope): Outcome {
  const parallelism = input.replicas ?? defaultParallelism;
  const begun = scope.chosen.some((cluster) => scope.before.get(cluster.name)?.share !== undefined);
  const entries = begun
    ? shared(input, scope, parallelism)
    : begin(input, scope, parallelism, input.completions);
  const reasons = new Map<string, ClusterReason>();
  for (const cluster of scope.chosen)
    reasons.set(cluster.name, { reason: 'NoShare', message: 'there is too little work for it' });
  let placed = 0;
  for (const [name, { share = 0, completions }] of entries) {
    placed += share;
    const work = completions === undefined ? '' : ` and ${completions} completions`;
    reasons.set(name, { reason: 'Chosen', message: `gets a parallelism of ${share}${work}` });
  }
  const idle = parallelism - placed;
  const some = entries.length > 0 || parallelism === 0;
  const why: ClusterReason = { reason: 'NoCluster', message: 'no chosen cluster takes it now' };
  const rest: ClusterReason = {
    reason: 'Unplaced',
    message: `${idle} by max, weight or completions`,
  };
  return {
    clusters: entries,
    reasons,
    unplaced: idle,
    unplacedReasons: idle === 0 ? [] : [some ? rest : why],
    conditions: [
      {
        type: 'Placed',
        status: some ? 'True' : 'False',
        reason: some ? 'AllPlaced' : why.reason,
        message: some ? `in ${entries.length} clusters` : why.message,
      },
    ],
    lookAgainAt: undefined,
  };
}

type Entries = [string, ClusterShare][];

/** Completions go only where pods run, and pods only where there is something to complete. */
function begin(
  input: DecideInput,
  scope: Scope,
  parallelism: number,
  completions: number | undefined,
): Entries {
  const weightOf = weights(input.rules);
  const slots = scope.chosen.map((cluster) => ({
    ...slotOf(cluster, 0),
    ...bounds(weightOf(cluster)),
  }));
  const running = goal(slots, seatsOf(slots, withinLimits), parallelism);
  const finish =
    completions === undefined ? undefined : divideCompletions(slots, running, completions);
  const entries: Entries = [];
  scope.chosen.forEach((cluster, i) => {
    if (running[i] === 0 || finish?.[i] === 0) return;
    const share = running[i]!;
    entries.push([cluster.name, finish ? { share, completions: finish[i]! } : { share }]);
  });
  return entries;
}

function divideCompletions(
  slots: readonly Slot[],
  running: Float64Array,
  completions: number,
): Float64Array {
  const free = slots.map((slot, i) => ({
    ...slot,
    min: 0,
    max: running[i]! > 0 ? Number.POSITIVE_INFINITY : 0,
    weight: Math.max(1, slot.weight),
  }));
  return goal(free, seatsOf(free, withinLimits), completions);
}

/** Parallelism may change later; what was begun moves nowhere and its completions stay. */
function shared(input: DecideInput, scope: Scope, parallelism: number): Entries {
  const begun = scope.chosen.filter((cluster) => scope.before.get(cluster.name));
  const weightOf = weights(input.rules);
  const slots = begun.map((cluster) => ({
    ...slotOf(cluster, scope.before.get(cluster.name)?.share ?? 0),
    ...bounds(weightOf(cluster)),
  }));
  const { asks } = planStep({ replicas: parallelism, maxPercent: 0, frozen: true, slots });
  return begun.map((cluster, i) => {
    const completions = scope.before.get(cluster.name)?.completions;
    const share = asks[i]!;
    return [cluster.name, completions === undefined ? { share } : { share, completions }];
  });
}

function bounds(rule: { weight?: number; min?: number; max?: number }): {
  weight: number;
  min: number;
  max: number;
} {
  const { weight = 1, min = 0, max = Number.POSITIVE_INFINITY } = rule;
  return { weight, min, max };
}

function slotOf(cluster: ClusterFacts, ask: number): Slot {
  const open = cluster.state === 'ready' || cluster.state === 'returned';
  return {
    standing: open ? 'open' : 'unreachable',
    weight: 1,
    min: 0,
    max: Number.POSITIVE_INFINITY,
    hold: ask,
    ask,
    ready: ask,
    short: 0,
    limit: Number.POSITIVE_INFINITY,
    tries: 0,
    midRollout: false,
  };
}
