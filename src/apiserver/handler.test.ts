import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { StepClock } from '../base/clock.ts';
import { silentLogger } from '../base/log.ts';
import { SeededRandom } from '../base/random.ts';
import type { Transport, TransportRequest } from '../client/transport.ts';
import type { KubeObject } from '../kube/object.ts';
import type { ResourceType } from '../kube/resource.ts';
import { ApiError, type Status } from '../kube/status.ts';
import { authenticator } from './auth/authenticate.ts';
import { createHandler } from './handler.ts';
import { expired, MemoryBackend, resourceType } from './handlers/memory-backend.fixture.ts';
import { inProcessTransport } from './in-process.ts';
import type { ApiHandler } from './types.ts';

const types: ResourceType[] = [
  resourceType({
    kind: 'ConfigMap',
    resource: 'configmaps',
    subresources: [
      { name: 'status', group: '', version: 'v1', kind: 'ConfigMap', verbs: ['get', 'update'] },
    ],
  }),
  resourceType({ kind: 'Namespace', resource: 'namespaces', namespaced: false }),
  resourceType({ kind: 'Node', resource: 'nodes', namespaced: false, verbs: ['get', 'list'] }),
  resourceType({
    group: 'authorization.k8s.io',
    kind: 'SelfSubjectAccessReview',
    resource: 'selfsubjectaccessreviews',
    namespaced: false,
    verbs: ['create'],
  }),
];

const user = { name: 'ada', groups: ['devs', 'system:authenticated'], extra: {} };
const path = '/api/v1/namespaces/default/configmaps';
const json = { 'content-type': 'application/json' };

let backend: MemoryBackend;
let clock: StepClock;
let handler: ApiHandler;
let transport: Transport;
let logged: unknown[];

beforeEach(() => {
  backend = new MemoryBackend();
  clock = new StepClock();
  logged = [];
  handler = createHandler({
    types: {
      lookup: (group, version, resource) =>
        types.find(
          (type) => type.group === group && type.version === version && type.resource === resource,
        ),
      backendFor: () => backend,
    },
    nonResources: [
      {
        handle: (_context, request) =>
          request.path === '/version'
            ? { status: 200, headers: {}, body: Buffer.from('{}') }
            : undefined,
      },
    ],
    authenticate: authenticator({ tokens: [] }),
    authorizer: {
      authorize: (who, attributes) => ({
        allowed: who.name !== 'nobody' && !attributes.verb.startsWith('impersonate'),
        reason: '',
      }),
    },
    clock,
    random: new SeededRandom(1),
    log: { ...silentLogger, error: (message, fields) => logged.push({ message, ...fields }) },
  });
  transport = inProcessTransport(handler, user);
});

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly text: string;
}

async function send(
  method: string,
  target: string,
  rest: Pick<TransportRequest, 'headers'> & { body?: string | Buffer | object } = {},
): Promise<Answer> {
  const { headers, body } = rest;
  const bytes =
    body === undefined || Buffer.isBuffer(body)
      ? body
      : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  const response = await transport.request({
    method,
    path: target,
    ...(headers !== undefined && { headers }),
    ...(bytes !== undefined && { body: bytes }),
  });
  const text = (await response.bytes()).toString('utf8');
  return { status: response.status, headers: response.headers, text };
}

function statusOf(answer: Answer): Status {
  const status = JSON.parse(answer.text) as Status;
  assert.equal(status.kind, 'Status');
  assert.equal(status.code, answer.status);
  return status;
}

function configMap(name: string, data: Record<string, string> = { a: '1' }): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'default', creationTimestamp: '2025-12-31T23:00:00Z' },
    data,
  };
}

test('a created object comes back with 201 and can be read', async () => {
  const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data: { k: 'v' } };
  const created = await send('POST', path, { headers: json, body });
  assert.equal(created.status, 201);
  assert.equal(JSON.parse(created.text).metadata.namespace, 'default');
  const read = await send('GET', `${path}/a`);
  assert.equal(read.status, 200);
  assert.equal(read.text, created.text);
  assert.equal(read.headers['content-type'], 'application/json');
  assert.equal(read.headers['cache-control'], 'no-cache, private');
  assert.match(String(read.headers['audit-id']), /^[0-9a-f-]{36}$/);
});

