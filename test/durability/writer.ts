/**
 * A process that keeps many writes in flight until it is killed: `node writer.ts FOLDER [unsafe]`.
 * It prints a line "WRITER NUMBER REVISION" for every acknowledged commit.
 */
import { writeSync } from 'node:fs';
import { WallClock } from '../../src/base/clock.ts';
import { openSqliteStore } from '../../src/store/sqlite.ts';
import { StoreFullError } from '../../src/store/store.ts';
import { operationsOf, stateOf, writers } from './check.ts';

const [, , dataDir, unsafe] = process.argv;
const store = await openSqliteStore({
  dataDir: dataDir!,
  clock: new WallClock(),
  unsafeNoSync: unsafe === 'unsafe',
});
say('ready');

let acknowledged = 0;
const compactEvery = 300;
const revisionsKept = 200;

/** Prints at once, for the process may be killed at any time; waits while the reader is busy. */
function say(line: string): void {
  for (;;) {
    try {
      writeSync(1, `${line}\n`);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

async function write(writer: number): Promise<void> {
  const state = await stateOf(store, writer);
  let { number, revision } = state;
  for (;;) {
    try {
      revision = await store.commit(operationsOf(writer, number + 1, revision));
    } catch (error) {
      if (!(error instanceof StoreFullError)) throw error;
      say('full');
      await new Promise((resolve) => setTimeout(resolve, 5));
      continue;
    }
    number++;
    say(`${writer} ${number} ${revision}`);
    if (++acknowledged % compactEvery === 0) {
      await store.compact(Math.max(0, store.revision - revisionsKept)).catch((error: unknown) => {
        if (!(error instanceof StoreFullError)) throw error;
      });
    }
  }
}

await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
