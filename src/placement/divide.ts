/**
 * Where replicas should be: the goal under bounds and limits, the anchor that moves nothing, and
 * who would like more.
 */
import { compareSeats, countSeats, firstSeats, type Seats } from './seats.ts';

/**
 * open: may get more. cordoned, unreachable: keeps at most what it holds. draining: gives away what
 * it holds.
 * lost: holds nothing and gets nothing.
 */
export type Standing = 'open' | 'cordoned' | 'draining' | 'unreachable' | 'lost';

/** One cluster's numbers, in replicas. Slots stand in the order of their ties. */
export interface Slot {
  readonly standing: Standing;
  /** Integer, 0 to 1,000,000. */
  readonly weight: number;
  readonly min: number;
  /** Infinity: no bound. */
  readonly max: number;
  /** What it is taken to have: the ask without what is missing. */
  readonly hold: number;
  /** What was last asked of it. */
  readonly ask: number;
  readonly ready: number;
  /** Of the ask, what finds no room. */
  readonly short: number;
  /** Capacity: the ceiling found, or hold plus an estimate of room; Infinity: unknown. */
  readonly limit: number;
  /** Replicas granted beyond the limit, to see whether there is room again. */
  readonly tries: number;
  readonly midRollout: boolean;
}

type BoundOf = (slot: Slot) => number;

/** max, capacity and tries: the bound of the next step. */
export const withTries: BoundOf = (slot) => Math.min(slot.max, slot.limit + slot.tries);
/** max and capacity: the bound while no try is made. */
export const withinLimits: BoundOf = (slot) => Math.min(slot.max, slot.limit);
/** max only: what could be asked if capacity were no matter. */
export const withinMax: BoundOf = (slot) => slot.max;

export function seatsOf(slots: readonly Slot[], boundOf: BoundOf): Seats {
  const size = slots.length;
  const seats: Seats = {
    size,
    floor: new Float64Array(size),
    top: new Float64Array(size),
    minimum: new Float64Array(size),
    weight: new Float64Array(size),
    soft: new Uint8Array(size),
  };
  for (let i = 0; i < size; i++) {
    const slot = slots[i]!;
    const bound = boundByStanding(slot, boundOf(slot));
    seats.floor[i] = Math.min(slot.min, bound);
    seats.top[i] = slot.weight > 0 ? bound : seats.floor[i]!;
    seats.minimum[i] = Math.max(1, slot.min);
    seats.weight[i] = Math.max(1, slot.weight);
    seats.soft[i] = slot.standing === 'draining' ? 1 : 0;
  }
  return seats;
}

function boundByStanding(slot: Slot, bound: number): number {
  if (slot.standing === 'open') return bound;
  if (slot.standing === 'draining' || slot.standing === 'lost') return 0;
  return Math.min(bound, slot.hold);
}

/**
 * A fresh division of n, blind to where replicas are now, but for a draining cluster's, which are
 * the last resort.
 */
export function goal(slots: readonly Slot[], seats: Seats, n: number): Float64Array {
  const high = Float64Array.from(seats.top, (top, i) =>
    Math.min(n, slots[i]!.standing === 'draining' ? slots[i]!.hold : top),
  );
  return firstSeats(seats, n, new Float64Array(seats.size), high);
}

/** Nothing moves: what is held stays as far as n goes, then the first free seats are added. */
export function anchor(slots: readonly Slot[], seats: Seats, n: number): Float64Array {
  const hold = Float64Array.from(slots, (slot) => slot.hold);
  const none = new Float64Array(seats.size);
  const held = countSeats(none, hold);
  if (held >= n) return firstSeats(seats, n, none, hold);
  const high = Float64Array.from(hold, (h, i) => Math.max(h, Math.min(n, seats.top[i]!)));
  return firstSeats(seats, n - held, hold, high);
}

/**
 * Which clusters would get more if they had room: those at their limit when the goal leaves
 * replicas unplaced or gives
 * others a seat that comes after the first one they have to forgo.
 */
export function wantsMore(
  slots: readonly Slot[],
  limited: Float64Array,
  unplaced: number,
): boolean[] {
  const seats = seatsOf(slots, withinMax);
  const last = unplaced > 0 ? -1 : lastRow(seats, limited);
  return slots.map((slot, i) => {
    if (slot.standing !== 'open' || slot.limit >= slot.max || limited[i]! < slot.limit)
      return false;
    const next = slot.limit + 1;
    if (next > seats.top[i]!) return false;
    if (unplaced > 0) return true;
    return last >= 0 && compareSeats(seats, i, next, last, limited[last]!) < 0;
  });
}

/** The cluster that has the last seat of all taken ones, or -1 when none is taken. */
function lastRow(seats: Seats, taken: Float64Array): number {
  let last = -1;
  for (let i = 0; i < seats.size; i++) {
    if (taken[i]! === 0) continue;
    if (last < 0 || compareSeats(seats, i, taken[i]!, last, taken[last]!) > 0) last = i;
  }
  return last;
}

export function sum(values: Float64Array): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
