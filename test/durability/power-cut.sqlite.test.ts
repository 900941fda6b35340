/**
 * Power cuts: only what was synced is left, or that and any part of the rest. Nothing acknowledged
 * may be missing.
 */
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { WallClock } from '../../src/base/clock.ts';
import { integer, SeededRandom, SystemRandom } from '../../src/base/random.ts';
import { openSqliteStore } from '../../src/store/sqlite.ts';
import { parseAcknowledged, stateOf, violations, writers } from './check.ts';
import { type Killed, type KillOptions, killedWriter } from './killed.ts';
import {
  compileShim,
  Disk,
  type Image,
  type Note,
  readImage,
  readNotes,
  writeImage,
} from './power-cut.ts';

/**
 * More for a long run: STORE_POWER_CUTS=200 node --test test/durability/power-cut.sqlite.test.ts
 */
const rounds = Number(process.env['STORE_POWER_CUTS'] ?? 3);
const cutsPerRound = 8;

interface RunOptions extends Omit<KillOptions, 'dataDir' | 'env' | 'onOutput'> {
  /** Gets all output so far, and the name of the file that makes the disk full while it exists. */
  readonly onOutput?: (output: string, fullMark: string) => void;
}

describe('a power cut', () => {
  let folder = '';
  let shim: string | undefined;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ubernetes-power-'));
    shim = compileShim(folder);
    const required = process.env['REQUIRE_MEMBERS'] === '1';
    assert.ok(shim !== undefined || !required, 'gcc is needed for the file layer');
  });
  after(() => rm(folder, { recursive: true }));

  let runs = 0;

  /**
   * Runs the writing process on these files until it is killed, and says what its disk then held.
   */
  async function run(
    image: Image,
    options: RunOptions,
  ): Promise<{ killed: Killed; disk: Disk; notes: readonly Note[] }> {
    const dataDir = join(folder, `run-${runs++}`);
    const log = `${dataDir}.log`;
    mkdirSync(dataDir);
    writeImage(dataDir, image);
    const env = { LD_PRELOAD: shim, POWER_CUT_FOLDER: dataDir, POWER_CUT_LOG: log };
    const onOutput = (output: string): void => options.onOutput?.(output, `${log}.full`);
    const killed = await killedWriter({ ...options, dataDir, env, onOutput });
    const notes = Array.from(readNotes(await readFile(log)));
    const disk = new Disk(image, notes);
    await rm(dataDir, { recursive: true });
    await rm(log);
    return { killed, disk, notes };
  }

  /** What is wrong with a store that starts from these files, and the files after it was closed. */
  async function inspect(
    image: Image,
    disk: Disk,
    numbers: readonly number[],
  ): Promise<{ found: string[]; numbers: number[]; image: Image }> {
    const dataDir = join(folder, `look-${runs++}`);
    mkdirSync(dataDir);
    writeImage(dataDir, image);
    try {
      const store = await openSqliteStore({ dataDir, clock: new WallClock() });
      const found = await violations(store, parseAcknowledged(disk.printed), numbers);
      const states = Array.from({ length: writers }, (_, writer) => stateOf(store, writer));
      const after = (await Promise.all(states)).map(({ number }) => number);
      await store.close();
      return { found, numbers: after, image: readImage(dataDir) };
    } finally {
      await rm(dataDir, { recursive: true });
    }
  }

  it('takes nothing acknowledged, whatever part of the unsynced writes it keeps', async (test) => {
    if (shim === undefined) {
      test.skip('no gcc');
      return;
    }
    const random = new SystemRandom();
    let image: Image = new Map();
    let numbers: number[] = [];
    let unsynced = 0;
    for (let round = 0; round < rounds; round++) {
      const { notes } = await run(image, { afterCommits: 200 + integer(random, 1500) });
      let left: { image: Image; numbers: number[] } = { image, numbers };
      for (let cut = 0; cut < cutsPerRound; cut++) {
        // The first one comes while the store is opened, the next round goes on from the last one.
        const within = cut === 0 ? Math.min(100, notes.length) : notes.length;
        const at = cut === cutsPerRound - 1 ? notes.length : integer(random, within);
        const disk = new Disk(image, notes.slice(0, at));
        if (disk.unsyncedWrites > 0) unsynced++;
        const seed = integer(random, 2 ** 32);
        const torn = await inspect(disk.torn(new SeededRandom(seed)), disk, numbers);
        assert.deepEqual(torn.found, [], `round ${round}, cut at ${at}, seed ${seed}`);
        const strict = await inspect(disk.strict(), disk, numbers);
        assert.deepEqual(strict.found, [], `round ${round}, cut at ${at}, only what was synced`);
        left = strict;
      }
      ({ image, numbers } = left);
    }
    test.diagnostic(`${unsynced} of ${rounds * cutsPerRound} cuts between a write and its sync`);
    assert.ok(unsynced > 0, 'no cut came between a write and its sync');
  });

  it('is noticed by this test when the store does not sync', async (test) => {
    if (shim === undefined) {
      test.skip('no gcc');
      return;
    }
    const { killed, disk } = await run(new Map(), { afterCommits: 500, unsafe: true });
    assert.ok(killed.acknowledged.length >= 500);
    const found = await inspect(disk.strict(), disk, []).then(
      (result) => result.found,
      (error: unknown) => [String(error)],
    );
    assert.ok(found.length > 0, 'a store that never syncs passed');
  });

  it('finds whole commits and all acknowledged ones after a full disk', async (test) => {
    if (shim === undefined) {
      test.skip('no gcc');
      return;
    }
    let filled = false;
    const { killed, disk } = await run(new Map(), {
      afterCommits: 1200,
      onOutput: (output, fullMark) => {
        const lines = output.split('\n');
        if (!filled && lines.length > 400) {
          writeFileSync(fullMark, '');
          filled = true;
        } else if (lines.filter((line) => line === 'full').length > 100) {
          rmSync(fullMark, { force: true });
        }
      },
    });
    const lines = killed.output.split('\n');
    const afterwards = lines.slice(lines.lastIndexOf('full') + 1);
    assert.ok(lines.includes('full'), 'the disk was never full');
    assert.ok(afterwards.length > writers, 'nothing was written after there was room again');
    assert.deepEqual((await inspect(disk.strict(), disk, [])).found, []);
  });
});
