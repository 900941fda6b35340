import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { requireMembers } from '../../testbed/binaries.ts';
import { startFleet } from '../../testbed/fleet.ts';
import { compare, type Tally } from './compare.ts';
import { oracleOf, ourEndpoint } from './endpoint.ts';
import { shown } from './explore.ts';
import { sequences } from './operations.ts';

/** One that found nothing; `npm run differential` looks for more. */
const seed = 11;
const timeLimitMs = 25_000;

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

test('sequences of writes have the outcome that they have in a real kube-apiserver', async (t) => {
  if (!(await requireMembers(t, 'bare'))) return;
  await using fleet = await startFleet({ members: [{ name: 'oracle', full: false }] });
  const [oracle, ours] = [oracleOf(fleet.members[0]!), await ourEndpoint()];
  const tally: Tally = new Map();
  let run = 0;
  try {
    await fc.assert(
      fc.asyncProperty(sequences, async (sequence) => {
        const name = `run-${run++}`;
        const difference = await compare({ oracle, ours, sequence, name, tally });
        if (difference !== undefined) assert.fail(`${difference.where}\n${shown(difference)}`);
      }),
      { seed, numRuns: 300, interruptAfterTimeLimit: timeLimitMs, includeErrorInReport: true },
    );
  } finally {
    await ours.close();
    await oracle.close();
  }
  const sums = { sent: 0, accepted: 0 };
  for (const [sort, { sent, accepted }] of tally) {
    sums.sent += sent;
    sums.accepted += accepted;
    const share = least[sort];
    // Few of a sort say nothing about its share.
    if (share !== undefined && sent >= 20)
      assert.ok(accepted >= share * sent, `${sort}: ${accepted} of ${sent}`);
  }
  assert.ok(sums.sent > 300, `${sums.sent} operations`);
  assert.ok(sums.accepted >= 0.6 * sums.sent, `${sums.accepted} of ${sums.sent}`);
  for (const sort of Object.keys(least)) assert.ok(tally.get(sort)!.accepted > 0, sort);
});
