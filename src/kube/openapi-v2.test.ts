import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from './object.ts';
import { swaggerOf } from './openapi-v2.ts';

const gvk = { 'x-kubernetes-group-version-kind': [{ group: 'g', kind: 'Widget', version: 'v1' }] };

function definitionOf(schema: object): unknown {
  const document = { paths: {}, components: { schemas: { Widget: schema } } };
  return swaggerOf(document as unknown as JsonObject).definitions['Widget'];
}

test('a definition loses what v2 has no words for', () => {
  const meta = '#/components/schemas/io.k8s.ObjectMeta';
  const properties = {
    metadata: { allOf: [{ $ref: meta }], description: 'm', default: {} },
    maybe: { type: 'string', nullable: true, default: 'x' },
    port: { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] },
    amount: { description: 'q', oneOf: [{ type: 'string' }, { type: 'number' }] },
    free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, properties: { a: {} } },
    list: { type: 'array', items: { type: 'object', not: { required: ['b'] } } },
    map: { type: 'object', additionalProperties: { type: 'string', nullable: true } },
  };
  const schema = { type: 'object', required: ['maybe', 'port'], properties, ...gvk };
  assert.deepEqual(definitionOf(schema), {
    type: 'object',
    required: ['port'],
    properties: {
      metadata: { $ref: '#/definitions/io.k8s.ObjectMeta', description: 'm' },
      maybe: {},
      port: { 'x-kubernetes-int-or-string': true },
      amount: { description: 'q', type: 'string' },
      free: { 'x-kubernetes-preserve-unknown-fields': true },
      list: { type: 'array', items: { type: 'object' } },
      map: { type: 'object', additionalProperties: {} },
    },
    ...gvk,
  });
});

test('a kind that keeps unknown fields says nothing of the known ones', () => {
  const schema = {
    type: 'object',
    'x-kubernetes-preserve-unknown-fields': true,
    properties: { spec: { type: 'object' } },
    ...gvk,
  };
  assert.deepEqual(definitionOf(schema), { type: 'object', ...gvk });
});

test('bodies become parameters', () => {
  const schema = { $ref: '#/components/schemas/Widget' };
  const post = {
    operationId: 'create',
    parameters: [{ name: 'dryRun', in: 'query', schema: { type: 'string', uniqueItems: true } }],
    requestBody: { required: true, content: { 'application/json': { schema } } },
    responses: { 201: { description: 'Created', content: { 'application/yaml': { schema } } } },
  };
  const document = { paths: { '/w': { post } } };
  const parts = swaggerOf(document as unknown as JsonObject);
  const reference = { $ref: '#/definitions/Widget' };
  assert.deepEqual(parts.paths['/w'], {
    post: {
      operationId: 'create',
      consumes: ['application/json'],
      parameters: [
        { in: 'body', name: 'body', required: true, schema: reference },
        { name: 'dryRun', in: 'query', type: 'string', uniqueItems: true },
      ],
      produces: ['application/yaml'],
      responses: { 201: { description: 'Created', schema: reference } },
      schemes: ['https'],
    },
  });
});
