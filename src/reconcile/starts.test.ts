import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { StepClock } from '../base/clock.ts';
import { SeededRandom } from '../base/random.ts';
import { type MemorySnapshot, MemoryStore } from '../store/memory.ts';
import { Starts } from './starts.ts';

const random = new SeededRandom(1);

async function start(snapshot?: MemorySnapshot) {
  const copy = snapshot === undefined ? {} : { snapshot };
  const store = new MemoryStore({ clock: new StepClock(), random, ...copy });
  const starts = await Starts.open(store, random);
  /** What a Lease says that this process writes now. */
  const lease = () => ({ process: starts.process, revision: store.revision });
  const commit = async (times: number) => {
    for (let i = 0; i < times; i++) await store.commit([]);
  };
  return { store, starts, lease, commit };
}

test('a lease is of the past exactly if no backup has undone what it saw', async () => {
  const life = fc.record({ commits: fc.nat(5), backUp: fc.boolean(), restore: fc.boolean() });
  let undone = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(life, { minLength: 2, maxLength: 12 }), async (lives) => {
      const leases: { process: string; revision: number; lost: boolean }[] = [];
      let disk: MemorySnapshot | undefined;
      let backup: { disk: MemorySnapshot; leases: number } | undefined;
      for (const { commits, backUp, restore } of lives) {
        const { store, starts, lease, commit } = await start(disk);
        for (const { process, revision, lost } of leases)
          assert.equal(revision > starts.reach(process), lost);
        assert.ok(starts.reach(starts.process) > store.revision);
        leases.push({ ...lease(), lost: false });
        if (backUp) backup = { disk: store.snapshot(), leases: leases.length };
        await commit(commits);
        leases.push({ ...lease(), lost: false });
        disk = store.snapshot();
        if (!restore || backup === undefined) continue;
        // One that saw no more than the backup holds is not undone by it.
        const { disk: kept } = backup;
        const last = leases[backup.leases - 1]!;
        for (const each of leases.slice(backup.leases))
          each.lost ||= each.process !== last.process || each.revision > last.revision;
        disk = kept;
        undone += leases.filter(({ lost }) => lost).length;
        backup = undefined;
      }
    }),
    { numRuns: 200 },
  );
  assert.ok(undone > 100, 'the property saw leases of what is undone');
});

test('without a word about its process a lease is held against the first start', async () => {
  const old = new MemoryStore({ clock: new StepClock(), random });
  for (let i = 0; i < 10; i++) await old.commit([]);
  const { starts } = await start(old.snapshot());
  assert.equal(starts.reach(''), 10);
});

test('a lost history is accepted up to where the store stands', async () => {
  const first = await start();
  const backup = first.store.snapshot();
  await first.commit(50);
  const second = await start(backup);
  const { process, revision } = first.lease();
  assert.ok(revision > second.starts.reach(process));
  await second.store.advance(1000);
  await second.starts.accept();
  assert.equal(second.starts.reach(process), 1000);
  const third = await start(second.store.snapshot());
  assert.ok(third.starts.reach(process) >= 1000);
});

test('of very many starts the oldest are forgotten, and their leases are ours still', async () => {
  const first = await start();
  let disk = first.store.snapshot();
  for (let i = 0; i < 150; i++) disk = (await start(disk)).store.snapshot();
  const { starts } = await start(disk);
  const { process, revision } = first.lease();
  assert.ok(revision <= starts.reach(process));
  assert.ok(starts.reach(process) < 100);
});
