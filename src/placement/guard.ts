/** The guards against one slip emptying many clusters: removals are counted over all templates, and above a limit they wait. */

/** What one decision needs to know of the ledger. */
export interface GuardFacts {
  /** Copies whose removal began in the last ten minutes, from anything but a DELETE of their template. */
  readonly recentRemovals: number;
  /** All copies that the federation governs now. */
  readonly governedCopies: number;
  /** The limit was hit and nobody has confirmed since: no removal at all. */
  readonly tripped: boolean;
  /** Somebody confirmed this template's pending removals (or all). */
  readonly confirmed: boolean;
}
