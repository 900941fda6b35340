/**
 * Which mutators run a second time: those that asked for it and ran before a later one changed the
 * object.
 */
export class Reinvocation {
  /** Asked for it, and have seen the newest object. */
  readonly #current = new Set<string>();
  readonly #due = new Set<string>();
  #second = false;
  #changed = false;

  /** The object is another one now. */
  changed(): void {
    this.#changed = true;
    this.stale();
  }

  /** What ran so far has not seen the newest object. */
  stale(): void {
    for (const id of this.#current) this.#due.add(id);
    this.#current.clear();
  }

  ran(id: string): void {
    this.#current.add(id);
  }

  /** Whether a mutator runs in this round. */
  runs(id: string): boolean {
    return !this.#second || this.#due.has(id);
  }

  /** Begins the second round; false: there is no need for one. */
  again(): boolean {
    if (this.#second || !this.#changed) return false;
    this.#second = true;
    return true;
  }

  get round(): 0 | 1 {
    return this.#second ? 1 : 0;
  }
}
