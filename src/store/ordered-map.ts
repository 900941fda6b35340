/**
 * A map whose keys are kept in the order of their UTF-8 bytes, in chunks so that no write moves
 * more than one of them.
 */
import { isBefore, needsCodePointOrder } from './keys.ts';

const chunkKeysMax = 512;

export class OrderedMap<V> {
  readonly #values = new Map<string, V>();
  /** No chunk is empty; the chunks' keys one after the other are all keys in order. */
  #chunks: string[][] = [];
  /** Set with the first key for which `<` is not the order of bytes. */
  #byCodePoint = false;

  get size(): number {
    return this.#values.size;
  }

  get(key: string): V | undefined {
    return this.#values.get(key);
  }

  set(key: string, value: V): void {
    if (!this.#values.has(key)) this.#insert(key);
    this.#values.set(key, value);
  }

  delete(key: string): void {
    if (!this.#values.delete(key)) return;
    const at = this.#chunkOf(key);
    const chunk = this.#chunks[at]!;
    chunk.splice(this.#position(chunk, key), 1);
    if (chunk.length === 0) this.#chunks.splice(at, 1);
  }

  /**
   * Visits from `start` (inclusive) to `end` (exclusive) until `visit` says false. The map may not
   * change meanwhile.
   */
  scan(start: string, end: string, visit: (key: string, value: V) => boolean): void {
    let at = this.#chunkOf(start);
    let chunk = this.#chunks[at];
    let i = chunk === undefined ? 0 : this.#position(chunk, start);
    for (; chunk !== undefined; chunk = this.#chunks[++at], i = 0) {
      for (; i < chunk.length; i++) {
        const key = chunk[i]!;
        if (!this.#before(key, end) || !visit(key, this.#values.get(key)!)) return;
      }
    }
  }

  /** All keys and values, in order. */
  entries(): [string, V][] {
    return this.#chunks.flat().map((key) => [key, this.#values.get(key)!]);
  }

  #insert(key: string): void {
    if (!this.#byCodePoint && needsCodePointOrder(key)) this.#byCodePoint = true;
    const at = this.#chunkOf(key);
    const chunk = this.#chunks[at];
    if (chunk === undefined) {
      this.#chunks.push([key]);
      return;
    }
    chunk.splice(this.#position(chunk, key), 0, key);
    if (chunk.length <= chunkKeysMax) return;
    // Keys often come in order: leave the left chunk nearly full when the last one grows at its
    // end.
    const atEnd = at === this.#chunks.length - 1 && chunk.at(-1) === key;
    this.#chunks.splice(at + 1, 0, chunk.splice(atEnd ? chunkKeysMax : chunkKeysMax / 2));
  }

  /** The last chunk whose first key is not after `key`; the first one when there is none. */
  #chunkOf(key: string): number {
    let low = 0;
    let high = this.#chunks.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (this.#before(key, this.#chunks[middle]![0]!)) high = middle;
      else low = middle;
    }
    return low;
  }

  /** The first position in the chunk whose key is not before `key`. */
  #position(chunk: readonly string[], key: string): number {
    let low = 0;
    let high = chunk.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#before(chunk[middle]!, key)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #before(a: string, b: string): boolean {
    return this.#byCodePoint ? isBefore(a, b) : a < b;
  }
}