test('apiVersion and kind may be left out, and YAML and JSON are both read', async () => {
  await send('POST', path, { headers: json, body: { metadata: { name: 'a' } } });
  await send('POST', path, {
    headers: { 'content-type': 'application/yaml' },
    body: 'metadata:\n  name: b\n',
  });
  const objects = [...backend.items.values()].map((item) => item.object());
  assert.deepEqual(
    objects.map(({ apiVersion, kind, metadata }) => [apiVersion, kind, metadata.name]),
    [
      ['v1', 'ConfigMap', 'a'],
      ['v1', 'ConfigMap', 'b'],
    ],
  );
});

test('bodies that do not fit their path are refused in the words of kube-apiserver', async () => {
  const cases: [string, string, object | string, string][] = [
    [
      'POST',
      path,
      { kind: 'ConfigMap', apiVersion: 'v2', metadata: {} },
      'ConfigMap in version "v2" cannot be handled as a ConfigMap: no kind "ConfigMap" is registered for version "v2" in scheme "pkg/runtime/scheme.go:111"',
    ],
    [
      'POST',
      path,
      { metadata: { name: 'a', namespace: 'other' } },
      'the namespace of the provided object does not match the namespace sent on the request',
    ],
    [
      'PUT',
      `${path}/a`,
      { metadata: { name: 'b' } },
      'the name of the object (b) does not match the name on the URL (a)',
    ],
    [
      'PUT',
      `${path}/a`,
      { metadata: {} },
      'the name of the object (a based on URL) was undeterminable: name must be provided',
    ],
    [
      'POST',
      path,
      { kind: 'ConfigMap', apiVersion: 'v1', metadata: 'x' },
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal string into Go struct field ConfigMap.metadata of type v1.ObjectMeta',
    ],
  ];
  for (const [method, target, body, message] of cases) {
    const status = statusOf(await send(method, target, { headers: json, body }));
    assert.equal(status.code, 400);
    assert.equal(status.message, message);
  }
  assert.equal(backend.items.size, 0);
});

test('malformed JSON says what was expected and shows its beginning', async () => {
  const status = statusOf(await send('POST', path, { headers: json, body: '{"kind": "Config' }));
  assert.equal(status.code, 400);
  assert.match(
    status.message ?? '',
    /^the object provided is unrecognized \(must be of type ConfigMap\): couldn't get version\/kind; json parse error: unexpected end of JSON input \(\{"kind": "Config\)$/,
  );
});

test('an unknown media type is 415, a body above the limit 413', async () => {
  const media = statusOf(await send('POST', path, { headers: { 'content-type': 'text/plain' } }));
  assert.equal(media.reason, 'UnsupportedMediaType');
  assert.equal(
    media.message,
    'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf',
  );
  const large = await send('POST', path, { headers: json, body: Buffer.alloc(3145729, 0x20) });
  assert.equal(statusOf(large).message, 'Request entity too large: limit is 3145728');
  const patch = statusOf(await send('PATCH', `${path}/a`, { headers: json, body: '{}' }));
  assert.equal(patch.code, 415);
});

test('a duplicate field is handed to the backend, whose warning becomes a header', async () => {
  const body = '{"metadata":{"name":"a"},"data":{"k":"1","k":"2"}}';
  const answer = await send('POST', path, { headers: json, body });
  assert.deepEqual(answer.headers.warning, ['299 - "duplicate field \\"data.k\\""']);
});

test('write options are read from the query, and wrong ones refused', async () => {
  const query = '?fieldManager=me&fieldValidation=Strict&dryRun=All';
  await send('POST', `${path}${query}`, { headers: json, body: { metadata: { name: 'a' } } });
  assert.deepEqual(backend.lastOptions, {
    dryRun: true,
    fieldManager: 'me',
    fieldValidation: 'Strict',
    force: false,
  });
  const refused: [string, string][] = [
    ['dryRun=Some', 'dryRun: Unsupported value: ["Some"]: supported values: "All"'],
    [
      'fieldValidation=Loose',
      'fieldValidation: Unsupported value: "Loose": supported values: "", "Ignore", "Strict", "Warn"',
    ],
    [
      'fieldManager=%01',
      'fieldManager: Invalid value: "\\x01": invalid character U+0001 (at position 0)',
    ],
    [`fieldManager=${'x'.repeat(129)}`, 'fieldManager: Too long: may not be more than 128 bytes'],
  ];
  for (const [bad, message] of refused) {
    const answer = await send('POST', `${path}?${bad}`, { headers: json, body: { metadata: {} } });
    const status = statusOf(answer);
    assert.equal(status.code, 422);
    assert.equal(status.message, `CreateOptions.meta.k8s.io "" is invalid: ${message}`);
  }
});

