import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Budget } from './budget.ts';

test('whatever is taken and given back: no holder is above its share, nor all above the pool', () => {
  const step = fc.record({ holder: fc.nat(2), bytes: fc.nat(40), gives: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const pool = new Budget({ most: 100 });
      const own = 10;
      const holders = [0, 1, 2].map(() => new Budget({ most: 60, pool, own }));
      const taken: number[][] = [[], [], []];
      const sum = (all: readonly number[]): number => all.reduce((a, b) => a + b, 0);
      for (const { holder, bytes, gives } of steps) {
        const budget = holders[holder]!;
        const mine = taken[holder]!;
        if (gives) budget.release(mine.shift() ?? 0);
        else if (budget.take(bytes)) mine.push(bytes);
        else assert.ok(sum(mine) + bytes > own, 'what is its own is never refused');
        for (const [at, each] of holders.entries()) {
          assert.equal(each.used, sum(taken[at]!));
          assert.ok(each.used <= each.most);
        }
        assert.equal(pool.used, sum(holders.map(({ used }) => Math.max(0, used - own))));
        assert.ok(pool.used <= pool.most);
      }
    }),
  );
});

test('a holder that takes all of the pool leaves others their own', () => {
  const pool = new Budget({ most: 100 });
  const greedy = new Budget({ most: 200, pool, own: 10 });
  const modest = new Budget({ most: 200, pool, own: 10 });
  assert.equal(greedy.take(110), true);
  assert.equal(greedy.take(1), false);
  assert.equal(modest.take(10), true);
  assert.equal(modest.take(1), false);
  greedy.release(5);
  assert.equal(modest.take(5), true);
});
