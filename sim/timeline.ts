/** Virtual time: everything that can happen now happens, then the clock moves to the next timer. */
import type { StepClock } from '../src/base/clock.ts';

/** A promise of the fleet did not settle in the time that it was given. */
export class TooLate extends Error {
  override readonly name = 'TooLate';
}

export class Timeline {
  readonly clock: StepClock;
  readonly #startedAt: number;

  constructor(clock: StepClock) {
    this.clock = clock;
    this.#startedAt = clock.now();
  }

  /** Milliseconds since the fleet began. */
  get elapsed(): number {
    return this.clock.now() - this.#startedAt;
  }

  /** Runs for `ms`, or until `done` says so; whether it did. */
  async run(ms: number, done: () => boolean = () => false): Promise<boolean> {
    const until = this.clock.now() + ms;
    for (;;) {
      await settled();
      if (done()) return true;
      if (!this.clock.step(until)) break;
    }
    this.clock.advance(until - this.clock.now());
    await settled();
    return done();
  }

  /** The outcome of a promise, with time going on. @throws TooLate after `ms` */
  async finish<T>(promise: Promise<T>, ms: number): Promise<T> {
    let over = false;
    const end = (): void => {
      over = true;
    };
    promise.then(end, end);
    if (await this.run(ms, () => over)) return promise;
    throw new TooLate(`nothing came of it in ${ms} ms`);
  }
}

/**
 * Resolves when no promise can go on: nothing in a fleet waits for anything but promises and the
 * clock.
 */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
