/** Everything that a decision depends on. */
import type { Decision } from './decision.ts';
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
