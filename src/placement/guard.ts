/**
 * The guards against one slip emptying many clusters: removals are counted over all templates, and
 * above a limit they wait.
 */

/** What one decision needs to know of the ledger. */
export interface GuardFacts {
  /**
   * Copies whose removal began in the last ten minutes, from anything but a DELETE of their
   * template.
   */
  readonly recentRemovals: number;
  /** All copies that the federation governs now. */
  readonly governedCopies: number;
  /** The limit was hit and nobody has confirmed since: no removal at all. */
  readonly tripped: boolean;
  /** Somebody confirmed this template's pending removals (or all). */
  readonly confirmed: boolean;
}

export type GuardReason = 'EmptySelection' | 'TooManyRemovals';

export interface GuardAnswer {
  readonly reason: GuardReason;
  readonly message: string;
}

/** How long a removal counts. */
export const windowMs = 600_000;

/** Removals that ten minutes may see. */
export function removalLimit(governedCopies: number): number {
  return Math.max(10, Math.floor(governedCopies / 20));
}

/** Why these removals must wait for a confirmation, or undefined. */
export function holdBack(
  facts: GuardFacts,
  removals: number,
  emptied: boolean,
): GuardAnswer | undefined {
  if (removals === 0 || facts.confirmed) return undefined;
  if (emptied)
    return {
      reason: 'EmptySelection',
      message: `no cluster is chosen any more; ${copies(removals)} would be removed: confirm, or choose clusters again`,
    };
  const limit = removalLimit(facts.governedCopies);
  if (!facts.tripped && facts.recentRemovals + removals <= limit) return undefined;
  return {
    reason: 'TooManyRemovals',
    message:
      `${copies(removals)} would be removed after ${facts.recentRemovals} in the last 10 minutes, ` +
      `of ${facts.governedCopies} in all (limit ${limit}): confirm, or undo the change`,
  };
}

function copies(count: number): string {
  return count === 1 ? '1 copy' : `${count} copies`;
}

/** Removals over all templates. JSON-safe; every change gives a new ledger. */
export interface Ledger {
  readonly removals: readonly { readonly at: number; readonly copies: number }[];
  /** Since when removals wait for a confirmation, milliseconds since the epoch. */
  readonly trippedAt?: number;
}

export const emptyLedger: Ledger = { removals: [] };

/**
 * After a decision that starts to remove copies was committed. Removals of the same second are one
 * entry.
 */
export function recordRemovals(ledger: Ledger, copies: number, now: number): Ledger {
  const recent = ledger.removals.filter((entry) => entry.at > now - windowMs);
  if (copies <= 0)
    return recent.length === ledger.removals.length ? ledger : { ...ledger, removals: recent };
  const second = Math.floor(now / 1000) * 1000;
  const last = recent.at(-1);
  const removals =
    last?.at === second
      ? [...recent.slice(0, -1), { at: second, copies: last.copies + copies }]
      : [...recent, { at: second, copies }];
  return { ...ledger, removals };
}

/** After a decision was held back for TooManyRemovals: from now on all removals wait. */
export function trip(ledger: Ledger, now: number): Ledger {
  return ledger.trippedAt === undefined ? { ...ledger, trippedAt: now } : ledger;
}

/** After somebody confirmed: what was held back may go, and counting starts anew. */
export function confirm(_ledger: Ledger): Ledger {
  return emptyLedger;
}

export function guardFacts(
  ledger: Ledger,
  options: { readonly governedCopies: number; readonly confirmed: boolean; readonly now: number },
): GuardFacts {
  let recentRemovals = 0;
  for (const entry of ledger.removals)
    if (entry.at > options.now - windowMs) recentRemovals += entry.copies;
  return {
    recentRemovals,
    governedCopies: options.governedCopies,
    tripped: ledger.trippedAt !== undefined,
    confirmed: options.confirmed,
  };
}
