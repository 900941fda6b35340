/** The simulation itself: one seed, one trace; each checker catches the bug that is planted. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { allCheckers } from './checkers/all.ts';
import { runFleet } from './fleet.ts';
import { plantedBugs } from './plants.ts';

test('the same seed gives the same trace', async () => {
  const [first, second] = [await runFleet({ seed: 7 }), await runFleet({ seed: 7 })];
  assert.deepEqual(first.trace, second.trace);
  assert.notEqual(first.digest, (await runFleet({ seed: 8 })).digest);
});

test('every invariant has a checker, a planted bug and its paragraph in the docs', () => {
  const page = readFileSync(new URL('../docs/internals/invariants.md', import.meta.url), 'utf8');
  const names = allCheckers().map(({ name }) => name);
  assert.deepEqual(
    [...page.matchAll(/^## (I\d+):/gm)].map(([, name]) => name),
    names,
  );
  assert.deepEqual(
    plantedBugs.map(({ invariant }) => invariant),
    names,
  );
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
    assert.fail('nothing was noticed in eight fleets');
  });
}
