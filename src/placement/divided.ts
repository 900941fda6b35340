/** Divide: replicas shared out over the chosen clusters, one bounded step at a time. */
import { matchLabels } from '../kube/selector.ts';
import type { ClusterReason, ClusterShare, DecisionCondition } from './decision.ts';
import { goal, type Slot, type Standing, seatsOf, sum, wantsMore, withinLimits } from './divide.ts';
import type { ClusterFacts, CopyFacts } from './facts.ts';
import type { DecideInput } from './input.ts';
import type { Outcome } from './outcome.ts';
import { planStep, type Step } from './plan.ts';
import type { PlacementRules, WeightRule } from './rules.ts';
import type { Scope } from './scope.ts';
import { type Aim, aim, learn, limitOf, type SpillFacts } from './spill.ts';

interface Row {
  readonly cluster: ClusterFacts;
  readonly leaving: boolean;
  readonly before: ClusterShare | undefined;
  readonly replaced: boolean;
  readonly facts: SpillFacts;
  readonly learnt: ReturnType<typeof learn>;
  readonly slot: Slot;
}

export function divided(input: DecideInput, scope: Scope, replicas: number): Outcome {
  const rows = rowsOf(input, scope);
  const limited = rows.map((row) => row.slot);
  const seats = seatsOf(limited, withinLimits);
  const target = goal(limited, seats, replicas);
  const wants = wantsMore(limited, target, replicas - sum(target));
  const frozen = input.frozen === true || scope.heldBack !== undefined;
  const aims = rows.map((row, i) =>
    aim(row.learnt, row.facts, {
      wants: wants[i]!,
      returns: input.rules.spill.return && !frozen,
      now: input.now,
    }),
  );
  const slots = limited.map((slot, i) => ({ ...slot, tries: aims[i]!.tries }));
  const step = planStep({ replicas, maxPercent: input.rules.maxPercent, frozen, slots });
  const clusters: [string, ClusterShare][] = [];
  const reasons = new Map<string, ClusterReason>();
  let lookAgainAt = Number.POSITIVE_INFINITY;
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!;
    const share = entryOf(row, slots[i]!, aims[i]!, step.plan[i]!, step.asks[i]!);
    if (share) clusters.push([row.cluster.name, share]);
    reasons.set(row.cluster.name, reasonOf(row, step, i, wants[i]!));
    const due = Math.min(
      aims[i]!.lookAgainAt ?? Number.POSITIVE_INFINITY,
      input.copies.get(row.cluster.name)?.dueAt ?? Number.POSITIVE_INFINITY,
    );
    if (due > input.now) lookAgainAt = Math.min(lookAgainAt, due);
  }
  return {
    clusters,
    reasons,
    unplaced: step.unplaced,
    unplacedReasons: unplacedReasons(step, rows),
    conditions: [placed(step, replicas), settled(step)],
    lookAgainAt: Number.isFinite(lookAgainAt) ? lookAgainAt : undefined,
  };
}

function rowsOf(input: DecideInput, scope: Scope): Row[] {
  const order = new Map(scope.order.map((cluster, i) => [cluster.name, i]));
  const all = [
    ...scope.chosen.map((cluster) => ({ cluster, leaving: false })),
    ...scope.leaving.map((cluster) => ({ cluster, leaving: true })),
  ].sort((a, b) => order.get(a.cluster.name)! - order.get(b.cluster.name)!);
  const weightOf = weights(input.rules);
  return all.map(({ cluster, leaving }) =>
    rowOf(input, scope, { cluster, leaving, weight: weightOf(cluster) }),
  );
}

interface Placed {
  readonly cluster: ClusterFacts;
  readonly leaving: boolean;
  readonly weight: WeightRule;
}

function rowOf(input: DecideInput, scope: Scope, { cluster, leaving, weight }: Placed): Row {
  const before = scope.before.get(cluster.name);
  const copy = input.copies.get(cluster.name);
  const standing = standingOf(input, cluster, leaving, before?.replaced === true);
  const seen = standing !== 'lost' && standing !== 'unreachable';
  const ask = askBefore(input, before, copy);
  const ready = copy?.ready ?? 0;
  const bound = copy?.bound ?? ready;
  const short = seen
    ? Math.max(0, Math.min(copy?.unschedulable ?? 0, ask - bound - (copy?.terminating ?? 0)))
    : 0;
  const back = before?.replaced === true || cluster.state === 'returned';
  const behind = back && ready < ask;
  const hold = standing === 'lost' ? 0 : seen && behind ? Math.min(ready, ask) : ask - short;
  const room = seen ? input.rooms?.get(cluster.name) : undefined;
  const facts: SpillFacts = { ask, short, ready, bound, room };
  const learnt = seen ? learn(before?.spill, facts, input.now) : (before?.spill ?? {});
  const slot: Slot = {
    standing,
    weight: leaving ? 1 : (weight.weight ?? 1),
    min: leaving ? 0 : (weight.min ?? 0),
    max: leaving ? Number.POSITIVE_INFINITY : (weight.max ?? Number.POSITIVE_INFINITY),
    hold,
    ask,
    ready,
    short,
    limit: limitOf(learnt, hold, room),
    tries: 0,
    midRollout: seen && copy?.midRollout === true,
  };
  const replaced = standing === 'lost' || (before?.replaced === true && behind);
  return { cluster, leaving, before, replaced, facts, learnt, slot };
}

/**
 * A cluster whose replicas were replaced stays lost until it answers, though a restarted process
 * counts the time of its
 * silence anew: else the replacements would go. While frozen nobody is newly lost.
 */
