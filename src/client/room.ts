/** What everything that watches one server may keep of it together. */
import { Budget, type BudgetOptions } from '../base/budget.ts';

/** A server tells of more objects than there is room for. */
export class NoRoomError extends Error {
  override readonly name = 'NoRoomError';
}

export class Room extends Budget {
  readonly #onCrowded: (why: string) => void;
  /** Those who found no room, and have had no whole view since. */
  readonly #crowded = new Set<object>();

  /** `onCrowded` is told why somebody finds no room, and '' when all have found some. */
  constructor(options: BudgetOptions, onCrowded: (why: string) => void = () => {}) {
    super(options);
    this.#onCrowded = onCrowded;
  }

  /** @returns what to throw */
  crowd(who: object): NoRoomError {
    const mebibytes = Math.floor(this.most / 1024 / 1024);
    const error = new NoRoomError(`it has more objects than fit into ${mebibytes} MiB here`);
    const first = this.#crowded.size === 0;
    this.#crowded.add(who);
    if (first) this.#onCrowded(error.message);
    return error;
  }

  /** Whoever it is has a whole view, or wants none any more. */
  settle(who: object): void {
    if (this.#crowded.delete(who) && this.#crowded.size === 0) this.#onCrowded('');
  }
}
