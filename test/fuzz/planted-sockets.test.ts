import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitUntil } from '../../testbed/waiting.ts';
import { HonestUser } from './honest-user.ts';
import type { Served } from './served.ts';
import { fuzzSockets } from './sockets.ts';

test('attacks over sockets see the faults that are planted in the server', async (t) => {
  if (process.platform !== 'linux') return t.skip('memory and connections are read from /proc');
  const report = await fuzzSockets({ seed: 5, seconds: 5, planted: true });
  const { findings, heldMiB, peakMiB } = report;
  t.diagnostic(JSON.stringify({ ...report, findings: findings.map((each) => each.slice(0, 80)) }));
  for (const what of ["another tenant's data", 'an internal error', 'the server logged an error'])
    assert.ok(
      findings.some((finding) => finding.startsWith(`${what}\n`)),
      `not found: ${what}`,
    );
  assert.ok(Math.max(...heldMiB) > 400, `${heldMiB.join(', ')} MiB held`);
  assert.ok(peakMiB > 500, `${peakMiB} MiB`);
});

test('an honest user tells of what is refused, and of watches that end', async () => {
  const found: string[] = [];
  const refused = async (): Promise<never> => {
    throw new Error('no');
  };
  const client = { create: refused, get: refused, list: refused, delete: refused, open: refused };
  const user = new HonestUser({ client } as unknown as Served, (what) => found.push(what));
  await waitUntil({
    what: 'both to be told',
    check: async () =>
      ['an honest user is refused', 'a watch ended'].every((what) => found.includes(what)),
  });
  await user.stop();
});
