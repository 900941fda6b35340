/** Properties of one step and of chains of steps: P1, P3, P8 to P12, P15 and P18. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { busySlots, check, freshSlots, percent, replicas, slot } from './arbitraries.fixture.ts';
import { goal, type Slot, seatsOf, withTries } from './divide.ts';
import { motionOf, planStep, type Step } from './plan.ts';

const total = (numbers: Iterable<number>): number => {
  let sum = 0;
  for (const number of numbers) sum += number;
  return sum;
};
const bound = (each: Slot): number =>
  each.weight > 0
    ? Math.min(each.max, each.limit + each.tries)
    : Math.min(each.min, each.max, each.limit + each.tries);

function step(slots: readonly Slot[], n: number, maxPercent = 10, frozen = false): Step {
  return planStep({ replicas: n, maxPercent, frozen, slots });
}

/** What is asked and seen after all pods got ready. */
function after(slots: readonly Slot[], asks: Float64Array): Slot[] {
  return slots.map((each, i) => {
    const ask = asks[i]!;
    return { ...each, ask, short: 0, hold: each.standing === 'lost' ? 0 : ask, ready: ask };
  });
}

/** Settled open clusters: asks are the goal. */
const settledSlots = fc.tuple(freshSlots, replicas).map(([slots, n]) => {
  const shares = goal(slots, seatsOf(slots, withTries), n);
  return { n, slots: after(slots, shares) };
});

test('P1: plan and unplaced are n', () => {
  check(
    fc.property(busySlots, replicas, percent, fc.boolean(), (slots, n, pct, frozen) => {
      const result = step(slots, n, pct, frozen);
      assert.equal(total(result.plan) + result.unplaced, n);
      for (const values of [result.plan, result.keep, result.pending, result.asks])
        for (const value of values) assert.ok(Number.isInteger(value) && value >= 0);
    }),
  );
});

test('P3: one more replica takes from no cluster of the plan either', () => {
  const calm = busySlots.map((slots) =>
    slots.map((each) => ({ ...each, tries: 0, hold: Math.min(each.hold, bound(each)) })),
  );
  check(
    fc.property(calm, replicas, percent, (slots, n, pct) => {
      fc.pre(motionOf(n, pct) === motionOf(n + 1, pct));
      fc.pre(slots.every((each) => each.standing === 'open'));
      const before = step(slots, n, pct).plan;
      const next = step(slots, n + 1, pct).plan;
      for (const [i, planned] of before.entries()) assert.ok(next[i]! >= planned);
    }),
  );
});

test('P8: scaling a settled object moves nothing and ends where a fresh division ends', () => {
  check(
    fc.property(settledSlots, replicas, ({ slots }, n) => {
      const result = step(slots, n, 0);
      assert.deepEqual(result.plan, goal(slots, seatsOf(slots, withTries), n));
      if (n >= total(slots.map((each) => each.hold)))
        for (const [i, each] of slots.entries()) assert.ok(result.plan[i]! >= each.hold);
    }),
  );
});

test('P8: losing a cluster of a settled object is one step to a fresh division', () => {
  check(
    fc.property(settledSlots, fc.nat(), ({ slots, n }, which) => {
      const lost = which % slots.length;
      const rest = slots.map((each, i) =>
        i === lost ? { ...each, standing: 'lost' as const, hold: 0 } : each,
      );
      const fresh = rest.map((each) => ({ ...each, hold: 0 }));
      const result = step(rest, n, 0);
      assert.deepEqual(result.plan, goal(fresh, seatsOf(fresh, withTries), n));
      assert.equal(result.asks[lost], slots[lost]!.ask);
    }),
  );
});

test('P9: "never move what runs" takes from no cluster that is within its bound', () => {
  check(
    fc.property(busySlots, replicas, (slots, n) => {
      fc.pre(total(slots.map((each) => each.hold)) <= n);
      fc.pre(slots.every((each) => each.standing === 'lost' || each.hold <= bound(each)));
      fc.pre(slots.every((each) => each.standing !== 'draining' && each.tries === 0));
      const { plan } = step(slots, n, 0);
      for (const [i, each] of slots.entries()) assert.ok(plan[i]! >= each.hold);
    }),
  );
});

test('P9: under it, a move is off a bound or a try to go home', () => {
  check(
    fc.property(busySlots, replicas, (slots, n) => {
      const held = total(slots.map((each) => each.hold));
      fc.pre(held <= n);
      const { plan } = step(slots, n, 0);
      let moved = 0;
      let over = 0;
      let tried = 0;
      for (const [i, each] of slots.entries()) {
        const within = each.standing === 'draining' ? 0 : Math.min(each.hold, bound(each));
        moved += Math.max(0, each.hold - plan[i]!);
        over += Math.max(0, each.hold - Math.max(plan[i]!, within));
        tried += Math.max(0, plan[i]! - Math.max(each.hold, Math.min(each.max, each.limit)));
      }
      // What no longer fits anywhere leaves at once, and only from over its bound.
      assert.ok(moved - over <= Math.min(tried, 1));
    }),
  );
});

