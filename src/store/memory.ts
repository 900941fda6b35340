/**
 * The store in memory: exact, synchronous inside and driven only by its clock, so that a seed
 * replays it.
 */
import type { Clock } from '../base/clock.ts';
import { assert } from '../base/errors.ts';
import { type Random, SystemRandom, uuid } from '../base/random.ts';
import { assertOperations, isBefore, keyOf } from './keys.ts';
import { Leases } from './leases.ts';
import { OrderedMap } from './ordered-map.ts';
import {
  type Change,
  CompactedError,
  type Entry,
  FutureRevisionError,
  maxCounted,
  maxOperations,
  type Operation,
  PreconditionError,
  prefixEnd,
  type RangeRequest,
  type RangeResult,
  type RecoverableStore,
  type StoreWatch,
  type WatchOptions,
} from './store.ts';
import { type HistoryPart, WatchHub } from './watch-hub.ts';

/** What stood at a key from a revision on; no entry: it was deleted. */
interface Version {
  readonly revision: number;
  readonly entry: Entry | undefined;
  readonly lease: number | undefined;
}

interface Commit {
  readonly revision: number;
  readonly changes: readonly Change[];
}

/**
 * The whole state at one moment, for `new MemoryStore({ snapshot })`: a backup, or a disk after a
 * crash.
 */
export interface MemorySnapshot {
  readonly id: string;
  readonly revision: number;
  readonly compacted: number;
  readonly versions: readonly (readonly [string, readonly Version[]])[];
  readonly log: readonly Commit[];
  readonly leases: readonly { readonly id: number; readonly ttlMs: number }[];
  readonly lastLease: number;
}

export interface MemoryStoreOptions {
  readonly clock: Clock;
  /** Source of the store's id; ignored with a snapshot. */
  readonly random?: Random;
  /** Starts from this state; its leases begin their time anew, as after a restart. */
  readonly snapshot?: MemorySnapshot;
  readonly watchBufferChangesMax?: number;
}

export class MemoryStore implements RecoverableStore {
  readonly id: string;
  readonly #hub: WatchHub;
  readonly #leases: Leases;
  readonly #leased = new Map<number, Set<string>>();
  /**
   * Every key with its versions, oldest first: all since the compacted revision and the one that
   * stood at it.
   */
  readonly #keys = new OrderedMap<Version[]>();
  #log: Commit[] = [];
  #revision = 0;
  #compacted = 0;
  #lastLease = 0;
  #closed = false;

