import { test } from 'node:test';
import { requireMembers } from '../../testbed/binaries.ts';
import type { JsonObject } from '../kube/object.ts';
import {
  define,
  definitionsPath,
  post,
  type WidgetOptions,
  widgets,
} from './custom-kinds.fixture.ts';
import { OwnAndReal, ownFederation } from './own-and-real.fixture.ts';

const empty: JsonObject = { type: 'object' };

function property(schema: JsonObject, more: JsonObject = {}): JsonObject {
  return {
    type: 'object',
    properties: { spec: { type: 'object', properties: { x: schema } } },
    ...more,
  };
}

function rule(rule: string, more: JsonObject = {}, schema: JsonObject = {}): JsonObject {
  const spec = {
    type: 'object',
    'x-kubernetes-validations': [{ rule, ...more }],
    properties: {
      a: { type: 'integer' },
      s: { type: 'string', maxLength: 10 },
      l: { type: 'array', maxItems: 5, items: { type: 'integer' } },
    },
    ...schema,
  };
  return { type: 'object', properties: { spec } };
}

const items = (schema: JsonObject, more: JsonObject): JsonObject =>
  property({ type: 'array', items: schema, ...more });

/** Schemas that are refused, most of them with one cause. */
const schemas: readonly JsonObject[] = [
  {},
  { type: 'string' },
  { type: 'object', nullable: true },
  { type: 'object', additionalProperties: { type: 'string' } },
  property({}),
  property({ type: 'array' }),
  property({ type: 'array', items: {} }),
  property({ type: 'null' }),
  property({ type: 'thing' }),
  property({ type: 'object', properties: { y: {} } }),
  property({ type: 'object', additionalProperties: {} }),
  property({
    type: 'object',
    properties: { y: empty },
    additionalProperties: { type: 'string' },
  }),
  property({ type: 'array', uniqueItems: true, items: { type: 'string' } }),
  property({ 'x-kubernetes-int-or-string': true, 'x-kubernetes-preserve-unknown-fields': true }),
  property({ 'x-kubernetes-preserve-unknown-fields': false, type: 'object' }),
  property({ 'x-kubernetes-embedded-resource': true }),
  property({ 'x-kubernetes-embedded-resource': true, type: 'object' }),
  property({ type: 'string', 'x-kubernetes-map-type': 'atomic' }),
  property({ type: 'object', 'x-kubernetes-map-type': 'some' }),
  property({ type: 'object', 'x-kubernetes-list-type': 'set' }),
  items({ type: 'string' }, { 'x-kubernetes-list-type': 'some' }),
  items({ type: 'string' }, { 'x-kubernetes-list-type': 'map' }),
  items(
    { type: 'object', properties: { k: { type: 'string' } } },
    { 'x-kubernetes-list-type': 'map' },
  ),
  items(
    { type: 'object', properties: { k: { type: 'string' } } },
    { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['k'] },
  ),
  items(
    { type: 'object', required: ['k'], properties: { k: { type: 'string', nullable: true } } },
    { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['k'] },
  ),
  items(
    { type: 'object', required: ['k'], properties: { k: { type: 'string' } } },
    { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['k', 'k', 'other'] },
  ),
  items({ type: 'string' }, { 'x-kubernetes-list-map-keys': ['k'] }),
  items({ type: 'string', nullable: true }, { 'x-kubernetes-list-type': 'set' }),
  items({ type: 'object', properties: { a: empty } }, { 'x-kubernetes-list-type': 'set' }),
  property({ type: 'integer', default: 'x' }),
  property({ type: 'integer', minimum: 3, default: 1 }),
  property({ type: 'object', properties: { a: { type: 'string' } }, default: { b: 1 } }),
  property({ type: 'object', anyOf: [{ properties: { y: { minLength: 1 } } }] }),
  property({ type: 'string', anyOf: [{ type: 'string' }] }),
  property({ type: 'string', allOf: [{ default: 'x' }] }),
  property({ type: 'string', not: { nullable: true } }),
  property({ type: 'string', oneOf: [{ description: 'x' }] }),
  { type: 'object', properties: { metadata: { type: 'object', properties: { labels: empty } } } },
  { type: 'object', properties: { metadata: { type: 'string' } } },
  { type: 'object', properties: { kind: { type: 'integer' } } },
  { type: 'object', properties: { apiVersion: { type: 'string', default: 'x' } } },
  rule(''),
  rule('  '),
  rule('self.a > 0', { message: '  ' }),
  rule('self.a > 0', { message: 'a\nb' }),
  rule('self.a > 0 &&\n true'),
  rule('self.a > 0', { reason: 'Bad' }),
  rule('self.a'),
  rule('self.nope > 0'),
  rule("self.a == 'x'"),
  rule('self.a >'),
  rule('oldSelf.a > 0', {}, {}),
  rule('self.a > 0', { optionalOldSelf: true }),
  rule('self.a > 0', { messageExpression: 'self.a' }),
  rule('self.a > 0', { messageExpression: 'self.nope' }),
  rule('self.a > int("x")'),
  items(
    { type: 'object', 'x-kubernetes-validations': [{ rule: 'self == oldSelf' }] },
    { maxItems: 3 },
  ),
];

