/**
 * Reads the SQLite file at a revision, whatever the writer has committed since: rows of the log
 * never change, a newer row leads back to the one before, and compaction takes nothing that may
 * still be read.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { logId, revisionOf } from './sqlite-schema.ts';
import { type Change, type Entry, maxCounted, prefixEnd } from './store.ts';
import type { HistoryPart } from './watch-hub.ts';

/** Rows read in one go, without letting others work. */
export const rowsPerTurn = 1000;

type CurrentRow = [key: string, id: number, createRevision: number, value: Uint8Array | null];
type LogRow = [createRevision: number, prev: number, value: Uint8Array | null];

export interface Range {
  readonly start: string;
  readonly end: string;
  readonly revision: number;
}

export class Reader {
  readonly #db: DatabaseSync;
  readonly #sql: ReturnType<typeof prepare>;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#sql = prepare(db);
  }

  /** What stood at the key at the revision. */
  get(key: string, revision: number): Entry | undefined {
    const row = this.#sql.get.get(key) as unknown as CurrentRow | undefined;
    return row && this.#entryAt(row, logId(revision + 1, 0));
  }

  /** The entry that a row of the log wrote; undefined for a deletion. */
  entry(key: string, id: number): Entry | undefined {
    const row = this.#log(id);
    return row && toEntry(key, id, row[0], row[2]);
  }

  /**
   * The entries of the next `rows` rows from `start`, fewer when some have nothing at the revision.
   * `next` is where the following turn starts; undefined when the range has ended.
   */
  turn(range: Range, rows: number): { entries: Entry[]; next: string | undefined } {
    const newer = logId(range.revision + 1, 0);
    const found = this.#sql.range.all(
      range.start,
      range.end,
      newer,
      rows,
    ) as unknown as CurrentRow[];
    const entries: Entry[] = [];
    for (const row of found) {
      const entry = this.#entryAt(row, newer);
      if (entry !== undefined) entries.push(entry);
    }
    // No key lies between a key and itself followed by U+0001, for none holds NUL.
    const next = found.length < rows ? undefined : `${found.at(-1)![0]}\u0001`;
    return { entries, next };
  }

  /** How many keys the range has, when no more than maxCounted. */
  count({ start, end, revision }: Range): number | undefined {
    const newer = logId(revision + 1, 0);
    const [old] = this.#sql.countOld.get(start, end, newer, maxCounted + 1) as unknown as [number];
    if (old > maxCounted) return undefined;
    let count = old;
    const changed = this.#sql.changed.all(start, end, newer, maxCounted) as unknown as [number][];
    for (const [id] of changed) {
      const value = this.#walk(id, newer)?.row[2] ?? null;
      if (value !== null) count++;
    }
    return changed.length < maxCounted && count <= maxCounted ? count : undefined;
  }

  /** A part of the changes with `after` < revision ≤ `through`: whole commits. */
  history(prefix: string, after: number, through: number): HistoryPart {
    const from = logId(after + 1, 0);
    const end = logId(through + 1, 0);
    const [bound] = (this.#sql.skip.get(from, rowsPerTurn) ?? [end]) as unknown as [number];
    const upTo = bound < end ? logId(revisionOf(bound) + 1, 0) : end;
    const rows = this.#sql.history.all(from, upTo, prefix, prefixEnd(prefix)) as unknown as [
      string,
      number,
      number,
      Uint8Array | null,
      number,
      number | null,
      Uint8Array | null,
    ][];
    const changes = rows.map(([key, id, created, value, prev, prevCreated, prevValue]): Change => {
      return {
        key,
        revision: revisionOf(id),
        entry: toEntry(key, id, created, value),
        previous: toEntry(key, prev, prevCreated ?? 0, prevValue),
      };
    });
    return { changes, reached: Math.min(through, revisionOf(upTo) - 1) };
  }

  close(): void {
    this.#db.close();
  }

  #entryAt([key, id, createRevision, value]: CurrentRow, newer: number): Entry | undefined {
    if (id < newer) return toEntry(key, id, createRevision, value);
    const found = this.#walk(id, newer);
    return found && toEntry(key, found.id, found.row[0], found.row[2]);
  }

  /** From a row that is too new, back to the one that stood before `newer`. */
  #walk(id: number, newer: number): { id: number; row: LogRow } | undefined {
    let row = this.#log(id);
    for (let at = id; row !== undefined; row = at === 0 ? undefined : this.#log(at)) {
      if (at < newer) return { id: at, row };
      at = row[1];
    }
    return undefined;
  }

  #log(id: number): LogRow | undefined {
    return this.#sql.log.get(id) as unknown as LogRow | undefined;
  }
}

function toEntry(
  key: string,
  id: number,
  createRevision: number,
  value: Uint8Array | null,
): Entry | undefined {
  if (value === null) return undefined;
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return { key, value: bytes, createRevision, modRevision: revisionOf(id) };
}

function prepare(db: DatabaseSync) {
  const arrays = (sql: string): StatementSync => {
    const statement = db.prepare(sql);
    statement.setReturnArrays(true);
    return statement;
  };
  const row = 'SELECT c.key, c.id, c.create_rev, l.value FROM cur c JOIN log l ON l.id = c.id';
  const within = 'FROM cur WHERE key >= ? AND key < ?';
  return {
    get: arrays(`${row} WHERE c.key = ?`),
    range: arrays(
      `${row} WHERE c.key >= ? AND c.key < ? AND (c.create_rev <> 0 OR c.id >= ?)
       ORDER BY c.key LIMIT ?`,
    ),
    log: arrays('SELECT create_rev, prev, value FROM log WHERE id = ?'),
    countOld: arrays(
      `SELECT count(*) FROM (SELECT 1 ${within} AND id < ? AND create_rev <> 0 LIMIT ?)`,
    ),
    changed: arrays(`SELECT id ${within} AND id >= ? LIMIT ?`),
    skip: arrays('SELECT id FROM log WHERE id >= ? ORDER BY id LIMIT 1 OFFSET ?'),
    history: arrays(
      `SELECT l.key, l.id, l.create_rev, l.value, l.prev, p.create_rev, p.value
       FROM log l LEFT JOIN log p ON p.id = l.prev
       WHERE l.id >= ? AND l.id < ? AND l.key >= ? AND l.key < ? ORDER BY l.id`,
    ),
  };
}
