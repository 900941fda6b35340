/** Requests that take too long, found by one timer for all of them. */
import type { Clock, Timer } from '../base/clock.ts';
import { ApiError, type Status } from '../kube/status.ts';
import { parseRequest } from './request.ts';
import { isLongRunning } from './trace.ts';

export interface Unanswered {
  /** Monotonic, milliseconds. */
  readonly since: number;
  readonly method: string;
  readonly path: string;
  /** Answers in the handler's place, and ends what it is doing. */
  expire(): void;
}

/** How often it is looked, as a part of the time that a request has. */
const looksPerLimit = 10;

export class Overdue {
  readonly #clock: Clock;
  readonly #limitMs: number;
  readonly #requests = new Set<Unanswered>();
  #timer: Timer | undefined;

  constructor(clock: Clock, limitMs: number) {
    this.#clock = clock;
    this.#limitMs = limitMs;
  }

  add(request: Unanswered): void {
    this.#requests.add(request);
    this.#timer ??= this.#clock.after(this.#limitMs / looksPerLimit, () => this.#look());
  }

  /** It has been answered, or nobody waits for it any more. */
  remove(request: Unanswered): void {
    this.#requests.delete(request);
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** In the order in which they came: those behind one that has time left have more. */
  #look(): void {
    const limit = this.#clock.monotonic() - this.#limitMs;
    for (const request of this.#requests) {
      if (request.since > limit) break;
      this.#requests.delete(request);
      if (!mayTakeLong(request)) request.expire();
    }
    this.#timer =
      this.#requests.size === 0
        ? undefined
        : this.#clock.after(this.#limitMs / looksPerLimit, () => this.#look());
  }
}

function mayTakeLong({ method, path }: Unanswered): boolean {
  try {
    return isLongRunning(parseRequest(method, path));
  } catch {
    return false;
  }
}

/** kube-apiserver's answer in the place of a handler that took too long. */
export function overdueStatus(): Status {
  const message = 'Timeout: request did not complete within the allotted timeout';
  return new ApiError('Timeout', message, { details: {} }).status;
}