test('the field manager is the first word of the user agent when none is named', async () => {
  const headers = { ...json, 'user-agent': 'kubectl/v1.37.2 (linux/amd64)' };
  await send('POST', path, { headers, body: { metadata: { name: 'a' } } });
  assert.equal(backend.lastOptions?.fieldManager, 'kubectl');
});

test('an apply needs a field manager, any other patch must not be forced', async () => {
  const apply = { 'content-type': 'application/apply-patch+yaml' };
  const missing = statusOf(await send('PATCH', `${path}/a`, { headers: apply, body: '{}' }));
  assert.equal(
    missing.message,
    'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
  );
  const merge = { 'content-type': 'application/merge-patch+json; charset=utf-8' };
  const forced = statusOf(
    await send('PATCH', `${path}/a?force=true`, { headers: merge, body: '{}' }),
  );
  assert.equal(
    forced.message,
    'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch',
  );
  backend.put(configMap('a'));
  const forcedApply = `${path}/a?fieldManager=m&force=true`;
  assert.equal((await send('PATCH', forcedApply, { headers: apply, body: '{}' })).status, 200);
  assert.equal(backend.lastOptions?.force, true);
});

test('a list joins the bytes of its items', async () => {
  backend.put(configMap('a'));
  backend.put(configMap('b'));
  const answer = await send('GET', `${path}?limit=1`);
  const list = JSON.parse(answer.text);
  assert.equal(list.kind, 'ConfigMapList');
  assert.equal(list.apiVersion, 'v1');
  assert.deepEqual(list.metadata, {
    resourceVersion: '102',
    continue: 'more',
    remainingItemCount: 1,
  });
  assert.deepEqual(
    list.items.map((item: KubeObject) => item.metadata.name),
    ['a'],
  );
  backend.items.clear();
  assert.deepEqual(JSON.parse((await send('GET', path)).text).items, []);
});

test('a list above a megabyte is streamed and still whole', async () => {
  for (let i = 0; i < 50; i++) backend.put(configMap(`m${i}`, { big: 'x'.repeat(30_000) }));
  const answer = await send('GET', path);
  assert.equal(JSON.parse(answer.text).items.length, 50);
});

test('list options are checked as kube-apiserver checks them', async () => {
  const refused: [string, number, string][] = [
    ['limit=x', 400, 'strconv.ParseInt: parsing "x": invalid syntax'],
    [
      'resourceVersionMatch=Exact',
      422,
      'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided',
    ],
    [
      'sendInitialEvents=true',
      422,
      'ListOptions.meta.k8s.io "" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list',
    ],
    [
      'watch=1&sendInitialEvents=true',
      422,
      'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
    ],
    [
      'watch=1&resourceVersion=5&resourceVersionMatch=Exact',
      422,
      'ListOptions.meta.k8s.io "" is invalid: [resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided, resourceVersionMatch: Unsupported value: "Exact": supported values: "NotOlderThan"]',
    ],
  ];
  for (const [query, code, message] of refused) {
    const status = statusOf(await send('GET', `${path}?${query}`));
    assert.equal(status.code, code);
    assert.equal(status.message, message);
  }
  assert.equal((await send('GET', `${path}?labelSelector=a%3D%3D%3D`)).status, 400);
});

test('selectors, paging and revisions reach the backend', async () => {
  await send(
    'GET',
    `${path}?labelSelector=a%3Db&fieldSelector=metadata.name%3Dx&limit=5&continue=t`,
  );
  assert.deepEqual(backend.calls.at(-1)?.argument, {
    type: types[0],
    namespace: 'default',
    labelSelector: [{ key: 'a', operator: 'In', values: ['b'] }],
    fieldSelector: [{ field: 'metadata.name', operator: '=', value: 'x' }],
    limit: 5,
    continue: 't',
  });
});

test('Tables carry columns, cells and metadata, or whole objects, or nothing', async () => {
  backend.put(configMap('a'));
  const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';
  const answer = await send('GET', path, { headers: { accept } });
  const table = JSON.parse(answer.text);
  assert.equal(table.kind, 'Table');
  assert.equal(table.apiVersion, 'meta.k8s.io/v1');
  assert.deepEqual(
    table.columnDefinitions.map((each: { name: string }) => each.name),
    ['Name', 'Data', 'Age'],
  );
  assert.deepEqual(table.rows[0].cells, ['a', 1, '60m']);
  assert.equal(table.rows[0].object.kind, 'PartialObjectMetadata');
  assert.equal(table.rows[0].object.metadata.name, 'a');
  assert.equal(table.rows[0].object.data, undefined);
  const whole = await send('GET', `${path}?includeObject=Object`, { headers: { accept } });
  assert.equal(JSON.parse(whole.text).rows[0].object.data.a, '1');
  const none = await send('GET', `${path}/a?includeObject=None`, { headers: { accept } });
  assert.equal(JSON.parse(none.text).rows[0].object, null);
  const wrong = await send('GET', `${path}?includeObject=Some`, { headers: { accept } });
  assert.equal(wrong.status, 400);
});

