/** The entries that were written or read last, bounded by their bytes. */
import type { Entry } from './store.ts';

/** Roughly what an entry costs beside its value. */
const overheadBytes = 200;

export class EntryCache {
  readonly #bytesMax: number;
  /** The one used longest ago comes first. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry;
  }

  set(entry: Entry): void {
    this.delete(entry.key);
    this.#entries.set(entry.key, entry);
    this.#bytes += cost(entry);
    for (const oldest of this.#entries.values()) {
      if (this.#bytes <= this.#bytesMax) break;
      this.delete(oldest.key);
    }
  }

  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#bytes -= cost(entry);
  }
}

function cost(entry: Entry): number {
  return entry.value.length + overheadBytes;
}