/** Definitions that are refused for something beside their schema. */
const others: readonly WidgetOptions[] = [
  { group: 'nodots' },
  { group: 'Example.com' },
  { group: 'widgets.k8s.io' },
  { scope: 'Everywhere' as 'Cluster' },
  { names: { plural: 'Widgets' } },
  { names: { kind: 'widget!' } },
  { names: { listKind: 'Widget' } },
  { names: { shortNames: ['W'] } },
  { names: { categories: ['All!'] } },
  { names: { kind: '' } },
  { version: { name: 'V1' } },
  { version: { storage: false } },
  { version: { deprecationWarning: 'old' } },
  { version: { subresources: { scale: {} } } },
  {
    version: {
      subresources: { scale: { specReplicasPath: '.x', statusReplicasPath: 'status.x' } },
    },
  },
  {
    version: {
      subresources: {
        scale: {
          specReplicasPath: '.spec.x',
          statusReplicasPath: '.status.x',
          labelSelectorPath: '.x',
        },
      },
    },
  },
  { version: { additionalPrinterColumns: [{ name: 'A', type: 'thing', jsonPath: 'a' }] } },
  {
    version: {
      additionalPrinterColumns: [{ name: 'A', type: 'string', format: 'x', jsonPath: '.a' }],
    },
  },
  { version: { schema: null as unknown as JsonObject } },
  { spec: { preserveUnknownFields: true } },
  { spec: { conversion: { strategy: 'Webhook' } } },
  { spec: { conversion: { strategy: 'Other' } } },
  {
    spec: {
      conversion: {
        strategy: 'Webhook',
        webhook: { clientConfig: {}, conversionReviewVersions: ['v9'] },
      },
    },
  },
  {
    spec: {
      conversion: {
        strategy: 'None',
        webhook: { clientConfig: { url: 'https://x.y' }, conversionReviewVersions: ['v1'] },
      },
    },
  },
];

test('definitions are refused as a real kube-apiserver refuses them', async (t) => {
  if (!(await requireMembers(t, 'bare'))) return;
  await using both = await OwnAndReal.start(await ownFederation());
  for (const [i, schema] of schemas.entries()) {
    const group = `s${i}.example.com`;
    await both.same(JSON.stringify(schema), post(definitionsPath, widgets(schema, { group })));
  }
  for (const [i, options] of others.entries()) {
    const group = `o${i}.example.com`;
    const definition = widgets(empty, { group, ...options });
    await both.same(JSON.stringify(options), post(definitionsPath, definition));
  }
  const named = widgets(empty, { group: 'named.example.com' });
  await both.same('another name', post(definitionsPath, { ...named, metadata: { name: 'x' } }));
  await changes(both);
  both.settle();
});

async function changes(both: OwnAndReal): Promise<void> {
  const group = 'changes.example.com';
  await define(both, widgets(property({ type: 'string' }), { group }));
  const path = `${definitionsPath}/widgets.${group}`;
  for (const spec of [
    { group: 'other.example.com' },
    { scope: 'Cluster' },
    { names: { kind: 'Gadget' } },
    { names: { plural: 'gadgets' } },
    { names: { shortNames: ['w1'] } },
    { versions: [{ name: 'v2', served: true, storage: true, schema: { openAPIV3Schema: empty } }] },
  ])
    await both.same(JSON.stringify(spec), { method: 'PATCH', path, body: { spec } });
}
