/** Whether a lease may be taken, renewed or must be left alone: pure. */

/** Who wants it. */
export interface LeaseClaim {
  /** Id of this federation. */
  readonly federation: string;
  /** Name of this replica, the same after a restart on the same data. */
  readonly instance: string;
  /** Random, new in every process. */
  readonly process: string;
  /**
   * Grows with every start on the same data, so that a successor need not wait for the lease of its
   * predecessor.
   */
  readonly term: number;
  /** Highest revision that who wrote the record can have seen in the past of our store. */
  readonly reach: number;
}

/** What stands in the member. */
export interface LeaseRecord {
  /** '' = released. */
  readonly holder: string;
  readonly federation: string;
  readonly instance: string;
  readonly process: string;
  readonly term: number;
  readonly revision: number;
  readonly durationMs: number;
}

export type LeaseRefusal = 'HeldByStranger' | 'HeldByReplica' | 'RevisionAhead';

export type LeaseDecision =
  | { readonly take: true; readonly term: number }
  | { readonly take: false; readonly reason: LeaseRefusal; readonly message: string };

/**
 * `record` undefined: there is no lease yet. `unchangedForMs`: how long, by this process's
 * monotonic clock, the
 * record has stood unchanged; clocks of other machines are not trusted.
 */
export function decideLease(
  claim: LeaseClaim,
  record: LeaseRecord | undefined,
  unchangedForMs: number,
): LeaseDecision {
  if (record === undefined) return { take: true, term: claim.term };
  if (record.federation !== '' && record.federation !== claim.federation) {
    return refuse(
      'HeldByStranger',
      `another federation (${record.federation}) is the writer of this cluster`,
    );
  }
  if (record.revision > claim.reach) {
    return refuse(
      'RevisionAhead',
      `the cluster was written at store revision ${record.revision}, which our data has not ` +
        'seen: this federation runs on an older copy of its data',
    );
  }
  if (record.process === claim.process) return { take: true, term: record.term };
  const term = Math.max(claim.term, record.term + 1);
  if (record.holder === '') return { take: true, term };
  // Our own predecessor on the same data is dead: a data folder has one process at a time.
  if (record.instance === claim.instance && record.term < claim.term) {
    return { take: true, term: claim.term };
  }
  if (unchangedForMs >= record.durationMs) return { take: true, term };
  return refuse('HeldByReplica', `replica ${record.instance} of this federation is the writer`);
}

function refuse(reason: LeaseRefusal, message: string): LeaseDecision {
  return { take: false, reason, message };
}
