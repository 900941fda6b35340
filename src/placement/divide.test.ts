/** Properties P1 to P8 of the goal: where replicas should be. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  busySlots,
  check,
  freshSlots,
  plainGoal,
  plainSlots,
  replicas,
  slot,
} from './arbitraries.fixture.ts';
import { goal, type Slot, seatsOf, withTries } from './divide.ts';
import { compareQuotients } from './seats.ts';

function divide(slots: readonly Slot[], n: number): number[] {
  return [...goal(slots, seatsOf(slots, withTries), n)];
}

const total = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
const upper = (each: Slot): number => Math.min(each.max, each.limit + each.tries);
const lower = (each: Slot): number => Math.min(each.min, upper(each));

test('the fast division equals the plain one, seat by seat', () => {
  check(
    fc.property(fc.oneof(freshSlots, busySlots), replicas, (slots, n) => {
      assert.deepEqual(divide(slots, n), plainGoal(slots, n));
    }),
  );
});

test('a division among many clusters of any weight equals the plain one', () => {
  const many = fc.array(
    fc.integer({ min: 1, max: 1_000_000 }).map((weight) => slot({ weight })),
    { minLength: 20, maxLength: 40 },
  );
  fc.assert(
    fc.property(many, fc.integer({ min: 0, max: 400 }), (slots, n) => {
      assert.deepEqual(divide(slots, n), plainGoal(slots, n));
    }),
    { numRuns: 50 },
  );
});

test('comparing seats is exact beyond 2^53', () => {
  const k = 2 ** 31 - 1;
  const m = 2 ** 31 - 2;
  // (2k-1)/d > (2m-1)/e by one part in 10^19, which doubles cannot tell.
  assert.ok(compareQuotients(k, 4_294_967_293, m, 4_294_967_291) === 0);
  assert.ok(compareQuotients(k, 4_294_967_292, m, 4_294_967_291) > 0);
  assert.ok(compareQuotients(k, 4_294_967_293, m, 4_294_967_290) < 0);
});

test('P1: what is divided and what is unplaced is all there is', () => {
  check(
    fc.property(freshSlots, replicas, (slots, n) => {
      const room = total(slots.map((each) => (each.weight > 0 ? upper(each) : lower(each))));
      assert.equal(total(divide(slots, n)), Math.min(n, room));
    }),
  );
});

test('P2: equal clusters without bounds differ by at most one', () => {
  check(
    fc.property(plainSlots, replicas, (slots, n) => {
      const shares = divide(slots, n);
      assert.ok(Math.max(...shares) - Math.min(...shares) <= 1);
    }),
  );
});

test('P2: with bounds, only a minimum or an upper bound makes equal clusters differ', () => {
  const equal = freshSlots.map((slots) => slots.map((each) => ({ ...each, weight: 1 })));
  check(
    fc.property(equal, replicas, (slots, n) => {
      fc.pre(n >= total(slots.map(lower)));
      const shares = divide(slots, n);
      slots.forEach((a, i) => {
        slots.forEach((b, j) => {
          if (shares[i]! > shares[j]! + 1)
            assert.ok(shares[i] === lower(a) || shares[j] === upper(b));
        });
      });
    }),
  );
});

test('P3: one more replica takes from no cluster', () => {
  check(
    fc.property(fc.oneof(freshSlots, busySlots), replicas, (slots, n) => {
      const before = divide(slots, n);
      const after = divide(slots, n + 1);
      for (const [i, share] of before.entries()) assert.ok(after[i]! >= share);
    }),
  );
});

test('P4: one more cluster raises the share of no other', () => {
  check(
    fc.property(freshSlots, freshSlots, fc.nat(), replicas, (slots, others, where, n) => {
      const at = where % (slots.length + 1);
      const more = [...slots.slice(0, at), others[0]!, ...slots.slice(at)];
      const before = divide(slots, n);
      const after = divide(more, n).filter((_, i) => i !== at);
      for (const [i, share] of before.entries()) assert.ok(after[i]! <= share);
    }),
  );
});

test('P5: less room in one cluster takes from no other', () => {
  check(
    fc.property(freshSlots, fc.nat(), fc.nat({ max: 20 }), replicas, (slots, which, limit, n) => {
      const at = which % slots.length;
      const changed = slots.map((each, i) =>
        i === at ? { ...each, limit: Math.min(limit, each.limit) } : each,
      );
      const before = divide(slots, n);
      const after = divide(changed, n);
      for (const [i, share] of before.entries()) if (i !== at) assert.ok(after[i]! >= share);
    }),
  );
});

test('P5: more weight or a higher minimum never lowers a share, nor raises another', () => {
  const raise = fc.record({ weight: fc.nat({ max: 9 }), min: fc.nat({ max: 9 }) });
  check(
    fc.property(freshSlots, fc.nat(), raise, replicas, (slots, which, more, n) => {
      const at = which % slots.length;
      const changed = slots.map((each, i) =>
        i === at
          ? {
              ...each,
              weight: each.weight + more.weight,
              min: Math.min(each.max, each.min + more.min),
            }
          : each,
      );
      const before = divide(slots, n);
      const after = divide(changed, n);
      for (const [i, share] of before.entries())
        assert.ok(i === at ? after[i]! >= share : after[i]! <= share);
    }),
  );
});

test('P6: bounds hold, and minima give way before the sum does', () => {
  check(
    fc.property(freshSlots, replicas, (slots, n) => {
      const enough = n >= total(slots.map(lower));
      divide(slots, n).forEach((share, i) => {
        assert.ok(share <= upper(slots[i]!));
        assert.ok(enough ? share >= lower(slots[i]!) : share <= lower(slots[i]!));
      });
    }),
  );
});

test('P7: weight 0 gets at most its minimum', () => {
  check(
    fc.property(freshSlots, replicas, (slots, n) => {
      divide(slots, n).forEach((share, i) => {
        if (slots[i]!.weight === 0) assert.ok(share <= slots[i]!.min);
      });
    }),
  );
});

/**
 * Federation v1's and KubeFed's own cases, where rounding every share up made no difference. A to
 * E.
 */