test('P10: never more in motion than the budget, or than already is', () => {
  check(
    fc.property(busySlots, replicas, percent, fc.boolean(), (slots, n, pct, frozen) => {
      const { plan, keep, budget } = step(slots, n, pct, frozen);
      const surplus = Math.max(0, total(slots.map((each) => each.hold)) - n);
      assert.ok(total(plan) + total(keep) <= n + Math.max(budget, surplus));
      assert.ok(budget <= (frozen ? 0 : Math.max(1, motionOf(n, pct))));
    }),
  );
});

test('P11: no write takes ready replicas below what is wanted or what was there', () => {
  check(
    fc.property(busySlots, replicas, percent, fc.boolean(), (slots, n, pct, frozen) => {
      const { asks, unplaced } = step(slots, n, pct, frozen);
      const seen = slots.map((each) => (each.standing === 'lost' ? 0 : each.ready));
      const left = total(seen.map((ready, i) => Math.min(ready, asks[i]!)));
      assert.ok(left >= Math.min(n - unplaced, total(seen)));
    }),
  );
});

/** Steps until nothing is written any more, all pods getting ready in between. */
function settle(slots: readonly Slot[], n: number, pct: number): { rounds: number; last: Step } {
  let now = slots;
  for (let rounds = 0; ; rounds++) {
    const last = step(now, n, pct);
    const same = now.every(
      (each, i) =>
        last.asks[i] === each.ask && (each.standing !== 'open' || each.ready === each.ask),
    );
    if (same || rounds > 500) return { rounds, last };
    now = after(now, last.asks);
  }
}

const steady = busySlots.map((slots) =>
  slots.map((each) => ({
    ...each,
    midRollout: false,
    tries: 0,
    // Room found out: what is missing now is missing for good.
    limit: each.short > 0 ? each.hold : each.limit,
  })),
);

test('P12: it converges to the goal in about as many rounds as moves need', () => {
  check(
    fc.property(steady, replicas, fc.constantFrom(5, 10, 34, 100), (slots, n, pct) => {
      fc.pre(slots.every((each) => each.standing === 'open'));
      const { rounds, last } = settle(slots, n, pct);
      assert.deepEqual(last.plan, last.goal);
      assert.equal(total(last.keep), 0);
      const first = step(slots, n, pct);
      let moves = 0;
      for (const [i, each] of slots.entries()) moves += Math.max(0, each.hold - first.goal[i]!);
      // Each batch is asked for in one round and given up in the next; one more settles the rest.
      assert.ok(rounds <= 2 * Math.ceil(moves / Math.max(1, motionOf(n, pct))) + 3);
    }),
  );
});

test('P12: with drains, cordons, losses and clusters out of reach it comes to rest as well', () => {
  check(
    fc.property(steady, replicas, percent, (slots, n, pct) => {
      assert.ok(settle(slots, n, pct).rounds <= 300);
    }),
  );
});

test('P12: a cluster that never gets ready freezes the move within the budget', () => {
  check(
    fc.property(settledSlots, fc.nat(), ({ slots, n }, which) => {
      const broken = which % (slots.length + 1);
      const joined = slot({ limit: Number.POSITIVE_INFINITY });
      let now = [...slots.slice(0, broken), joined, ...slots.slice(broken)];
      let last = step(now, n, 10);
      for (let round = 0; round < 50; round++) {
        now = after(now, last.asks).map((each, i) => (i === broken ? { ...each, ready: 0 } : each));
        last = step(now, n, 10);
      }
      assert.deepEqual(
        [...last.asks],
        now.map((each) => each.ask),
      );
      assert.ok(total(last.plan) + total(last.keep) <= n + motionOf(n, 10));
      const serving = total(now.map((each, i) => Math.min(each.ready, last.asks[i]!)));
      const before = total(slots.map((each) => each.ready));
      assert.ok(serving >= Math.min(n - last.unplaced, before));
    }),
  );
});

test('P15: what capacity forbids stays asked, what max and weight forbid is not', () => {
  check(
    fc.property(steady, replicas, percent, (slots, n, pct) => {
      fc.pre(slots.every((each) => each.standing === 'open'));
      const { asks, keep, unasked } = step(slots, n, pct);
      assert.equal(total(asks), n - unasked + total(keep));
      const most = total(
        slots.map((each) => (each.weight > 0 ? each.max : Math.min(each.min, each.max))),
      );
      const over = total(
        slots.map((each) => Math.max(0, each.hold - (each.weight > 0 ? each.max : each.min))),
      );
      assert.ok(unasked >= n - most - over && (most < n || unasked === 0));
    }),
  );
});

test('P18: a cluster out of reach keeps its ask, and while frozen nothing that fits moves', () => {
  check(
    fc.property(busySlots, replicas, percent, (slots, n, pct) => {
      const result = step(slots, n, pct, true);
      slots.forEach((each, i) => {
        if (each.standing === 'unreachable') assert.equal(result.asks[i], each.ask);
      });
      fc.pre(total(slots.map((each) => each.hold)) <= n && result.unplaced === 0);
      for (const [i, each] of slots.entries()) assert.ok(result.plan[i]! >= each.hold);
    }),
  );
});
