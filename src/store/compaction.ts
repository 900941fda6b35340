/** Forgets old history in the background, as old as kube-apiserver forgets it: five minutes. */
import type { Clock, Timer } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Store } from './store.ts';

export interface CompactionOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  /** History younger than this is kept, in milliseconds; 5 minutes unless told. */
  readonly keepMs?: number;
}

/** How many times within `keepMs` the revision is noted and history forgotten. */
const notesPerPeriod = 10;

/** Runs from its creation until stop(). After a restart it first waits for `keepMs`. */
export class Compaction {
  readonly #options: CompactionOptions;
  readonly #keepMs: number;
  /** Which revision was the newest when, oldest first. */
  #notes: { readonly at: number; readonly revision: number }[] = [];
  #timer: Timer;

  constructor(options: CompactionOptions) {
    this.#options = options;
    this.#keepMs = options.keepMs ?? 5 * 60_000;
    this.#note();
    this.#timer = this.#later();
  }

  stop(): void {
    this.#timer.cancel();
  }

  #later(): Timer {
    return this.#options.clock.after(this.#keepMs / notesPerPeriod, () => void this.#run());
  }

  #note(): void {
    const { store, clock } = this.#options;
    this.#notes.push({ at: clock.monotonic(), revision: store.revision });
  }

  async #run(): Promise<void> {
    // Set first, so that stop() ends it also while a compaction is under way.
    this.#timer = this.#later();
    this.#note();
    const { store, clock, logger } = this.#options;
    const old = this.#notes.findLastIndex(({ at }) => at <= clock.monotonic() - this.#keepMs);
    if (old < 0) return;
    this.#notes = this.#notes.slice(old);
    const { revision } = this.#notes[0]!;
    if (revision <= store.compacted) return;
    try {
      await store.compact(revision);
    } catch (error) {
      logger.warn('history was not compacted, it is tried again', { error: messageOf(error) });
    }
  }
}
