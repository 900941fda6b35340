import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FieldSet } from './field-set.ts';
import { describePath } from './path-element.ts';

const element = fc.constantFrom(
  'f:a',
  'f:b',
  'f:.',
  'f:__proto__',
  'k:{"name":"x"}',
  'k:{"containerPort":80,"protocol":"TCP"}',
  'v:"x"',
  'v:1',
  'i:0',
);
const path = fc.array(element, { minLength: 1, maxLength: 4 });
const set = fc.array(path, { maxLength: 12 }).map((paths) => FieldSet.from(paths));
const texts = (of: FieldSet): string[] => [...of.paths()].map((one) => one.join(' ')).sort();

test('a set written as FieldsV1 and read again is the same set', () => {
  fc.assert(
    fc.property(set, (one) => {
      const again = FieldSet.decode(JSON.parse(JSON.stringify(one.encode())));
      assert.deepEqual(texts(again), texts(one));
      assert.ok(again.equals(one));
    }),
  );
});

test('equal sets are held once, in whatever order their paths come', () => {
  const paths = [
    ['f:spec', 'f:containers', 'k:{"name":"a"}', 'f:image'],
    ['f:spec', 'f:containers', 'k:{"name":"b"}', 'f:image'],
    ['f:metadata', 'f:labels', 'f:a\n1;f:b'],
  ];
  // Twice: what is held is forgotten now and then.
  const same = [1, 2].some(() => {
    const one = FieldSet.from(paths);
    const other = FieldSet.from(paths.toReversed());
    const read = FieldSet.decode(structuredClone(one.encode()));
    return one === other && one === read;
  });
  assert.ok(same);
});

test('union, intersection and difference are those of sets of paths', () => {
  fc.assert(
    fc.property(set, set, (a, b) => {
      const [left, right] = [texts(a), texts(b)];
      const shared = left.filter((one) => right.includes(one));
      assert.deepEqual(texts(a.union(b)), [...new Set([...left, ...right])].sort());
      assert.deepEqual(texts(a.intersection(b)), shared);
      assert.deepEqual(
        texts(a.difference(b)),
        left.filter((one) => !shared.includes(one)),
      );
    }),
  );
});

test('a recursive difference also takes what is below a path', () => {
  fc.assert(
    fc.property(set, set, (a, b) => {
      const gone = [...b.paths()];
      const kept = [...a.paths()].filter(
        (one) => !gone.some((prefix) => prefix.every((step, i) => step === one[i])),
      );
      const rest = a.recursiveDifference(b);
      assert.deepEqual(texts(rest), kept.map((one) => one.join(' ')).sort());
    }),
  );
});

test('what does not change is shared, not copied', () => {
  fc.assert(
    fc.property(set, (one) => {
      assert.equal(one.union(FieldSet.empty), one);
      assert.equal(one.union(one.intersection(one)), one);
      assert.equal(one.difference(FieldSet.empty), one);
    }),
  );
});

test('reads keys in any order and skips elements of a kind that it does not know', () => {
  const read = FieldSet.decode({
    'f:ports': { 'k:{"protocol":"TCP","port":80}': {}, 'x:future': {} },
    '.': {},
  });
  assert.deepEqual(read.encode(), { 'f:ports': { 'k:{"port":80,"protocol":"TCP"}': {} } });
});

test('refuses what is no FieldsV1', () => {
  for (const fields of [[], 'x', { 'f:a': 1 }, { f: {} }, { 'k:x': {} }, { 'i:x': {} }])
    assert.throws(() => FieldSet.decode(fields as never), /./, JSON.stringify(fields));
});

test('writes elements in the order of kube-apiserver', () => {
  const paths = ['v:"b"', 'v:2', 'v:10', 'f:b', 'k:{"p":443}', 'k:{"p":80}', 'f:a', 'i:10', 'i:9'];
  const written = Object.keys(FieldSet.from(paths.map((one) => [one])).encode());
  assert.deepEqual(written, [
    'f:a',
    'f:b',
    'k:{"p":80}',
    'k:{"p":443}',
    'v:2',
    'v:10',
    'v:"b"',
    'i:9',
    'i:10',
  ]);
});

test('tells paths as conflicts show them', () => {
  const steps = ['f:spec', 'f:ports', 'k:{"port":80,"protocol":"TCP"}', 'v:"a\\"b"', 'i:3'];
  assert.equal(describePath(steps), '.spec.ports[port=80,protocol="TCP"][="a\\"b"][3]');
});
