/**
 * The one pure entry: from what a template wants and what is seen of it to where its copies are.
 */
import {
  type ClusterReason,
  type ClusterShare,
  type Decision,
  type DecisionCondition,
  type Entries,
  entriesOf,
  type SpillState,
  spillFields,
} from './decision.ts';
import { divided } from './divided.ts';
import { dividedJob } from './divided-job.ts';
import type { ClusterFacts } from './facts.ts';
import type { GuardReason } from './guard.ts';
import type { DecideInput } from './input.ts';
import type { Outcome } from './outcome.ts';
import type { Mode } from './rules.ts';
import { type Scope, type ScopeInput, scopeOf } from './scope.ts';
import { byTie } from './tie.ts';
import { copied, single } from './whole.ts';

export type { DecideInput, TemplateIdentity } from './input.ts';

export interface DecideResult {
  /**
   * Equal to `previous` (the same reference) when nothing changed; else its number is one higher.
   */
  readonly decision: Decision;
  /** The decision differs from the stored one in any way and must be committed. */
  readonly changed: boolean;
  /**
   * Shares or the set of clusters differ: executors have work. False when only what was learnt
   * about room changed.
   */
  readonly sharesChanged: boolean;
  /** Replicas that no cluster gets or can run. */
  readonly unplaced: number;
  /** One line per cause: by max, by weight, no cluster, no room. */
  readonly unplacedReasons: readonly ClusterReason[];
  readonly conditions: readonly DecisionCondition[];
  /** One for every cluster of the input, chosen or not. */
  readonly reasons: ReadonlyMap<string, ClusterReason>;
  /**
   * Copies that this decision starts to remove: to be added to the guard's ledger when it is
   * committed.
   */
  readonly removals: number;
  /** A guard holds removals back; for TooManyRemovals the ledger is to be tripped. */
  readonly heldBack: GuardReason | undefined;
  /** When to decide again though nothing is seen to change, milliseconds since the epoch. */
  readonly lookAgainAt: number | undefined;
}

/** Pure: the same input gives the same result, on every machine. */
export function decide(input: DecideInput): DecideResult {
  const mode = input.mode === 'Home' ? 'Home' : (input.rules.mode ?? input.mode);
  const clusters = byTie(input.clusters, input.template, (cluster) => cluster.name);
  const scope = scopeOf(scopeInput(input, mode, clusters));
  const outcome = outcomeOf(input, mode, scope);
  const decision = settle(input, mode, outcome, scope.before);
  const reasons = new Map(scope.refused);
  for (const [name, reason] of outcome.reasons) reasons.set(name, reason);
  return {
    decision,
    changed:
      decision !== input.previous && !(decision.number === 1 && outcome.clusters.length === 0),
    sharesChanged: !sameEntries(scope.before, outcome, sameWork),
    unplaced: outcome.unplaced,
    unplacedReasons: outcome.unplacedReasons,
    conditions: [...outcome.conditions, ...frozenConditions(input, scope)],
    reasons,
    removals: scope.removals,
    heldBack: scope.heldBack?.reason,
    lookAgainAt: outcome.lookAgainAt,
  };
}

function scopeInput(input: DecideInput, mode: Mode, clusters: readonly ClusterFacts[]): ScopeInput {
  const { guard } = input;
  const before = entriesOf(input.previous);
  const choice = input.rules.clusters;
  if (mode === 'Home') return { clusters, choice: { names: [] }, before, guard };
  // A divided Job's completions cannot be divided again: it stays where it was begun.
  if (isDividedJob(input, mode)) return { clusters, choice, before, guard, pinned: () => true };
  if (mode !== 'One') return { clusters, choice, before, guard };
  const { copies } = input;
  const recorded = clusters.some(({ name }) => before.has(name));
  const hand = (cluster: ClusterFacts): boolean =>
    cluster.state === 'draining' ||
    (cluster.state === 'lost' && input.frozen !== true && input.rules.failover?.mode === 'Move');
  return {
    clusters: roomyFirst(clusters, input),
    // A cluster that hands its copy over is not chosen, unless the copy owns data.
    choice: { ...choice, count: Math.min(choice?.count ?? 1, 1) },
    before,
    guard,
    lostStays: true,
    // When nothing is on record, or only clusters that have left, it stays where a copy stands,
    // also while that cannot be written to.
    ...(recorded ? {} : { holds: (name: string) => copies.has(name) }),
    ...(input.holdsData ? { pinned: () => true } : { excluded: hand }),
  };
}

function isDividedJob(input: DecideInput, mode: Mode): boolean {
  return mode === 'Divide' && input.template.group === 'batch' && input.template.kind === 'Job';
}

/** For One: clusters known to have too little room come last. */
function roomyFirst(clusters: readonly ClusterFacts[], input: DecideInput): ClusterFacts[] {
  const need = input.replicas ?? 1;
  const fits = (cluster: ClusterFacts): boolean => (input.rooms?.get(cluster.name) ?? need) >= need;
  return [...clusters.filter(fits), ...clusters.filter((cluster) => !fits(cluster))];
}

function outcomeOf(input: DecideInput, mode: Mode, scope: Scope): Outcome {
  if (isDividedJob(input, mode)) return dividedJob(input, scope);
  if (mode === 'Divide' && input.replicas !== undefined)
    return divided(input, scope, input.replicas);
  return mode === 'One' ? single(input, scope) : copied(scope);
}

function frozenConditions(input: DecideInput, scope: Scope): DecisionCondition[] {
  if (scope.heldBack) return [{ type: 'Frozen', status: 'True', ...scope.heldBack }];
  if (!input.frozen) return [];
  const message = 'nothing moves and nobody is newly declared lost';
  return [{ type: 'Frozen', status: 'True', reason: 'MostMembersOutOfSight', message }];
}

/** The previous decision itself when nothing differs, else the next one. */
function settle(input: DecideInput, mode: Mode, outcome: Outcome, before: Entries): Decision {
  const { previous } = input;
  if (previous?.mode === mode && sameEntries(before, outcome, sameEntry)) return previous;
  const clusters = Object.fromEntries(outcome.clusters);
  return { number: (previous?.number ?? 0) + 1, mode, clusters };
}

function sameEntries(
  before: Entries,
  { clusters }: Outcome,
  same: (a: ClusterShare, b: ClusterShare) => boolean,
): boolean {
  return (
    before.size === clusters.length &&
    clusters.every(([name, entry]) => {
      const earlier = before.get(name);
      return earlier !== undefined && same(earlier, entry);
    })
  );
}

/** What executors see of an entry. */
function sameWork(a: ClusterShare, b: ClusterShare): boolean {
  return a.share === b.share && a.leaving === b.leaving && a.completions === b.completions;
}

function sameEntry(a: ClusterShare, b: ClusterShare): boolean {
  return sameWork(a, b) && a.replaced === b.replaced && sameSpill(a.spill, b.spill);
}

function sameSpill(a: SpillState | undefined, b: SpillState | undefined): boolean {
  if (a === b) return true;
  return spillFields.every((field) => a?.[field] === b?.[field]);
}