test('metadata alone is cut out of the bytes of objects', async () => {
  backend.put(configMap('a'));
  const partial = 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io';
  const one = JSON.parse((await send('GET', `${path}/a`, { headers: { accept: partial } })).text);
  assert.equal(one.kind, 'PartialObjectMetadata');
  assert.equal(one.metadata.name, 'a');
  assert.equal(one.data, undefined);
  const listed = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io';
  const list = JSON.parse((await send('GET', path, { headers: { accept: listed } })).text);
  assert.equal(list.items[0].metadata.name, 'a');
  assert.equal((await send('GET', path, { headers: { accept: partial } })).status, 406);
});

test('what cannot be given is 406, also a review as a Table', async () => {
  const cbor = { accept: 'application/cbor' };
  assert.equal(statusOf(await send('GET', path, { headers: cbor })).reason, 'NotAcceptable');
  const table = { ...json, accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' };
  const review = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
  assert.equal((await send('POST', review, { headers: table, body: {} })).status, 406);
  const both = { accept: 'application/cbor,application/json' };
  assert.equal((await send('GET', path, { headers: both })).status, 200);
});

test('YAML and indented JSON on request', async () => {
  backend.put(configMap('a'));
  const yaml = await send('GET', `${path}/a`, { headers: { accept: 'application/yaml' } });
  assert.match(yaml.text, /^kind: ConfigMap$/m);
  const pretty = await send('GET', `${path}/a?pretty=true`);
  const plain = await send('GET', `${path}/a`);
  assert.equal(pretty.text, `${JSON.stringify(JSON.parse(plain.text), null, 2)}\n`);
});

test('a delete answers with a Success, reading its options from the body or the query', async () => {
  backend.put(configMap('a'));
  const body = {
    kind: 'DeleteOptions',
    apiVersion: 'v1',
    propagationPolicy: 'Foreground',
    gracePeriodSeconds: 5,
    preconditions: { uid: 'u', resourceVersion: '7' },
    dryRun: ['All'],
  };
  const answer = await send('DELETE', `${path}/a`, { headers: json, body });
  const deleted = JSON.parse(answer.text);
  assert.equal(deleted.status, 'Success');
  assert.equal(deleted.details.name, 'a');
  assert.equal(deleted.details.kind, 'configmaps');
  assert.deepEqual(backend.lastOptions, {
    dryRun: true,
    gracePeriodSeconds: 5,
    propagationPolicy: 'Foreground',
    preconditions: { uid: 'u', resourceVersion: '7' },
  });
  backend.put(configMap('a'));
  await send('DELETE', `${path}/a?propagationPolicy=Orphan&gracePeriodSeconds=0`);
  assert.deepEqual(backend.lastOptions, {
    dryRun: false,
    gracePeriodSeconds: 0,
    propagationPolicy: 'Orphan',
    preconditions: {},
  });
});

test('wrong delete options are refused before anything is deleted', async () => {
  backend.put(configMap('a'));
  const policy = statusOf(await send('DELETE', `${path}/a?propagationPolicy=Later`));
  assert.equal(
    policy.message,
    'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "Later": supported values: "Foreground", "Background", "Orphan", "nil"',
  );
  const kind = { headers: json, body: { kind: 'Pod' } };
  assert.equal((await send('DELETE', `${path}/a`, kind)).status, 400);
  assert.equal(backend.items.size, 1);
});

test('deleting a collection answers with its list', async () => {
  backend.put(configMap('a'));
  const answer = await send('DELETE', `${path}?labelSelector=x`);
  assert.equal(JSON.parse(answer.text).items.length, 1);
  assert.equal(backend.calls.at(-1)?.verb, 'deletecollection');
});

test('paths and methods that are not served are 404 and 405', async () => {
  const missing = [
    '/api/v1/namespaces/default/gadgets',
    '/api/v2/configmaps',
    '/apis/x.io/v1/gadgets',
    '/api/v1/namespaces/default/nodes',
    '/api/v1/configmaps/a',
    `${path}/a/scale`,
    '/nothing',
    '/api/v1//a',
  ];
  for (const target of missing) assert.equal((await send('GET', target)).status, 404, target);
  const disallowed: [string, string][] = [
    ['POST', `${path}/a`],
    ['PUT', path],
    ['POST', '/api/v1/configmaps'],
    ['DELETE', '/api/v1/configmaps'],
    ['POST', '/api/v1/nodes'],
    ['HEAD', `${path}/a`],
    ['BREW', `${path}/a`],
    ['PATCH', `${path}/a/status`],
  ];
  for (const [method, target] of disallowed)
    assert.equal((await send(method, target)).status, 405, `${method} ${target}`);
  assert.equal((await send('GET', '/version')).text, '{}');
});

test('a namespace in its own path keeps its subresources', async () => {
  backend.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'x' } });
  assert.equal((await send('GET', '/api/v1/namespaces/x')).status, 200);
  assert.deepEqual(backend.calls.at(-1)?.argument, { type: types[1], namespace: '', name: 'x' });
  assert.equal((await send('GET', '/api/v1/namespaces/x/status')).status, 404);
});

