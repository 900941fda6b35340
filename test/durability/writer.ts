/**
 * A process that keeps many writes in flight until it is killed: `node writer.ts FOLDER [unsafe]`. It prints a line
 * "WRITER NUMBER REVISION" for every acknowledged commit.
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
writeSync(1, 'ready\n');

let acknowledged = 0;
const compactEvery = 300;
const revisionsKept = 200;

async function write(writer: number): Promise<void> {
  const state = await stateOf(store, writer);
  let { number, revision } = state;
  for (;;) {
    try {
      revision = await store.commit(operationsOf(writer, number + 1, revision));
    } catch (error) {
      if (!(error instanceof StoreFullError)) throw error;
      writeSync(1, 'full\n');
      await new Promise((resolve) => setTimeout(resolve, 5));
      continue;
    }
    number++;
    writeSync(1, `${writer} ${number} ${revision}\n`);
    if (++acknowledged % compactEvery === 0) {
      await store.compact(Math.max(0, store.revision - revisionsKept)).catch((error: unknown) => {
        if (!(error instanceof StoreFullError)) throw error;
      });
    }
  }
}

await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
