/**
 * How many requests are served at one time, and whose turn it is: each level has seats of its own,
 * and within it every flow has a queue; free seats go round the flows.
 */
import type { Clock, Timer } from '../../base/clock.ts';
import { compileFlows, defaultFlows, type Flow, type LevelSpec } from './flows.ts';

export interface SeatLimits {
  /** Seats of all levels together, shared out as kube-apiserver does. */
  readonly total: number;
  /** Most requests of one flow that may wait, whatever is configured. */
  readonly waitingPerFlow: number;
  /** Most requests of one level that may wait, whatever is configured. */
  readonly waitingPerLevel: number;
  /** Longest wait, milliseconds. */
  readonly waitMs: number;
}

/** Totals, queue lengths and waits of kube-apiserver's defaults. */
export const defaultSeatLimits: SeatLimits = {
  total: 600,
  waitingPerFlow: 300,
  waitingPerLevel: 6400,
  waitMs: 15_000,
};

/** No seat, and no room to wait for one. */
export class Overload extends Error {
  override readonly name = 'Overload';

  constructor() {
    // kube-apiserver's words, which it sends as plain text.
    super('Too many requests, please try again later.');
  }
}

export type Rejection = 'queue-full' | 'concurrency-limit' | 'time-out' | 'cancelled';

/** What the metrics are told. */
export interface SeatEvents {
  waited(flow: Flow, ms: number): void;
  rejected(flow: Flow, reason: Rejection): void;
}

interface Waiter {
  readonly flow: Flow;
  readonly since: number;
  readonly admit: () => void;
  readonly refuse: (reason: 'time-out' | 'cancelled') => void;
  /** Answered already: it is passed over. */
  done: boolean;
}

/** A flow's queue; emptied ones leave the round. */
interface FlowQueue {
  readonly key: string;
  readonly waiting: Waiter[];
  /** Waiters that are not done. */
  live: number;
}

export interface LevelState {
  readonly name: string;
  readonly seats: number;
  readonly executing: number;
  readonly waiting: number;
}

class Level {
  readonly name: string;
  seats = 0;
  waitingPerFlow = 0;
  waitingMax = 0;
  executing = 0;
  waiting = 0;
  readonly #flows = new Map<string, FlowQueue>();
  /** Flows with waiters, the next one first. */
  readonly #round: FlowQueue[] = [];

  constructor(name: string) {
    this.name = name;
  }

  waitingOf(key: string): number {
    return this.#flows.get(key)?.live ?? 0;
  }

  push(key: string, waiter: Waiter): void {
    let queue = this.#flows.get(key);
    if (queue === undefined) {
      queue = { key, waiting: [], live: 0 };
      this.#flows.set(key, queue);
      this.#round.push(queue);
    }
    queue.waiting.push(waiter);
    queue.live++;
    this.waiting++;
  }

  /** A waiter has given up; its queue forgets it when its turn comes. */
  gone(key: string, waiter: Waiter): void {
    waiter.done = true;
    this.waiting--;
    const queue = this.#flows.get(key);
    if (queue === undefined) return;
    queue.live--;
    if (queue.live > 0) return;
    this.#flows.delete(key);
    this.#round.splice(this.#round.indexOf(queue), 1);
  }

  /** The next waiter, a flow's oldest first, the flows in turn. */
  next(): Waiter | undefined {
    const queue = this.#round.shift();
    if (queue === undefined) return undefined;
    let waiter = queue.waiting.shift()!;
    while (waiter.done) waiter = queue.waiting.shift()!;
    waiter.done = true;
    queue.live--;
    this.waiting--;
    if (queue.live > 0) this.#round.push(queue);
    else this.#flows.delete(queue.key);
    return waiter;
  }
}

export class Seats {
  readonly #clock: Clock;
  readonly #limits: SeatLimits;
  readonly #events: SeatEvents | undefined;
  #levels = new Map<string, Level>();

  constructor(clock: Clock, limits: Partial<SeatLimits> = {}, events?: SeatEvents) {
    this.#clock = clock;
    this.#limits = { ...defaultSeatLimits, ...limits };
    this.#events = events;
    this.configure(compileFlows(defaultFlows()).levels);
  }

  /** Who waits or is served at a level that is gone is served to the end. */
  configure(specs: readonly LevelSpec[]): void {
    const { total, waitingPerFlow, waitingPerLevel } = this.#limits;
    const all = specs.reduce((sum, { shares }) => sum + shares, 0);
    const before = this.#levels;
    this.#levels = new Map();
    for (const { name, shares, ...spec } of specs) {
      const level = before.get(name) ?? new Level(name);
      level.seats = Math.max(1, Math.ceil((total * shares) / Math.max(1, all)));
      level.waitingPerFlow = Math.min(spec.waitingPerFlow, waitingPerFlow);
      level.waitingMax = Math.min(spec.waiting, waitingPerLevel);
      this.#levels.set(name, level);
      while (level.executing < level.seats) {
        const next = level.next();
        if (next === undefined) break;
        level.executing++;
        next.admit();
      }
    }
  }

  states(): LevelState[] {
    return [...this.#levels.values()];
  }

  /**
   * A seat for a request of this flow: what gives it back, now or when it is this request's turn;
   * undefined for exempt ones.
   * @throws Overload when its queue is full or the wait too long
   */
  enter(flow: Flow, signal: AbortSignal): (() => void) | Promise<() => void> | undefined {
    const level = this.#levels.get(flow.level);
    if (level === undefined) return undefined;
    if (level.executing < level.seats) {
      level.executing++;
      return this.#releaser(level);
    }
    const key = `${flow.schema}\0${flow.distinguisher}`;
    if (level.waiting >= level.waitingMax || level.waitingOf(key) >= level.waitingPerFlow) {
      this.#events?.rejected(flow, level.waitingMax === 0 ? 'concurrency-limit' : 'queue-full');
      throw new Overload();
    }
    return this.#wait(level, { key, flow, signal });
  }

  #wait(
    level: Level,
    { key, flow, signal }: { key: string; flow: Flow; signal: AbortSignal },
  ): Promise<() => void> {
    return new Promise((resolve, reject) => {
      const since = this.#clock.monotonic();
      const settle = (): void => {
        timer.cancel();
        signal.removeEventListener('abort', onAbort);
      };
      const waiter: Waiter = {
        flow,
        since,
        done: false,
        admit: () => {
          settle();
          this.#events?.waited(flow, this.#clock.monotonic() - since);
          resolve(this.#releaser(level));
        },
        refuse: (reason) => {
          settle();
          level.gone(key, waiter);
          this.#events?.rejected(flow, reason);
          reject(new Overload());
        },
      };
      const onAbort = (): void => waiter.refuse('cancelled');
      const timer: Timer = this.#clock.after(this.#limits.waitMs, () => waiter.refuse('time-out'));
      signal.addEventListener('abort', onAbort, { once: true });
      level.push(key, waiter);
    });
  }

  /** Gives the seat to the next in turn, at most once. */
  #releaser(level: Level): () => void {
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      // The level may have fewer seats than before.
      const next = level.executing > level.seats ? undefined : level.next();
      if (next === undefined) level.executing--;
      else next.admit();
    };
  }
}
