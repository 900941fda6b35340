import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Json, JsonObject } from '../kube/object.ts';
import { differences, equal, type ListKeys, mergeThreeWay } from './three-way.ts';

const byName: ListKeys = (path) => (path.at(-1) === 'items' ? ['name'] : undefined);

const merge = (previous: Json | undefined, desired: Json, live: Json | undefined): Json =>
  mergeThreeWay({ previous, desired, live }, byName);

test('a field that we wrote and no longer want goes, a field of somebody else stays', () => {
  const merged = merge({ a: 1, b: 2 }, { a: 1 }, { a: 1, b: 2, theirs: 3 });
  assert.deepEqual(merged, { a: 1, theirs: 3 });
});

test('an object that we no longer want keeps what others put into it', () => {
  const merged = merge({ a: { ours: 1 } }, {}, { a: { ours: 1, theirs: 2 } });
  assert.deepEqual(merged, { a: { theirs: 2 } });
});

test('an item that somebody injected into a keyed list survives a change of ours', () => {
  const live = { items: [{ name: 'web', image: 'a', extra: 1 }, { name: 'sidecar' }] };
  const merged = merge(
    { items: [{ name: 'web', image: 'a' }] },
    { items: [{ name: 'web', image: 'b' }] },
    live,
  );
  assert.deepEqual(merged, { items: [{ name: 'web', image: 'b', extra: 1 }, { name: 'sidecar' }] });
});

test('an item that we took out of a keyed list goes', () => {
  const previous = { items: [{ name: 'a' }, { name: 'b' }] };
  assert.deepEqual(merge(previous, { items: [{ name: 'b' }] }, previous), {
    items: [{ name: 'b' }],
  });
});

test('a list without keys is one value', () => {
  assert.deepEqual(merge({ args: ['a'] }, { args: ['b'] }, { args: ['a', 'theirs'] }), {
    args: ['b'],
  });
});

test('without a memory of what was ours nothing is removed', () => {
  assert.deepEqual(merge(undefined, { a: 1 }, { a: 0, b: 2 }), { a: 1, b: 2 });
});

test('names that every object inherits are fields like any other', () => {
  const desired = JSON.parse('{"constructor":"x"}') as Json;
  assert.deepEqual(merge({}, desired, {}), desired);
});

const tree = fc.letrec<{ value: Json; object: JsonObject }>((tie) => ({
  value: fc.oneof({ maxDepth: 3 }, fc.integer(), fc.string(), fc.constant(null), tie('object')),
  object: fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), tie('value'), { maxKeys: 4 }),
})).object;

test('the merge holds everything that is wanted, and merging again changes nothing', () => {
  fc.assert(
    fc.property(tree, tree, tree, (previous, desired, live) => {
      const merged = merge(previous, desired, live);
      assert.deepEqual(
        differences({ rendered: desired, baseline: desired, live: merged }, byName),
        [],
      );
      assert.equal(merge(desired, desired, merged), merged);
    }),
    { numRuns: 2000 },
  );
});

test('with the same rendering as before, only our fields ever change', () => {
  fc.assert(
    fc.property(tree, tree, (desired, live) => {
      const merged = merge(desired, desired, live);
      for (const [field, value] of Object.entries(live)) {
        if (!Object.hasOwn(desired, field)) assert.equal((merged as JsonObject)[field], value);
      }
    }),
  );
});

test('drift names the field by its keys and leaves what is not ours out', () => {
  const rendered = { spec: { items: [{ name: 'web', image: 'a' }] } };
  const live = { spec: { items: [{ name: 'web', image: 'b', pull: 'Always' }], other: 1 } };
  assert.deepEqual(differences({ rendered, baseline: rendered, live }, byName), [
    { field: 'spec.items[name=web].image', expected: 'a', actual: 'b' },
  ]);
});

test('what the member altered when we wrote is no drift', () => {
  const rendered = { cpu: '1000m' };
  const baseline = { cpu: '1' };
  assert.deepEqual(differences({ rendered, baseline, live: { cpu: '1' } }, byName), []);
  assert.equal(differences({ rendered, baseline, live: { cpu: '2' } }, byName).length, 1);
});

test('equality does not mind the order of fields', () => {
  assert.ok(equal({ a: 1, b: [1, { c: 2 }] }, { b: [1, { c: 2 }], a: 1 }));
  assert.ok(!equal({ a: 1 }, { a: 1, b: undefined }));
  assert.ok(!equal([1], [1, 2]));
});
