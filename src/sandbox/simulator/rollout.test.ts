import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bounds, nextScaling, type SetState } from './rollout.ts';

test('percentages round up for the surge and down for what may be missing', () => {
  deepEqual(bounds({}, 4), { maxSurge: 1, maxUnavailable: 1 });
  deepEqual(bounds({ maxSurge: '30%', maxUnavailable: '30%' }, 5), {
    maxSurge: 2,
    maxUnavailable: 1,
  });
  deepEqual(bounds({ maxSurge: 0, maxUnavailable: 0 }, 3), { maxSurge: 0, maxUnavailable: 1 });
});

test('a new set first fills the surge, then old sets give way', () => {
  const old = { uid: 'old', asked: 4, available: 4 };
  const input = {
    wanted: 4,
    strategy: 'RollingUpdate' as const,
    maxSurge: 1,
    maxUnavailable: 1,
    oldPods: 4,
  };
  const first = { ...input, newest: { uid: 'new', asked: 0, available: 0 }, old: [old] };
  deepEqual([...nextScaling(first)], [['new', 1]]);
  const second = { ...input, newest: { uid: 'new', asked: 1, available: 0 }, old: [old] };
  deepEqual([...nextScaling(second)], [['old', 3]]);
});

test('Recreate waits for the last old pod', () => {
  const input = {
    wanted: 2,
    strategy: 'Recreate' as const,
    maxSurge: 0,
    maxUnavailable: 0,
    newest: { uid: 'new', asked: 0, available: 0 },
  };
  const up = { uid: 'old', asked: 2, available: 2 };
  deepEqual([...nextScaling({ ...input, old: [up], oldPods: 2 })], [['old', 0]]);
  const down = { uid: 'old', asked: 0, available: 0 };
  deepEqual([...nextScaling({ ...input, old: [down], oldPods: 1 })], []);
  deepEqual([...nextScaling({ ...input, old: [down], oldPods: 0 })], [['new', 2]]);
});

test('a rolling update ends, within its bounds all the way', () => {
  const rollouts = fc.record({
    wanted: fc.integer({ min: 0, max: 12 }),
    maxSurge: fc.integer({ min: 0, max: 4 }),
    maxUnavailable: fc.integer({ min: 0, max: 4 }),
    before: fc.integer({ min: 0, max: 12 }),
    strategy: fc.constant('RollingUpdate' as const),
  });
  const rolls = fc.property(rollouts, ({ before, strategy, ...input }) => {
    const limits = bounds(input, input.wanted);
    let newest: SetState = { uid: 'new', asked: 0, available: 0 };
    let old: SetState = { uid: 'old', asked: before, available: before };
    for (let round = 0; round < 200; round++) {
      const state = { strategy, wanted: input.wanted, ...limits, newest, old: [old] };
      const scaling = nextScaling({ ...state, oldPods: old.asked });
      if (scaling.size === 0 && newest.available === newest.asked) break;
      newest = { ...newest, available: newest.asked };
      newest = { ...newest, asked: scaling.get('new') ?? newest.asked };
      const asked = scaling.get('old') ?? old.asked;
      old = { ...old, asked, available: Math.min(asked, old.available) };
      ok(newest.asked + old.asked <= Math.max(before, input.wanted + limits.maxSurge));
      const available = Math.min(newest.available, newest.asked) + old.available;
      ok(available >= Math.min(before, input.wanted - limits.maxUnavailable));
    }
    equal(newest.asked, input.wanted);
    equal(old.asked, 0);
  });
  fc.assert(rolls);
});
