/** Forgets history that no list or watch may want any more: as old as kube-apiserver's, and never the last revisions. */
import type { Clock, Timer } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Store } from '../store/store.ts';

/** Between two compactions; what is forgotten is at least this old. */
const everyMs = 300_000;
/** A quiet store keeps this many revisions whatever their age. */
const revisionsKept = 1000;

export class Compaction {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #seen: number;
  #timer: Timer | undefined;
  #stopped = false;

  constructor({ store, clock, logger }: { store: Store; clock: Clock; logger: Logger }) {
    this.#store = store;
    this.#clock = clock;
    this.#logger = logger;
    this.#seen = store.revision;
    this.#schedule();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #schedule(): void {
    if (this.#stopped) return;
    this.#timer = this.#clock.after(everyMs, () => void this.#compact());
  }

  async #compact(): Promise<void> {
    const { revision, compacted } = this.#store;
    const target = Math.min(this.#seen, revision - revisionsKept);
    this.#seen = revision;
    try {
      if (target > compacted) await this.#store.compact(target);
    } catch (error) {
      this.#logger.warn('history could not be compacted', { error: messageOf(error) });
    }
    this.#schedule();
  }
}
