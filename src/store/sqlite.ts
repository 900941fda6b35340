/** The store in an SQLite file: written by one thread in groups, read on this one. */
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { assert, UserError } from '../base/errors.ts';
import { type Random, SystemRandom, uuid } from '../base/random.ts';
import { EntryCache } from './entry-cache.ts';
import { assertOperations, isBefore, keyOf } from './keys.ts';
import { Leases } from './leases.ts';
import { lockFolder } from './sqlite-lock.ts';
import type { EndedKeys, Outcome, Reply, WriterError } from './sqlite-messages.ts';
import { type Range, Reader, rowsPerTurn } from './sqlite-reader.ts';
import {
  createFile,
  type FileOptions,
  openReader,
  openWriter,
  prepareFile,
  readState,
  revisionOf,
  type StoredState,
  translateError,
} from './sqlite-schema.ts';
import { WriterThread } from './sqlite-thread.ts';
import {
  type Change,
  CompactedError,
  type Entry,
  FutureRevisionError,
  type Operation,
  PreconditionError,
  prefixEnd,
  type RangeRequest,
  type RangeResult,
  type RecoverableStore,
  type StoreWatch,
  type WatchOptions,
} from './store.ts';
import { WatchHub } from './watch-hub.ts';

export interface SqliteStoreOptions {
  /** The folder of the store's files; made when absent. One process at a time may use it. */
  readonly dataDir: string;
  readonly clock: Clock;
  /** Source of a new store's id. */
  readonly random?: Random;
  readonly watchBufferChangesMax?: number;
  /**
   * Bytes of values kept in memory for reads and for what stood before a change; 16 MiB unless
   * told.
   */
  readonly cacheBytesMax?: number;
  /** The file does not grow beyond this; commits then fail with StoreFullError. */
  readonly fileBytesMax?: number;
  /** Acknowledge commits that a power cut may take back. Only for tests of the durability tests. */
  readonly unsafeNoSync?: boolean;
}

/**
 * Opens the store of a data folder, or makes an empty one.
 * @throws UserError when the folder is in use, its file is damaged, of another program or of a
 * newer version.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<SqliteStore> {
  const { dataDir, random } = options;
  const file: FileOptions = {
    path: join(dataDir, 'store.db'),
    sync: options.unsafeNoSync !== true,
    maxBytes: options.fileBytesMax,
  };
  let lock: { close(): void } | undefined;
  let reader: Reader | undefined;
  try {
    createFile(file.path);
    lock = lockFolder(join(dataDir, 'store.lock'), dataDir);
    const setUp = openWriter(file);
    let state: StoredState;
    try {
      prepareFile(setUp, () => uuid(random ?? new SystemRandom()));
      state = readState(setUp);
      reader = new Reader(openReader(file.path));
    } finally {
      setUp.close();
    }
    const writer = new WriterThread(file);
    await writer.ready();
    return new SqliteStore({ lock, reader, writer, state, options });
  } catch (error) {
    reader?.close();
    lock?.close();
    throw openError(translateError(error), dataDir);
  }
}

function openError(error: unknown, dataDir: string): unknown {
  if (error instanceof UserError || !(error instanceof Error)) return error;
  return new UserError(
    `the store in ${dataDir} cannot be opened: ${error.message}`,
    'Check that the folder exists on a local disk with free space and belongs to this user.',
    { cause: error },
  );
}

interface Parts {
  readonly lock: { close(): void };
  readonly reader: Reader;
  readonly writer: WriterThread;
  readonly state: StoredState;
  readonly options: SqliteStoreOptions;
}

/** How long after a failed deletion of an ended lease's keys it is tried again. */
const endLeaseRetryMs = 1000;