function standingOf(
  input: DecideInput,
  cluster: ClusterFacts,
  leaving: boolean,
  replaced: boolean,
): Standing {
  switch (cluster.state) {
    case 'ready':
    case 'returned':
      return leaving ? 'draining' : 'open';
    case 'cordoned':
      return leaving ? 'draining' : 'cordoned';
    case 'draining':
      return 'draining';
    case 'unreachable':
      return replaced ? 'lost' : 'unreachable';
    case 'lost': {
      const stays = input.frozen === true || input.rules.failover?.mode === 'Stay';
      return stays && !replaced ? 'unreachable' : 'lost';
    }
  }
}

/**
 * What was asked: by the record, or by the copy itself where there is none or it was a whole copy.
 */
function askBefore(
  input: DecideInput,
  before: ClusterShare | undefined,
  copy: CopyFacts | undefined,
): number {
  if (before?.share !== undefined) return before.share;
  if (before === undefined && input.previous !== undefined) return 0;
  return copy?.ask ?? 0;
}

/** The rule that a cluster falls under: by name before by selector before all. */
export function weights(rules: PlacementRules): (cluster: ClusterFacts) => WeightRule {
  const byName = new Map<string, WeightRule>();
  const bySelector: WeightRule[] = [];
  let everywhere: WeightRule = {};
  for (const rule of [...(rules.weights ?? [])].reverse()) {
    if (rule.names) for (const name of rule.names) byName.set(name, rule);
    else if (rule.selector) bySelector.unshift(rule);
    else everywhere = rule;
  }
  return (cluster) =>
    byName.get(cluster.name) ??
    bySelector.find((rule) => matchLabels(rule.selector!, cluster.labels)) ??
    everywhere;
}

function entryOf(
  row: Row,
  slot: Slot,
  aimed: Aim,
  plan: number,
  ask: number,
): ClusterShare | undefined {
  if (row.leaving && ask === 0) return undefined;
  const { trying: _trying, ...calm } = aimed.state;
  const trying = aimed.open && (plan > slot.limit || (slot.ready < slot.ask && row.learnt.trying));
  const spill = trying ? { ...calm, trying: true as const } : calm;
  return {
    share: ask,
    ...(row.leaving && { leaving: true as const }),
    ...(row.replaced && { replaced: true as const }),
    ...(Object.keys(spill).length > 0 && { spill }),
  };
}

function reasonOf(row: Row, step: Step, i: number, wants: boolean): ClusterReason {
  const { slot } = row;
  const ask = step.asks[i]!;
  if (slot.standing === 'lost')
    return { reason: 'Lost', message: `declared lost: its ${slot.ask} are replaced elsewhere` };
  if (slot.standing === 'unreachable')
    return { reason: 'Unreachable', message: `out of reach: keeps its last ask of ${slot.ask}` };
  if (slot.standing === 'draining') {
    const why = row.leaving ? 'no longer chosen' : 'draining';
    return { reason: 'Draining', message: `${why}: ${ask} stay until replacements are ready` };
  }
  if (step.keep[i]! > 0)
    return { reason: 'Moving', message: `${step.keep[i]} stay until replacements are ready` };
  if (step.pending[i]! > 0)
    return { reason: 'Pending', message: `${step.pending[i]} of ${ask} wait for room` };
  if (wants) return { reason: 'Full', message: `no room for more than ${slot.limit}` };
  if (slot.standing === 'cordoned')
    return { reason: 'Cordoned', message: `unschedulable: keeps ${ask}` };
  if (ask < slot.min)
    return {
      reason: 'BelowMin',
      message: `gets ${ask} of at least ${slot.min}: there are too few`,
    };
  if (ask >= slot.max) return { reason: 'AtMax', message: `gets its maximum of ${slot.max}` };
  return { reason: 'Chosen', message: `gets ${ask}` };
}

function unplacedReasons(step: Step, rows: readonly Row[]): ClusterReason[] {
  if (step.unplaced === 0) return [];
  const reasons: ClusterReason[] = [];
  const pending = step.unplaced - step.unasked;
  if (pending > 0)
    reasons.push({ reason: 'NoRoom', message: `${pending} wait for room in the clusters chosen` });
  if (step.unasked === 0) return reasons;
  const open = rows.filter((row) => row.slot.standing === 'open');
  const why =
    rows.length === 0
      ? { reason: 'NoCluster', message: 'no cluster is chosen' }
      : open.length === 0
        ? { reason: 'NoClusterReady', message: 'none of the chosen clusters takes replicas now' }
        : open.some((row) => Number.isFinite(row.slot.max))
          ? { reason: 'MaxReached', message: 'every cluster has its maximum' }
          : { reason: 'WeightZero', message: 'the clusters left have weight 0' };
  reasons.push({ ...why, message: `${step.unasked} not asked for: ${why.message}` });
  return reasons;
}

function placed(step: Step, replicas: number): DecisionCondition {
  const count = replicas - step.unplaced;
  const all = step.unplaced === 0;
  return {
    type: 'Placed',
    status: all ? 'True' : 'False',
    reason: all ? 'AllPlaced' : step.unasked > 0 ? 'Unplaced' : 'NoRoom',
    message: `${count} of ${replicas} replicas have a place`,
  };
}

function settled(step: Step): DecisionCondition {
  let off = 0;
  for (let i = 0; i < step.plan.length; i++)
    off += Math.max(0, step.plan[i]! - step.goal[i]!) + step.keep[i]!;
  if (off === 0)
    return { type: 'Settled', status: 'True', reason: 'AtGoal', message: 'nothing is in motion' };
  if (step.budget === 0)
    return {
      type: 'Settled',
      status: 'True',
      reason: 'StaysPut',
      message: `${off} replicas would run elsewhere if they might be moved`,
    };
  return { type: 'Settled', status: 'False', reason: 'Moving', message: `${off} still to move` };
}
