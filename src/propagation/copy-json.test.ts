import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseJson } from '../kube/json.ts';
import type { KubeObject } from '../kube/object.ts';
import { managersOf, managersThrough, parseCopy } from './copy-json.ts';

const nasty = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('}]},', '"}]},"', '"managedFields":[', ',"managedFields":[{}]},"spec":{', '\\'),
);
const value = fc.oneof(nasty, fc.integer(), fc.dictionary(nasty, nasty));
const fieldsV1 = fc.dictionary(
  fc.tuple(fc.constantFrom('f:', 'k:', 'v:'), nasty).map(([kind, rest]) => kind + rest),
  fc.constant({}),
);
const entry = fc.record({
  manager: nasty,
  operation: fc.constantFrom('Apply', 'Update'),
  fieldsV1,
  subresource: fc.option(fc.constantFrom('scale', 'status'), { nil: undefined }),
});

/** Objects as Go writes them, and as custom resources come: with sorted fields. */
const sent = fc
  .record({
    order: fc.constantFrom('go', 'sorted', 'other'),
    labels: fc.dictionary(nasty, nasty),
    managedFields: fc.option(fc.array(entry, { maxLength: 4 }), { nil: undefined }),
    body: fc.dictionary(nasty, value, { maxKeys: 3 }),
    list: fc.array(fc.record({ a: nasty }), { maxLength: 2 }),
  })
  .map(({ order, labels, managedFields, body, list }) => {
    const identity = { name: 'web', namespace: 'default', uid: 'u1', resourceVersion: '7' };
    const metadata = {
      go: { ...identity, labels, managedFields },
      sorted: { labels, managedFields, ...identity },
      other: { ...identity, managedFields, labels },
    }[order];
    return {
      kind: 'Deployment',
      apiVersion: 'apps/v1',
      metadata,
      spec: { ...body, list },
      status: {},
    };
  });

test('a copy is what was sent, and its managers are those that were sent', () => {
  fc.assert(
    fc.property(sent, (object) => {
      const bytes = Buffer.from(JSON.stringify(object));
      const whole = parseJson(bytes).value as unknown as KubeObject;
      const copy = parseCopy(bytes);
      const { managedFields, ...metadata } = whole.metadata;
      assert.deepEqual(managersOf(copy), managedFields ?? []);
      assert.deepEqual(
        managersThrough(copy, 'scale'),
        (managedFields ?? []).filter(({ subresource }) => subresource === 'scale'),
      );
      const { managedFields: _, ...kept } = copy.metadata;
      assert.deepEqual({ ...copy, metadata: kept }, { ...whole, metadata });
    }),
    { numRuns: 2000 },
  );
});

test('an ordinary copy carries no managers until they are asked for', () => {
  const metadata = {
    name: 'web',
    uid: 'u1',
    resourceVersion: '7',
    labels: { app: 'web' },
    managedFields: [{ manager: 'ubernetes', operation: 'Update', fieldsV1: { 'f:spec': {} } }],
  };
  const object = { kind: 'Deployment', apiVersion: 'apps/v1', metadata, spec: { replicas: 3 } };
  const copy = parseCopy(Buffer.from(JSON.stringify(object)));
  assert.equal(copy.metadata.managedFields, undefined);
  assert.equal(JSON.stringify(copy).includes('manager'), false);
  assert.deepEqual(managersOf(copy), metadata.managedFields);
});