  constructor({ clock, random, snapshot, watchBufferChangesMax }: MemoryStoreOptions) {
    this.#leases = new Leases(clock, (lease) => this.#endLease(lease));
    this.id = snapshot?.id ?? uuid(random ?? new SystemRandom());
    if (snapshot !== undefined) this.#load(snapshot);
    this.#hub = new WatchHub({
      revision: this.#revision,
      history: (prefix, after, through) => this.#history(prefix, after, through),
      ...(watchBufferChangesMax === undefined ? {} : { watchBufferChangesMax }),
    });
  }

  get revision(): number {
    return this.#revision;
  }

  get compacted(): number {
    return this.#compacted;
  }

  async get(key: string): Promise<Entry | undefined> {
    this.#assertOpen();
    return this.#keys.get(key)?.at(-1)?.entry;
  }

  async range(request: RangeRequest): Promise<RangeResult> {
    this.#assertOpen();
    const revision = request.revision ?? this.#revision;
    if (revision < this.#compacted) throw new CompactedError(this.#compacted);
    if (revision > this.#revision) throw new FutureRevisionError(`no revision ${revision} yet`);
    const { prefix, limit = Number.POSITIVE_INFINITY } = request;
    const { start = prefix } = request;
    const entries: Entry[] = [];
    let count = 0;
    const countable = Math.max(limit, maxCounted);
    this.#keys.scan(isBefore(start, prefix) ? prefix : start, prefixEnd(prefix), (_, versions) => {
      const entry = versionAt(versions, revision)?.entry;
      if (entry === undefined) return true;
      if (count++ < limit) entries.push(entry);
      return count <= countable;
    });
    const more = count > entries.length;
    return { entries, revision, more, ...(count <= maxCounted || !more ? { count } : {}) };
  }

  async commit(operations: readonly Operation[]): Promise<number> {
    this.#assertOpen();
    assertOperations(operations);
    for (const operation of operations) {
      if ('put' in operation && operation.lease !== undefined) this.#leases.check(operation.lease);
    }
    // A lease that just ended may have been a commit: preconditions come after.
    for (const operation of operations) {
      if (operation.expect === undefined) continue;
      const key = keyOf(operation);
      const current = this.#keys.get(key)?.at(-1)?.entry;
      if ((current?.modRevision ?? 0) !== operation.expect)
        throw new PreconditionError(key, current);
    }
    return this.#write(operations);
  }

  watch(options: WatchOptions): StoreWatch {
    this.#assertOpen();
    return this.#hub.watch(options);
  }

  subscribe(listener: (changes: readonly Change[], revision: number) => void): () => void {
    return this.#hub.subscribe(listener);
  }

  async compact(revision: number): Promise<void> {
    this.#assertOpen();
    if (revision > this.#revision) throw new FutureRevisionError(`no revision ${revision} yet`);
    if (revision <= this.#compacted) return;
    this.#compacted = revision;
    const kept = this.#logPosition(revision);
    for (const { changes } of this.#log.slice(0, kept)) {
      for (const { key } of changes) this.#forget(key, revision);
    }
    this.#log = this.#log.slice(kept);
  }

  async advance(revision: number): Promise<void> {
    this.#assertOpen();
    if (revision <= this.#revision) return;
    this.#revision = revision;
    await this.compact(revision);
    this.#hub.deliver([], revision);
  }

  async grantLease(ttlMs: number): Promise<number> {
    this.#assertOpen();
    const lease = ++this.#lastLease;
    this.#leases.grant(lease, ttlMs);
    return lease;
  }

  async renewLease(lease: number): Promise<void> {
    this.#assertOpen();
    this.#leases.renew(lease);
  }

  async revokeLease(lease: number): Promise<void> {
    this.#assertOpen();
    if (this.#leases.drop(lease)) this.#endLease(lease);
  }

  /** Ends watches, subscriptions and leases' timers; only `snapshot` may be used afterwards. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#leases.close();
    this.#hub.close();
  }

  /** The state now, which later writes do not change. */
  snapshot(): MemorySnapshot {
    return {
      id: this.id,
      revision: this.#revision,
      compacted: this.#compacted,
      versions: this.#keys.entries().map(([key, versions]) => [key, versions.slice()]),
      log: this.#log.slice(),
      leases: this.#leases.all(),
      lastLease: this.#lastLease,
    };
  }

  #load(snapshot: MemorySnapshot): void {
    this.#revision = snapshot.revision;
    this.#compacted = snapshot.compacted;
    this.#log = snapshot.log.slice();
    this.#lastLease = snapshot.lastLease;
    for (const [key, versions] of snapshot.versions) {
      this.#keys.set(key, versions.slice());
      this.#lease(key, undefined, versions.at(-1)?.lease);
    }
    for (const { id, ttlMs } of snapshot.leases) this.#leases.grant(id, ttlMs);
  }

  #write(operations: readonly Operation[]): number {
    const revision = ++this.#revision;
    const changes: Change[] = [];
    for (const operation of operations) {
      const key = keyOf(operation);
      const versions = this.#keys.get(key) ?? [];
      const last = versions.at(-1);
      const previous = last?.entry;
      const put = 'put' in operation ? operation : undefined;
      if (put === undefined && previous === undefined) continue;
      const createRevision = previous?.createRevision ?? revision;
      const entry = put && { key, value: put.value, createRevision, modRevision: revision };
      versions.push({ revision, entry, lease: put?.lease });
      if (versions.length === 1) this.#keys.set(key, versions);
      this.#lease(key, last?.lease, put?.lease);
      changes.push({ key, revision, entry, previous });
    }
    this.#log.push({ revision, changes });
    this.#hub.deliver(changes, revision);
    return revision;
  }

  #lease(key: string, before: number | undefined, after: number | undefined): void {
    if (before === after) return;
    if (before !== undefined) this.#leased.get(before)?.delete(key);
    if (after === undefined) return;
    const keys = this.#leased.get(after);
    if (keys === undefined) this.#leased.set(after, new Set([key]));
    else keys.add(key);
  }

  #endLease(lease: number): void {
    const keys = [...(this.#leased.get(lease) ?? [])].sort((a, b) => (isBefore(a, b) ? -1 : 1));
    this.#leased.delete(lease);
    for (let at = 0; at < keys.length; at += maxOperations) {
      this.#write(keys.slice(at, at + maxOperations).map((key) => ({ delete: key })));
    }
  }

  /** Drops the versions of a key that nobody can read any more. */
  #forget(key: string, compacted: number): void {
    const versions = this.#keys.get(key);
    if (versions === undefined) return;
    let first = 0;
    while (versions[first + 1] !== undefined && versions[first + 1]!.revision <= compacted) first++;
    if (first > 0) versions.splice(0, first);
    if (versions.length === 1 && versions[0]!.entry === undefined) this.#keys.delete(key);
  }

  #history(prefix: string, after: number, through: number): HistoryPart {
    if (after < this.#compacted) throw new CompactedError(this.#compacted);
    const changes: Change[] = [];
    const from = this.#logPosition(after);
    const end = Math.min(this.#logPosition(through), from + historyCommitsMax);
    for (let i = from; i < end; i++) {
      for (const change of this.#log[i]!.changes) {
        if (change.key.startsWith(prefix)) changes.push(change);
      }
    }
    const reached = end - from < historyCommitsMax ? through : this.#log[end - 1]!.revision;
    return { changes, reached };
  }

  /** How many commits of the log are at or below the revision. */
  #logPosition(revision: number): number {
    let low = 0;
    let high = this.#log.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#log[middle]!.revision <= revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #assertOpen(): void {
    assert(!this.#closed, 'the store is closed');
  }
}

/** Commits that one step of a watch through history looks at. */
const historyCommitsMax = 1000;

/** The version that stood at the revision. */
function versionAt(versions: readonly Version[], revision: number): Version | undefined {
  const last = versions.at(-1);
  if (last !== undefined && last.revision <= revision) return last;
  return versions.findLast((version) => version.revision <= revision);
}
