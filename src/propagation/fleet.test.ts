import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StepClock } from '../base/clock.ts';
import type { Member, MemberSet } from '../members/member-set.ts';
import { Fleet } from './fleet.ts';

const failoverAfterMs = 300_000;

class Members implements MemberSet {
  readonly known = new Map<string, Member>();

  constructor(...names: string[]) {
    for (const name of names) this.set(name, {});
  }

  set(name: string, change: Partial<Member>): void {
    const fresh = {
      name,
      uid: name,
      clusterUid: name,
      labels: {},
      region: '',
      zones: [],
      provider: '',
      version: '',
      taints: [],
      unschedulable: false,
      leaving: false,
      health: { reachable: true, ready: true, writable: true, reason: '', message: '' },
      unreachableSince: undefined,
    } as unknown as Member;
    this.known.set(name, { ...(this.known.get(name) ?? fresh), ...change });
  }

  away(name: string, since: number): void {
    const health = { reachable: false, ready: false, writable: false, reason: '', message: '' };
    this.set(name, { health, unreachableSince: since });
  }

  back(name: string): void {
    const health = { reachable: true, ready: true, writable: true, reason: '', message: '' };
    this.set(name, { health, unreachableSince: undefined });
  }

  get(name: string): Member | undefined {
    return this.known.get(name);
  }

  list(): readonly Member[] {
    return [...this.known.values()];
  }

  onChange(): () => void {
    return () => {};
  }
}

interface Given {
  readonly replicas?: Record<string, number>;
  readonly lostBefore?: readonly string[];
}

function fleetOf(members: Members, options: Given = {}) {
  const clock = new StepClock();
  const remembered: string[] = [];
  const replicas = options.replicas ?? {};
  const fleet = new Fleet({
    members,
    clock,
    failoverAfterMs,
    lostBefore: new Set(options.lostBefore),
    replicasIn: (name) => replicas[name] ?? 0,
    replicasInAll: () => Object.values(replicas).reduce((a, b) => a + b, 0),
    remember: (name, lost) => remembered.push(`${name} ${lost}`),
  });
  fleet.refresh();
  const state = (name: string) => fleet.facts().find((facts) => facts.name === name)?.state;
  return { clock, fleet, state, remembered };
}

test('a member out of reach keeps its share until it is lost, and is remembered as lost', () => {
  const members = new Members('a', 'b', 'c');
  const { clock, fleet, state, remembered } = fleetOf(members);
  members.away('a', clock.monotonic());
  fleet.refresh();
  assert.equal(state('a'), 'unreachable');
  assert.equal(fleet.nextLossInMs(), failoverAfterMs);
  clock.advance(failoverAfterMs - 1);
  fleet.refresh();
  assert.equal(state('a'), 'unreachable');
  clock.advance(1);
  fleet.refresh();
  assert.equal(state('a'), 'lost');
  assert.deepEqual(remembered, ['a true']);
  assert.equal(fleet.nextLossInMs(), undefined);
});

test('a lost member that returns counts what is ready there first, later it is like any other', () => {
  const members = new Members('a', 'b', 'c');
  const { clock, fleet, state, remembered } = fleetOf(members);
  members.away('a', clock.monotonic());
  clock.advance(failoverAfterMs);
  fleet.refresh();
  members.back('a');
  fleet.refresh();
  assert.equal(state('a'), 'returned');
  clock.advance(600_000);
  fleet.refresh();
  assert.equal(state('a'), 'ready');
  assert.deepEqual(remembered, ['a true', 'a false']);
});

test('with most members out of sight nobody is lost, however long it takes', () => {
  const members = new Members('a', 'b', 'c');
  const { clock, fleet, state } = fleetOf(members);
  for (const name of ['a', 'b']) members.away(name, clock.monotonic());
  fleet.refresh();
  assert.equal(fleet.frozen, true);
  clock.advance(10 * failoverAfterMs);
  fleet.refresh();
  assert.equal(state('a'), 'unreachable');
});

test('time in which most members were out of sight does not count towards a loss', () => {
  const members = new Members('a', 'b', 'c');
  const { clock, fleet, state } = fleetOf(members);
  for (const name of ['a', 'b', 'c']) members.away(name, clock.monotonic());
  fleet.refresh();
  clock.advance(10 * failoverAfterMs);
  fleet.refresh();
  members.back('b');
  members.back('c');
  fleet.refresh();
  assert.equal(state('a'), 'unreachable', 'our own line was down: its clock starts now');
  clock.advance(failoverAfterMs);
  fleet.refresh();
  assert.equal(state('a'), 'lost');
});

/** `a` is away already; `b` goes away now, and is lost when the hour is over. */
function assertNextLossWaits(
  members: Members,
  { clock, fleet, state }: ReturnType<typeof fleetOf>,
): void {
  members.away('b', clock.monotonic());
  clock.advance(failoverAfterMs);
  fleet.refresh();
  assert.deepEqual([state('a'), state('b')], ['lost', 'unreachable']);
  clock.advance(3600_001);
  fleet.refresh();
  assert.equal(state('b'), 'lost');
}

test('one cluster is lost in an hour, the next when the hour is over', () => {
  const members = new Members('a', 'b', 'c', 'd', 'e');
  const whole = fleetOf(members, { replicas: { a: 5, b: 5, c: 5, d: 5, e: 5 } });
  members.away('a', whole.clock.monotonic());
  assertNextLossWaits(members, whole);
});

test('a restart does not make room for one more loss', () => {
  const members = new Members('a', 'b', 'c', 'd', 'e');
  const replicas = { a: 5, b: 5, c: 5, d: 5, e: 5 };
  members.away('a', 0);
  assertNextLossWaits(members, fleetOf(members, { replicas, lostBefore: ['a'] }));
});

test('small clusters may be lost together while they hold less than a fifth', () => {
  const members = new Members('a', 'b', 'c', 'd', 'e');
  const { clock, fleet, state } = fleetOf(members, { replicas: { a: 1, b: 1, c: 50 } });
  members.away('a', clock.monotonic());
  members.away('b', clock.monotonic());
  clock.advance(failoverAfterMs);
  fleet.refresh();
  assert.deepEqual([state('a'), state('b')], ['lost', 'lost']);
});

test('cordoned and leaving members get nothing new; one that cannot be written keeps what it has', () => {
  const members = new Members('a', 'b', 'c');
  const { fleet, state } = fleetOf(members);
  members.set('a', { unschedulable: true });
  members.set('b', { leaving: true });
  const health = { ...members.get('c')!.health, writable: false };
  members.set('c', { health });
  fleet.refresh();
  assert.deepEqual([state('a'), state('b'), state('c')], ['cordoned', 'cordoned', 'unreachable']);
});

test('removals wait for relabelling to settle, not for health', () => {
  const members = new Members('a', 'b', 'c');
  const { clock, fleet } = fleetOf(members);
  clock.advance(10_000);
  members.away('a', clock.monotonic());
  fleet.refresh();
  assert.equal(fleet.removalsWaitMs(), 0);
  members.set('b', { labels: { env: 'prod' } });
  assert.equal(fleet.refresh(), true);
  assert.equal(fleet.refresh(), false);
  assert.equal(fleet.removalsWaitMs(), 2000);
  clock.advance(2000);
  assert.equal(fleet.removalsWaitMs(), 0);
});
