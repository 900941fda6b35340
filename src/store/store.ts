/**
 * The store: keys and bytes under one revision that only grows. It knows nothing of Kubernetes.
 * Every implementation passes the acceptance suite in store.acceptance.ts.
 */

export interface Entry {
  readonly key: string;
  readonly value: Buffer;
  /** Revision of the commit that created the key (since its last deletion). */
  readonly createRevision: number;
  /** Revision of the commit that last wrote it. */
  readonly modRevision: number;
}

/** A key is 1 to this many bytes of UTF-8, without NUL. */
export const maxKeyBytes = 4096;

/** A commit has no more operations than this, each on a key of its own. */
export const maxOperations = 1024;

/** `count` of a range is told when no more keys than this follow its `start`. */
export const maxCounted = 5000;

/**
 * One write. The value belongs to the store from then on: nobody may change its bytes. `expect` is
 * the modRevision the key must have: 0 = must not exist, undefined = anything. `lease`: the key
 * disappears (a commit of its own) when the lease ends.
 */
export type Operation =
  | {
      readonly put: string;
      readonly value: Buffer;
      readonly expect?: number | undefined;
      readonly lease?: number;
    }
  | { readonly delete: string; readonly expect?: number | undefined };

/** A key's change within a commit; `previous` is what stood there before (undefined: nothing). */
export interface Change {
  readonly key: string;
  readonly revision: number;
  readonly entry: Entry | undefined;
  readonly previous: Entry | undefined;
}

export interface RangeRequest {
  /** Every key that starts with it. */
  readonly prefix: string;
  /** First key to return (inclusive); absent: the prefix's first. */
  readonly start?: string;
  /** Most entries to return; absent: all. */
  readonly limit?: number;
  /** Read as of this revision; absent: the newest. Below the compacted one: CompactedError. */
  readonly revision?: number;
}

export interface RangeResult {
  /** In key order (by UTF-8 bytes). */
  readonly entries: readonly Entry[];
  /** The revision that this is the state of. */
  readonly revision: number;
  /** Whether further keys follow. */
  readonly more: boolean;
  /** How many keys the whole range from `start` has, when that is cheap to know. */
  readonly count?: number;
}

export interface WatchOptions {
  readonly prefix: string;
  /** Changes with a greater revision are delivered, none missing, in revision order. */
  readonly after: number;
}

/**
 * A stream of commits' changes (only those under the prefix);
 * a batch holds whole commits. Ends by close(), or throws CompactedError / SlowWatcherError. It can
 * be read once.
 */
export interface StoreWatch extends AsyncIterable<readonly Change[]> {
  close(): void;
}

export interface Store {
  /** The newest committed revision. */
  readonly revision: number;
  /** Reads below it are refused, watches may start after it: the state at it is still whole. */
  readonly compacted: number;
  get(key: string): Promise<Entry | undefined>;
  range(request: RangeRequest): Promise<RangeResult>;
  /**
   * All operations or none, as one revision, durable when the promise resolves; resolves to that
   * revision. An empty list commits a tick (a revision without changes).
   * @throws PreconditionError when an `expect` does not hold; nothing is written then.
   * @throws LeaseExpiredError when an operation names a lease that has ended; nothing is written
   * then.
   * @throws StoreFullError when the disk is full; nothing is written then and later commits may
   * succeed.
   */
  commit(operations: readonly Operation[]): Promise<number>;
  watch(options: WatchOptions): StoreWatch;
  /**
   * Synchronous delivery of every commit in order, before its commit() promise resolves; for caches
   * in this process. The listener must not throw. Returns a function that ends it.
   */
  subscribe(listener: (changes: readonly Change[], revision: number) => void): () => void;
  /** Forgets history at and below `revision`; the current state stays. */
  compact(revision: number): Promise<void>;
  /** Grants a lease of `ttlMs`; its keys go when it is not renewed in time. */
  grantLease(ttlMs: number): Promise<number>;
  /** @throws LeaseExpiredError */
  renewLease(lease: number): Promise<void>;
  revokeLease(lease: number): Promise<void>;
  close(): Promise<void>;
}

/** What is needed to go on after a store was restored from a copy. */
export interface RecoverableStore extends Store {
  /** Random, made with the store; a copy has the same. */
  readonly id: string;
  /**
   * Raises the revision to at least `revision` and compacts up to there, so that no number handed
   * out by the store that this is a copy of is ever used again for something else, and whoever
   * resumes from one gets CompactedError.
   */
  advance(revision: number): Promise<void>;
}

export class PreconditionError extends Error {
  override readonly name = 'PreconditionError';
  readonly key: string;
  /** What stands there now. */
  readonly current: Entry | undefined;

  constructor(key: string, current: Entry | undefined) {
    super(`the key ${key} is not at the expected revision`);
    this.key = key;
    this.current = current;
  }
}

export class CompactedError extends Error {
  override readonly name = 'CompactedError';
  readonly compacted: number;

  constructor(compacted: number) {
    super(`history up to revision ${compacted} is compacted`);
    this.compacted = compacted;
  }
}

/** A revision was asked for that does not exist yet. */
export class FutureRevisionError extends Error {
  override readonly name = 'FutureRevisionError';
}

export class SlowWatcherError extends Error {
  override readonly name = 'SlowWatcherError';
}

export class LeaseExpiredError extends Error {
  override readonly name = 'LeaseExpiredError';
}

export class StoreFullError extends Error {
  override readonly name = 'StoreFullError';
}

/**
 * The first key that does not start with `prefix` and sorts (by UTF-8 bytes) after every key that
 * does. For the empty prefix it is U+10FFFF, with which no key may start.
 */
export function prefixEnd(prefix: string): string {
  const points = Array.from(prefix);
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    const point = last.codePointAt(0)!;
    if (point === lastCodePoint) continue;
    const next = point + 1 >= 0xd800 && point + 1 <= 0xdfff ? 0xe000 : point + 1;
    return points.join('') + String.fromCodePoint(next);
  }
  return String.fromCodePoint(lastCodePoint);
}

const lastCodePoint = 0x10ffff;
