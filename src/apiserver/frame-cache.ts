/** Framed watch events that many watchers share, for as long as they are fresh. */
import type { Item } from './backend.ts';

/** Framed events of the last moments, so that the next watcher of the same item copies nothing. */
export class FrameCache {
  readonly #limit: number;
  readonly #frames = new WeakMap<Item, Map<string, Buffer>>();
  #kept: { readonly item: Item; readonly key: string; readonly size: number }[] = [];
  #oldest = 0;
  #bytes = 0;

  constructor(limitBytes = 16 * 1024 * 1024) {
    this.#limit = limitBytes;
  }

  find(item: Item, key: string): Buffer | undefined {
    return this.#frames.get(item)?.get(key);
  }

  keep(item: Item, key: string, frame: Buffer): void {
    let frames = this.#frames.get(item);
    if (frames === undefined) {
      frames = new Map();
      this.#frames.set(item, frames);
    }
    frames.set(key, frame);
    this.#kept.push({ item, key, size: frame.length });
    this.#bytes += frame.length;
    while (this.#bytes > this.#limit) this.#dropOldest();
  }

  #dropOldest(): void {
    const { item, key, size } = this.#kept[this.#oldest++]!;
    this.#frames.get(item)?.delete(key);
    this.#bytes -= size;
    if (this.#oldest < 1024 || this.#oldest * 2 < this.#kept.length) return;
    this.#kept = this.#kept.slice(this.#oldest);
    this.#oldest = 0;
  }
}
