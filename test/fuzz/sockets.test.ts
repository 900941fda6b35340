import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frameAttacks } from './frames.ts';
import { rawKinds } from './raw-requests.ts';
import { fuzzSockets } from './sockets.ts';

test('twenty seconds of attacks over sockets, with a member that lies', async (t) => {
  if (process.platform !== 'linux') return t.skip('memory and connections are read from /proc');
  const report = await fuzzSockets({ seed: 20_261_125, seconds: 20 });
  const { findings, connections, codes, lies, honest, residentMiB, left } = report;
  assert.deepEqual(findings, []);
  const kinds = [...rawKinds, ...Object.keys(frameAttacks)];
  const seen = kinds.filter((kind) => connections[kind] !== undefined);
  assert.ok(seen.length > kinds.length / 2, `only ${seen.join(', ')}`);
  for (const code of [200, 400]) assert.ok((codes[code] ?? 0) > 0, `no ${code}`);
  assert.ok(Object.keys(lies).length >= 10, `only ${Object.keys(lies).join(', ')}`);
  // Others are served meanwhile, and what was attacked lets go of what it held.
  assert.ok(honest.rounds > 10, `${honest.rounds} rounds`);
  const [first, ...later] = residentMiB as [number, ...number[]];
  assert.ok(Math.max(...later) < first + 250, `${residentMiB.join(', ')} MiB`);
  assert.ok(left.ofAttackers <= 2, `${left.ofAttackers} connections left`);
  t.diagnostic(JSON.stringify({ connections, codes, lies, honest, residentMiB, left }));
});
