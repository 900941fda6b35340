/** Framed watch events that many watchers share, for as long as they are fresh. */
import type { Item } from './backend.ts';

/** Joined frames that are remembered: as many as watchers that are not all at the same event. */
const joinedMax = 8;

/** Framed events of the last moments, so that the next watcher of the same item copies nothing. */
export class FrameCache {
  readonly #limit: number;
  readonly #frames = new WeakMap<Item, Map<string, Buffer>>();
  #kept: { readonly item: Item; readonly key: string; readonly size: number }[] = [];
  #oldest = 0;
  #bytes = 0;
  /** The newest last. */
  readonly #joined: { readonly frames: readonly Buffer[]; readonly bytes: Buffer }[] = [];

  constructor(limitBytes = 4 * 1024 * 1024) {
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

  /** These frames in one piece: the same one for all watchers who are sent the same frames. */
  join(frames: readonly Buffer[], size: number): Buffer {
    const known = this.#joined.findLast((one) => isSame(one.frames, frames));
    if (known !== undefined) return known.bytes;
    const bytes = Buffer.concat(frames, size);
    this.#joined.push({ frames, bytes });
    if (this.#joined.length > joinedMax) this.#joined.shift();
    return bytes;
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

function isSame(a: readonly Buffer[], b: readonly Buffer[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
