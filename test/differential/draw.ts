/** Choices of fast-check, made one after the other while something is built. */
import fc from 'fast-check';

export class Draw {
  readonly #next: fc.GeneratorValue;

  constructor(next: fc.GeneratorValue) {
    this.#next = next;
  }

  /** A number of [min, max]. */
  integer(min: number, max: number): number {
    return this.#next(fc.integer, { min, max });
  }

  /** Once in so many times. */
  once(inSoMany: number): boolean {
    return this.integer(1, inSoMany) === inSoMany;
  }

  one<T>(list: readonly T[]): T {
    return list[this.integer(0, list.length - 1)]!;
  }

  /** So many of the list at most, in its order. */
  some<T>(list: readonly T[], max: number): T[] {
    const left = [...list.keys()];
    const taken = new Set<number>();
    for (let n = Math.min(max, list.length); n > 0; n--)
      taken.add(left.splice(this.integer(0, left.length - 1), 1)[0]!);
    return list.filter((_, i) => taken.has(i));
  }

  times<T>(min: number, max: number, make: () => T): T[] {
    return Array.from({ length: this.integer(min, max) }, make);
  }
}

/** What `build` makes of choices. */
export function drawn<T>(build: (draw: Draw) => T): fc.Arbitrary<T> {
  return fc.gen().map((next) => build(new Draw(next)));
}
