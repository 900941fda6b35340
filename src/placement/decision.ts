/**
 * The decision of one template: what is stored, and what was said about it. JSON-safe, so that it
 * is stored as it stands.
 */
import type { Mode } from './rules.ts';

/**
 * What was learnt about the room for one object in one cluster. Absent fields have their initial
 * value.
 */
export interface SpillState {
  /** Replicas that fit when last tried; absent: no bound known. */
  readonly ceiling?: number;
  /** Replicas of the next try; absent: 1. */
  readonly step?: number;
  /** Pause after a failed try, milliseconds; absent: 60,000. */
  readonly backoffMs?: number;
  /** No try before this time, milliseconds since the epoch. */
  readonly retryAt?: number;
  /** The estimated room at the last failure: only a better estimate shortens the pause. */
  readonly failedRoom?: number;
  /** It would get more if there were room. */
  readonly wants?: true;
  /** Its share lies above the ceiling to see whether there is room again. */
  readonly trying?: true;
  /** Since when it has not wanted more, milliseconds since the epoch. */
  readonly contentSince?: number;
}

/** Every field of SpillState: the compiler refuses a list that misses one. */
const allSpillFields: Readonly<Record<keyof SpillState, true>> = {
  ceiling: true,
  step: true,
  backoffMs: true,
  retryAt: true,
  failedRoom: true,
  wants: true,
  trying: true,
  contentSince: true,
};

export const spillFields = Object.keys(allSpillFields) as readonly (keyof SpillState)[];

export interface ClusterShare {
  /** Replicas to ask for; absent: the whole object as it stands (Copy, One). */
  readonly share?: number;
  /** Completions of a divided Job, fixed when it is placed. */
  readonly completions?: number;
  /**
   * No longer chosen. With a share: the copy goes when its replicas are replaced. Without: delete
   * the copy now.
   */
  readonly leaving?: true;
  /**
   * Was declared lost and its replicas are replaced elsewhere; cleared when it is back with all
   * that was asked.
   */
  readonly replaced?: true;
  readonly spill?: SpillState;
}

/** What a decider stores and executors carry out. A cluster without an entry has no copy. */
export interface Decision {
  /** 1 for the first; grows by one with each stored decision of this template. */
  readonly number: number;
  readonly mode: Mode;
  /** By cluster name. */
  readonly clusters: Readonly<Record<string, ClusterShare>>;
}

/** The entries of a decision by cluster name, each looked up once. */
export type Entries = ReadonlyMap<string, ClusterShare>;

export function entriesOf(decision: Decision | undefined): Entries {
  return new Map(decision === undefined ? [] : Object.entries(decision.clusters));
}

/**
 * What a cluster's copy is to be; undefined: there is to be none, also for a whole copy that
 * leaves.
 */
export function wantedIn(
  decision: Decision | undefined,
  cluster: string,
): ClusterShare | undefined {
  // A cluster may be called `constructor`.
  if (!decision || !Object.hasOwn(decision.clusters, cluster)) return undefined;
  const entry = decision.clusters[cluster]!;
  return entry.leaving && entry.share === undefined ? undefined : entry;
}

export interface ClusterReason {
  /** CamelCase, for machines: Chosen, NotSelected, Tainted, Full … */
  readonly reason: string;
  /** For people. */
  readonly message: string;
}

export interface DecisionCondition {
  /**
   * Placed: all replicas have a place. Settled: nothing is in motion. Frozen: a guard holds a
   * change back.
   */
  readonly type: 'Placed' | 'Settled' | 'Frozen';
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
}
