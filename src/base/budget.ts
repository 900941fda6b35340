/** Bytes that may be held at one time, by one holder or by several out of a common pool. */

export interface BudgetOptions {
  /** Bytes that this holder may have. */
  readonly most: number;
  /** What is more than `own` bytes comes out of this one too. */
  readonly pool?: Budget;
  /** Bytes that this holder has for itself, whatever others take. */
  readonly own?: number;
}

export class Budget {
  readonly most: number;
  readonly #pool: Budget | undefined;
  readonly #own: number;
  #used = 0;

  constructor({ most, pool, own = 0 }: BudgetOptions) {
    this.most = most;
    this.#pool = pool;
    this.#own = own;
  }

  get used(): number {
    return this.#used;
  }

  /** @returns whether there was room for them; if not, nothing is taken */
  take(bytes: number): boolean {
    const after = this.#used + bytes;
    if (after > this.most) return false;
    const borrowed = this.#borrowed(after) - this.#borrowed(this.#used);
    if (borrowed > 0 && this.#pool?.take(borrowed) === false) return false;
    this.#used = after;
    return true;
  }

  /** Gives back what was taken. */
  release(bytes: number): void {
    const after = this.#used - bytes;
    const returned = this.#borrowed(this.#used) - this.#borrowed(after);
    if (returned > 0) this.#pool?.release(returned);
    this.#used = after;
  }

  #borrowed(used: number): number {
    return Math.max(0, used - this.#own);
  }
}
