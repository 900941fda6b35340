/**
 * One bounded step from where replicas are to where they should be, and what to ask of each cluster
 * meanwhile.
 */
import {
  anchor,
  goal,
  type Slot,
  seatsOf,
  sum,
  withinLimits,
  withinMax,
  withTries,
} from './divide.ts';
import { countSeats, firstSeats, type Seats, withoutLastSeats } from './seats.ts';

export interface StepInput {
  /** Replicas wanted. */
  readonly replicas: number;
  /** Replicas in motion at one time, in percent of all; 0 = never move what runs. */
  readonly maxPercent: number;
  /** Nothing moves, not even off a cluster that drains. */
  readonly frozen: boolean;
  /** In the order of ties. */
  readonly slots: readonly Slot[];
}

/** All arrays are in the order of the slots and count replicas. */
export interface Step {
  readonly goal: Float64Array;
  /** The next step towards the goal. */
  readonly plan: Float64Array;
  /** Old replicas that stay until their replacements are ready. */
  readonly keep: Float64Array;
  /** Without room anywhere: asked all the same, so that they start when there is room. */
  readonly pending: Float64Array;
  /** What to write into the members. */
  readonly asks: Float64Array;
  /** Replicas without a seat. */
  readonly unplaced: number;
  /** Of these, the ones that are not even asked, for max, weight or want of a cluster. */
  readonly unasked: number;
  /** Replicas that may be in motion now. */
  readonly budget: number;
}

export function planStep(input: StepInput): Step {
  const { replicas, slots } = input;
  const seats = seatsOf(slots, withTries);
  const target = goal(slots, seats, replicas);
  const unplaced = replicas - sum(target);
  const start = startOf(slots, seats, target, replicas);
  const moved = move(input, seats, start, target);
  const keep = keepReady(input, seats, moved, unplaced);
  const pending = pendingSeats(slots, moved.plan, replicas, unplaced);
  const asks = new Float64Array(slots.length);
  for (let i = 0; i < slots.length; i++)
    asks[i] = askOf(slots[i]!, moved.plan[i]!, keep[i]!, pending[i]!);
  return {
    goal: target,
    plan: moved.plan,
    keep,
    pending,
    asks,
    unplaced,
    unasked: unplaced - sum(pending),
    budget: moved.budget,
  };
}

/** Replicas in motion that a percentage allows. */
export function motionOf(replicas: number, maxPercent: number): number {
  return maxPercent <= 0 ? 0 : Math.max(1, Math.ceil((replicas * maxPercent) / 100));
}

/** The anchor, less what no longer has a place anywhere (a max lowered): that leaves at once. */
function startOf(
  slots: readonly Slot[],
  seats: Seats,
  target: Float64Array,
  replicas: number,
): Float64Array {
  const start = anchor(slots, seats, replicas);
  const excess = sum(start) - sum(target);
  return excess > 0 ? withoutLastSeats(seats, excess, lower(start, target), start) : start;
}

interface Move {
  readonly plan: Float64Array;
  readonly budget: number;
  /** Held beyond what is wanted: already in motion. */
  readonly surplus: number;
}

function move(input: StepInput, seats: Seats, start: Float64Array, target: Float64Array): Move {
  const { slots, replicas } = input;
  const shared = lower(start, target);
  const sources = countSeats(shared, start);
  const overBound = countSeats(upper(shared, seats.top), start);
  // Seats beyond a limit that is reached: only a try gives them.
  const tryUpTo = start.map((value, i) =>
    value < withinLimits(slots[i]!) ? value : Math.max(value, target[i]!),
  );
  const motion = motionOf(replicas, input.maxPercent);
  const urgent = overBound > 0 || countSeats(start, tryUpTo) > 0;
  const budget = input.frozen ? 0 : urgent ? Math.max(1, motion) : motion;
  let held = 0;
  for (const slot of slots) held += slot.hold;
  const surplus = Math.max(0, held - replicas);
  const free = Math.min(sources, Math.max(0, budget - surplus));
  // In the middle of a rollout, and under "never move what runs", only what is over its bound moves
  // freely.
  const rolling = slots.some((slot) => slot.midRollout);
  const bound = rolling ? overBound + underway(slots) : overBound;
  const first = rolling || motion === 0 ? Math.min(free, bound) : free;
  let plan = firstSeats(seats, first, start, upper(start, target));
  let gone = first;
  if (motion === 0 && !rolling && free > first) {
    // "Never move what runs" still lets what was spilled go home: onto seats beyond a limit only.
    const home = upper(plan, tryUpTo);
    const tries = Math.min(free - first, countSeats(plan, home));
    plan = firstSeats(seats, tries, plan, home);
    gone += tries;
  }
  const left = withoutLastSeats(seats, gone, shared, start);
  return { plan: plan.map((value, i) => value - (start[i]! - left[i]!)), budget, surplus };
}

/**
 * Replicas that a cluster that has come back was asked for and that are not ready yet: it holds
 * only what is ready, so that without them each step of its rollout would take back what the last
 * one gave.
 */
function underway(slots: readonly Slot[]): number {
  let count = 0;
  for (const { standing, ask, short, hold } of slots) {
    if (standing === 'open') count += Math.max(0, ask - short - hold);
  }
  return count;
}

/**
 * Ready replicas above the plan that stay for each planned one that is not ready yet, those over a
 * bound last.
 */
function keepReady(input: StepInput, seats: Seats, moved: Move, unplaced: number): Float64Array {
  const { slots, replicas } = input;
  const { plan } = moved;
  let ready = 0;
  const high = Float64Array.from(plan);
  for (let i = 0; i < slots.length; i++) {
    const slot = slots[i]!;
    if (slot.standing === 'lost') continue;
    ready += Math.min(slot.ready, plan[i]!);
    high[i] = Math.max(plan[i]!, Math.min(slot.ready, slot.ask));
  }
  const missing = Math.max(0, replicas - unplaced - ready);
  // What has no place may stay as well until the others are ready, and a budget that shrank in the
  // middle of a move must
  // not take what still serves: neither makes more than there are now, or more than n and the
  // budget.
  const most = Math.max(moved.budget, moved.surplus) + unplaced;
  const count = Math.min(most, missing);
  const kept = firstSeats(seats, count, plan, high);
  return kept.map((value, i) => value - plan[i]!);
}

/** What no room was found for waits where it would be at home. */
function pendingSeats(
  slots: readonly Slot[],
  plan: Float64Array,
  replicas: number,
  unplaced: number,
): Float64Array {
  if (unplaced <= 0) return new Float64Array(slots.length);
  const seats = seatsOf(slots, withinMax);
  const high = Float64Array.from(plan, (planned, i) =>
    slots[i]!.standing === 'open' ? Math.max(planned, Math.min(replicas, seats.top[i]!)) : planned,
  );
  return firstSeats(seats, unplaced, plan, high).map((value, i) => value - plan[i]!);
}

function askOf(slot: Slot, plan: number, keep: number, pending: number): number {
  if (slot.standing === 'lost' || slot.standing === 'unreachable') return slot.ask;
  const ask = plan + keep + pending;
  // A rollout's surge looks like a shortage: what was asked stays until it is over, unless the plan
  // itself shrinks.
  if (slot.midRollout && slot.short > 0 && plan >= slot.hold) return Math.max(ask, slot.ask);
  return ask;
}

function lower(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((value, i) => Math.min(value, b[i]!));
}

function upper(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((value, i) => Math.max(value, b[i]!));
}
