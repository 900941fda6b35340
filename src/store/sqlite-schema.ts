/** The SQLite file: its tables, how it is opened and checked, and what its errors mean. */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { messageOf, UserError } from '../base/errors.ts';
import { maxOperations, StoreFullError } from './store.ts';

/** "uber": marks the file as ours. */
const applicationId = 0x75626572;
export const schemaVersion = 1;

/**
 * A row of `log` is one operation: its id is revision × maxOperations + its place in the commit. A
 * value is stored once, in the log; `cur` says which row stands at a key now. `value` NULL: a
 * deletion; `key` NULL: a commit without changes. `prev` is the row that stood at the key before
 * (0: none), be it a deletion: the way back to any revision. A deleted key stays in `cur` with
 * create_rev 0 until its deletion is compacted. `meta`: schema version, id of the store,
 * `compacted` (revision), `swept` (log id below which what compaction forgot is really gone).
 */
const tables = `
  PRAGMA application_id = ${applicationId};
  CREATE TABLE meta (name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE log (
    id INTEGER PRIMARY KEY, key TEXT, create_rev INTEGER NOT NULL, prev INTEGER NOT NULL, value BLOB
  ) STRICT;
  CREATE TABLE cur (
    key TEXT PRIMARY KEY, id INTEGER NOT NULL, create_rev INTEGER NOT NULL, lease INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX cur_lease ON cur (lease) WHERE lease <> 0;
  CREATE TABLE lease (id INTEGER PRIMARY KEY AUTOINCREMENT, ttl_ms INTEGER NOT NULL) STRICT;
`;

/** The place of an operation in the log. */
export function logId(revision: number, operation: number): number {
  return revision * maxOperations + operation;
}

export function revisionOf(logId: number): number {
  return Math.floor(logId / maxOperations);
}

export interface FileOptions {
  readonly path: string;
  /**
   * Commits are synced to the disk before they are acknowledged. Off only to show that the
   * durability tests notice.
   */
  readonly sync: boolean;
  /** The file does not grow beyond this; commits then fail with StoreFullError. */
  readonly maxBytes: number | undefined;
}

export interface StoredState {
  readonly id: string;
  readonly revision: number;
  readonly compacted: number;
  readonly leases: readonly { readonly id: number; readonly ttlMs: number }[];
  readonly lastLease: number;
}

/**
 * Makes the folder (readable by its owner only, for it holds Secrets) and an empty file whose names
 * survive a power cut.
 */
export function createFile(path: string): void {
  const folder = dirname(resolve(path));
  const missing: string[] = [];
  for (let at = folder; !existsSync(at); at = dirname(at)) missing.push(at);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (!existsSync(path)) closeSync(openSync(path, 'a', 0o600));
  for (const at of [folder, ...missing.map((made) => join(made, '..'))]) syncFolder(at);
}

