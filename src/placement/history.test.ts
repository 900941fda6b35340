/** Decisions over two hours: spilling over, going home, and P14, that nothing swings to and fro. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { runs } from './arbitraries.fixture.ts';
import type { ClusterState } from './facts.ts';
import { retryMaxMs, retryMinMs } from './spill.ts';
import { World } from './world.fixture.ts';

const hour = 3_600_000;

test('thirty over three, one with room for six: twenty writes in two hours, never fewer than thirty ready', () => {
  const world = new World({ replicas: 30, room: { a: 6, b: 100, c: 100 } });
  world.run(40_000);
  assert.deepEqual(world.asks(), [6, 12, 12]);
  const spilled = world.readyRemoved;
  world.run(2 * hour);
  assert.equal(world.writes, 20);
  assert.equal(world.ready(), 30);
  assert.equal(world.readyRemoved, spilled);
  assert.deepEqual(world.asks(), [6, 12, 12]);
});

type Estimate = (free: number, cluster: string) => number;

const homecomings: readonly [string, Estimate | undefined, number][] = [
  ['without an estimate', undefined, 225_000],
  ['with a right estimate', (free) => free, 15_000],
  ['with an estimate that wrongly says none', (free, name) => (name === 'a' ? 0 : free), 226_000],
];

for (const [name, estimate, expected] of homecomings)
  test(`when room is back after five minutes, all are home ${expected / 1000} s later ${name}`, () => {
    const world = new World({
      replicas: 30,
      room: { a: 6, b: 100, c: 100 },
      ...(estimate && { estimate }),
    });
    world.run(300_000);
    assert.equal(world.asks()[0], 6);
    world.room['a'] = 100;
    let home = Number.POSITIVE_INFINITY;
    for (let at = 301_000; at < 700_000 && home === Number.POSITIVE_INFINITY; at += 1000) {
      world.run(at);
      if (world.asks().join() === '10,10,10' && world.ready() === 30) home = at;
    }
    assert.ok(home - 300_000 <= expected, `home after ${home - 300_000} ms`);
  });

test('estimates of no room anywhere delay a spill by tries, but never starve it', () => {
  const world = new World({ replicas: 30, room: { a: 6, b: 100, c: 100 }, estimate: () => 0 });
  world.run(hour);
  assert.equal(world.ready(), 30);
  assert.equal(world.asks()[0], 6);
});

test('"rebalance: false" leaves what was spilled where it runs', () => {
  const spill = { afterMs: 30_000, return: false };
  const world = new World({
    replicas: 30,
    room: { a: 6, b: 100, c: 100 },
    rules: { maxPercent: 0, spill },
  });
  world.run(60_000);
  assert.deepEqual(world.asks(), [6, 12, 12]);
  const { writes } = world;
  world.room['a'] = 100;
  world.run(2 * hour);
  assert.equal(world.writes, writes);
});

test('"never move what runs" still lets what was spilled go home, one try at a time', () => {
  const world = new World({
    replicas: 30,
    room: { a: 6, b: 100, c: 100 },
    rules: { maxPercent: 0 },
  });
  world.run(60_000);
  assert.deepEqual(world.asks(), [6, 12, 12]);
  world.room['a'] = 100;
  world.run(hour);
  assert.deepEqual(world.asks(), [10, 10, 10]);
  assert.equal(world.ready(), 30);
});

test('when nothing has room the rest waits at home and starts as soon as there is room', () => {
  const world = new World({ replicas: 30, room: { a: 6, b: 6, c: 6 } });
  world.run(hour);
  assert.deepEqual(world.asks(), [10, 10, 10]);
  assert.equal(world.ready(), 18);
  assert.equal(world.result?.unplaced, 12);
  assert.equal(world.result?.unplacedReasons[0]?.reason, 'NoRoom');
  const { writes } = world;
  world.room['b'] = 9;
  world.run(hour + 10_000);
  assert.equal(world.ready(), 21);
  world.room['b'] = 100;
  world.run(2 * hour);
  assert.equal(world.ready(), 30);
  assert.ok(world.writes - writes <= 40);
});

test('a lost cluster is replaced at once, and is not trusted again before it is ready', () => {
  const world = new World({ replicas: 12, room: { a: 100, b: 100, c: 100 } });
  world.run(60_000);
  world.states['c'] = 'lost';
  world.run(61_000);
  assert.deepEqual(world.asks(), [6, 6, 4]);
  world.run(90_000);
  assert.equal(world.ready(), 12);
  // A restarted process sees it as out of reach only: its replacements stay.
  world.states['c'] = 'unreachable';
  world.run(120_000);
  assert.deepEqual(world.asks(), [6, 6, 4]);
  world.states['c'] = 'ready';
  world.run(400_000);
  assert.deepEqual(world.asks(), [4, 4, 4]);
  assert.equal(world.decision?.clusters['c']?.replaced, undefined);
});

const fleets = fc.record({
  replicas: fc.integer({ min: 1, max: 40 }),
  room: fc.array(fc.oneof(fc.constant(1000), fc.integer({ min: 0, max: 20 })), {
    minLength: 1,
    maxLength: 4,
  }),
  maxPercent: fc.constantFrom(0, 10, 100),
  estimate: fc.constantFrom<Estimate | undefined>(
    undefined,
    (free) => free,
    () => 0,
    (free) => free + 3,
  ),
  startMs: fc.constantFrom(1000, 5000, 40_000),
});

test('P14: with constant room no ready replica goes once it has converged, and tries are rare', () => {
  fc.assert(
    fc.property(fleets, ({ replicas, room, maxPercent, estimate, startMs }) => {
      const names = ['a', 'b', 'c', 'd'];
      const world = new World({
        replicas,
        room: Object.fromEntries(room.map((pods, i) => [names[i]!, pods])),
        rules: { maxPercent },
        startMs,
        ...(estimate && { estimate }),
      });
      const settled = 2 * hour;
      world.run(settled);
      const { readyRemoved, writes } = world;
      const ready = world.ready();
      const total = room.reduce((a, b) => a + b, 0);
      assert.equal(ready, Math.min(replicas, total));
      for (const tries of Object.values(world.tries))
        assert.ok(tries.length <= Math.log2(retryMaxMs / retryMinMs) + settled / retryMaxMs + 2);
      world.run(2 * settled);
      assert.equal(world.readyRemoved, readyRemoved);
      assert.equal(world.ready(), ready);
      // A try takes two writes to begin and two to end: its own cluster's, and the one's that gave
      // the replica.
      assert.ok(world.writes - writes <= 4 * room.length * (settled / retryMaxMs + 1));
    }),
    { numRuns: Math.max(200, Math.floor(runs / 5)) },
  );
});

const troubles = fc.array(
  fc.record({
    wait: fc.integer({ min: 1, max: 400_000 }),
    cluster: fc.constantFrom('a', 'b', 'c', 'd'),
    what: fc.oneof(
      fc.record({ replicas: fc.nat({ max: 40 }) }),
      fc.record({ room: fc.nat({ max: 30 }) }),
      fc.record({
        state: fc.constantFrom<ClusterState>(
          'ready',
          'cordoned',
          'draining',
          'unreachable',
          'lost',
        ),
        wiped: fc.boolean(),
      }),
    ),
  }),
  { maxLength: 10 },
);

const bounded = fc.array(
  fc.record({
    weight: fc.integer({ min: 1, max: 4 }),
    min: fc.nat({ max: 5 }),
    max: fc.integer({ min: 5, max: 60 }),
  }),
  { minLength: 4, maxLength: 4 },
);

test('losses, drains, minima and scarce room together: nothing needed is taken away, and all ends well', () => {
  fc.assert(
    fc.property(troubles, bounded, fc.constantFrom(0, 10, 50), (list, bounds, maxPercent) => {
      const names = ['a', 'b', 'c', 'd'];
      const world = new World({
        replicas: 20,
        room: { a: 30, b: 30, c: 30, d: 30 },
        rules: {
          maxPercent,
          weights: names.map((name, i) => ({ names: [name], ...bounds[i]! })),
        },
      });
      for (const { wait, cluster, what } of list) {
        world.run(world.now + wait);
        if ('replicas' in what) world.replicas = what.replicas;
        else if ('room' in what) world.room[cluster] = what.room;
        else {
          world.states[cluster] = what.state;
          if (what.state === 'lost' && what.wiped) world.wipe(cluster);
        }
      }
      for (const name of names) world.states[name] = 'ready';
      world.run(world.now + 4 * hour);
      assert.deepEqual(world.dips, []);
      const fits = names.map((name, i) => Math.min(world.room[name]!, bounds[i]!.max));
      const all = fits.reduce((a, b) => a + b, 0);
      assert.ok(world.ready() >= Math.min(world.replicas, all));
    }),
    { numRuns: Math.max(200, Math.floor(runs / 5)) },
  );
});
