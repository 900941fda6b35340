/** Choices of one fleet, all from one seed. */
import { fraction, integer, type Random, SeededRandom } from '../src/base/random.ts';

export class Dice {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Randomness of its own for one part, so that another part's thirst does not change it. */
  fork(): SeededRandom {
    return new SeededRandom(this.#random.bytes(4).readUInt32LE(0));
  }

  /** In [least, most]. */
  between(least: number, most: number): number {
    return least + integer(this.#random, most - least + 1);
  }

  chance(probability: number): boolean {
    return fraction(this.#random) < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[integer(this.#random, items.length)]!;
  }

  /** An item by its weight. */
  weighted<T extends { readonly weight: number }>(items: readonly T[]): T {
    const total = items.reduce((sum, { weight }) => sum + weight, 0);
    let left = fraction(this.#random) * total;
    for (const item of items) {
      left -= item.weight;
      if (left < 0) return item;
    }
    return items.at(-1)!;
  }
}
