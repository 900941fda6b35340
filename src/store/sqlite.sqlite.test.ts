/** The SQLite store: the acceptance suite, and what only a file can do. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { StepClock } from '../base/clock.ts';
import { UserError } from '../base/errors.ts';
import { openSqliteStore } from './sqlite.ts';
import { storeAcceptance } from './store.acceptance.ts';
import { StoreFullError } from './store.ts';
import { type Opened, show } from './store-model.acceptance.ts';

async function temporaryFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'ubernetes-store-'));
}

async function openSqlite(limits: { watchBufferChangesMax?: number } = {}): Promise<Opened> {
  const clock = new StepClock();
  const dataDir = await temporaryFolder();
  let store = await openSqliteStore({ dataDir, clock, ...limits });
  return {
    store,
    clock,
    reopen: async () => {
      await store.close();
      store = await openSqliteStore({ dataDir, clock, ...limits });
      return store;
    },
    [Symbol.asyncDispose]: async () => {
      await store.close();
      await rm(dataDir, { recursive: true });
    },
  };
}

storeAcceptance('SQLite', { open: openSqlite, histories: 20 });

async function inFolder(work: (dataDir: string) => Promise<void>): Promise<void> {
  const dataDir = await temporaryFolder();
  try {
    await work(dataDir);
  } finally {
    await rm(dataDir, { recursive: true });
  }
}

const clock = new StepClock();

describe('SQLite store', () => {
  it('refuses a folder that another store uses', () =>
    inFolder(async (dataDir) => {
      const store = await openSqliteStore({ dataDir, clock });
      await assert.rejects(openSqliteStore({ dataDir, clock }), (error) => {
        assert.ok(error instanceof UserError);
        assert.match(error.message, /in use by another process/);
        return true;
      });
      await store.close();
      await openSqliteStore({ dataDir, clock }).then((again) => again.close());
    }));

  it('refuses a file of a newer version, of another program, and a damaged one', () =>
    inFolder(async (dataDir) => {
      const path = join(dataDir, 'store.db');
      const refused = (pattern: RegExp): Promise<void> =>
        assert.rejects(openSqliteStore({ dataDir, clock }), (error) => {
          assert.ok(error instanceof UserError, String(error));
          assert.match(error.message, pattern);
          assert.ok(error.hint.length > 0);
          return true;
        });
      const edit = (sql: string): void => {
        const db = new DatabaseSync(path);
        db.exec(sql);
        db.close();
      };
      await openSqliteStore({ dataDir, clock }).then((store) => store.close());
      edit("UPDATE meta SET value = 99 WHERE name = 'schema'");
      await refused(/newer version \(schema 99/);
      edit("UPDATE meta SET value = 1 WHERE name = 'schema'; DELETE FROM meta WHERE name = 'id'");
      await refused(/damaged: the entry id is missing/);
      await rm(path);
      edit('CREATE TABLE mine (x)');
      await refused(/another program/);
      await writeFile(path, Buffer.alloc(20_000, 'not a database '));
      await refused(/damaged/);
    }));

  it('says that the file is damaged when a part of it is missing', () =>
    inFolder(async (dataDir) => {
      const path = join(dataDir, 'store.db');
      const store = await openSqliteStore({ dataDir, clock });
      for (let i = 0; i < 200; i++) {
        await store.commit([{ put: `k${i}`, value: Buffer.alloc(3000, i) }]);
      }
      await store.close();
      await truncate(path, 300_000);
      const readAll = async (): Promise<void> => {
        const cut = await openSqliteStore({ dataDir, clock });
        try {
          await cut.range({ prefix: 'k' });
        } finally {
          await cut.close();
        }
      };
      await assert.rejects(readAll(), (error) => {
        assert.ok(error instanceof UserError, String(error));
        assert.match(error.message, /damaged/);
        return true;
      });
    }));

  it('skips many deleted keys in a range, and reads them at an older revision', () =>
    inFolder(async (dataDir) => {
      const store = await openSqliteStore({ dataDir, clock });
      const names = Array.from({ length: 3000 }, (_, i) => `k/${String(i).padStart(5, '0')}`);
      for (let at = 0; at < names.length; at += 1000) {
        const part = names.slice(at, at + 1000);
        await store.commit(part.map((put) => ({ put, value: Buffer.from('1') })));
      }
      const { revision } = store;
      const doomed = names.slice(0, -1);
      for (let at = 0; at < doomed.length; at += 1000) {
        await store.commit(doomed.slice(at, at + 1000).map((name) => ({ delete: name })));
      }
      const now = await store.range({ prefix: 'k/', limit: 1 });
      assert.deepEqual([now.entries[0]?.key, now.more, now.count], ['k/02999', false, 1]);
      const then = await store.range({ prefix: 'k/', limit: 2, revision });
      assert.deepEqual(
        then.entries.map(({ key }) => key),
        ['k/00000', 'k/00001'],
      );
      assert.equal(then.count, 3000);
      await store.close();
    }));

  it('writes nothing of a commit for which there is no room, and later ones that fit', () =>
    inFolder(async (dataDir) => {
      const store = await openSqliteStore({ dataDir, clock, fileBytesMax: 400_000 });
      await store.commit([{ put: 'a', value: Buffer.from('1') }]);
      const big = store.commit([
        { put: 'a', value: Buffer.from('2') },
        { put: 'big', value: Buffer.alloc(1_000_000) },
      ]);
      const small = store.commit([{ put: 'b', value: Buffer.from('1') }]);
      await assert.rejects(big, StoreFullError);
      assert.equal(await small, 2);
      assert.deepEqual((await store.range({ prefix: '' })).entries.map(show), [
        'a=1 c1 m1',
        'b=1 c2 m2',
      ]);
      await store.close();
      const again = await openSqliteStore({ dataDir, clock });
      assert.equal(await again.commit([{ put: 'big', value: Buffer.alloc(1_000_000) }]), 3);
      await again.close();
    }));

  it('reads more than fits one turn at one revision while others write', () =>
    inFolder(async (dataDir) => {
      const store = await openSqliteStore({ dataDir, clock });
      const names = Array.from({ length: 3500 }, (_, i) => `k/${String(i).padStart(5, '0')}`);
      for (let at = 0; at < names.length; at += 500) {
        const part = names.slice(at, at + 500);
        await store.commit(part.map((put) => ({ put, value: Buffer.from('old') })));
      }
      const { revision } = store;
      const reading = store.range({ prefix: 'k/' });
      const writing = names
        .filter((_, i) => i % 3 === 0)
        .map((put, i) =>
          store.commit([i % 2 === 0 ? { delete: put } : { put, value: Buffer.from('new') }]),
        );
      const page = await reading;
      await Promise.all(writing);
      assert.equal(page.revision, revision);
      assert.deepEqual(
        page.entries.map(({ key, value }) => `${key}=${value}`),
        names.map((name) => `${name}=old`),
      );
      const counted = await store.range({ prefix: 'k/', revision, limit: 10 });
      assert.deepEqual([counted.more, counted.count], [true, 3500]);
      await store.close();
    }));

  it('gives back the room of what was compacted', () =>
    inFolder(async (dataDir) => {
      const store = await openSqliteStore({ dataDir, clock, fileBytesMax: 2_000_000 });
      for (let i = 0; i < 3000; i++) {
        await store.commit([{ put: `k${i % 10}`, value: Buffer.alloc(2000, i) }]);
        if (i % 300 === 299) await store.compact(store.revision);
      }
      assert.equal((await store.range({ prefix: 'k' })).entries.length, 10);
      await store.close();
    }));
});
