/**
 * The last changes of a collection, so that a watch that resumes a little behind needs no store.
 */
import type { CommittedChange } from './collection.ts';

const changesMax = 1024;

export class RecentChanges {
  #changes: CommittedChange[] = [];
  /** Every change after this revision is here. */
  #since: number;

  constructor(since: number) {
    this.#since = since;
  }

  add(change: CommittedChange): void {
    this.#changes.push(change);
    // Half at a time, so that forgetting costs nothing per change.
    if (this.#changes.length < changesMax) return;
    const forgotten = this.#changes.splice(0, changesMax / 2);
    this.#since = forgotten.at(-1)!.revision;
    // A commit may change several objects: what is left of its changes is forgotten too.
    while (this.#changes[0]?.revision === this.#since) this.#changes.shift();
  }

  /** The changes after a revision in order, or undefined when some of them are forgotten. */
  after(revision: number): readonly CommittedChange[] | undefined {
    if (revision < this.#since) return undefined;
    let from = this.#changes.length;
    while (from > 0 && this.#changes[from - 1]!.revision > revision) from--;
    return this.#changes.slice(from);
  }
}
