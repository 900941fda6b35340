/**
 * kill -9 with 24 writes in flight, again and again on one folder: nothing acknowledged is missing,
 * nothing is half.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { WallClock } from '../../src/base/clock.ts';
import { UserError } from '../../src/base/errors.ts';
import { integer, SystemRandom } from '../../src/base/random.ts';
import { openSqliteStore } from '../../src/store/sqlite.ts';
import { stateOf, violations, writers } from './check.ts';
import { killedWriter } from './killed.ts';

/** 1000 for a long run: STORE_KILLS=1000 node --test test/durability/kill.sqlite.test.ts */
const rounds = Number(process.env['STORE_KILLS'] ?? 10);

async function inFolder(work: (dataDir: string) => Promise<void>): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'ubernetes-kill-'));
  try {
    await work(dataDir);
  } finally {
    await rm(dataDir, { recursive: true });
  }
}

it('keeps every other process out of the folder until it is killed', () =>
  inFolder(async (dataDir) => {
    let refused: Promise<unknown> | undefined;
    await killedWriter({
      dataDir,
      afterCommits: 2000,
      onOutput: () => {
        refused ??= openSqliteStore({ dataDir, clock: new WallClock() }).catch((error) => error);
      },
    });
    const error = await refused;
    assert.ok(error instanceof UserError, String(error));
    assert.match(error.message, /in use by another process/);
    await openSqliteStore({ dataDir, clock: new WallClock() }).then((store) => store.close());
  }));

it(`loses nothing acknowledged in ${rounds} kills with ${writers} writes in flight`, () =>
  inFolder(async (dataDir) => {
    const random = new SystemRandom();
    let before: number[] = [];
    let acknowledged = 0;
    for (let round = 0; round < rounds; round++) {
      const early = round % 5 === 4 ? { afterMs: integer(random, 200) } : {};
      const afterCommits = 1 + integer(random, 800);
      const killed = await killedWriter({ dataDir, afterCommits, ...early });
      acknowledged += killed.acknowledged.length;
      const store = await openSqliteStore({ dataDir, clock: new WallClock() });
      assert.deepEqual(await violations(store, killed.acknowledged, before), [], `round ${round}`);
      const states = Array.from({ length: writers }, (_, writer) => stateOf(store, writer));
      before = (await Promise.all(states)).map(({ number }) => number);
      await store.close();
    }
    assert.ok(acknowledged >= rounds, `only ${acknowledged} commits were acknowledged`);
  }));
