/** What generated requests have found, each with the answer of a real kube-apiserver 1.37.2. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { isObject, type JsonObject, valueAt } from '../../src/kube/object.ts';
import { waitUntil } from '../../testbed/waiting.ts';
import { type Answer, type Endpoint, ourEndpoint, type Request } from './endpoint.ts';

const group = 'found.example.com';
const objects = `/apis/${group}/v1/mades`;
let server: Endpoint;

function define(properties: JsonObject, plural = 'mades'): Promise<Answer> {
  const spec = { type: 'object', properties };
  const version = { name: 'v1', served: true, storage: true };
  const kind = plural === 'mades' ? 'Made' : 'Other';
  return post('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      ...{ group, scope: 'Cluster', names: { plural, kind } },
      versions: [
        { ...version, schema: { openAPIV3Schema: { type: 'object', properties: { spec } } } },
      ],
    },
  });
}

function post(path: string, body: JsonObject): Promise<Answer> {
  return send({
    method: 'POST',
    path,
    contentType: 'application/json',
    body: JSON.stringify(body),
  });
}

function send(request: Request): Promise<Answer> {
  return server.send(request);
}

function made(name: string, spec: JsonObject): JsonObject {
  return { apiVersion: `${group}/v1`, kind: 'Made', metadata: { name }, spec };
}

function apply(name: string, spec: JsonObject): Promise<Answer> {
  return send({
    method: 'PATCH',
    path: `${objects}/${name}?fieldManager=m`,
    contentType: 'application/apply-patch+yaml',
    body: JSON.stringify(made(name, spec)),
  });
}

function causesOf({ body }: Answer): unknown[] {
  return isObject(body) ? ((valueAt(body, 'details', 'causes') ?? []) as unknown[]) : [];
}

before(async () => {
  server = await ourEndpoint();
  await define({
    bytes: { type: 'string', format: 'byte' },
    port: { 'x-kubernetes-int-or-string': true },
    size: { type: 'integer' },
    color: { type: 'string', enum: ['red', 'blue'] },
    word: { type: 'string', maxLength: 9, 'x-kubernetes-validations': [{ rule: "self != 'no'" }] },
  });
  await waitUntil({
    what: 'the kind to be served',
    check: async () => (await send({ method: 'GET', path: objects })).status === 200,
  });
});

after(() => server.close());

test('a list of custom objects always has a continue', async () => {
  const { body } = await send({ method: 'GET', path: objects });
  assert.equal(valueAt(body, 'metadata', 'continue'), '');
});

test('base64 of a custom object is not empty', async () => {
  assert.equal((await post(objects, made('bytes', { bytes: '' }))).status, 422);
  assert.equal((await post(objects, made('bytes', { bytes: 'YQ==' }))).status, 201);
});

test('what does not fit int-or-string is invalid, not a patch that cannot be read', async () => {
  assert.equal((await apply('port', { port: ['in a list'] })).status, 422);
});

test('a fraction where an integer belongs is told of twice', async () => {
  const fields = causesOf(await post(objects, made('size', { size: 1.5 })));
  assert.deepEqual(fields.slice(0, 2), [
    {
      reason: 'FieldValueTypeInvalid',
      message: 'Invalid value: "number": spec.size in body must be of type integer: "number"',
      field: 'spec.size',
    },
    {
      reason: 'FieldValueInvalid',
      message:
        'Invalid value: "": Checked value must be of type integer (default format) in spec.size',
      field: '<nil>',
    },
  ]);
});

test('rules are not run over a value that is none of its enum', async () => {
  const causes = causesOf(await post(objects, made('color', { color: 'green', word: 'no' })));
  assert.equal(causes.length, 2);
  assert.match(String(valueAt(causes[1], 'message')), /some validation rules were not checked/);
});

test('what is wrong with an object is told before its name is found taken', async () => {
  assert.equal((await post(objects, made('taken', {}))).status, 201);
  assert.equal((await post(objects, made('taken', { word: 'no' }))).status, 422);
  assert.equal((await post(objects, made('taken', { word: 'yes' }))).status, 409);
});

test('a definition is warned of formats that nobody checks, and its defaults obey its rules', async () => {
  const free = { type: 'string', format: 'made-up' };
  const { status, warnings } = await define(
    { free, one: { type: 'integer', format: 'int32' } },
    'others',
  );
  assert.equal(status, 201);
  assert.deepEqual(warnings, ['299 - "unrecognized format \\"made-up\\""']);
  const rule = { rule: 'self > 5', message: 'more' };
  const small = { type: 'integer', default: 1, 'x-kubernetes-validations': [rule] };
  const [cause] = causesOf(await define({ small }, 'smalls'));
  assert.match(String(valueAt(cause, 'field')), /properties\[small\]\.default$/);
});
