import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeObject, spliceResourceVersion } from '../kube/json.ts';
import { indentJson, joinPieces, metadataOf } from './json-bytes.ts';

test('indented JSON is what JSON.stringify indents', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const indented = indentJson(Buffer.from(JSON.stringify(value))).toString('utf8');
      assert.equal(indented, `${JSON.stringify(value, null, 2)}\n`);
    }),
    { numRuns: 500 },
  );
});

test('numbers beyond a double keep their digits when indented', () => {
  const text = '{"a":9007199254740993}';
  assert.equal(indentJson(Buffer.from(text)).toString(), '{\n  "a": 9007199254740993\n}\n');
});

test('metadata is found whatever strings the object holds', () => {
  const text = fc.string({ unit: fc.constantFrom('{', '}', '"', '\\', 'a', 'metadata', 'é') });
  fc.assert(
    fc.property(text, text, text, (kind, label, data) => {
      const metadata = { name: 'x', labels: { [label]: data } };
      const object = { apiVersion: 'v1', kind, metadata, data: { [data]: label } };
      const bytes = spliceResourceVersion(encodeObject(object), 7);
      assert.deepEqual(JSON.parse(metadataOf(bytes).toString('utf8')), {
        resourceVersion: '7',
        ...metadata,
      });
    }),
    { numRuns: 1000 },
  );
});

test('pieces together are the buffers one after the other', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 20 })),
      fc.integer({ min: 1, max: 50 }),
      (list, size) => {
        const buffers = list.map((each) => Buffer.from(each));
        const pieces = [...joinPieces(buffers, size)];
        assert.deepEqual(Buffer.concat(pieces), Buffer.concat(buffers));
        for (const piece of pieces.slice(0, -1)) assert.ok(piece.length >= size);
      },
    ),
  );
});
