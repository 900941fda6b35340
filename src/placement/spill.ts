/**
 * What is learnt about room, per object and cluster: a ceiling when pods find no place, and careful
 * tries to go home.
 */
import type { SpillState } from './decision.ts';

/** The first pause after a failed try. */
export const retryMinMs = 60_000;
/** The longest pause between tries. */
export const retryMaxMs = 1_800_000;
/** A cluster that has not wanted more for this long is forgotten to be full. */
export const settleMs = 600_000;

/** No share can be larger: spec.replicas is a 32-bit number. */
const stepMax = 2 ** 31;

/** One cluster, seen now; counts in replicas. */
export interface SpillFacts {
  readonly ask: number;
  readonly short: number;
  readonly ready: number;
  readonly bound: number;
  /** Estimated room for more; undefined: no estimate. */
  readonly room: number | undefined;
}

const nothing: SpillState = {};

/** What the last ask has taught: a shortage sets the ceiling, a try that got ready lifts it. */
export function learn(before: SpillState | undefined, facts: SpillFacts, now: number): SpillState {
  const state = before ?? nothing;
  const { ask, short } = facts;
  if (short > 0) {
    const ceiling = Math.max(ask - short, facts.bound);
    const { step: _step, trying, ...rest } = state;
    const wasPaused = (state.retryAt ?? 0) > now;
    const lower = state.ceiling === undefined || ceiling < state.ceiling;
    if (!trying && !lower && (ask <= state.ceiling! || wasPaused)) return { ...rest, ceiling };
    const backoffMs = trying ? Math.min(2 * backoffOf(state), retryMaxMs) : backoffOf(state);
    return {
      ...rest,
      ceiling,
      ...(backoffMs === retryMinMs ? {} : { backoffMs }),
      retryAt: now + backoffMs,
      ...worstRoom(state, facts.room),
    };
  }
  const above = state.ceiling !== undefined && ask > state.ceiling;
  if ((above || state.trying) && facts.ready >= ask) {
    const { trying: _trying, ...rest } = state;
    const step = Math.min(2 * stepOf(state), stepMax);
    return { ...rest, ...(above ? { ceiling: ask } : {}), step };
  }
  return state;
}

function worstRoom(state: SpillState, room: number | undefined): SpillState {
  const worst = Math.max(state.failedRoom ?? 0, room ?? 0);
  return worst === 0 ? {} : { failedRoom: worst };
}

/**
 * How many replicas fit: the ceiling found out, else what is held plus the estimate, else no limit.
 */
export function limitOf(state: SpillState, hold: number, room: number | undefined): number {
  if (state.ceiling !== undefined) return state.ceiling;
  return room === undefined ? Number.POSITIVE_INFINITY : hold + Math.max(0, Math.floor(room));
}

export interface Aim {
  readonly state: SpillState;
  /** Replicas to allow beyond the limit. */
  readonly tries: number;
  /** A try is under way or granted now: if the plan uses it, the state is `trying`. */
  readonly open: boolean;
  /** When this answer can change by time alone. */
  readonly lookAgainAt: number | undefined;
}

/** Whether to ask beyond the limit, now that it is known who wants more. */
export function aim(
  state: SpillState,
  facts: SpillFacts,
  options: { readonly wants: boolean; readonly returns: boolean; readonly now: number },
): Aim {
  const { wants, now } = options;
  const next = wants ? want(state, now) : rest(state, now);
  const underWay = facts.short === 0 && facts.ready < facts.ask;
  const started =
    underWay && next.ceiling !== undefined ? Math.max(0, facts.ask - next.ceiling) : 0;
  if (underWay || facts.short > 0 || !wants || !options.returns) {
    const open = underWay && next.trying === true;
    return { state: next, tries: started, open, lookAgainAt: wants ? undefined : forgetAt(next) };
  }
  const due = now >= (next.retryAt ?? 0);
  const roomier = next.ceiling !== undefined && (facts.room ?? 0) > (next.failedRoom ?? 0);
  if (!due && !roomier) return { state: next, tries: 0, open: false, lookAgainAt: next.retryAt };
  return { state: next, tries: stepOf(next), open: true, lookAgainAt: undefined };
}

function want(state: SpillState, now: number): SpillState {
  if (state.wants && state.contentSince === undefined) return state;
  const { contentSince: _since, ...rest } = state;
  // An estimate that wrongly says "full" must not starve it: the pause begins when it first wants
  // more.
  const first = state.ceiling === undefined && !state.wants;
  const retryAt = first ? Math.max(state.retryAt ?? 0, now + backoffOf(state)) : state.retryAt;
  return { ...rest, wants: true, ...(retryAt === undefined ? {} : { retryAt }) };
}

function rest(state: SpillState, now: number): SpillState {
  if (state === nothing || Object.keys(state).length === 0) return nothing;
  const { wants: _wants, ...others } = state;
  const contentSince = state.contentSince ?? now;
  const next = { ...others, contentSince };
  return now >= forgetAt(next)!
    ? nothing
    : state.wants || state.contentSince === undefined
      ? next
      : state;
}

/** When a state that wants nothing is forgotten; undefined when there is nothing to forget. */
function forgetAt(state: SpillState): number | undefined {
  if (state.contentSince === undefined) return undefined;
  return state.contentSince + Math.max(settleMs, backoffOf(state));
}

function backoffOf(state: SpillState): number {
  return state.backoffMs ?? retryMinMs;
}

function stepOf(state: SpillState): number {
  return state.step ?? 1;
}
