/**
 * Finds the registered prefixes of a key by one binary search, however many others are registered.
 */

interface Node<V> {
  readonly prefix: string;
  readonly value: V;
  /** The longest other registered prefix of this prefix. */
  parent: Node<V> | undefined;
}

export class PrefixIndex<V> {
  /**
   * By prefix, in the order of `<`, in which everything between a prefix and a key that has it has
   * it too.
   */
  readonly #nodes: Node<V>[] = [];
  #stale = false;

  /** The value of exactly this prefix. */
  get(prefix: string): V | undefined {
    const node = this.#nodes[this.#after(prefix) - 1];
    return node?.prefix === prefix ? node.value : undefined;
  }

  /** Adds a prefix that is not there yet. */
  add(prefix: string, value: V): void {
    this.#nodes.splice(this.#after(prefix), 0, { prefix, value, parent: undefined });
    this.#stale = true;
  }

  remove(prefix: string): void {
    const at = this.#after(prefix) - 1;
    if (this.#nodes[at]?.prefix !== prefix) return;
    this.#nodes.splice(at, 1);
    this.#stale = true;
  }

  /** Calls `visit` for every registered prefix of `key`, the longest first. */
  match(key: string, visit: (value: V) => void): void {
    if (this.#nodes.length === 0) return;
    if (this.#stale) this.#link();
    let node = this.#nodes[this.#after(key) - 1];
    while (node !== undefined && !key.startsWith(node.prefix)) node = node.parent;
    for (; node !== undefined; node = node.parent) visit(node.value);
  }

  #link(): void {
    let last: Node<V> | undefined;
    for (const node of this.#nodes) {
      while (last !== undefined && !node.prefix.startsWith(last.prefix)) last = last.parent;
      node.parent = last;
      last = node;
    }
    this.#stale = false;
  }

  /** How many prefixes are not after `key`. */
  #after(key: string): number {
    let low = 0;
    let high = this.#nodes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#nodes[middle]!.prefix <= key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
