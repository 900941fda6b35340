/**
 * How many calls a member gets at one time: its own answers say (429, Retry-After), and nobody
 * waits without bound.
 */
import type { Clock, Timer } from '../base/clock.ts';
import { TransportError } from '../client/transport.ts';

export interface PaceOptions {
  readonly clock: Clock;
  /** Most calls in flight. */
  readonly inFlight: number;
  /** Most calls that wait for room. */
  readonly waiting: number;
}

/** Longest pause that a Retry-After is granted, milliseconds. */
const longestPauseMs = 10_000;

interface Waiter {
  readonly admit: () => void;
  readonly refuse: (error: TransportError) => void;
}

export class Pace {
  readonly #options: PaceOptions;
  #window: number;
  #flying = 0;
  #pausedUntil = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;
  #closed: TransportError | undefined;
  /** A queue by index: shifting an array of thousands is not free. */
  #queue: Waiter[] = [];
  #head = 0;

  constructor(options: PaceOptions) {
    this.#options = options;
    this.#window = options.inFlight;
  }

  get inFlight(): number {
    return this.#flying;
  }

  get waiting(): number {
    return this.#queue.length - this.#head;
  }

  /**
   * Calls that may fly now; shrinks by half with every 429 and grows back by one per windowful of
   * answers.
   */
  get window(): number {
    return Math.floor(this.#window);
  }

  /**
   * Resolves when there is room. @throws TransportError when the queue is full or the member is out
   * of reach.
   */
  enter(): Promise<void> | undefined {
    if (this.#closed !== undefined) throw this.#closed;
    if (this.#flying < this.window && this.waiting === 0 && !this.#pausing()) {
      this.#flying++;
      return undefined;
    }
    if (this.waiting >= this.#options.waiting) {
      throw new TransportError('too many requests wait for this cluster');
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ admit: resolve, refuse: reject });
      this.#pump();
    });
  }

  /** A call has ended: with a status, or undefined when no answer came. */
  leave(status: number | undefined, retryAfterSeconds?: number): void {
    this.#flying--;
    if (status === 429) this.#slowDown(retryAfterSeconds ?? 1);
    else if (status !== undefined && this.#window < this.#options.inFlight) {
      this.#window = Math.min(this.#options.inFlight, this.#window + 1 / this.#window);
    }
    this.#pump();
  }

  /** Refuses whoever waits or comes, at once: the breaker. */
  close(error: TransportError): void {
    this.#closed = error;
    const waiters = this.#queue.slice(this.#head);
    this.#queue = [];
    this.#head = 0;
    for (const { refuse } of waiters) refuse(error);
  }

  /** Lets calls through again, starting with a quarter of the window. */
  open(): void {
    if (this.#closed === undefined) return;
    this.#closed = undefined;
    this.#window = Math.max(1, this.#options.inFlight / 4);
    this.#pausedUntil = Number.NEGATIVE_INFINITY;
  }

  #slowDown(seconds: number): void {
    const { clock } = this.#options;
    // Answers to calls of one windowful say the same thing once.
    if (!this.#pausing()) this.#window = Math.max(1, this.#window / 2);
    const until = clock.monotonic() + Math.min(seconds * 1000, longestPauseMs);
    this.#pausedUntil = Math.max(this.#pausedUntil, until);
    this.#timer?.cancel();
    this.#timer = clock.after(this.#pausedUntil - clock.monotonic(), () => this.#pump());
  }

  #pausing(): boolean {
    return this.#options.clock.monotonic() < this.#pausedUntil;
  }

  #pump(): void {
    while (this.waiting > 0 && this.#flying < this.window && !this.#pausing()) {
      const { admit } = this.#queue[this.#head++]!;
      this.#flying++;
      admit();
    }
    if (this.#head > 1024 && this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }
}
