/** Fleets as tests: each from its seed, all invariants kept, and at rest when the faults stop. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runFleet } from './fleet.ts';

/** A test per ten seeds. Those of one file run in one process: a fleet is cheap once it is warm. */
export function testFleets({ first, last }: { first: number; last: number }): void {
  const operations = new Set<string>();
  const faults = new Set<string>();
  for (let from = first; from <= last; from += 10) {
    const to = Math.min(last, from + 9);
    test(`fleets ${from} to ${to} keep every invariant and come to rest`, async () => {
      for (let seed = from; seed <= to; seed++) await testFleet(seed, { operations, faults });
    });
  }
  test(`fleets ${first} to ${last} have seen every kind of trouble`, () => {
    assert.ok(operations.size >= 12, `kinds of operations: ${[...operations]}`);
    assert.ok(faults.size >= 10, `kinds of faults: ${[...faults]}`);
  });
}

interface Kinds {
  readonly operations: Set<string>;
  readonly faults: Set<string>;
}

async function testFleet(seed: number, kinds: Kinds): Promise<void> {
  const report = await runFleet({ seed });
  const replay = `seed ${seed}; replay it: npm run sim -- --seed ${seed} --verbose`;
  assert.deepEqual(report.violations, [], replay);
  const done = sum(report.operations);
  const struck = sum(report.faults);
  assert.ok(report.members >= 3, `only ${report.members} members; ${replay}`);
  assert.ok(done >= 200, `only ${done} operations; ${replay}`);
  assert.ok(struck >= 5 && report.faults.size >= 3, `only ${struck} faults; ${replay}`);
  for (const name of report.operations.keys()) kinds.operations.add(name);
  for (const name of report.faults.keys()) kinds.faults.add(name);
}

function sum(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((total, count) => total + count, 0);
}
