import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requireMembers } from '../../testbed/binaries.ts';
import type { Tally } from './compare.ts';
import { ourEndpoint } from './endpoint.ts';
import { type Explored, explore, shown } from './explore.ts';
import { startOracle } from './oracle.ts';

/** One that found nothing; `npm run differential` looks for more. */
const seed = 11;
const seedOfCustom = 21;

/** Of what is sent of each sort, this much must be accepted: a refusal proves less. */
const least: Readonly<Record<string, number>> = {
  apply: 0.6,
  create: 0.5,
  delete: 0.6,
  json: 0.25,
  merge: 0.7,
  strategic: 0.7,
  update: 0.5,
};

const leastOfCustom: Readonly<Record<string, number>> = {
  apply: 0.5,
  create: 0.5,
  delete: 0.5,
  json: 0.2,
  merge: 0.6,
  update: 0.3,
};

test('writes to built-in kinds have the outcome that they have in a real kube-apiserver', async (t) => {
  if (!(await requireMembers(t, 'bare'))) return;
  await using started = await startOracle();
  const [oracle, ours] = [started.endpoint, await ourEndpoint()];
  const both = { oracle, ours, seed, described: [] };
  try {
    const written = await explore({ ...both, of: ['hand'], runs: 150 });
    assert.equal(told(written), '');
    accepted(written.tally, least);
    const custom = await explore({ ...both, seed: seedOfCustom, of: ['custom'], runs: 45 });
    assert.equal(told(custom), '');
    accepted(custom.tally, leastOfCustom);
  } finally {
    await ours.close();
  }
});

function told({ found }: Explored): string {
  return [...found].map(([sort, [first]]) => `${sort}\n${shown(first!)}`).join('\n\n');
}

function accepted(tally: Tally, least: Readonly<Record<string, number>>): void {
  const sums = { sent: 0, accepted: 0 };
  for (const [sort, { sent, accepted }] of tally) {
    sums.sent += sent;
    sums.accepted += accepted;
    const share = least[sort];
    // Few of a sort say nothing about its share.
    if (share !== undefined && sent >= 20)
      assert.ok(accepted >= share * sent, `${sort}: ${accepted} of ${sent}`);
  }
  assert.ok(sums.sent > 200, `${sums.sent} operations`);
  assert.ok(sums.accepted >= 0.6 * sums.sent, `${sums.accepted} of ${sums.sent}`);
  for (const sort of Object.keys(least)) assert.ok(tally.get(sort)!.accepted > 0, sort);
}
