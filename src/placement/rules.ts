/**
 * What a placement says about one object, already parsed and validated: the same shape for
 * annotations and policy kinds.
 */
import type { LabelSelector } from '../kube/selector.ts';

export type Mode = 'Divide' | 'Copy' | 'One' | 'Home';

export interface Toleration {
  /** Absent: every key (only with operator Exists). */
  readonly key?: string;
  /** Absent: Equal. */
  readonly operator?: 'Equal' | 'Exists';
  readonly value?: string;
  /** Absent: every effect. */
  readonly effect?: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';
}

export interface Spread {
  readonly by: 'region' | 'zone' | 'provider';
  /** Chosen clusters lie in at least this many groups, where that many exist. */
  readonly minGroups: number;
}

export interface ClusterFields {
  readonly region?: readonly string[];
  readonly zone?: readonly string[];
  readonly provider?: readonly string[];
}

export interface ClusterChoice {
  /** Absent: every label. */
  readonly selector?: LabelSelector;
  /** Absent: every name. */
  readonly names?: readonly string[];
  /** A cluster must have one of the listed values of every field given. */
  readonly fields?: ClusterFields;
  readonly tolerations?: readonly Toleration[];
  /** How many clusters to choose; absent: all that fit; 0 = the object stays home. */
  readonly count?: number;
  readonly spread?: readonly Spread[];
}

export interface WeightRule {
  /**
   * Both absent: every cluster. The first rule that matches a cluster counts; names before
   * selectors before all.
   */
  readonly names?: readonly string[];
  readonly selector?: LabelSelector;
  /** Integer, 0 to 1,000,000; absent: 1. */
  readonly weight?: number;
  /** Replicas; absent: 0. */
  readonly min?: number;
  /** Replicas; absent: no bound. */
  readonly max?: number;
}

export interface PlacementRules {
  /** Who says so, for reasons: 'default', an annotation's key, later 'Placement web'. */
  readonly source: string;
  /** Absent: every cluster. */
  readonly clusters?: ClusterChoice;
  /** Absent: the kind's own. */
  readonly mode?: Mode;
  /** Absent: every cluster has weight 1. A cluster that no rule matches has weight 1 too. */
  readonly weights?: readonly WeightRule[];
  /**
   * Replicas in motion at one time, percent of all, rounded up, at least 1; 0 = never move what
   * runs.
   */
  readonly maxPercent: number;
  readonly spill: {
    /** A pod counts as missing after being unschedulable for this long. */
    readonly afterMs: number;
    /** Try again where there was no room. */
    readonly return: boolean;
  };
  /** Absent: after five minutes, Move for Divide and Stay for One. */
  readonly failover?: { readonly afterMs: number; readonly mode: 'Move' | 'Stay' };
}

/** What holds when nobody says anything. */
export const defaultRules: PlacementRules = {
  source: 'default',
  maxPercent: 10,
  spill: { afterMs: 30_000, return: true },
};
