/**
 * Delivers every commit once to listeners and to the watches on prefixes of its keys: history
 * first, then live, without a gap.
 */
import { Channel } from '../base/channel.ts';
import { PrefixIndex } from './prefix-index.ts';
import { type Change, SlowWatcherError, type StoreWatch, type WatchOptions } from './store.ts';

export interface HistoryPart {
  /** The changes under the prefix, of whole commits, in revision order. */
  readonly changes: readonly Change[];
  /** Up to this revision (inclusive) nothing is missing. */
  readonly reached: number;
}

export interface WatchHubOptions {
  /** The newest revision when the hub starts. */
  readonly revision: number;
  /**
   * Reads a bounded part of the commits with `after` < revision ≤ `through`; always moves on.
   * @throws CompactedError
   */
  readonly history: (prefix: string, after: number, through: number) => HistoryPart;
  /** Awaited between parts of history that hold nothing for the watch, to let others work. */
  readonly pause?: () => Promise<void>;
  /**
   * How many changes may wait for a watch that does not read; then it ends with SlowWatcherError.
   */
  readonly watchBufferChangesMax?: number;
}

type Listener = (changes: readonly Change[], revision: number) => void;

export class WatchHub {
  readonly #options: WatchHubOptions;
  readonly #listeners = new Set<Listener>();
  readonly #live = new PrefixIndex<Set<Watch>>();
  readonly #open = new Set<Watch>();
  readonly #waiting: { changes: readonly Change[]; revision: number }[] = [];
  #delivering = false;
  #revision: number;

  constructor(options: WatchHubOptions) {
    this.#options = options;
    this.#revision = options.revision;
  }

  /** The newest revision that was delivered, or is being delivered. */
  get revision(): number {
    return this.#revision;
  }

  /**
   * Delivers one commit. A commit made by a listener meanwhile is delivered after this one, to all
   * in the same order.
   */
  deliver(changes: readonly Change[], revision: number): void {
    this.#waiting.push({ changes, revision });
    if (this.#delivering) return;
    this.#delivering = true;
    try {
      for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
        this.#revision = next.revision;
        for (const listener of this.#listeners) listener(next.changes, next.revision);
        this.#offer(next.changes, next.revision);
      }
    } finally {
      this.#delivering = false;
    }
  }

  subscribe(listener: Listener): () => void {
    // A wrapper, so that one function subscribed twice is two subscriptions.
    const own: Listener = (changes, revision) => listener(changes, revision);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  watch({ prefix, after }: WatchOptions): StoreWatch {
    const watch = new Watch({
      prefix,
      after,
      hub: this,
      limit: this.#options.watchBufferChangesMax ?? 16_384,
      onClose: () => this.#forget(watch),
    });
    this.#open.add(watch);
    if (after >= this.#revision) watch.attach();
    return watch;
  }

  /** Ends all watches and subscriptions. */
  close(): void {
    for (const watch of [...this.#open]) watch.close();
    this.#listeners.clear();
  }

  /** The next part of history for a watch at `position`. */
  history(prefix: string, position: number): HistoryPart {
    return this.#options.history(prefix, position, this.#revision);
  }

  async pause(): Promise<void> {
    await this.#options.pause?.();
  }

  /** From the next commit on, the watch is offered its changes. */
  add(watch: Watch): void {
    const others = this.#live.get(watch.prefix);
    if (others === undefined) this.#live.add(watch.prefix, new Set([watch]));
    else others.add(watch);
  }

  #forget(watch: Watch): void {
    this.#open.delete(watch);
    const others = this.#live.get(watch.prefix);
    if (others?.delete(watch) && others.size === 0) this.#live.remove(watch.prefix);
  }

  #offer(changes: readonly Change[], revision: number): void {
    if (changes.length === 1) {
      this.#live.match(changes[0]!.key, (watches) => offerAll(watches, changes, revision));
      return;
    }
    const shares = new Map<Set<Watch>, Change[]>();
    for (const change of changes) {
      this.#live.match(change.key, (watches) => {
        const share = shares.get(watches);
        if (share === undefined) shares.set(watches, [change]);
        else share.push(change);
      });
    }
    for (const [watches, share] of shares) offerAll(watches, share, revision);
  }
}

function offerAll(watches: Set<Watch>, changes: readonly Change[], revision: number): void {
  for (const watch of watches) watch.offer(changes, revision);
}

interface WatchParts {
  readonly prefix: string;
  readonly after: number;
  readonly hub: WatchHub;
  readonly limit: number;
  readonly onClose: () => void;
}

class Watch implements StoreWatch {
  readonly prefix: string;
  readonly #hub: WatchHub;
  readonly #channel: Channel<Change>;
  /** Changes up to this revision are delivered or queued, or were not asked for. */
  #position: number;
  #attached = false;

  constructor({ prefix, after, hub, limit, onClose }: WatchParts) {
    this.prefix = prefix;
    this.#position = after;
    this.#hub = hub;
    this.#channel = new Channel(limit, onClose);
  }

  /** Leaves history: from now on the hub offers every commit. */
  attach(): void {
    this.#attached = true;
    this.#hub.add(this);
  }

  offer(changes: readonly Change[], revision: number): void {
    if (revision <= this.#position) return;
    this.#position = revision;
    this.#channel.push(changes, () => new SlowWatcherError(`a watch on ${this.prefix} is slow`));
  }

  close(): void {
    this.#channel.close();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<readonly Change[], void, undefined> {
    try {
      // Reading history and attaching happen in one turn, so that no commit falls between them.
      while (!this.#attached && !this.#channel.closed) {
        const part = this.#hub.history(this.prefix, this.#position);
        this.#position = part.reached;
        if (this.#position >= this.#hub.revision) this.attach();
        if (part.changes.length > 0) yield part.changes;
        else if (!this.#attached) await this.#hub.pause();
      }
      yield* this.#channel;
    } finally {
      this.#channel.close();
    }
  }
}