function syncFolder(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** The connection that writes. */
export function openWriter({ path, sync, maxBytes }: FileOptions): DatabaseSync {
  const db = new DatabaseSync(path, { timeout: 5000 });
  db.exec(`PRAGMA page_size = ${pageBytes}`);
  db.exec('PRAGMA journal_mode = WAL');
  db.exec(`PRAGMA synchronous = ${sync ? 'FULL' : 'OFF'}`);
  db.exec('PRAGMA wal_autocheckpoint = 2000');
  db.exec('PRAGMA journal_size_limit = 67108864');
  db.exec('PRAGMA cache_size = -4000');
  if (maxBytes !== undefined) {
    db.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(maxBytes / pageBytes))}`);
  }
  return db;
}

/** A connection that only reads. */
export function openReader(path: string): DatabaseSync {
  const db = new DatabaseSync(path, { readOnly: true, timeout: 5000 });
  db.exec('PRAGMA cache_size = -4000');
  return db;
}

/**
 * Creates the tables in an empty file, or checks that the file is a store that this version
 * understands.
 */
export function prepareFile(db: DatabaseSync, newId: () => string): void {
  const { tables: count } = one<{ tables: number }>(
    db,
    'SELECT count(*) AS tables FROM sqlite_schema',
  );
  if (count === 0) {
    db.exec('BEGIN IMMEDIATE');
    db.exec(tables);
    const set = db.prepare('INSERT INTO meta VALUES (?, ?)');
    for (const [name, value] of [
      ['schema', schemaVersion],
      ['id', newId()],
      ['compacted', 0],
      ['swept', 0],
    ] as const) {
      set.run(name, value);
    }
    db.exec('COMMIT');
    return;
  }
  const { application_id: mark } = one<{ application_id: number }>(db, 'PRAGMA application_id');
  if (mark !== applicationId) {
    throw new UserError(
      'the store’s file is a database of another program',
      'Choose another data folder, or move that file away.',
    );
  }
  const version = Number(metaValue(db, 'schema'));
  if (version > schemaVersion) {
    throw new UserError(
      `the store is of a newer version (schema ${version}, this one knows ${schemaVersion})`,
      'Start the version that wrote it, or restore a backup from before the upgrade.',
    );
  }
}

/** What the file says about the store as a whole. */
export function readState(db: DatabaseSync): StoredState {
  const compacted = Number(metaValue(db, 'compacted'));
  const { last } = one<{ last: number }>(db, 'SELECT coalesce(max(id), 0) AS last FROM log');
  const { lastLease } = one<{ lastLease: number }>(
    db,
    "SELECT coalesce(max(seq), 0) AS lastLease FROM sqlite_sequence WHERE name = 'lease'",
  );
  const leases = db.prepare('SELECT id, ttl_ms FROM lease ORDER BY id').all() as unknown as {
    id: number;
    ttl_ms: number;
  }[];
  return {
    id: String(metaValue(db, 'id')),
    revision: Math.max(revisionOf(last), compacted),
    compacted,
    leases: leases.map(({ id, ttl_ms }) => ({ id, ttlMs: ttl_ms })),
    lastLease,
  };
}

export function metaValue(db: DatabaseSync, name: string): unknown {
  const row = db.prepare('SELECT value FROM meta WHERE name = ?').get(name);
  if (row === undefined) throw corrupt(`the entry ${name} is missing`);
  return row['value'];
}

function one<Row>(db: DatabaseSync, sql: string): Row {
  return db.prepare(sql).get() as unknown as Row;
}

/** Holds three values of 2 KiB; of 4, 8 and 16 KiB the fastest at 1, 16 and 64 commits at once. */
const pageBytes = 8192;

/** SQLite's result codes: https://www.sqlite.org/rescode.html */
const resultCode = { ioError: 10, corrupt: 11, full: 13, notADatabase: 26 };
const sharedMemoryFull = 4874;

/**
 * Says in the store's words what an error of SQLite means; other errors are returned as they are.
 */
export function translateError(error: unknown): unknown {
  const code = errorCode(error);
  if (code === undefined) return error;
  const primary = code & 0xff;
  if (primary === resultCode.full || code === sharedMemoryFull) {
    return new StoreFullError('the disk of the data folder is full', { cause: error });
  }
  if (primary === resultCode.corrupt || primary === resultCode.notADatabase) {
    return corrupt(messageOf(error), error);
  }
  if (primary === resultCode.ioError) {
    return new UserError(
      `the store’s file cannot be read or written: ${messageOf(error)} (SQLite ${code})`,
      'Look after the disk of the data folder, then start again.',
      { cause: error },
    );
  }
  return error;
}

function corrupt(why: string, cause?: unknown): UserError {
  return new UserError(
    `the store’s file is damaged: ${why}`,
    'Restore a backup of the data folder; keep the damaged files for a closer look.',
    { cause },
  );
}

function errorCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error)) return undefined;
  return typeof error.errcode === 'number' ? error.errcode : undefined;
}
