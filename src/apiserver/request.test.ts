import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ApiError } from '../kube/status.ts';
import { negotiateAccept, parseAccept } from './negotiate.ts';
import { parseRequest, type ResourceTarget } from './request.ts';

const base: ResourceTarget = {
  group: '',
  version: 'v1',
  resource: 'pods',
  namespace: '',
  name: '',
  subresource: '',
  rest: '',
};

test('paths are read as kube-apiserver reads them', () => {
  const cases: [string, string, string, Partial<ResourceTarget> | undefined][] = [
    ['GET', '/api/v1/pods', 'list', {}],
    ['GET', '/api/v1/pods?watch=1', 'watch', { rest: '?watch=1' }],
    ['GET', '/api/v1/pods?watch=', 'watch', { rest: '?watch=' }],
    ['GET', '/api/v1/pods?watch=false', 'list', { rest: '?watch=false' }],
    ['GET', '/api/v1/namespaces/d/pods/a', 'get', { namespace: 'd', name: 'a' }],
    ['DELETE', '/api/v1/namespaces/d/pods', 'deletecollection', { namespace: 'd' }],
    ['DELETE', '/api/v1/namespaces/d/pods/a', 'delete', { namespace: 'd', name: 'a' }],
    ['POST', '/api/v1/namespaces/d/pods', 'create', { namespace: 'd' }],
    [
      'GET',
      '/api/v1/namespaces/d/pods/a/proxy/x/y?q=1',
      'get',
      { namespace: 'd', name: 'a', subresource: 'proxy', rest: '/x/y?q=1' },
    ],
    ['GET', '/api/v1/namespaces', 'list', { resource: 'namespaces' }],
    ['GET', '/api/v1/namespaces/d', 'get', { resource: 'namespaces', namespace: 'd', name: 'd' }],
    [
      'PUT',
      '/api/v1/namespaces/d/status',
      'update',
      { resource: 'namespaces', namespace: 'd', name: 'd', subresource: 'status' },
    ],
    [
      'PUT',
      '/api/v1/namespaces/d/finalize',
      'update',
      { resource: 'namespaces', namespace: 'd', name: 'd', subresource: 'finalize' },
    ],
    [
      'PATCH',
      '/apis/apps/v1/namespaces/d/deployments/web/scale',
      'patch',
      {
        group: 'apps',
        resource: 'deployments',
        namespace: 'd',
        name: 'web',
        subresource: 'scale',
      },
    ],
    [
      'GET',
      '/api/v1/pods?fieldSelector=metadata.name%3Da',
      'list',
      { name: 'a', rest: '?fieldSelector=metadata.name%3Da' },
    ],
    ['GET', '/api/v1/nodes/n%40c', 'get', { resource: 'nodes', name: 'n@c' }],
    ['GET', '/api', 'get', undefined],
    ['GET', '/api/v1', 'get', undefined],
    ['GET', '/apis/apps/v1', 'get', undefined],
    ['POST', '/healthz', 'post', undefined],
    ['GET', '/openapi/v3/apis/apps/v1', 'get', undefined],
  ];
  for (const [method, target, verb, expected] of cases) {
    const info = parseRequest(method, target);
    assert.equal(info.verb, verb, target);
    assert.deepEqual(info.target, expected && { ...base, ...expected }, target);
  }
});

test('nothing that can be sent makes request parsing throw anything but an ApiError', () => {
  const piece = fc.oneof(
    fc.constantFrom('api', 'apis', 'v1', 'namespaces', 'status', '..', '%2F', '%', '', '\u0000'),
    fc.string({ unit: 'binary', maxLength: 12 }),
  );
  const target = fc
    .tuple(fc.array(piece, { maxLength: 10 }), fc.string({ maxLength: 40 }))
    .map(([pieces, query]) => `/${pieces.join('/')}${query === '' ? '' : `?${query}`}`);
  const any = fc.oneof(target, fc.string({ unit: 'binary', maxLength: 60 }));
  const method = fc.oneof(
    fc.constantFrom('GET', 'POST', 'DELETE', '__proto__', 'valueOf'),
    fc.string(),
  );
  fc.assert(
    fc.property(method, any, (verb, path) => {
      try {
        const info = parseRequest(verb, path);
        assert.equal(typeof info.verb, 'string');
      } catch (error) {
        assert.ok(error instanceof ApiError, String(error));
      }
    }),
    { numRuns: 2000 },
  );
});

test('no Accept header breaks negotiation, and only what is offered comes out', () => {
  const clause = fc.tuple(
    fc.constantFrom(
      'application/json',
      'application/yaml',
      'application/vnd.kubernetes.protobuf',
      '*/*',
      'application/*',
      'x',
      'a/b/c',
    ),
    fc.array(
      fc.constantFrom(';as=Table', ';g=meta.k8s.io', ';v=v1', ';q=0.5', ';q=x', ';__proto__=1'),
    ),
  );
  const header = fc.oneof(
    fc.array(clause).map((all) => all.map(([type, rest]) => type + rest.join('')).join(',')),
    fc.string({ unit: 'binary' }),
  );
  fc.assert(
    fc.property(header, fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()), (accept, offer) => {
      const [conversions, stream, protobuf] = offer;
      const found = negotiateAccept(accept, { conversions, protobuf, stream });
      if (found === undefined) return;
      assert.ok(found.encoding !== 'protobuf' || protobuf || found.convert !== undefined);
      assert.ok(found.encoding !== 'protobuf' || found.convert?.kind !== 'Table');
      if (found.convert !== undefined) assert.ok(conversions);
    }),
    { numRuns: 2000 },
  );
});

test('better clauses of an Accept header come first', () => {
  const accept =
    'application/json;q=0.5, */*;q=0.5, application/yaml, application/json;as=Table;v=v1;g=meta.k8s.io';
  assert.deepEqual(
    parseAccept(accept).map(({ type, subtype, quality }) => `${type}/${subtype} ${quality}`),
    ['application/yaml 1', 'application/json 1', 'application/json 0.5', '*/* 0.5'],
  );
});

test('what kubectl sends is a Table where Tables are offered and JSON where not', () => {
  const accept =
    'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json';
  const table = negotiateAccept(accept, { conversions: true, protobuf: true, stream: false });
  assert.deepEqual(table?.convert, { kind: 'Table', version: 'v1' });
  const plain = negotiateAccept(accept, { conversions: false, protobuf: true, stream: false });
  assert.equal(plain?.convert, undefined);
});
