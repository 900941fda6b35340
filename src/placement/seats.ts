/**
 * Seats: the k-th replica of cluster i has a key, and n replicas take the n smallest keys.
 * Everything the planner does
 * is taking the first so many seats of some ranges. Clusters are indexed in the order of their
 * ties, so a tie is an index.
 */

/** Column per property, row per cluster. */
export interface Seats {
  readonly size: number;
  /** Seats 1..floor[i] come first (class 0), in proportion to `minimum`. */
  readonly floor: Float64Array;
  /** Seats floor+1..top are ordinary (class 1), in proportion to `weight`. */
  readonly top: Float64Array;
  /** Divisor of class 0, at least 1. */
  readonly minimum: Float64Array;
  /** Divisor of all other classes, at least 1. */
  readonly weight: Float64Array;
  /** 1: seats beyond `top` are class 2 (soft: a draining cluster); 0: class 3 (over a bound). */
  readonly soft: Uint8Array;
}

const classes = [0, 1, 2, 3] as const;

type SeatClass = (typeof classes)[number];

export function classOf(seats: Seats, i: number, k: number): SeatClass {
  if (k <= seats.floor[i]!) return 0;
  if (k <= seats.top[i]!) return 1;
  return seats.soft[i] === 1 ? 2 : 3;
}

function divisorOf(seats: Seats, i: number, seatClass: SeatClass): number {
  return seatClass === 0 ? seats.minimum[i]! : seats.weight[i]!;
}

/**
 * Compares (2k-1)/d with (2m-1)/e exactly: the cross products stay below 2^53 for weights up to
 * 10^6.
 */
export function compareQuotients(k: number, d: number, m: number, e: number): number {
  const left = (2 * k - 1) * e;
  const right = (2 * m - 1) * d;
  if (left <= Number.MAX_SAFE_INTEGER && right <= Number.MAX_SAFE_INTEGER) return left - right;
  const exact = BigInt(2 * k - 1) * BigInt(e) - BigInt(2 * m - 1) * BigInt(d);
  return exact < 0n ? -1 : exact > 0n ? 1 : 0;
}

/** Negative when seat k of cluster i comes before seat m of cluster j. */
export function compareSeats(seats: Seats, i: number, k: number, j: number, m: number): number {
  const a = classOf(seats, i, k);
  const b = classOf(seats, j, m);
  if (a !== b) return a - b;
  return compareQuotients(k, divisorOf(seats, i, a), m, divisorOf(seats, j, b)) || i - j || k - m;
}

/** How many seats lie in the ranges (low[i], high[i]]. */
export function countSeats(low: Float64Array, high: Float64Array): number {
  let total = 0;
  for (let i = 0; i < low.length; i++) total += Math.max(0, high[i]! - low[i]!);
  return total;
}

/** The row sums after taking the first `wanted` seats of the ranges (low[i], high[i]]. */
export function firstSeats(
  seats: Seats,
  wanted: number,
  low: Float64Array,
  high: Float64Array,
): Float64Array {
  const taken = Float64Array.from(low);
  let left = Math.min(wanted, countSeats(low, high));
  for (const seatClass of classes) {
    if (left <= 0) break;
    const ranges = rangesOf(seats, seatClass, low, high);
    if (left >= ranges.total) {
      for (let a = 0; a < ranges.rows.length; a++) taken[ranges.rows[a]!] = ranges.to[a]!;
      left -= ranges.total;
    } else {
      takeByQuotient(ranges, left, taken);
      left = 0;
    }
  }
  return taken;
}

/** The row sums after giving up the last `count` seats of the ranges (low[i], high[i]]. */
export function withoutLastSeats(
  seats: Seats,
  count: number,
  low: Float64Array,
  high: Float64Array,
): Float64Array {
  return firstSeats(seats, countSeats(low, high) - count, low, high);
}

interface Ranges {
  readonly rows: number[];
  readonly from: number[];
  readonly to: number[];
  readonly divisor: number[];
  readonly total: number;
}

