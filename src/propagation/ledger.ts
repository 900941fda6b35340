/** Keeps the guard's count of removals over all templates, and hears confirmations. */
import type { Clock } from '../base/clock.ts';
import type { DecideResult } from '../placement/decide.ts';
import {
  confirm,
  emptyLedger,
  type GuardFacts,
  guardFacts,
  type Ledger as Removals,
  recordRemovals,
  trip,
} from '../placement/guard.ts';
import type { Unit, Units } from './unit.ts';

/** On a template: the number of the decision whose held-back removals somebody means. */
export const confirmAnnotation = 'ubernetes.dev/confirm-removals';

export class Ledger {
  readonly #clock: Clock;
  #removals: Removals = emptyLedger;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes in a decision that was committed, or held back. */
  note(result: DecideResult): void {
    const now = this.#clock.now();
    if (result.heldBack === 'TooManyRemovals') this.#removals = trip(this.#removals, now);
    this.#removals = recordRemovals(this.#removals, result.removals, now);
  }

  /** Lets everything pass that waits, and counts anew. */
  confirmAll(): void {
    this.#removals = confirm(this.#removals);
  }

  facts(units: Units, unit: Unit): GuardFacts {
    const { governedCopies } = units;
    return guardFacts(this.#removals, {
      governedCopies,
      confirmed: isConfirmed(unit),
      now: this.#clock.now(),
    });
  }
}

/**
 * The annotation names the decision that it confirms, so that it cannot confirm a later one by
 * accident.
 */
function isConfirmed(unit: Unit): boolean {
  const said = unit.template?.metadata.annotations?.[confirmAnnotation];
  return said !== undefined && said === String(unit.decision?.decision.number ?? 0);
}
