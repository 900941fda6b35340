/**
 * Whole fleets under one seed each: real store, deciders, executors and sandbox members, users and
 * faults by dice, seven invariants watched at every step. `npm run sim -- --seed N` replays one.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runFleet } from './fleet.ts';
import { plantedBugs } from './plants.ts';

const fleets = Number(process.env['SIM_FLEETS'] ?? 15);
const firstSeed = Number(process.env['SIM_SEED'] ?? 1);

test(`${fleets} fleets keep every invariant and converge when faults stop`, async () => {
  const operations = new Map<string, number>();
  const faults = new Map<string, number>();
  for (let seed = firstSeed; seed < firstSeed + fleets; seed++) {
    const report = await runFleet({ seed });
    const replay = `replay: npm run sim -- --seed ${seed} --verbose`;
    assert.deepEqual(report.violations, [], replay);
    const done = [...report.operations.values()].reduce((sum, count) => sum + count, 0);
    const struck = [...report.faults.values()].reduce((sum, count) => sum + count, 0);
    assert.ok(done >= 200, `only ${done} operations; ${replay}`);
    assert.ok(struck >= 5 && report.faults.size >= 3, `only ${struck} faults; ${replay}`);
    for (const [name, count] of report.operations) add(operations, name, count);
    for (const [name, count] of report.faults) add(faults, name, count);
  }
  assert.ok(operations.size >= 12, `kinds of operations: ${[...operations.keys()]}`);
  assert.ok(faults.size >= 10, `kinds of faults: ${[...faults.keys()]}`);
});

test('the same seed gives the same trace', async () => {
  const [first, second] = [await runFleet({ seed: 7 }), await runFleet({ seed: 7 })];
  assert.deepEqual(first.trace, second.trace);
  assert.notEqual(first.digest, (await runFleet({ seed: 8 })).digest);
});

for (const { invariant, what, plant, inspect } of plantedBugs) {
  test(`${invariant} notices when ${what}`, async () => {
    for (let seed = 1; seed <= 8; seed++) {
      const { violations } = await runFleet({
        seed,
        ...(plant === undefined ? {} : { plant }),
        ...(inspect === undefined ? {} : { inspect }),
      });
      if (violations.some((violation) => violation.includes(invariant))) return;
    }
    assert.fail(`nothing was noticed in eight fleets`);
  });
}

function add(counts: Map<string, number>, name: string, count: number): void {
  counts.set(name, (counts.get(name) ?? 0) + count);
}
