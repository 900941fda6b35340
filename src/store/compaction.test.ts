import assert from 'node:assert/strict';
import { it } from 'node:test';
import { StepClock } from '../base/clock.ts';
import { silentLogger } from '../base/log.ts';
import { SeededRandom } from '../base/random.ts';
import { Compaction } from './compaction.ts';
import { MemoryStore } from './memory.ts';

const minute = 60_000;

function set(): { clock: StepClock; store: MemoryStore; ticks: (n: number) => Promise<void> } {
  const clock = new StepClock();
  const store = new MemoryStore({ clock, random: new SeededRandom(1) });
  const ticks = async (n: number): Promise<void> => {
    for (let i = 0; i < n; i++) await store.commit([]);
  };
  return { clock, store, ticks };
}

it('keeps five minutes of history, however many revisions they hold', async () => {
  const { clock, store, ticks } = set();
  const compaction = new Compaction({ store, clock, logger: silentLogger });
  await ticks(5000);
  clock.advance(minute);
  await ticks(3000);
  clock.advance(4 * minute);
  assert.equal(store.compacted, 0);
  clock.advance(minute);
  assert.equal(store.compacted, 5000);
  compaction.stop();
  await ticks(5000);
  clock.advance(60 * minute);
  assert.equal(store.compacted, 5000);
});

it('forgets what is older, however few revisions there are', async () => {
  const { clock, store, ticks } = set();
  const compaction = new Compaction({ store, clock, logger: silentLogger });
  await ticks(9);
  clock.advance(11 * minute);
  assert.equal(store.compacted, 9);
  compaction.stop();
});
