/**
 * What is known of clusters and of one object's copies in them: the observed half of every
 * decision.
 */

export interface Taint {
  readonly key: string;
  readonly value?: string;
  readonly effect: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';
}

/**
 * ready: takes writes. cordoned: keeps what it has, gets nothing new. draining: gives away what it
 * has, replacement first.
 * unreachable: seen lately, cannot be asked now; like cordoned at its last ask. lost: declared
 * lost, its replicas are replaced.
 * returned: was lost and answers again; only its ready replicas count until they reach what was
 * asked.
 */
export type ClusterState = 'ready' | 'cordoned' | 'draining' | 'unreachable' | 'lost' | 'returned';

/** One joined cluster: the same array can be shared by all templates. */
export interface ClusterFacts {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly region?: string;
  readonly zones: readonly string[];
  readonly provider?: string;
  readonly taints: readonly Taint[];
  readonly state: ClusterState;
}

/**
 * One template's copy in one cluster, as last seen. Absent: no copy there, so a cluster whose
 * copies have not been listed
 * yet must be given as unreachable.
 */
export interface CopyFacts {
  /** spec.replicas of the copy, where it has any; only used when no decision is on record. */
  readonly ask?: number;
  /** Ready replicas. Every count here is a count of pods. */
  readonly ready: number;
  /**
   * Pods bound to a node, whatever their revision, terminating ones excluded. Absent: unknown, then
   * ready is used.
   */
  readonly bound?: number;
  /** Pods being deleted that are not yet overdue: see pods.ts. */
  readonly terminating?: number;
  /** Pods Unschedulable for at least spill.after, quota refusals included: see pods.ts. */
  readonly unschedulable?: number;
  /** When the next pending pod becomes due, milliseconds since the epoch. */
  readonly dueAt?: number;
  /** The copy's controller is in the middle of a rollout. */
  readonly midRollout?: boolean;
}

/**
 * Room for further replicas of this template per cluster, by an estimate. A cluster without an
 * entry is taken as roomy.
 */
export type Rooms = ReadonlyMap<string, number>;
