/**
 * The controller loop: keys in, one reconciliation per key at a time, retried with backoff, drained
 * on stop.
 */
import { Backoff } from '../base/backoff.ts';
import type { Clock, Timer } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import { type Logger, silentLogger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { QueueMetrics, QueueSeries } from './queue-metrics.ts';

export interface ReconcileResult {
  /** Look again after this many milliseconds. */
  readonly requeueAfterMs?: number;
}

/**
 * Makes the world as the key's object says. Level-triggered: it reads what is there, never what
 * happened.
 */
export type Reconcile = (
  key: string,
  signal: AbortSignal,
  // biome-ignore lint/suspicious/noConfusingVoidType: most reconcilers have nothing to say.
) => Promise<ReconcileResult | void>;

export interface ControllerOptions {
  /** In logs. */
  readonly name: string;
  readonly reconcile: Reconcile;
  readonly clock: Clock;
  readonly random: Random;
  readonly log?: Logger;
  /** Keys in flight at one time; 1 unless given. */
  readonly workers?: number;
  /** Wait of one key after its failures, milliseconds. */
  readonly backoff?: { readonly firstMs: number; readonly maxMs: number };
  readonly queues?: QueueMetrics | undefined;
}

const defaultBackoff = { firstMs: 50, maxMs: 30_000 };

interface Delayed {
  readonly due: number;
  readonly timer: Timer;
}

export class Controller {
  readonly #options: ControllerOptions;
  readonly #log: Logger;
  readonly #series: QueueSeries | undefined;
  /** Waiting keys in the order they came, each once, and since when they wait (monotonic ms). */
  readonly #queue = new Map<string, number>();
  readonly #active = new Set<string>();
  /** Keys that changed while in flight: they run once more. */
  readonly #again = new Set<string>();
  readonly #delayed = new Map<string, Delayed>();
  readonly #failures = new Map<string, Backoff>();
  readonly #abort = new AbortController();
  readonly #idleWaiters: (() => void)[] = [];
  #started = false;
  #stopping = false;

  constructor(options: ControllerOptions) {
    this.#options = options;
    this.#log = options.log ?? silentLogger;
    this.#series = options.queues?.add(options.name, () => this.depth);
  }

  /**
   * Keys that wait, fly or have yet to run again; those that wait for a later time are not counted.
   */
  get depth(): number {
    return this.#queue.size + this.#active.size + this.#again.size;
  }

  /**
   * Asks for a reconciliation as soon as there is room. Cheap, and idempotent while the key waits.
   */
  add(key: string): void {
    if (this.#stopping) return;
    this.#undelay(key);
    if (this.#active.has(key)) {
      this.#again.add(key);
      return;
    }
    if (this.#queue.has(key)) return;
    this.#queue.set(key, this.#series === undefined ? 0 : this.#options.clock.monotonic());
    if (this.#series !== undefined) this.#series.adds.value++;
    this.#pump();
  }

  /** Asks for one after `delayMs`; an earlier wish stands. */
  addAfter(key: string, delayMs: number): void {
    if (this.#stopping || this.#queue.has(key)) return;
    const due = this.#options.clock.monotonic() + Math.max(0, delayMs);
    const known = this.#delayed.get(key);
    if (known !== undefined && known.due <= due) return;
    known?.timer.cancel();
    const timer = this.#options.clock.after(delayMs, () => {
      this.#delayed.delete(key);
      this.add(key);
    });
    this.#delayed.set(key, { due, timer });
  }

  /** Keys added before start wait for it. */
  start(): void {
    this.#started = true;
    this.#pump();
  }

  /** Takes no more keys, drops those that wait, and resolves when those in flight have ended. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const { timer } of this.#delayed.values()) timer.cancel();
    this.#delayed.clear();
    this.#queue.clear();
    this.#again.clear();
    this.#abort.abort();
    this.#options.queues?.remove(this.#options.name);
    await this.whenIdle();
  }

  /** Resolves when nothing waits or is in flight; keys that wait for a later time do not count. */
  whenIdle(): Promise<void> {
    if (this.depth === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  #pump(): void {
    const workers = this.#options.workers ?? 1;
    while (this.#started && this.#active.size < workers) {
      const [waiting] = this.#queue;
      if (waiting === undefined) break;
      const [key, since] = waiting;
      this.#queue.delete(key);
      this.#active.add(key);
      void this.#work(key, since);
    }
  }

  async #work(key: string, since: number): Promise<void> {
    const { clock } = this.#options;
    const start = this.#series === undefined ? 0 : clock.monotonic();
    this.#series?.waited.observe((start - since) / 1000);
    try {
      const result = await this.#options.reconcile(key, this.#abort.signal);
      this.#failures.delete(key);
      if (result?.requeueAfterMs !== undefined) this.addAfter(key, result.requeueAfterMs);
    } catch (error) {
      if (!this.#stopping) this.#retry(key, error);
    }
    this.#series?.worked.observe((clock.monotonic() - start) / 1000);
    this.#active.delete(key);
    if (this.#again.delete(key)) this.add(key);
    this.#pump();
    if (this.depth === 0) for (const done of this.#idleWaiters.splice(0)) done();
  }

  #retry(key: string, error: unknown): void {
    let backoff = this.#failures.get(key);
    if (backoff === undefined) {
      backoff = new Backoff(this.#options.backoff ?? defaultBackoff, this.#options.random);
      this.#failures.set(key, backoff);
    }
    if (this.#series !== undefined) this.#series.retries.value++;
    const delayMs = backoff.next();
    this.#log.warn('reconciliation failed', {
      controller: this.#options.name,
      key,
      attempt: backoff.failures,
      error: messageOf(error),
    });
    this.addAfter(key, delayMs);
  }

  #undelay(key: string): void {
    this.#delayed.get(key)?.timer.cancel();
    this.#delayed.delete(key);
  }
}
