/**
 * Random planner inputs for property tests, and a division so plain that it can be read: sort all
 * seats, take n.
 */
import fc from 'fast-check';
import type { Slot, Standing } from './divide.ts';

/** PROPERTY_RUNS=100000 for a long search. */
export const runs = Number(process.env['PROPERTY_RUNS'] ?? 1000);

export function check<T extends [unknown, ...unknown[]]>(
  property: fc.IProperty<T> | fc.IPropertyWithHooks<T>,
): void {
  fc.assert(property, { numRuns: runs });
}

export function slot(given: Partial<Slot> = {}): Slot {
  const ask = given.ask ?? given.hold ?? 0;
  const short = given.short ?? 0;
  const hold = given.hold ?? (given.standing === 'lost' ? 0 : ask - short);
  return {
    standing: 'open',
    weight: 1,
    min: 0,
    max: Number.POSITIVE_INFINITY,
    hold,
    ask,
    ready: hold,
    short,
    limit: Number.POSITIVE_INFINITY,
    tries: 0,
    midRollout: false,
    ...given,
  };
}

export const replicas = fc.integer({ min: 0, max: 60 });

const weight = fc.oneof(
  { weight: 4, arbitrary: fc.constant(1) },
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 7 }) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 1_000_000 }) },
);

const orInfinite = (max: number): fc.Arbitrary<number> =>
  fc.oneof(fc.constant(Number.POSITIVE_INFINITY), fc.integer({ min: 0, max }));

/** Weights and bounds of one cluster; min <= max, as the door demands. */
const bounds = fc
  .record({ weight, a: fc.integer({ min: 0, max: 8 }), max: orInfinite(25), limit: orInfinite(20) })
  .map(({ weight: w, a, max, limit }) => ({ weight: w, min: Math.min(a, max), max, limit }));

/** Open clusters that hold nothing. */
export const freshSlots = fc.array(bounds.map(slot), { minLength: 1, maxLength: 7 });

/** Open clusters without any bound, all of weight 1. */
export const plainSlots = fc.array(fc.constant(slot()), { minLength: 1, maxLength: 7 });

const standing: fc.Arbitrary<Standing> = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Standing>('open') },
  fc.constantFrom<Standing>('cordoned', 'draining', 'unreachable', 'lost'),
);

/**
 * Clusters in the middle of anything. What a lost one holds is nothing; nobody is ready beyond what
 * is held.
 */
export const busySlots = fc.array(
  fc
    .record({
      bounds,
      standing,
      ask: fc.integer({ min: 0, max: 20 }),
      short: fc.integer({ min: 0, max: 5 }),
      unready: fc.integer({ min: 0, max: 6 }),
      tries: fc.constantFrom(0, 0, 0, 1, 2, 4),
      midRollout: fc.constantFrom(false, false, false, false, true),
    })
    .map(({ bounds: given, standing: where, ask, short, unready, tries, midRollout }) => {
      const seen = where !== 'lost' && where !== 'unreachable';
      const missing = seen ? Math.min(short, ask) : 0;
      const hold = where === 'lost' ? 0 : ask - missing;
      return slot({
        ...given,
        standing: where,
        ask,
        short: missing,
        hold,
        ready: Math.max(0, hold - unready),
        limit: Math.max(given.limit, hold),
        tries: missing === 0 ? tries : 0,
        midRollout,
      });
    }),
  { minLength: 1, maxLength: 6 },
);

export const percent = fc.constantFrom(0, 1, 10, 34, 100);

/** The goal by definition: every seat written out, sorted by exact fractions. */
export function plainGoal(slots: readonly Slot[], n: number): number[] {
  const seats: { i: number; rank: number; top: bigint; divisor: bigint }[] = [];
  slots.forEach((each, i) => {
    const { weight: w, min } = each;
    let upper = Math.min(each.max, each.limit + each.tries);
    if (each.standing === 'cordoned' || each.standing === 'unreachable')
      upper = Math.min(upper, each.hold);
    if (each.standing === 'draining' || each.standing === 'lost') upper = 0;
    const push = (rank: number, k: number, divisor: number): void => {
      seats.push({ i, rank, top: BigInt(2 * k - 1), divisor: BigInt(divisor) });
    };
    for (let k = 1; k <= n; k++) {
      if (k <= Math.min(min, upper)) push(0, k, min);
      else if (k <= upper && w > 0) push(1, k, w);
      else if (each.standing === 'draining' && k <= each.hold) push(2, k, Math.max(w, 1));
    }
  });
  seats.sort((a, b) => {
    if (a.rank !== b.rank) return a.rank - b.rank;
    const difference = a.top * b.divisor - b.top * a.divisor;
    return difference < 0n ? -1 : difference > 0n ? 1 : a.i - b.i;
  });
  const result = slots.map(() => 0);
  for (const seat of seats.slice(0, n)) result[seat.i]!++;
  return result;
}