test('who has no credential gets 401, who may not gets a 403 that says what', async () => {
  const nobody = await handler({
    method: 'GET',
    path,
    headers: {},
    body: undefined,
    signal: new AbortController().signal,
  });
  assert.equal(nobody.status, 401);
  const probe = { headers: {}, body: undefined, signal: new AbortController().signal };
  assert.equal((await handler({ method: 'GET', path: '/readyz', ...probe })).status, 404);
  transport = inProcessTransport(handler, { name: 'nobody', groups: [], extra: {} });
  const refused = statusOf(await send('GET', `${path}/a`));
  assert.equal(
    refused.message,
    'configmaps "a" is forbidden: User "nobody" cannot get resource "configmaps" in API group "" in the namespace "default"',
  );
  assert.deepEqual(refused.details, { name: 'a', kind: 'configmaps' });
  const everywhere = statusOf(await send('GET', '/api/v1/nodes'));
  assert.match(everywhere.message ?? '', /in API group "" at the cluster scope$/);
  const outside = statusOf(await send('GET', '/metrics'));
  assert.equal(outside.message, 'forbidden: User "nobody" cannot get path "/metrics"');
});

test('acting as somebody else needs the right to, and never happens in silence', async () => {
  const status = statusOf(await send('GET', path, { headers: { 'impersonate-user': 'eve' } }));
  assert.equal(
    status.message,
    'configmaps is forbidden: User "ada" cannot impersonate-on:user-info:list resource "configmaps" in API group "" in the namespace "default"',
  );
  const groups = await send('GET', path, { headers: { 'impersonate-group': 'g' } });
  assert.equal(groups.status, 400);
});

test('a fault in the server is a 500 that tells nothing of the request', async () => {
  backend.failure = new Error('secret value 1234');
  const status = statusOf(await send('GET', `${path}/a?token=hidden`));
  assert.equal(status.reason, 'InternalError');
  assert.doesNotMatch(JSON.stringify(status), /secret/);
  assert.equal(logged.length, 1);
  assert.doesNotMatch(JSON.stringify(logged), /secret|hidden/);
});

test('a refusal with a delay says so in its header', async () => {
  backend.failure = new ApiError('TooManyRequests', 'slow down', {
    details: { retryAfterSeconds: 3 },
  });
  const answer = await send('GET', path);
  assert.equal(answer.status, 429);
  assert.equal(answer.headers['retry-after'], '3');
});

test('a body that is cut off is a 400', async () => {
  async function* cut(): AsyncGenerator<Buffer> {
    yield Buffer.from('{"meta');
    throw new Error('aborted');
  }
  const response = await handler({
    method: 'POST',
    path,
    headers: json,
    body: cut(),
    signal: new AbortController().signal,
    user,
  });
  assert.equal(response.status, 400);
});

test('a name that cannot be a path segment is refused', async () => {
  const status = statusOf(await send('GET', `${path}/a%25b`));
  assert.equal(status.message, 'Name parameter invalid: "a%b": may not contain \'%\'');
  assert.equal((await send('GET', `${path}/%zz`)).status, 400);
});

test('an expired watch is an ERROR event in a stream that began well', async () => {
  backend.failure = expired();
  const answer = await send('GET', `${path}?watch=1&resourceVersion=1`);
  assert.equal(answer.status, 200);
  const event = JSON.parse(answer.text);
  assert.equal(event.type, 'ERROR');
  assert.equal(event.object.code, 410);
});
