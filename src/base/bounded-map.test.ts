import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { BoundedMap } from './bounded-map.ts';

test('holds what was set last, and no more than it may', () => {
  const sets = fc.array(fc.tuple(fc.nat(9), fc.nat()));
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), sets, (most, entries) => {
      const map = new BoundedMap<number, number>(most);
      for (const [key, value] of entries) map.set(key, value);
      const last = new Map<number, number>();
      for (const [key, value] of entries.toReversed())
        if (!last.has(key) && last.size < most) last.set(key, value);
      assert.deepEqual([...map], [...last].toReversed());
    }),
  );
});
