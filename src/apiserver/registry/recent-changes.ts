/**
 * The last changes of a collection, so that a watch that resumes a little behind needs no store.
 */
import type { CommittedChange } from './collection.ts';

/** Changes kept, and the bytes of their objects; older ones are read from the store's history. */
const changesMax = 1024;
const bytesMax = 2 * 1024 * 1024;

export class RecentChanges {
  #changes: CommittedChange[] = [];
  #bytes = 0;
  /** Every change after this revision is here. */
  #since: number;

  constructor(since: number) {
    this.#since = since;
  }

  add(change: CommittedChange): void {
    this.#changes.push(change);
    this.#bytes += sizeOf(change);
    if (this.#changes.length < changesMax && this.#bytes < bytesMax) return;
    // Half at a time, so that forgetting costs next to nothing per change.
    this.#forget(Math.ceil(this.#changes.length / 2));
  }

  /** The changes after a revision in order, or undefined when some of them are forgotten. */
  after(revision: number): readonly CommittedChange[] | undefined {
    if (revision < this.#since) return undefined;
    let from = this.#changes.length;
    while (from > 0 && this.#changes[from - 1]!.revision > revision) from--;
    return this.#changes.slice(from);
  }

  #forget(count: number): void {
    const forgotten = this.#changes.splice(0, count);
    this.#since = forgotten.at(-1)!.revision;
    // A commit may change several objects: what is left of its changes is forgotten too.
    while (this.#changes[0]?.revision === this.#since) this.#changes.shift();
    this.#bytes = this.#changes.reduce((sum, change) => sum + sizeOf(change), 0);
  }
}

function sizeOf({ item, previous }: CommittedChange): number {
  return (item ?? previous)?.size ?? 0;
}
