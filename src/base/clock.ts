/** Time as a constructor argument, so that a seed replays a fleet. */

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Wall time, milliseconds since the Unix epoch. */
  now(): number;
  /** Monotonic time in milliseconds; only differences mean something. */
  monotonic(): number;
  /** Calls `run` once after `delayMs`. A pending timer never keeps the process alive. */
  after(delayMs: number, run: () => void): Timer;
}

export class WallClock implements Clock {
  now(): number {
    return Date.now();
  }

  monotonic(): number {
    return performance.now();
  }

  after(delayMs: number, run: () => void): Timer {
    const timer = setTimeout(run, delayMs);
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  }
}

/** Keeps the process alive while it waits for timers alone; call the result to let it go. */
export function holdProcess(): () => void {
  const timer = setInterval(() => {}, 2 ** 30);
  return () => clearInterval(timer);
}

interface Pending {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** A clock that stands still until it is told to move: for tests and the simulation. */
export class StepClock implements Clock {
  #now: number;
  #order = 0;
  /** The one that is due first comes last. */
  readonly #pending: Pending[] = [];

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#now = startMs;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  after(delayMs: number, run: () => void): Timer {
    const entry: Pending = { at: this.#now + Math.max(0, delayMs), order: this.#order++, run };
    this.#pending.splice(this.#placeOf(entry), 0, entry);
    return {
      cancel: () => {
        const place = this.#placeOf(entry);
        if (this.#pending[place] === entry) this.#pending.splice(place, 1);
      },
    };
  }

  /** When the next timer is due, or undefined when none is set. */
  nextDue(): number | undefined {
    return this.#pending.at(-1)?.at;
  }

  /**
   * Moves to the next timer that is due no later than `untilMs`, runs it, and says whether there
   * was one.
   */
  step(untilMs = Number.POSITIVE_INFINITY): boolean {
    const next = this.#pending.at(-1);
    if (next === undefined || next.at > untilMs) return false;
    this.#pending.pop();
    this.#now = Math.max(this.#now, next.at);
    next.run();
    return true;
  }

  /**
   * Moves forward by `ms`, running every timer that falls due, without letting promises settle
   * between.
   */
  advance(ms: number): void {
    const until = this.#now + ms;
    while (this.step(until));
    this.#now = until;
  }

  /** Where a timer stands, or would stand. */
  #placeOf({ at, order }: Pending): number {
    let low = 0;
    let high = this.#pending.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#pending[middle]!;
      if (other.at > at || (other.at === at && other.order > order)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Resolves after `ms`, or rejects with the signal's reason when it is aborted first. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = (): void => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.after(ms, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
