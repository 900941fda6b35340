/** How long a member's answer is waited for: time that we took ourselves is not the member's. */
import type { Clock } from '../base/clock.ts';

/** Time is counted in steps: one in which our event loop was busy counts no more than another. */
const stepMs = 50;

export interface Limits {
  /** Longest wait for the member once it has been asked, milliseconds. */
  readonly memberMs: number;
  /** Longest wait for a turn to ask it, milliseconds. */
  readonly queueMs: number;
}

/** The patience that one user has, over all questions that are asked for them. */
export class Patience {
  readonly #clock: Clock;
  readonly #limits: Limits;
  #memberMs = 0;
  #queueMs = 0;

  constructor(clock: Clock, limits: Limits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /**
   * What `ask` resolves to, or 'late'; it calls `sent` when the question leaves our queue. A late
   * answer is let arrive, since to break off costs its connection.
   */
  wait<T>(ask: (sent: () => void) => Promise<T>): Promise<T | 'late'> {
    let asked = false;
    const answer = ask(() => {
      asked = true;
    });
    return new Promise((resolve, reject) => {
      const step = (): void => {
        if (asked) this.#memberMs += stepMs;
        else this.#queueMs += stepMs;
        if (this.#isOver()) resolve('late');
        else timer = this.#clock.after(stepMs, step);
      };
      let timer = this.#clock.after(stepMs, step);
      answer.then(resolve, reject).finally(() => timer.cancel());
    });
  }

  #isOver(): boolean {
    return this.#memberMs >= this.#limits.memberMs || this.#queueMs >= this.#limits.queueMs;
  }
}
