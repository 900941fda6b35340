/** kill -9 of the whole program under load, and a restart. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { killUnderLoad } from '../../bench/propagation/killed.ts';
import { startBench } from '../../bench/propagation/setup.ts';
import { requireMembers } from '../../testbed/binaries.ts';

test('nothing acknowledged is missing after kill -9, here and in the members', async (t) => {
  if (!(await requireMembers(t, 'bare'))) return;
  const bench = await startBench({ members: 2, full: false });
  t.after(() => bench.stop());
  for (const writes of [60, 200]) {
    const killed = await killUnderLoad(bench, { name: `kill-${writes}`, writers: 16, writes });
    assert.deepEqual(killed.lost, []);
    assert.deepEqual(killed.apart, []);
    assert.ok(killed.acknowledged >= writes);
    t.diagnostic(JSON.stringify(killed));
  }
});
