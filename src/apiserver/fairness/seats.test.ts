import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { StepClock } from '../../base/clock.ts';
import type { Flow } from './flows.ts';
import { Overload, Seats } from './seats.ts';

const never = new AbortController().signal;

function flow(distinguisher: string, level = 'global-default'): Flow {
  return { level, schema: level, distinguisher, headers: {} };
}

/** What `enter` says, once promises have settled. */
function enter(seats: Seats, who: Flow, signal = never) {
  const state: { release?: () => void; refused?: unknown } = {};
  try {
    const got = seats.enter(who, signal);
    if (typeof got === 'function') state.release = got;
    else
      got?.then(
        (release) => {
          state.release = release;
        },
        (error: unknown) => {
          state.refused = error;
        },
      );
  } catch (error) {
    state.refused = error;
  }
  return state;
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function seatsOf(seats: Seats, level: string) {
  return seats.states().find(({ name }) => name === level)!;
}

test('one user with a thousand requests leaves the next free seat to another', async () => {
  const seats = new Seats(new StepClock(), { total: 40 });
  const greedy = Array.from({ length: 1000 }, () => enter(seats, flow('greedy')));
  const { seats: limit } = seatsOf(seats, 'global-default');
  assert.equal(greedy.filter((each) => each.release !== undefined).length, limit);
  const modest = enter(seats, flow('modest'));
  await settled();
  assert.equal(modest.release, undefined);
  const served = greedy.filter((each) => each.release !== undefined);
  served[0]!.release!();
  served[1]!.release!();
  await settled();
  assert.notEqual(modest.release, undefined, 'the second free seat is the latest it may get');
  assert.equal(
    greedy.filter((each) => each.refused instanceof Overload).length,
    1000 - limit - 300,
  );
});

test('levels do not take seats from each other, and exempt requests take none', () => {
  const seats = new Seats(new StepClock(), { total: 10 });
  for (let i = 0; i < 50; i++) enter(seats, flow('greedy', 'workload-low'));
  assert.notEqual(enter(seats, flow('elector', 'leader-election')).release, undefined);
  assert.equal(seats.enter(flow('admin', 'exempt'), never), undefined);
});

test('who waits too long, or goes away, is turned away and forgotten', async () => {
  const clock = new StepClock();
  const seats = new Seats(clock, { total: 1, waitMs: 1000 });
  const first = enter(seats, flow('a'));
  const gone = new AbortController();
  const aborted = enter(seats, flow('b'), gone.signal);
  const late = enter(seats, flow('c'));
  gone.abort();
  await settled();
  assert.ok(aborted.refused instanceof Overload);
  clock.advance(1000);
  await settled();
  assert.ok(late.refused instanceof Overload);
  assert.equal(seatsOf(seats, 'global-default').waiting, 0);
  first.release!();
  first.release!();
  assert.equal(seatsOf(seats, 'global-default').executing, 0);
});

test('whatever comes and goes: no seat is lost or given twice, nobody waits beside a free one', async () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('enter' as const), who: fc.constantFrom('a', 'b', 'c', 'd') }),
    fc.record({ do: fc.constant('release' as const), which: fc.nat() }),
    fc.record({ do: fc.constant('abort' as const), which: fc.nat() }),
    fc.record({ do: fc.constant('wait' as const), ms: fc.nat({ max: 400 }) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
      const clock = new StepClock();
      const seats = new Seats(clock, { total: 20, waitMs: 1000, waitingPerFlow: 5 });
      const held: (ReturnType<typeof enter> & { abort: AbortController })[] = [];
      for (const each of steps) {
        if (each.do === 'enter') {
          const abort = new AbortController();
          held.push(Object.assign(enter(seats, flow(each.who), abort.signal), { abort }));
        } else if (each.do === 'wait') clock.advance(each.ms);
        else {
          const candidates = held.filter((one) => (each.do === 'release') === !!one.release);
          const one = candidates[each.which % Math.max(1, candidates.length)];
          if (each.do === 'release' && one !== undefined) {
            one.release!();
            held.splice(held.indexOf(one), 1);
          } else one?.abort.abort();
        }
        await settled();
        const state = seatsOf(seats, 'global-default');
        assert.equal(state.executing, held.filter((one) => one.release).length);
        assert.ok(state.executing <= state.seats);
        assert.equal(state.waiting, held.filter((one) => !one.release && !one.refused).length);
        if (state.waiting > 0) assert.equal(state.executing, state.seats);
      }
    }),
    { numRuns: 200 },
  );
});

test('a level gets more or fewer seats while requests wait, and one that is gone is served to the end', async () => {
  const spec = { waitingPerFlow: 10, waiting: 100 };
  const seats = new Seats(new StepClock(), { total: 4 });
  seats.configure([
    { name: 'a', shares: 1, ...spec },
    { name: 'b', shares: 3, ...spec },
  ]);
  const held = Array.from({ length: 3 }, () => enter(seats, flow('x', 'a')));
  const served = (): number => held.filter(({ release }) => release !== undefined).length;
  assert.equal(served(), 1);
  seats.configure([
    { name: 'a', shares: 1, ...spec },
    { name: 'b', shares: 1, ...spec },
  ]);
  await settled();
  assert.equal(served(), 2);
  seats.configure([{ name: 'b', shares: 1, ...spec }]);
  held[0]!.release!();
  await settled();
  assert.equal(served(), 3);
  assert.equal(seats.enter(flow('x', 'a'), never), undefined, 'nobody counts them any more');
});

test('a level that rejects lets nobody wait', () => {
  const reasons: string[] = [];
  const events = { waited() {}, rejected: (_: Flow, reason: string) => reasons.push(reason) };
  const seats = new Seats(new StepClock(), { total: 1 }, events);
  seats.configure([{ name: 'a', shares: 0, waitingPerFlow: 0, waiting: 0 }]);
  assert.notEqual(enter(seats, flow('x', 'a')).release, undefined);
  assert.ok(enter(seats, flow('y', 'a')).refused instanceof Overload);
  assert.deepEqual(reasons, ['concurrency-limit']);
});
