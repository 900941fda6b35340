/**
 * How fast the stores are: commits by concurrency, point reads, ranges. Prints a table; `--json
 * FILE` keeps the figures.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { parseArgs } from 'node:util';
import { WallClock } from '../src/base/clock.ts';
import { MemoryStore } from '../src/store/memory.ts';
import { openSqliteStore } from '../src/store/sqlite.ts';
import type { Store } from '../src/store/store.ts';

const { values: args } = parseArgs({
  options: { json: { type: 'string' }, seconds: { type: 'string', default: '2' } },
});
const seconds = Number(args.seconds);
const value = Buffer.alloc(2048, 'x');
const keysOfRange = 20_000;

type Row = Record<string, string | number>;

const rows: Row[] = [];
const folder = mkdtempSync(join(tmpdir(), 'ubernetes-bench-'));
try {
  bare();
  const clock = new WallClock();
  const sqlite = await openSqliteStore({ dataDir: join(folder, 'sqlite'), clock });
  await measure('sqlite', sqlite);
  await measure('memory', new MemoryStore({ clock }));
} finally {
  rmSync(folder, { recursive: true });
}
console.table(rows);
if (args.json !== undefined) {
  const commit = execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' }).trim();
  const machine = `${cpus().length} × ${cpus()[0]?.model}`;
  const command = `node bench/store.bench.ts --seconds ${seconds}`;
  const date = new Date().toISOString();
  writeFileSync(
    args.json,
    `${JSON.stringify({ command, commit, machine, date, rows }, null, 2)}\n`,
  );
}

/** The reference: SQLite's own calls on one thread, value once, without a store around them. */
function bare(): void {
  const db = new DatabaseSync(join(folder, 'bare.db'));
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  db.exec(`CREATE TABLE log (id INTEGER PRIMARY KEY, key TEXT, value BLOB);
    CREATE TABLE cur (key TEXT PRIMARY KEY, id INTEGER) WITHOUT ROWID`);
  const insertLog = db.prepare('INSERT INTO log VALUES (?, ?, ?)');
  const insertCurrent = db.prepare('INSERT OR REPLACE INTO cur VALUES (?, ?)');
  let id = 0;
  for (const group of [1, 16, 64]) {
    const until = performance.now() + seconds * 1000;
    const before = id;
    const began = performance.now();
    while (performance.now() < until) {
      db.exec('BEGIN IMMEDIATE');
      for (let i = 0; i < group; i++) {
        const key = keyOf(++id);
        insertLog.run(id, key, value);
        insertCurrent.run(key, id);
      }
      db.exec('COMMIT');
    }
    report('bare node:sqlite', `create, ${group} per commit`, id - before, began);
  }
  db.close();
}

async function measure(name: string, store: Store): Promise<void> {
  let next = 0;
  for (const concurrency of [1, 16, 64, 256]) {
    await timed(name, `create, ${concurrency} at once`, concurrency, async () => {
      await store.commit([{ put: keyOf(next++), value, expect: 0 }]);
    });
  }
  let updated = 0;
  for (const concurrency of [1, 16, 64]) {
    await timed(name, `update, ${concurrency} at once`, concurrency, async () => {
      await store.commit([{ put: keyOf(updated++ % next), value }]);
    });
  }
  for (; next < keysOfRange; next += 500) {
    const keys = Array.from({ length: 500 }, (_, i) => keyOf(next + i));
    await store.commit(keys.map((put) => ({ put, value })));
  }
  let read = 0;
  await timed(name, 'get, spread over all keys', 1, async () => {
    read = (read + 7919) % next;
    await store.get(keyOf(read));
  });
  for (const limit of [500, keysOfRange]) {
    const began = performance.now();
    let count = 0;
    while (performance.now() < began + seconds * 1000) {
      count += (await store.range({ prefix: 'registry/', limit })).entries.length;
    }
    report(name, `range rows, ${limit} a page`, count, began);
  }
  await store.close();
}

async function timed(
  name: string,
  what: string,
  concurrency: number,
  work: () => Promise<void>,
): Promise<void> {
  const latencies: number[] = [];
  const began = performance.now();
  const worker = async (): Promise<void> => {
    while (performance.now() < began + seconds * 1000) {
      const start = performance.now();
      await work();
      latencies.push(performance.now() - start);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  latencies.sort((a, b) => a - b);
  report(name, what, latencies.length, began, latencies[Math.floor(latencies.length * 0.99)]);
}

function report(store: string, what: string, count: number, began: number, p99?: number): void {
  const perSecond = Math.round((count / (performance.now() - began)) * 1000);
  rows.push({ store, what, perSecond, p99ms: p99 === undefined ? '' : Number(p99.toFixed(3)) });
}

function keyOf(i: number): string {
  return `registry/apps/deployments/ns-${i % 100}/web-${String(i).padStart(8, '0')}`;
}
