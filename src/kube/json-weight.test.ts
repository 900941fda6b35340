import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { jsonExcess } from './json-weight.ts';

const times = 10_000;

test('JSON of little more than braces takes many times its length', () => {
  for (const item of ['{}', '[]', '{"a":{}}']) {
    const json = Buffer.from(`[${Array(times).fill(item)}]`);
    assert.ok(jsonExcess(json) > 5 * json.length, item);
  }
});

test('what people and programs write takes what is usual', () => {
  const container = { name: 'web', image: 'registry.example.com/web:1', env: [{ name: 'A' }] };
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', labels: { app: 'web' }, annotations: { note: 'an annotation' } },
    spec: { replicas: 3, template: { spec: { containers: [container, container] } } },
  };
  const list = { kind: 'List', items: Array(100).fill(deployment) };
  for (const value of [deployment, list, { data: { key: 'x'.repeat(1000) } }])
    assert.equal(jsonExcess(Buffer.from(JSON.stringify(value))), 0);
});

test('what stands in a text counts as text, however it is escaped', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const json = Buffer.from(JSON.stringify([`${'{[,:'.repeat(100)}${text}`]));
      assert.equal(jsonExcess(json), 0);
      const more = Buffer.concat([json, Buffer.from('{}'.repeat(times))]);
      assert.ok(jsonExcess(more) > times);
    }),
  );
  assert.equal(typeof jsonExcess(Buffer.from('"\\')), 'number');
  assert.equal(typeof jsonExcess(Buffer.from('"')), 'number');
});
