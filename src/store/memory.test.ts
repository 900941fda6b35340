/** The memory store: the acceptance suite, and what only it can do. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StepClock } from '../base/clock.ts';
import { SeededRandom } from '../base/random.ts';
import { MemoryStore } from './memory.ts';
import { storeAcceptance } from './store.acceptance.ts';
import { type Opened, show } from './store-model.acceptance.ts';

function openMemory(limits: { watchBufferChangesMax?: number } = {}): Opened {
  const clock = new StepClock();
  let store = new MemoryStore({ clock, random: new SeededRandom(1), ...limits });
  return {
    store,
    clock,
    reopen: async () => {
      await store.close();
      store = new MemoryStore({ clock, snapshot: store.snapshot(), ...limits });
      return store;
    },
    [Symbol.asyncDispose]: async () => store.close(),
  };
}

storeAcceptance('memory', { open: async (limits) => openMemory(limits), histories: 300 });

describe('memory store', () => {
  it('goes back to a snapshot that later writes did not touch', async () => {
    const { store, clock } = openMemory();
    await store.commit([{ put: 'a', value: Buffer.from('1') }]);
    await store.commit([{ put: 'b', value: Buffer.from('1') }]);
    const yesterday = (store as MemoryStore).snapshot();
    await store.commit([{ put: 'a', value: Buffer.from('2') }, { delete: 'b' }]);
    await store.compact(3);
    const restored = new MemoryStore({ clock, snapshot: yesterday });
    assert.equal(restored.id, store.id);
    assert.equal(restored.revision, 2);
    assert.deepEqual((await restored.range({ prefix: '', revision: 1 })).entries.map(show), [
      'a=1 c1 m1',
    ]);
    await restored.commit([{ put: 'b', value: Buffer.from('3'), expect: 2 }]);
    assert.equal(show(await restored.get('b')), 'b=3 c2 m3');
    assert.equal(await store.get('b'), undefined);
  });

  it('has applied and told a commit before commit() returns', async () => {
    const { store } = openMemory();
    const heard: number[] = [];
    store.subscribe((_, revision) => void heard.push(revision));
    const pending = store.commit([{ put: 'a', value: Buffer.from('1') }]);
    assert.deepEqual(heard, [1]);
    assert.equal(await pending, 1);
  });

  it('keeps many thousand keys in order, whatever the order of writes', async () => {
    const { store } = openMemory();
    const count = 20_000;
    const step = 7919;
    const name = (i: number): string => `k/${String(i).padStart(6, '0')}`;
    for (let i = 0; i < count; i++) {
      await store.commit([{ put: name((i * step) % count), value: Buffer.alloc(0) }]);
    }
    for (let i = 0; i < count; i += 2) await store.commit([{ delete: name(i) }]);
    const { entries } = await store.range({ prefix: 'k/' });
    assert.deepEqual(
      entries.map(({ key }) => key),
      Array.from({ length: count / 2 }, (_, i) => name(2 * i + 1)),
    );
  });
});