const upstream: readonly (readonly [string, number, Partial<Slot>[], string])[] = [
  ['planner_test: two equal', 50, [{}, {}], '25,25'],
  ['planner_test: one cluster', 1, [{}], '1'],
  ['planner_test: half a million', 500_000, [{}, {}], '250000,250000'],
  ['planner_test: weight 0 with minima', 50, times(3, { min: 2, weight: 0 }), '2,2,2'],
  ['planner_test: minima and maxima', 50, times(3, { min: 10, max: 12 }), '12,12,12'],
  ['planner_test: maxima', 50, times(3, { max: 2 }), '2,2,2'],
  ['planner_test: weight 0 without minima', 50, times(3, { max: 2, weight: 0 }), '0,0,0'],
  ['planner_test: only those with a weight', 60, [{}, { weight: 2 }, { weight: 0 }], '20,40,0'],
  ['planner_test: one heavy cluster', 50, [{ weight: 10_000 }, {}, { weight: 0 }], '50,0,0'],
  ['planner_test: heavy with a max', 50, [{ weight: 10_000, max: 10 }, {}, {}], '10,20,20'],
  ['planner_test: and another max', 50, [{ weight: 10_000, max: 10 }, {}, { max: 10 }], '10,30,10'],
  [
    'planner_test: four with maxima',
    71,
    [{ weight: 10_000, max: 10 }, {}, { max: 21 }, { max: 10 }],
    '10,30,21,10',
  ],
  ['design, scenario 2: one is full', 50, [{}, {}, { limit: 6 }], '22,22,6'],
  ['design, scenario 4: the rest when one is gone', 50, [{}, { max: 20 }], '30,20'],
  ['design, scenario 4: only one left', 50, [{ max: 20 }], '20'],
  ['design, scenario 6: a preferred cluster', 50, [{ weight: 1_000_000 }, {}, {}], '50,0,0'],
  [
    'design, scenario 5: the preferred cluster is full',
    50,
    [{ weight: 1_000_000, limit: 40 }, {}, {}],
    '40,5,5',
  ],
  ['userguide: nine over three', 9, [{}, {}, {}], '3,3,3'],
  ['userguide: one to two', 9, [{}, { weight: 2 }, { weight: 0 }], '3,6,0'],
  ['the talk: nginx', 4, [{}, {}, {}, {}], '1,1,1,1'],
  ['the talk: nginx-us', 4, times(2, { min: 2, max: 4 }), '2,2'],
  ['case 73 that v1 got wrong: fair', 9, [{}, {}, {}, {}], '3,2,2,2'],
  ['case 85: no room in one', 10, [{ limit: 0 }, {}], '0,10'],
  ['case 92: weight 0 with a minimum', 10, [{ weight: 0, min: 3 }, {}], '3,7'],
  ['case 94: both at their max', 20, [{ max: 3 }, { max: 4 }], '3,4'],
];

function times<T>(count: number, each: T): T[] {
  return Array.from({ length: count }, () => each);
}

for (const [name, n, given, expected] of upstream)
  test(`upstream ${name}: ${expected}`, () => {
    assert.equal(divide(given.map(slot), n).join(), expected);
  });
