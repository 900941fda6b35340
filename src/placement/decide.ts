/** The one pure entry: from what a template wants and what is seen of it to where its copies are. */
import type { ClusterReason, ClusterShare, Decision, DecisionCondition } from './decision.ts';
import { divided } from './divided.ts';
import type { ClusterFacts, CopyFacts, Rooms } from './facts.ts';
import type { GuardFacts, GuardReason } from './guard.ts';
import type { Outcome } from './outcome.ts';
import type { Mode, PlacementRules } from './rules.ts';
import { type Scope, type ScopeInput, scopeOf, shareOf } from './scope.ts';
import { byTie } from './tie.ts';
import { copied, single } from './whole.ts';

export interface TemplateIdentity {
  readonly group: string;
  readonly kind: string;
  /** '' for cluster-scoped objects. */
  readonly namespace: string;
  readonly name: string;
}

export interface DecideInput {
  readonly template: TemplateIdentity;
  /** From modeOf(); rules.mode wins over it, Home never gives way. */
  readonly mode: Mode;
  /** One only: the copy owns data (a claim), so it never moves by itself. From modeOf(). */
  readonly holdsData?: boolean;
  /** Replicas wanted (a Job's parallelism); undefined where the kind has none. */
  readonly replicas: number | undefined;
  /** A Job's spec.completions. */
  readonly completions?: number;
  readonly rules: PlacementRules;
  readonly clusters: readonly ClusterFacts[];
  /** By cluster name; a cluster without an entry has no copy (or none was seen yet). */
  readonly copies: ReadonlyMap<string, CopyFacts>;
  readonly rooms?: Rooms;
  readonly previous: Decision | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Stop all movement: nothing that runs moves, nobody counts as lost. */
  readonly frozen?: boolean;
  readonly guard?: GuardFacts;
}

export interface DecideResult {
  /** Equal to `previous` (the same reference) when nothing changed; else its number is one higher. */
  readonly decision: Decision;
  /** The decision differs from the stored one in any way and must be committed. */
  readonly changed: boolean;
  /** Shares or the set of clusters differ: executors have work. False when only what was learnt about room changed. */
  readonly sharesChanged: boolean;
  /** Replicas that no cluster gets or can run. */
  readonly unplaced: number;
  /** One line per cause: by max, by weight, no cluster, no room. */
  readonly unplacedReasons: readonly ClusterReason[];
  readonly conditions: readonly DecisionCondition[];
  /** One for every cluster of the input, chosen or not. */
  readonly reasons: ReadonlyMap<string, ClusterReason>;
  /** Copies that this decision starts to remove: to be added to the guard's ledger when it is committed. */
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
  const decision = settle(input.previous, mode, outcome);
  const reasons = new Map(scope.refused);
  for (const [name, reason] of outcome.reasons) reasons.set(name, reason);
  return {
    decision,
    changed:
      decision !== input.previous && !(decision.number === 1 && outcome.clusters.length === 0),
    sharesChanged: !sameShares(input.previous, decision),
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
  const { previous, guard } = input;
  const choice = input.rules.clusters;
  if (mode === 'Home') return { clusters, choice: { names: [] }, previous, guard };
  if (mode !== 'One') return { clusters, choice, previous, guard };
  const roomy = roomyFirst(clusters, input);
  const hand = (cluster: ClusterFacts): boolean =>
    cluster.state === 'draining' ||
    (cluster.state === 'lost' && input.frozen !== true && input.rules.failover?.mode === 'Move');
  return {
    clusters: roomy,
    // A cluster that hands its copy over is not chosen, unless the copy owns data.
    choice: { ...choice, count: Math.min(choice?.count ?? 1, 1) },
    previous,
    guard,
    ...(input.holdsData ? { pinned: () => true } : { excluded: hand }),
  };
}

/** For One: clusters known to have too little room come last. */
function roomyFirst(clusters: readonly ClusterFacts[], input: DecideInput): ClusterFacts[] {
  const need = input.replicas ?? 1;
  const fits = (cluster: ClusterFacts): boolean => (input.rooms?.get(cluster.name) ?? need) >= need;
  return [...clusters.filter(fits), ...clusters.filter((cluster) => !fits(cluster))];
}

function outcomeOf(input: DecideInput, mode: Mode, scope: Scope): Outcome {
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
function settle(previous: Decision | undefined, mode: Mode, outcome: Outcome): Decision {
  const clusters = Object.fromEntries(outcome.clusters);
  const next: Decision = { number: (previous?.number ?? 0) + 1, mode, clusters };
  return previous && previous.mode === mode && sameEntries(previous, next, sameValue)
    ? previous
    : next;
}

function sameShares(previous: Decision | undefined, next: Decision): boolean {
  if (!previous) return Object.keys(next.clusters).length === 0;
  return sameEntries(
    previous,
    next,
    (a, b) => a.share === b.share && a.leaving === b.leaving && a.completions === b.completions,
  );
}

function sameEntries(
  a: Decision,
  b: Decision,
  same: (a: ClusterShare, b: ClusterShare) => boolean,
): boolean {
  const names = Object.keys(a.clusters);
  if (names.length !== Object.keys(b.clusters).length) return false;
  return names.every((name) => {
    const other = shareOf(b, name);
    return other !== undefined && same(a.clusters[name]!, other);
  });
}

/** Deep equality of flat records of numbers, flags and one level of the same. */
function sameValue(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || !a || !b) return a === b;
  const left = Object.entries(a);
  const right = new Map(Object.entries(b));
  return (
    left.length === right.size && left.every(([key, value]) => sameValue(value, right.get(key)))
  );
}
