/** What one mode makes of a template's scope, before it is compared with the last decision. */
import type { ClusterReason, ClusterShare, DecisionCondition } from './decision.ts';

export interface Outcome {
  readonly clusters: readonly (readonly [string, ClusterShare])[];
  /** For the clusters that the mode looked at. */
  readonly reasons: ReadonlyMap<string, ClusterReason>;
  readonly unplaced: number;
  readonly unplacedReasons: readonly ClusterReason[];
  readonly conditions: readonly DecisionCondition[];
  readonly lookAgainAt: number | undefined;
}
