import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requireMembers } from '../../testbed/binaries.ts';
import type { Tally } from './compare.ts';
import { describedKinds } from './described.ts';
import { ourEndpoint } from './endpoint.ts';
import { type Explored, explore, shown } from './explore.ts';
import { startOracle } from './oracle.ts';

/** The first ones; `npm run differential` looks for more. */
const seed = 1;
const seedsOfCustom = [1, 2, 3, 4, 5];

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

const leastOfDescribed: Readonly<Record<string, number>> = {
  apply: 0.6,
  create: 0.5,
  delete: 0.6,
  json: 0.2,
  merge: 0.6,
  strategic: 0.6,
  update: 0.3,
};

test('writes have the outcome that they have in a real kube-apiserver', async (t) => {
  if (!(await requireMembers(t, 'bare'))) return;
  await using started = await startOracle();
  const [oracle, ours] = [started.endpoint, await ourEndpoint()];
  const both = { oracle, ours, seed, described: [] };
  try {
    await t.test('of built-in kinds whose parts are written by hand', async () => {
      const written = await explore({ ...both, of: ['hand'], runs: 120 });
      assert.equal(told(written), '');
      accepted(written.tally, least);
    });
    await t.test('of made custom kinds', async () => {
      const tally: Tally = new Map();
      for (const seed of seedsOfCustom) {
        const prefix = `s${'abcde'[seed - 1]}-`;
        const custom = await explore({ ...both, seed, prefix, of: ['custom'], runs: 12 });
        assert.equal(told(custom), '');
        add(tally, custom.tally);
      }
      accepted(tally, leastOfCustom);
    });
    await t.test('of all built-in kinds as OpenAPI describes them', async () => {
      const described = await describedKinds(oracle, seed);
      const written = await explore({ ...both, described, of: ['described'], runs: 60 });
      assert.equal(told(written), '');
      accepted(written.tally, leastOfDescribed);
    });
  } finally {
    await ours.close();
  }
});

function add(to: Tally, tally: Tally): void {
  for (const [sort, { sent, accepted }] of tally) {
    const sum = to.get(sort) ?? { sent: 0, accepted: 0 };
    to.set(sort, { sent: sum.sent + sent, accepted: sum.accepted + accepted });
  }
}

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
