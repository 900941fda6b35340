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
  const status = { type: 'object', properties: { phase: { type: 'string' } } };
  const version = { name: 'v1', served: true, storage: true };
  const kind = plural === 'mades' ? 'Made' : 'Other';
  return post('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      ...{ group, scope: 'Cluster', names: { plural, kind } },
      versions: [
        {
          ...{ ...version, subresources: { status: {} } },
          schema: { openAPIV3Schema: { type: 'object', properties: { spec, status } } },
        },
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

function patch(path: string, type: 'merge' | 'json', body: unknown): Promise<Answer> {
  const contentType = `application/${type}-patch+json`;
  return send({ method: 'PATCH', path, contentType, body: JSON.stringify(body) });
}

function managersOf({ body }: Answer): unknown[] {
  const entries = valueAt(body, 'metadata', 'managedFields');
  return (Array.isArray(entries) ? entries : []).map((entry) => valueAt(entry, 'manager'));
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
    count: { type: 'integer', enum: [1, 2], nullable: true },
    map: { type: 'object', additionalProperties: { type: 'string' } },
    set: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
    things: {
      type: 'object',
      additionalProperties: {
        type: 'object',
        'x-kubernetes-embedded-resource': true,
        'x-kubernetes-preserve-unknown-fields': true,
      },
    },
    kept: {
      type: 'object',
      'x-kubernetes-preserve-unknown-fields': true,
      properties: { inner: { type: 'object', properties: { a: { type: 'string' } } } },
    },
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

test('a value that is no text is measured by the format of its text', async () => {
  const message = async (bytes: unknown): Promise<unknown> =>
    valueAt(causesOf(await post(objects, made('text', { bytes } as JsonObject)))[0], 'message');
  const wrong = 'spec.bytes in body must be of type byte';
  assert.equal(await message(1.5), `Invalid value: "float64": ${wrong}: "float64"`);
  assert.equal(await message(true), `Invalid value: "": ${wrong}: ""`);
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

test('a null is refused where an apply leaves one that may not be there', async () => {
  const cause = causesOf(await apply('null', { color: null }))[0];
  assert.deepEqual(cause, {
    reason: 'FieldValueTypeInvalid',
    message: 'Invalid value: "null": spec.color in body must be of type string: "null"',
    field: 'spec.color',
  });
  assert.equal((await post(objects, made('null', { color: null }))).status, 201);
  await apply('emptied', { map: { a: 'b' } });
  assert.equal((await apply('emptied', { map: {} })).status, 422);
});

test('what is no value of an enum is told so, null and values of other types too', async () => {
  const told = async (count: unknown): Promise<unknown> =>
    causesOf(await post(objects, made('enum', { count } as JsonObject)))
      .map((cause) => valueAt(cause as JsonObject, 'message'))
      .find((message) => /^Unsupported/.test(String(message)));
  const supported = 'supported values: "1", "2"';
  assert.equal(await told(3), `Unsupported value: 3: ${supported}`);
  assert.equal(await told(null), `Unsupported value: null: ${supported}`);
  assert.equal(await told('x'), `Unsupported value: "x": ${supported}`);
});

test('unknown fields are cut wherever a schema does not name them', async () => {
  const warned = async (spec: JsonObject): Promise<readonly string[]> =>
    (await post(`${objects}?fieldValidation=Warn&dryRun=All`, made('cut', spec))).warnings;
  const unknown = (path: string): string[] => [`299 - "unknown field \\"${path}\\""`];
  assert.deepEqual(await warned({ color: { in: 1 } }), unknown('spec.color.in'));
  assert.deepEqual(await warned({ set: [{ a: 1 }] }), unknown('spec.set[0].a'));
  const inner = { apiVersion: 'v1', kind: 'T', metadata: { name: 'x', odd: 1 } };
  assert.deepEqual(await warned({ things: { a: inner } }), unknown('spec.things[a].metadata.odd'));
  assert.deepEqual(await warned({ kept: { x: 1, inner: { y: 2 } } }), unknown('spec.kept.inner.y'));
});

test('an element that comes three times is told once', async () => {
  const fields = causesOf(await post(objects, made('thrice', { set: ['a', 'a', 'a'] })));
  assert.deepEqual(fields, [
    { reason: 'FieldValueDuplicate', message: 'Duplicate value: "a"', field: 'spec.set[1]' },
  ]);
});

test('a status write owns nothing of the metadata, and nobody owns what does not fit', async () => {
  await post(`${objects}?fieldManager=maker`, made('status', { size: 1 }));
  const applied = await send({
    method: 'PATCH',
    path: `${objects}/status/status?fieldManager=m`,
    contentType: 'application/apply-patch+yaml',
    body: JSON.stringify({
      ...made('status', {}),
      metadata: { name: 'status', finalizers: ['example.com/x'] },
      status: { phase: 'a' },
    }),
  });
  const entries = valueAt(applied.body, 'metadata', 'managedFields') as JsonObject[];
  const own = entries.find(({ manager }) => manager === 'm');
  assert.deepEqual(own!.fieldsV1, { 'f:status': { 'f:phase': {} } });
  const path = `${objects}/status/status?fieldManager=other`;
  const odd = await patch(path, 'merge', { spec: { size: 'x' }, status: { phase: 'b' } });
  assert.equal(valueAt(odd.body, 'status', 'phase'), 'b');
  assert.ok(!managersOf(odd).includes('other'));
});

test('finalizers of a custom object that may meet others are warned of', async () => {
  const object = { ...made('final', {}), metadata: { name: 'final', finalizers: ['b'] } };
  const { warnings } = await post(`${objects}?dryRun=All`, object);
  assert.match(warnings.join(), /metadata.finalizers: .*b.*: prefer a domain-qualified/);
});

test('a scale to zero leaves nobody who owns the replicas', async () => {
  const path = '/apis/apps/v1/namespaces/default/replicasets';
  const template = {
    metadata: { labels: { a: 'b' } },
    spec: { containers: [{ name: 'c', image: 'i' }] },
  };
  const spec = { replicas: 2, selector: { matchLabels: { a: 'b' } }, template };
  const metadata = { name: 'scaled' };
  await post(`${path}?fieldManager=m`, {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata,
    spec,
  });
  await patch(`${path}/scaled/scale?fieldManager=n`, 'merge', { spec: { replicas: 0 } });
  const live = await send({ method: 'GET', path: `${path}/scaled` });
  assert.deepEqual(managersOf(live), ['m']);
});

test('some built-in kinds are changed by who names the version, and some have no generations', async () => {
  const classes = '/apis/scheduling.k8s.io/v1/priorityclasses';
  const object = { apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', value: 5 };
  await post(classes, { ...object, metadata: { name: 'c' } });
  const changed = await patch(`${classes}/c`, 'merge', { description: 'x' });
  assert.equal(valueAt(changed.body, 'metadata', 'generation'), 1);
  const drivers = '/apis/storage.k8s.io/v1/csidrivers';
  const driver = {
    ...{ apiVersion: 'storage.k8s.io/v1', kind: 'CSIDriver', spec: {} },
    metadata: { name: 'd' },
  };
  assert.equal(valueAt((await post(drivers, driver)).body, 'metadata', 'generation'), undefined);
  const first = await patch(`${drivers}/d`, 'merge', { spec: { requiresRepublish: true } });
  assert.equal(valueAt(first.body, 'metadata', 'generation'), 1);
  const contentType = 'application/json';
  const body = JSON.stringify(driver);
  const blind = await send({ method: 'PUT', path: `${drivers}/d`, contentType, body });
  assert.match(String(valueAt(blind.body, 'message')), /must be specified for an update/);
});

test('a PUT that makes an object may name any version', async () => {
  const path = '/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles/gone';
  const metadata = { name: 'gone', resourceVersion: '1' };
  const body = JSON.stringify({
    ...{ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata, rules: [] },
  });
  const made = await send({ method: 'PUT', path, contentType: 'application/json', body });
  assert.equal(made.status, 201);
});

test('controllers get the labels of their templates, and Jobs are known by their uid', async () => {
  const labels = { a: 'b' };
  const podSpec = { containers: [{ name: 'c', image: 'i' }], restartPolicy: 'Never' };
  const template = { metadata: { labels }, spec: podSpec };
  const controller = await post('/api/v1/namespaces/default/replicationcontrollers', {
    ...{ apiVersion: 'v1', kind: 'ReplicationController', metadata: { name: 'r' } },
    spec: { template: { ...template, spec: { ...podSpec, restartPolicy: 'Always' } } },
  });
  assert.deepEqual(valueAt(controller.body, 'metadata', 'labels'), labels);
  assert.deepEqual(valueAt(controller.body, 'spec', 'selector'), labels);
  const job = await post('/apis/batch/v1/namespaces/default/jobs', {
    ...{ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'j' } },
    spec: { template: { spec: podSpec } },
  });
  const uid = valueAt(job.body, 'metadata', 'uid');
  assert.deepEqual(valueAt(job.body, 'spec', 'selector'), {
    matchLabels: { 'batch.kubernetes.io/controller-uid': uid },
  });
  assert.equal(valueAt(job.body, 'metadata', 'labels', 'job-name'), 'j');
});

test('times that Go writes are null where there are none, and owned by nobody', async () => {
  const event = await post('/api/v1/namespaces/default/events', {
    ...{ apiVersion: 'v1', kind: 'Event', metadata: { name: 'e' } },
    involvedObject: { namespace: 'default', kind: 'Pod', name: 'x' },
  });
  assert.equal(valueAt(event.body, 'eventTime'), null);
  const owned = JSON.stringify(valueAt(event.body, 'metadata', 'managedFields'));
  assert.doesNotMatch(owned, /eventTime|firstTimestamp/);
});

test('kinds that are to go say so, and labels of an EndpointSlice count', async () => {
  const listed = await send({ method: 'GET', path: '/api/v1/namespaces/default/endpoints' });
  assert.match(listed.warnings.join(), /v1 Endpoints is deprecated in v1.33\+/);
  const slices = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';
  await post(slices, {
    ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: 's' } },
    ...{ addressType: 'IPv4', endpoints: [] },
  });
  const labelled = await patch(`${slices}/s`, 'merge', { metadata: { labels: { a: 'b' } } });
  assert.equal(valueAt(labelled.body, 'metadata', 'generation'), 2);
});
