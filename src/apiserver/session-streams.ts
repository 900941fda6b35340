/** The requests of one HTTP/2 connection: how many are open, and whether too many are reset. */
import type { Http2Stream } from 'node:http2';
import type { Clock } from '../base/clock.ts';

/** Resets that may come at once, and again in every second after (CVE-2023-44487). */
const burst = 800;
const perSecond = 100;

export class SessionStreams {
  readonly #clock: Clock;
  readonly #onFlood: () => void;
  #allowed = burst;
  #since: number;
  open = 0;
  /** The connection below. */
  socket: { destroy(): void } | undefined;

  /** `onFlood` runs when a client opens and resets more than it may. */
  constructor(clock: Clock, onFlood: () => void) {
    this.#clock = clock;
    this.#onFlood = onFlood;
    this.#since = clock.monotonic();
  }

  add(stream: Http2Stream): void {
    this.open++;
    stream.once('close', () => {
      this.open--;
      if (stream.aborted || stream.rstCode !== 0) this.#reset();
    });
  }

  #reset(): void {
    const now = this.#clock.monotonic();
    const earned = ((now - this.#since) / 1000) * perSecond;
    this.#allowed = Math.min(burst, this.#allowed + earned) - 1;
    this.#since = now;
    if (this.#allowed < 0) this.#onFlood();
  }
}
