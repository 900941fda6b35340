/** Exponential backoff with full jitter on the upper half. */
import { fraction, type Random } from './random.ts';

export interface BackoffOptions {
  readonly firstMs: number;
  readonly maxMs: number;
}

export class Backoff {
  #failures = 0;
  readonly #options: BackoffOptions;
  readonly #random: Random;

  constructor(options: BackoffOptions, random: Random) {
    this.#options = options;
    this.#random = random;
  }

  get failures(): number {
    return this.#failures;
  }

  /** The delay before the next try, in milliseconds; each call counts one failure. */
  next(): number {
    const full = Math.min(
      this.#options.maxMs,
      this.#options.firstMs * 2 ** Math.min(this.#failures, 30),
    );
    this.#failures++;
    return full / 2 + (fraction(this.#random) * full) / 2;
  }

  reset(): void {
    this.#failures = 0;
  }
}
