/**
 * Names from a variable on to what a schema tells of. cel-go keeps them in Go's slices, of which
 * two that grew out of one share memory: the later one writes over the last name of the earlier
 * one, and what kube-apiserver refuses depends on it. So these do the same.
 */
export class Path {
  static readonly none = new Path([], 0, 0);

  readonly #memory: string[];
  readonly #capacity: number;
  readonly length: number;

  private constructor(memory: string[], length: number, capacity: number) {
    this.#memory = memory;
    this.length = length;
    this.#capacity = capacity;
  }

  static of(name: string): Path {
    return new Path([name], 1, 1);
  }

  with(name: string): Path {
    if (this.length < this.#capacity) {
      this.#memory[this.length] = name;
      return new Path(this.#memory, this.length + 1, this.#capacity);
    }
    return this.apart(name, Math.max(1, 2 * this.#capacity));
  }

  /** In memory of its own. */
  apart(name: string, capacity = this.length + 1): Path {
    return new Path([...this.steps(), name], this.length + 1, capacity);
  }

  /** The names as they are now. */
  steps(): string[] {
    return this.#memory.slice(0, this.length);
  }
}
