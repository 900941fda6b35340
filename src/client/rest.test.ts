import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../kube/status.ts';
import { pathWith, RestClient } from './rest.ts';
import { answer, TinyApi } from './tiny-api.ts';
import type { TransportRequest } from './transport.ts';

const path = '/api/v1/namespaces/default/configmaps';
const target = { group: '', version: 'v1', resource: 'configmaps', namespace: 'default' };

function setUp() {
  const api = new TinyApi([path]);
  const seen: TransportRequest[] = [];
  api.intercept = (request) => {
    seen.push(request);
    return undefined;
  };
  return { api, seen, client: new RestClient(api, { userAgent: 'test/1' }) };
}

test('a collection comes page by page, each item with its type', async () => {
  const { api, client } = setUp();
  for (let i = 0; i < 7; i++) {
    api.put(path, { metadata: { name: `c${i}` } } as never);
  }
  const sizes: number[] = [];
  for await (const page of client.pages(target, { limit: 3 })) sizes.push(page.items.length);
  assert.deepEqual(sizes, [3, 3, 1]);
  api.intercept = () =>
    answer(200, {
      kind: 'ConfigMapList',
      apiVersion: 'v1',
      metadata: { resourceVersion: '9' },
      items: [{ metadata: { name: 'a' } }],
    });
  const { items, resourceVersion } = await client.list(target);
  assert.deepEqual(
    [items[0]?.kind, items[0]?.apiVersion, resourceVersion],
    ['ConfigMap', 'v1', '9'],
  );
});

test('writes carry media type, manager and preconditions; numbers keep all their digits', async () => {
  const { seen, client } = setUp();
  const made = await client.create(target, {
    metadata: { name: 'a' },
    data: { big: 9007199254740993n },
  });
  assert.equal(made.status, 201);
  const patch = { type: 'application/merge-patch+json', body: { data: { x: '1' } } } as const;
  await client.patch({ ...target, name: 'a' }, patch, { fieldManager: 'me', force: true });
  await client.delete(
    { ...target, name: 'a' },
    { preconditions: { uid: 'u', resourceVersion: '1' }, propagationPolicy: 'Foreground' },
  );
  const [post, change, removal] = seen;
  assert.match(post!.body!.toString(), /9007199254740993\b/);
  assert.equal(change!.headers?.['content-type'], 'application/merge-patch+json');
  assert.match(change!.path, /\/a\?fieldManager=me&force=true$/);
  assert.deepEqual(JSON.parse(removal!.body!.toString()), {
    apiVersion: 'v1',
    kind: 'DeleteOptions',
    propagationPolicy: 'Foreground',
    preconditions: { uid: 'u', resourceVersion: '1' },
  });
});

test('what is missing is undefined to find, false to remove, and an ApiError to get', async () => {
  const { client } = setUp();
  const missing = { ...target, name: 'gone' };
  assert.equal(await client.find(missing), undefined);
  assert.equal(await client.remove(missing), false);
  await assert.rejects(client.get(missing), (error) => {
    return error instanceof ApiError && error.code === 404 && error.reason === 'NotFound';
  });
});

test('an answer that is no JSON is an ApiError, with 64-bit numbers exact otherwise', async () => {
  const { api, client } = setUp();
  const text = (body: string) => ({
    status: 200,
    headers: {},
    bytes: async () => Buffer.from(body),
    body: (async function* () {})(),
  });
  api.intercept = () => text('<html>');
  const html = await client.get('/x');
  assert.throws(() => html.object(), ApiError);
  api.intercept = () => text('{"n":9007199254740993}');
  const exact = await client.get('/x');
  assert.equal(exact.object<{ n: bigint }>().n, 9007199254740993n);
});

test('queries are encoded and join those that a path has already', () => {
  assert.equal(pathWith('/a', { x: 'b c', y: undefined, z: true }), '/a?x=b%20c&z=true');
  assert.equal(pathWith('/a?q=1', { x: 2 }), '/a?q=1&x=2');
  assert.equal(pathWith('/a', {}), '/a');
});
