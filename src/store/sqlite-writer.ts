/** The only writer of the SQLite file: groups of requests become one transaction, so one sync. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { messageOf } from '../base/errors.ts';
import {
  type CommitsRequest,
  type EndedKeys,
  notExpected,
  type Outcome,
  type PackedOperation,
  type Reply,
  type Request,
  unpackCommits,
  type WriterError,
} from './sqlite-messages.ts';
import { logId, metaValue, readState, revisionOf } from './sqlite-schema.ts';
import { maxOperations } from './store.ts';

/** Rows that one step of sweeping looks at. */
const sweepRows = 128;

export class Writer {
  readonly #db: DatabaseSync;
  readonly #sql: Statements;
  #revision: number;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#sql = prepare(db);
    this.#revision = readState(db).revision;
  }

  /**
   * Runs all requests in one transaction, durable when this returns; the replies are in the same
   * order.
   */
  run(requests: readonly Request[]): Reply[] {
    try {
      return this.#transaction(() => requests.map((request) => this.#handle(request)));
    } catch {
      // One that does not fit must not fail the others: each again, by itself.
      return requests.map((request) => this.#runAlone(request));
    }
  }

  #runAlone(request: Request): Reply {
    if (request.kind === 'commits') {
      const outcomes = Array.from(unpackCommits(request), (operations): Outcome => {
        try {
          return this.#transaction(() => this.#commit(operations));
        } catch (error) {
          return { error: describe(error) };
        }
      });
      return { kind: 'commits', outcomes };
    }
    try {
      return this.#transaction(() => this.#handle(request));
    } catch (error) {
      return { kind: 'error', error: describe(error) };
    }
  }

  #transaction<T>(work: () => T): T {
    const { begin, commit } = this.#sql;
    const revision = this.#revision;
    begin.run();
    try {
      const result = work();
      commit.run();
      return result;
    } catch (error) {
      this.#revision = revision;
      // Some errors have rolled back already.
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  #handle(request: Request): Reply {
    switch (request.kind) {
      case 'commits':
        return { kind: 'commits', outcomes: this.#commits(request) };
      case 'end':
        return { kind: 'ended', commits: this.#endLease(request.lease) };
      case 'grant':
        this.#sql.insertLease.run(request.lease, request.ttlMs);
        break;
      case 'compact':
        this.#sql.setMeta.run(request.revision, 'compacted');
        break;
      case 'advance':
        if (request.revision <= this.#revision) break;
        this.#revision = request.revision;
        this.#sql.setMeta.run(request.revision, 'compacted');
        break;
      case 'sweep':
        return { kind: 'done', more: this.#sweep() };
      case 'close':
        break;
    }
    return { kind: 'done', more: false };
  }

  #commits(request: CommitsRequest): Outcome[] {
    const outcomes: Outcome[] = [];
    for (const operations of unpackCommits(request)) outcomes.push(this.#commit(operations));
    return outcomes;
  }

  #commit(operations: readonly PackedOperation[]): Outcome {
    const found = operations.map(({ key }) => this.#current(key));
    for (const [i, { expect }] of operations.entries()) {
      if (expect === notExpected) continue;
      const current = alive(found[i]);
      if (revisionOf(current) !== expect) return { failed: i, current };
    }
    const revision = ++this.#revision;
    const createRevisions: number[] = [];
    let rows = 0;
    for (const [i, { key, value, lease }] of operations.entries()) {
      const current = found[i];
      const existed = alive(current) !== 0;
      const created = existed ? current!.createRevision : revision;
      createRevisions.push(created);
      if (value === null && !existed) continue;
      const id = logId(revision, rows++);
      const createRevision = value === null ? 0 : created;
      this.#sql.insertLog.run(id, key, createRevision, current?.id ?? 0, value);
      if (current === undefined) this.#sql.insertCurrent.run(key, id, createRevision, lease);
      else this.#sql.updateCurrent.run(id, createRevision, lease, key);
    }
    if (rows === 0) this.#sql.insertLog.run(logId(revision, 0), null, 0, 0, null);
    return { revision, previous: found.map(alive), createRevisions };
  }

  #current(key: string): Current | undefined {
    const row = this.#sql.current.get(key) as unknown as [number, number] | undefined;
    return row && { id: row[0], createRevision: row[1] };
  }

  #endLease(lease: number): EndedKeys[] {
    const commits: EndedKeys[] = [];
    const rows = this.#sql.leased.all(lease) as unknown as [string][];
    for (let at = 0; at < rows.length; at += maxOperations) {
      const keys = rows.slice(at, at + maxOperations).map(([key]) => key);
      const outcome = this.#commit(
        keys.map((key) => ({ key, expect: notExpected, value: null, lease: 0 })),
      );
      if ('revision' in outcome) {
        commits.push({ revision: outcome.revision, keys, previous: outcome.previous });
      }
    }
    this.#sql.deleteLease.run(lease);
    return commits;
  }

  /** Deletes some of what nobody may read since the last compaction; true when there is more. */
  #sweep(): boolean {
    const swept = Number(metaValue(this.#db, 'swept'));
    const end = logId(Number(metaValue(this.#db, 'compacted')) + 1, 0);
    const rows = this.#sql.sweepable.all(swept, end, sweepRows) as unknown as [
      id: number,
      key: string | null,
      prev: number,
      deletion: number,
    ][];
    for (const [id, key, prev, deletion] of rows) {
      if (prev !== 0) this.#sql.deleteLog.run(prev);
      if (deletion === 0) continue;
      this.#sql.deleteLog.run(id);
      if (key !== null) this.#sql.deleteCurrent.run(key, id);
    }
    const more = rows.length === sweepRows;
    this.#sql.setMeta.run(more ? rows.at(-1)![0] + 1 : Math.max(swept, end), 'swept');
    return more;
  }
}

interface Current {
  readonly id: number;
  readonly createRevision: number;
}

/** The log id of what stands at a key: 0 when nothing, or a deletion. */
function alive(current: Current | undefined): number {
  return current === undefined || current.createRevision === 0 ? 0 : current.id;
}

function describe(error: unknown): WriterError {
  const errcode = error instanceof Error && 'errcode' in error ? error.errcode : undefined;
  return { message: messageOf(error), errcode: typeof errcode === 'number' ? errcode : undefined };
}

type Statements = ReturnType<typeof prepare>;

function prepare(db: DatabaseSync) {
  const arrays = (sql: string): StatementSync => {
    const statement = db.prepare(sql);
    statement.setReturnArrays(true);
    return statement;
  };
  return {
    begin: db.prepare('BEGIN IMMEDIATE'),
    commit: db.prepare('COMMIT'),
    current: arrays('SELECT id, create_rev FROM cur WHERE key = ?'),
    insertLog: db.prepare('INSERT INTO log (id, key, create_rev, prev, value) VALUES (?,?,?,?,?)'),
    insertCurrent: db.prepare('INSERT INTO cur (key, id, create_rev, lease) VALUES (?,?,?,?)'),
    updateCurrent: db.prepare('UPDATE cur SET id = ?, create_rev = ?, lease = ? WHERE key = ?'),
    deleteCurrent: db.prepare('DELETE FROM cur WHERE key = ? AND id = ?'),
    deleteLog: db.prepare('DELETE FROM log WHERE id = ?'),
    insertLease: db.prepare('INSERT INTO lease (id, ttl_ms) VALUES (?,?)'),
    deleteLease: db.prepare('DELETE FROM lease WHERE id = ?'),
    leased: arrays('SELECT key FROM cur WHERE lease = ? AND lease <> 0 ORDER BY key'),
    setMeta: db.prepare('UPDATE meta SET value = ? WHERE name = ?'),
    sweepable: arrays(
      'SELECT id, key, prev, value IS NULL FROM log WHERE id >= ? AND id < ? ORDER BY id LIMIT ?',
    ),
  };
}
