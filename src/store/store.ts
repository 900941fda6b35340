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

/**
 * One write. `expect` is the modRevision the key must have: 0 = must not exist, undefined = anything.
 * `lease`: the key disappears (a commit of its own) when the lease ends.
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

/** A stream of commits' changes (only those under the prefix); ends by close(), or throws CompactedError / SlowWatcherError. */
export interface StoreWatch extends AsyncIterable<readonly Change[]> {
  close(): void;
}

export interface Store {
  /** The newest committed revision. */
  readonly revision: number;
  /** Reads at or below it are refused. */
  readonly compacted: number;
  get(key: string): Promise<Entry | undefined>;
  range(request: RangeRequest): Promise<RangeResult>;
  /**
   * All operations or none, as one revision, durable when the promise resolves; resolves to that revision.
   * An empty list commits a tick (a revision without changes).
   * @throws PreconditionError when an `expect` does not hold; nothing is written then.
   * @throws StoreFullError when the disk is full; nothing is written then and later commits may succeed.
   */
  commit(operations: readonly Operation[]): Promise<number>;
  watch(options: WatchOptions): StoreWatch;
  /**
   * Synchronous delivery of every commit in order, before its commit() promise resolves; for caches in this process.
   * The listener must not throw. Returns a function that ends it.
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

/** The first key that does not start with `prefix` and sorts after every key that does. */
export function prefixEnd(prefix: string): string {
  return `${prefix.slice(0, -1)}${String.fromCodePoint(prefix.codePointAt(prefix.length - 1)! + 1)}`;
}
