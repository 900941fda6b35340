/** When leases end: one timer per lease, which a renewal does not touch. */
import type { Clock, Timer } from '../base/clock.ts';
import { LeaseExpiredError } from './store.ts';

interface Lease {
  readonly ttlMs: number;
  /** Monotonic time at which it ends. */
  deadline: number;
  timer: Timer;
}

export class Leases {
  readonly #clock: Clock;
  readonly #onEnd: (lease: number) => void;
  readonly #leases = new Map<number, Lease>();

  /** `onEnd` is called once for each lease whose time has run out, after it was forgotten here. */
  constructor(clock: Clock, onEnd: (lease: number) => void) {
    this.#clock = clock;
    this.#onEnd = onEnd;
  }

  grant(id: number, ttlMs: number): void {
    const deadline = this.#clock.monotonic() + ttlMs;
    this.#leases.set(id, { ttlMs, deadline, timer: this.#watch(id, ttlMs) });
  }

  /** @throws LeaseExpiredError when the lease has ended, also when its timer is late. */
  check(id: number): void {
    const lease = this.#leases.get(id);
    if (lease !== undefined && this.#clock.monotonic() >= lease.deadline) this.#end(id);
    if (!this.#leases.has(id)) throw new LeaseExpiredError(`the lease ${id} has ended`);
  }

  /** @throws LeaseExpiredError */
  renew(id: number): void {
    this.check(id);
    const lease = this.#leases.get(id)!;
    lease.deadline = this.#clock.monotonic() + lease.ttlMs;
  }

  /** Forgets a lease without calling `onEnd`; false when there is none. */
  drop(id: number): boolean {
    this.#leases.get(id)?.timer.cancel();
    return this.#leases.delete(id);
  }

  /** Every lease with its full time to live. */
  all(): { id: number; ttlMs: number }[] {
    return Array.from(this.#leases, ([id, { ttlMs }]) => ({ id, ttlMs }));
  }

  /** Stops all timers: nothing ends any more. */
  close(): void {
    for (const { timer } of this.#leases.values()) timer.cancel();
  }

  #watch(id: number, delayMs: number): Timer {
    return this.#clock.after(delayMs, () => {
      const lease = this.#leases.get(id);
      if (lease === undefined) return;
      const left = lease.deadline - this.#clock.monotonic();
      if (left > 0) lease.timer = this.#watch(id, left);
      else this.#end(id);
    });
  }

  #end(id: number): void {
    this.drop(id);
    this.#onEnd(id);
  }
}
