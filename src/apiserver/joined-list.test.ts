import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { JoinedList } from './joined-list.ts';

const object = fc.record({
  apiVersion: fc.constantFrom('v1', 'apps/v1', 'v"metadata":{1'),
  kind: fc.constantFrom('ConfigMap', 'X'),
  metadata: fc.record({ name: fc.string() }),
  data: fc.dictionary(fc.string(), fc.string({ unit: 'binary' })),
});

test('a joined list is the list, whole and in pieces, as long as it says', () => {
  fc.assert(
    fc.property(
      fc.array(object, { maxLength: 12 }),
      fc.integer({ min: 1, max: 400 }),
      fc.boolean(),
      (objects, pieceBytes, bare) => {
        const bytes = objects.map((each) => Buffer.from(JSON.stringify(each)));
        const list = new JoinedList(Buffer.from('{"items":['), bytes, { bare });
        const items = objects.map(({ apiVersion, kind, ...rest }) =>
          bare ? rest : { apiVersion, kind, ...rest },
        );
        const expected = JSON.stringify({ items });
        assert.equal(list.whole().toString(), expected);
        assert.equal(Buffer.concat([...list.pieces(pieceBytes)]).toString(), expected);
        assert.equal(list.length, Buffer.byteLength(expected));
      },
    ),
  );
});
