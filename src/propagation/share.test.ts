import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { Json } from '../kube/object.ts';
import { shareParts } from './share.ts';

const copy = (value: Json): Json => JSON.parse(JSON.stringify(value));

test('what is shared says the same as before, and the known value is left alone', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
      const [value, known] = [copy(a as Json), copy(b as Json)];
      assert.deepEqual(shareParts(copy(value), known), value);
      assert.deepEqual(known, copy(b as Json));
    }),
  );
});

test('what is equal is the known one itself, parts of what is not too', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (a) => {
      const known = copy(a as Json);
      assert.equal(shareParts(copy(known), known), known);
    }),
  );
  const known = { spec: { replicas: 1, template: { containers: [{ name: 'web' }] } } };
  const value = { spec: { replicas: 2, template: { containers: [{ name: 'web' }] } }, status: {} };
  const shared = shareParts(value, known) as typeof value;
  assert.equal(shared.spec.template, known.spec.template);
  assert.equal(shared.spec.replicas, 2);
});

test('a field named __proto__ is a field like any other', () => {
  const known = JSON.parse('{"__proto__":{"a":"x"},"b":1}');
  const shared = shareParts(JSON.parse('{"__proto__":{"a":"x"},"b":2}'), known) as object;
  assert.deepEqual(JSON.stringify(shared), '{"__proto__":{"a":"x"},"b":2}');
  assert.equal(Object.getPrototypeOf(shared), Object.prototype);
});

test('what a server in this process holds frozen is left as it is', () => {
  const frozen = Object.freeze({ 'f:spec': { 'f:replicas': {} } });
  const known = { fields: { 'f:spec': { 'f:replicas': {} } }, other: 1 };
  const shared = shareParts({ fields: frozen, other: 2 }, known) as typeof known;
  assert.equal(shared.fields, frozen);
  assert.deepEqual(shared, { ...known, other: 2 });
});
