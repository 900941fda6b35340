import assert from 'node:assert/strict';
import { it } from 'node:test';
import { EntryCache } from './entry-cache.ts';
import type { Entry } from './store.ts';

const entry = (key: string, bytes = 800): Entry => ({
  key,
  value: Buffer.alloc(bytes),
  createRevision: 1,
  modRevision: 1,
});

it('forgets what was used longest ago when its bytes are more than it may hold', () => {
  const cache = new EntryCache(3000);
  for (const key of ['a', 'b', 'c']) cache.set(entry(key));
  assert.ok(cache.get('a'));
  cache.set(entry('d'));
  assert.deepEqual(
    ['a', 'b', 'c', 'd'].filter((key) => cache.get(key) !== undefined),
    ['a', 'c', 'd'],
  );
  cache.set(entry('a', 10));
  cache.set(entry('e', 500));
  assert.equal(['a', 'c', 'd', 'e'].filter((key) => cache.get(key) !== undefined).length, 4);
});

it('does not hold what is larger than all that it may hold', () => {
  const cache = new EntryCache(3000);
  cache.set(entry('a'));
  cache.set(entry('big', 5000));
  assert.equal(cache.get('big'), undefined);
});
