/** The one pure entry: from what a template wants and what is seen of it to where its copies are. */
import type { ClusterReason, Decision, DecisionCondition } from './decision.ts';
import type { ClusterFacts, CopyFacts, Rooms } from './facts.ts';
import type { GuardFacts } from './guard.ts';
import type { Mode, PlacementRules } from './rules.ts';

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
  /** When to decide again though nothing is seen to change, milliseconds since the epoch. */
  readonly lookAgainAt: number | undefined;
}
