/** P16: the same room is given away once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { check } from './arbitraries.fixture.ts';
import { type Promised, promisedBy, roomFor } from './room.ts';

test('the scarcest resource decides, and what is not requested does not', () => {
  const free = { cpu: 4000, memory: 10_000, pods: 3 };
  assert.equal(roomFor({ cpu: 500, memory: 1000, pods: 1 }, free, {}), 3);
  assert.equal(roomFor({ cpu: 1500 }, free, {}), 2);
  assert.equal(roomFor({}, free, {}), Number.POSITIVE_INFINITY);
  assert.equal(roomFor({ gpu: 1 }, free, {}), 0);
});

test('what others were promised and have not taken is not free', () => {
  const copy: Promised = { ask: 10, bound: 6, unschedulable: 1, request: { pods: 1, cpu: 100 } };
  assert.deepEqual(promisedBy(copy), { pods: 3, cpu: 300 });
  assert.equal(roomFor({ pods: 1 }, { pods: 5 }, promisedBy(copy)), 2);
  assert.deepEqual(promisedBy({ ...copy, bound: 12 }), { pods: 0, cpu: 0 });
});

test('P16: objects that are placed one after the other never get more than there is', () => {
  const objects = fc.array(
    fc.record({ wanted: fc.nat({ max: 20 }), cpu: fc.integer({ min: 1, max: 9 }) }),
    { maxLength: 8 },
  );
  check(
    fc.property(objects, fc.nat({ max: 100 }), (list, cpu) => {
      let promised = 0;
      for (const each of list) {
        const room = roomFor({ cpu: each.cpu }, { cpu }, { cpu: promised });
        const ask = Math.min(each.wanted, room);
        const copy = { ask, bound: 0, unschedulable: 0, request: { cpu: each.cpu } };
        promised += promisedBy(copy)['cpu'] ?? 0;
      }
      assert.ok(promised <= cpu);
    }),
  );
});