function rangesOf(
  seats: Seats,
  seatClass: SeatClass,
  low: Float64Array,
  high: Float64Array,
): Ranges {
  const rows: number[] = [];
  const from: number[] = [];
  const to: number[] = [];
  const divisor: number[] = [];
  let total = 0;
  for (let i = 0; i < seats.size; i++) {
    if (seatClass >= 2 && (seats.soft[i] === 1) !== (seatClass === 2)) continue;
    const start = seatClass === 0 ? 0 : seatClass === 1 ? seats.floor[i]! : seats.top[i]!;
    const end =
      seatClass === 0
        ? seats.floor[i]!
        : seatClass === 1
          ? seats.top[i]!
          : Number.POSITIVE_INFINITY;
    const first = Math.max(low[i]!, start);
    const last = Math.min(high[i]!, end);
    if (last <= first) continue;
    rows.push(i);
    from.push(first);
    to.push(last);
    divisor.push(divisorOf(seats, i, seatClass));
    total += last - first;
  }
  return { rows, from, to, divisor, total };
}

/** How many seats of one range have a quotient of at most `bound`, give or take rounding. */
function seatsBelow(bound: number, divisor: number, from: number, to: number): number {
  const k = Math.floor((bound * divisor + 1) / 2);
  return k <= from ? 0 : k >= to ? to - from : k - from;
}

/**
 * Takes the `wanted` (fewer than all) smallest quotients: bisection on the quotient finds a bound
 * safely below the last one
 * taken, and an exact heap of the next seats finishes. Rounding can only leave more to the heap,
 * never change the result.
 */
function takeByQuotient(ranges: Ranges, wanted: number, taken: Float64Array): void {
  const { rows, from, to, divisor } = ranges;
  const bound = boundBelow(ranges, wanted) * (1 - 1e-12);
  const next: number[] = [];
  let left = wanted;
  for (let a = 0; a < rows.length; a++) {
    const count = seatsBelow(bound, divisor[a]!, from[a]!, to[a]!);
    taken[rows[a]!] = from[a]! + count;
    left -= count;
    if (from[a]! + count < to[a]!) next.push(a);
  }
  const before = (a: number, b: number): boolean =>
    (compareQuotients(taken[rows[a]!]! + 1, divisor[a]!, taken[rows[b]!]! + 1, divisor[b]!) ||
      a - b) < 0;
  for (let at = (next.length >> 1) - 1; at >= 0; at--) sink(next, at, before);
  for (; left > 0; left--) {
    const a = next[0]!;
    const row = rows[a]!;
    taken[row] = taken[row]! + 1;
    if (taken[row] >= to[a]!) {
      const last = next.pop()!;
      if (next.length === 0) continue;
      next[0] = last;
    }
    sink(next, 0, before);
  }
}

/**
 * A quotient below which fewer than or exactly `wanted` seats lie, and above which little is left
 * to take.
 */
function boundBelow(ranges: Ranges, wanted: number): number {
  const { from, to, divisor } = ranges;
  const count = (bound: number): number => {
    let total = 0;
    for (let a = 0; a < from.length; a++) total += seatsBelow(bound, divisor[a]!, from[a]!, to[a]!);
    return total;
  };
  let low = 0;
  let lowCount = 0;
  let high = 0;
  let all = 0;
  for (let a = 0; a < to.length; a++) {
    high = Math.max(high, (2 * to[a]! - 1) / divisor[a]!);
    all += divisor[a]!;
  }
  let probe = (2 * wanted) / all;
  // 64 halvings exhaust a double's mantissa; equal quotients leave at most one seat per cluster to
  // the heap.
  for (let round = 0; round < 64 && wanted - lowCount > 8; round++) {
    if (!(probe > low && probe < high)) probe = (low + high) / 2;
    const found = count(probe);
    if (found <= wanted) {
      low = probe;
      lowCount = found;
    } else {
      high = probe;
    }
    probe = (low + high) / 2;
    if (high - low <= low * 1e-13) break;
  }
  return low;
}

function sink(heap: number[], start: number, before: (a: number, b: number) => boolean): void {
  let at = start;
  const item = heap[at]!;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
    if (!before(heap[child]!, item)) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = item;
}
