import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { OrderedMap } from './ordered-map.ts';
import { PrefixIndex } from './prefix-index.ts';

const text = fc.string({ unit: fc.constantFrom('a', 'b', '/', 'é', '\uffee', '😀'), maxLength: 6 });

it('finds exactly the registered prefixes of a key, the longest first', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ prefix: text, add: fc.boolean() }), { maxLength: 40 }),
      fc.array(text, { maxLength: 10 }),
      (edits, keys) => {
        const index = new PrefixIndex<string>();
        const registered = new Set<string>();
        for (const { prefix, add } of edits) {
          if (add && !registered.has(prefix)) index.add(prefix, prefix);
          if (!add) index.remove(prefix);
          registered[add ? 'add' : 'delete'](prefix);
          for (const key of [...keys, prefix]) {
            const found: string[] = [];
            index.match(key, (value) => void found.push(value));
            const expected = [...registered].filter((one) => key.startsWith(one));
            assert.deepEqual(
              found,
              expected.sort((a, b) => b.length - a.length),
            );
            assert.equal(index.get(key), registered.has(key) ? key : undefined);
          }
        }
      },
    ),
    { numRuns: 200 },
  );
});

it('keeps a map in the order of UTF-8 bytes through any writes and deletions', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ key: text, remove: fc.boolean() }), { maxLength: 60 }),
      text,
      text,
      (edits, start, end) => {
        const map = new OrderedMap<number>();
        const model = new Map<string, number>();
        for (const [i, { key, remove }] of edits.entries()) {
          if (remove) {
            map.delete(key);
            model.delete(key);
          } else {
            map.set(key, i);
            model.set(key, i);
          }
        }
        const bytes = (key: string): Buffer => Buffer.from(key);
        const ordered = [...model].sort(([a], [b]) => Buffer.compare(bytes(a), bytes(b)));
        assert.deepEqual(map.entries(), ordered);
        const seen: [string, number][] = [];
        map.scan(start, end, (key, value) => seen.push([key, value]) > 0);
        const within = ordered.filter(
          ([key]) =>
            Buffer.compare(bytes(key), bytes(start)) >= 0 &&
            Buffer.compare(bytes(key), bytes(end)) < 0,
        );
        assert.deepEqual(seen, within);
      },
    ),
    { numRuns: 300 },
  );
});
