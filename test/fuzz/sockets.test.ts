import assert from 'node:assert/strict';
import { test } from 'node:test';
import { heapMiB } from './served.ts';
import { fuzzSockets } from './sockets.ts';

/**
 * What `src/main/memory.ts` makes of this heap, MiB: an eighth of it for the objects of one member,
 * which may be five times as long in memory as on the wire; 64 for its answers and an eighth for
 * bodies, both outside the heap.
 */
const objectsMiB = (5 * heapMiB) / 8;
const buffersMiB = 64 + heapMiB / 8;
/** Code, stacks, the threads' own heaps, what the allocator keeps. */
const programMiB = 250;

test('twenty seconds of attacks over sockets, with a member that lies', async (t) => {
  if (process.platform !== 'linux') return t.skip('memory and connections are read from /proc');
  const report = await fuzzSockets({ seed: 20_261_125, seconds: 20 });
  t.diagnostic(JSON.stringify({ ...report, findings: report.findings.length }));
  assert.deepEqual(report.findings, []);
  assert.equal(report.complete, true, 'too little was seen');
  // What is not garbage stays within the bounds that are set, and so does all in any moment.
  const [atRest, ...held] = report.heldMiB as [number, ...number[]];
  const heldMost = atRest + objectsMiB + buffersMiB;
  assert.ok(Math.max(...held) < heldMost, `${report.heldMiB.join(', ')} MiB held`);
  const most = heapMiB + buffersMiB + programMiB;
  assert.ok(report.peakMiB < most, `${report.peakMiB} MiB resident, above ${most}`);
  // What was attacked lets go of what it held.
  assert.ok(report.left.ofAttackers <= 2, `${report.left.ofAttackers} connections left`);
});
