import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StepClock } from '../base/clock.ts';
import { silentLogger } from '../base/log.ts';
import { MemoryStore } from '../store/memory.ts';
import { Compaction } from './compaction.ts';
import { settled } from './registry/world.fixture.ts';

test('history older than five minutes goes, the last thousand revisions stay', async () => {
  const clock = new StepClock();
  const store = new MemoryStore({ clock });
  const write = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) await store.commit([{ put: 'k', value: Buffer.from('v') }]);
  };
  await write(50);
  const compaction = new Compaction({ store, clock, logger: silentLogger });
  clock.advance(300_000);
  await settled();
  assert.equal(store.compacted, 0);
  await write(2000);
  clock.advance(300_000);
  await settled();
  assert.equal(store.compacted, 50);
  clock.advance(300_000);
  await settled();
  assert.equal(store.compacted, 1050);
  compaction.stop();
  await write(2000);
  clock.advance(900_000);
  await settled();
  assert.equal(store.compacted, 1050);
});