export class SqliteStore implements RecoverableStore {
  readonly id: string;
  readonly #clock: Clock;
  readonly #lock: { close(): void };
  readonly #reader: Reader;
  readonly #writer: WriterThread;
  readonly #leases: Leases;
  readonly #hub: WatchHub;
  /** The entries of the newest delivered revision. */
  readonly #cache: EntryCache;
  #revision: number;
  #compacted: number;
  #lastLease: number;
  #closing: Promise<void> | undefined;

  constructor({ lock, reader, writer, state, options }: Parts) {
    this.id = state.id;
    this.#clock = options.clock;
    this.#lock = lock;
    this.#reader = reader;
    this.#writer = writer;
    this.#revision = state.revision;
    this.#compacted = state.compacted;
    this.#lastLease = state.lastLease;
    this.#cache = new EntryCache(options.cacheBytesMax ?? 4 * 1024 * 1024);
    this.#leases = new Leases(options.clock, (lease) => void this.#endLease(lease));
    for (const { id, ttlMs } of state.leases) this.#leases.grant(id, ttlMs);
    const { watchBufferChangesMax } = options;
    this.#hub = new WatchHub({
      revision: state.revision,
      history: (prefix, after, through) => {
        if (after < this.#compacted) throw new CompactedError(this.#compacted);
        return reading(() => this.#reader.history(prefix, after, through));
      },
      pause: nextTurn,
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
    const cached = this.#cache.get(key);
    if (cached !== undefined) return cached;
    const entry = reading(() => this.#reader.get(key, this.#revision));
    if (entry !== undefined) this.#cache.set(entry);
    return entry;
  }

  async range(request: RangeRequest): Promise<RangeResult> {
    this.#assertOpen();
    const { prefix, revision = this.#revision, limit = Number.POSITIVE_INFINITY } = request;
    if (revision > this.#revision) throw new FutureRevisionError(`no revision ${revision} yet`);
    const { start = prefix } = request;
    const whole = {
      start: isBefore(start, prefix) ? prefix : start,
      end: prefixEnd(prefix),
      revision,
    };
    const entries: Entry[] = [];
    // One more than asked for tells whether there is more.
    let rows = Math.min(limit + 1, rowsPerTurn);
    for (let at: string | undefined = whole.start; ; await nextTurn()) {
      this.#assertOpen();
      if (revision < this.#compacted) throw new CompactedError(this.#compacted);
      const range: Range = { ...whole, start: at };
      const turn = reading(() => this.#reader.turn(range, rows));
      for (const entry of turn.entries) entries.push(entry);
      at = turn.next;
      if (at === undefined || entries.length > limit) break;
      rows = Math.min(rows * 2, rowsPerTurn);
    }
    const more = entries.length > limit;
    if (!more) return { entries, revision, more, count: entries.length };
    entries.length = limit;
    const count = reading(() => this.#reader.count(whole));
    return { entries, revision, more, ...(count === undefined ? {} : { count }) };
  }

  async commit(operations: readonly Operation[]): Promise<number> {
    this.#assertOpen();
    assertOperations(operations);
    for (const operation of operations) {
      if ('put' in operation && operation.lease !== undefined) this.#leases.check(operation.lease);
    }
    return new Promise((resolve, reject) => {
      this.#writer.commit({
        operations,
        done: (outcome) => {
          if ('revision' in outcome) {
            this.#deliver(outcome, operations);
            resolve(outcome.revision);
          } else reject(this.#refusal(outcome, operations));
        },
      });
    });
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
    // From this moment nobody reads what the writer is about to delete.
    this.#compacted = revision;
    await this.#request({ kind: 'compact', revision });
    await this.#sweep();
  }

  async advance(revision: number): Promise<void> {
    this.#assertOpen();
    if (revision <= this.#revision) return;
    await this.#request({ kind: 'advance', revision });
    if (revision <= this.#revision) return;
    this.#revision = revision;
    this.#compacted = revision;
    this.#hub.deliver([], revision);
    await this.#sweep();
  }

  async grantLease(ttlMs: number): Promise<number> {
    this.#assertOpen();
    const lease = ++this.#lastLease;
    await this.#request({ kind: 'grant', lease, ttlMs });
    if (this.#closing === undefined) this.#leases.grant(lease, ttlMs);
    return lease;
  }

  async renewLease(lease: number): Promise<void> {
    this.#assertOpen();
    this.#leases.renew(lease);
  }

  async revokeLease(lease: number): Promise<void> {
    this.#assertOpen();
    if (this.#leases.drop(lease)) await this.#endLease(lease);
  }

  /** Waits for the commits on their way, then closes the file and gives the folder free. */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      this.#leases.close();
      // The writer is the last to close, which empties the write-ahead log.
      await this.#writer.request({ kind: 'sweep' });
      this.#hub.close();
      this.#reader.close();
      await this.#writer.close();
      this.#lock.close();
    })();
    return this.#closing;
  }

  #deliver(done: Extract<Outcome, { revision: number }>, operations: readonly Operation[]): void {
    const { revision } = done;
    this.#revision = revision;
    const changes: Change[] = [];
    for (const [i, operation] of operations.entries()) {
      const key = keyOf(operation);
      const before = done.previous[i]!;
      const put = 'put' in operation ? operation : undefined;
      if (put === undefined && before === 0) continue;
      const createRevision = done.createRevisions[i]!;
      const entry = put && { key, value: put.value, createRevision, modRevision: revision };
      changes.push({ key, revision, entry, previous: this.#replace(key, before, entry) });
    }
    this.#hub.deliver(changes, revision);
  }

  /** Notes what stands at the key from now on, and returns what stood there before. */
  #replace(key: string, before: number, entry: Entry | undefined): Entry | undefined {
    const previous = this.#entry(key, before);
    if (entry === undefined) this.#cache.delete(key);
    else this.#cache.set(entry);
    return previous;
  }

  /** The entry of a log row that stands at the newest delivered revision, or did just before it. */
  #entry(key: string, id: number): Entry | undefined {
    if (id === 0) return undefined;
    const cached = this.#cache.get(key);
    if (cached?.modRevision === revisionOf(id)) return cached;
    return reading(() => this.#reader.entry(key, id));
  }

  #refusal(
    outcome: Exclude<Outcome, { revision: number }>,
    operations: readonly Operation[],
  ): unknown {
    if ('error' in outcome) return fromWriter(outcome.error);
    const key = keyOf(operations[outcome.failed]!);
    return new PreconditionError(key, this.#entry(key, outcome.current));
  }

  async #endLease(lease: number): Promise<void> {
    const reply = await this.#writer.request({ kind: 'end', lease });
    if (reply.kind === 'ended') {
      for (const commit of reply.commits) this.#deliverEnded(commit);
    } else if (this.#closing === undefined) {
      this.#clock.after(endLeaseRetryMs, () => {
        if (this.#closing === undefined) void this.#endLease(lease);
      });
    }
  }

  #deliverEnded({ revision, keys, previous }: EndedKeys): void {
    const operations = keys.map((key): Operation => ({ delete: key }));
    this.#deliver({ revision, previous, createRevisions: [] }, operations);
  }

  async #sweep(): Promise<void> {
    for (let more = true; more && this.#closing === undefined; ) {
      const reply = await this.#request({ kind: 'sweep' });
      more = reply.kind === 'done' && reply.more;
    }
  }

  async #request(request: Parameters<WriterThread['request']>[0]): Promise<Reply> {
    const reply = await this.#writer.request(request);
    if (reply.kind === 'error') throw fromWriter(reply.error);
    return reply;
  }

  #assertOpen(): void {
    assert(this.#closing === undefined, 'the store is closed');
  }
}

function fromWriter({ message, errcode }: WriterError): unknown {
  return translateError(Object.assign(new Error(message), { errcode }));
}

/** Runs a read of the file, with its errors in the store's words. */
function reading<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw translateError(error);
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
