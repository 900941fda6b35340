/** Counts the copies that decisions took away lately, over all templates, for the guard. */
import type { Clock } from '../base/clock.ts';
import type { GuardFacts } from '../placement/guard.ts';
import type { Unit, Units } from './unit.ts';

const windowMs = 600_000;
/** Set on a template (or confirmed for all) by somebody who means it. */
export const confirmAnnotation = 'ubernetes.dev/confirm-removals';

export class Ledger {
  readonly #clock: Clock;
  #removals: { readonly at: number; readonly count: number }[] = [];
  #confirmedUntil = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  note(removals: number): void {
    if (removals > 0) this.#removals.push({ at: this.#clock.monotonic(), count: removals });
  }

  /** Lets everything pass that waits now. */
  confirmAll(): void {
    this.#confirmedUntil = this.#clock.monotonic() + windowMs;
  }

  facts(units: Units, unit: Unit): GuardFacts {
    const now = this.#clock.monotonic();
    this.#removals = this.#removals.filter(({ at }) => at > now - windowMs);
    const recentRemovals = this.#removals.reduce((sum, { count }) => sum + count, 0);
    const governedCopies = units.governedCopies;
    const confirmed = now < this.#confirmedUntil || isConfirmed(unit);
    return { recentRemovals, governedCopies, tripped: false, confirmed };
  }
}

/** The annotation names the decision that it confirms, so that it cannot confirm a later one by accident. */
function isConfirmed(unit: Unit): boolean {
  const said = unit.template?.metadata.annotations?.[confirmAnnotation];
  return said !== undefined && said === String(unit.decision?.decision.number ?? 0);
}
