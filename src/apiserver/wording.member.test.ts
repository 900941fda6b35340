import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Agent, request } from 'undici';
import { requireMembers } from '../../testbed/binaries.ts';
import { startFleet } from '../../testbed/fleet.ts';
import { StepClock } from '../base/clock.ts';
import { silentLogger } from '../base/log.ts';
import { SeededRandom } from '../base/random.ts';
import type { ResourceType } from '../kube/resource.ts';
import { authenticator } from './auth/authenticate.ts';
import { defaultRoles } from './auth/default-roles.ts';
import { RbacIndex } from './auth/rbac.ts';
import { reviewKinds } from './auth/reviews.ts';
import { VirtualBackend } from './auth/virtual.ts';
import { createHandler } from './handler.ts';
import { MemoryBackend, resourceType } from './handlers/memory-backend.fixture.ts';
import { inProcessTransport } from './in-process.ts';

const path = '/api/v1/namespaces/default/configmaps';
const json = { 'content-type': 'application/json' };
const merge = { 'content-type': 'application/merge-patch+json' };
const apply = { 'content-type': 'application/apply-patch+yaml' };
const eve = { 'impersonate-user': 'eve' };
const reviews = '/apis/authorization.k8s.io/v1';

function as(kind: string): Record<string, string> {
  return { accept: `application/json;as=${kind};v=v1;g=meta.k8s.io` };
}

type Case = readonly [
  method: string,
  path: string,
  headers?: Record<string, string>,
  body?: string | object,
];

/** Refusals that do not depend on what is stored. */
const cases: readonly Case[] = [
  ['POST', path, json, '{"kind": "Config'],
  ['POST', path, json, ''],
  ['POST', path, json, '[]'],
  ['POST', path, json, '"x"'],
  ['POST', path, json, { kind: 5 }],
  ['POST', path, json, { kind: 'Secret', apiVersion: 'v1', metadata: { name: 'x' } }],
  ['POST', path, json, { kind: 'ConfigMap', apiVersion: 'v1', metadata: 'x' }],
  ['POST', path, json, { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 5 } }],
  ['POST', path, json, { metadata: { name: 'x', namespace: 'other' } }],
  ['PUT', `${path}/a`, json, { metadata: { name: 'b' } }],
  ['PUT', `${path}/a`, json, { metadata: {} }],
  ['PUT', `${path}/a`, json, { metadata: { name: 'a', namespace: 'other' } }],
  ['POST', path, { 'content-type': 'text/plain' }, 'x'],
  ['PATCH', `${path}/a`, merge, ''],
  ['PATCH', `${path}/a`, apply, '{}'],
  ['PATCH', `${path}/a?force=true`, merge, '{}'],
  ['POST', `${path}?dryRun=Some`, json, { metadata: { name: 'x' } }],
  ['POST', `${path}?fieldValidation=Loose`, json, { metadata: { name: 'x' } }],
  ['POST', `${path}?fieldManager=%01`, json, { metadata: { name: 'x' } }],
  ['POST', `${path}?fieldManager=${'x'.repeat(129)}`, json, { metadata: { name: 'x' } }],
  ['GET', `${path}?limit=x`],
  ['GET', `${path}?limit=99999999999999999999`],
  ['GET', `${path}?timeoutSeconds=x`],
  ['GET', `${path}?resourceVersionMatch=Exact`],
  ['GET', `${path}?resourceVersion=0&resourceVersionMatch=Exact`],
  ['GET', `${path}?resourceVersion=1&resourceVersionMatch=Foo`],
  ['GET', `${path}?sendInitialEvents=true`],
  ['GET', `${path}?watch=1&sendInitialEvents=true`],
  ['GET', `${path}?watch=1&resourceVersion=5&resourceVersionMatch=Exact`],
  ['GET', `${path}?labelSelector=a%3D%3D%3D`],
  ['GET', `${path}?fieldSelector=a`],
  ['GET', `${path}/a%25b`],
  ['GET', '/api/v1/namespaces/default/gadgets'],
  ['GET', '/api/v1/gadgets'],
  ['GET', '/api/v2/pods'],
  ['GET', `${path}/a/scale`],
  ['GET', '/api/v1/configmaps/a'],
  ['GET', '/api/v1/namespaces/default/nodes'],
  ['POST', `${path}/a`, json, {}],
  ['PUT', path, json, {}],
  ['POST', '/api/v1/configmaps', json, {}],
  ['DELETE', '/api/v1/configmaps'],
  ['GET', path, as('PartialObjectMetadata')],
  ['GET', `${path}?includeObject=Some`, as('Table')],
  ['DELETE', `${path}/a?propagationPolicy=Later`],
  ['DELETE', `${path}/a`, json, '{'],
  ['DELETE', `${path}/a`, { 'content-type': 'text/plain' }, '{}'],
  ['DELETE', `${path}/a?dryRun=x`],
  ['DELETE', `${path}/a`, json, { orphanDependents: true, propagationPolicy: 'Orphan' }],
  ['DELETE', `${path}/a`, json, { gracePeriodSeconds: 'x' }],
  ['DELETE', `${path}/a`],
  ['GET', `${path}/a`],
  ['POST', `${reviews}/selfsubjectrulesreviews`, json, { spec: {} }],
  ['POST', '/apis/authentication.k8s.io/v1/tokenreviews', json, { spec: {} }],
  ['GET', path, eve],
  ['GET', `${path}?watch=1`, eve],
  ['DELETE', path, eve],
  ['GET', `${path}/zz`, eve],
  ['GET', '/metrics', eve],
  ['GET', '/api/v1/nodes', eve],
  ['GET', '/api/v1/namespaces/d/pods/x/log', eve],
  ['POST', `${reviews}/subjectaccessreviews`, { ...eve, ...json }, { spec: {} }],
];

interface Refusal {
  readonly code: number;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: object;
}

type Send = (one: Case) => Promise<Refusal>;

function bytesOf(body: string | object | undefined): Buffer | undefined {
  if (body === undefined) return undefined;
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}

function ours(): Send {
  const index = new RbacIndex();
  for (const object of defaultRoles()) index.set(object);
  const kinds = reviewKinds({ authorizer: index, rules: index, tokens: [], audiences: ['x'] });
  const virtual = new VirtualBackend(kinds);
  const stored = new MemoryBackend();
  const types: ResourceType[] = [
    ...kinds.map(({ type }) => type),
    resourceType({ kind: 'ConfigMap', resource: 'configmaps' }),
    resourceType({ kind: 'Node', resource: 'nodes', namespaced: false }),
  ];
  const handler = createHandler({
    types: {
      lookup: (group, version, resource) =>
        types.find(
          (type) => type.group === group && type.version === version && type.resource === resource,
        ),
      backendFor: (type) => (type.verbs.includes('get') ? stored : virtual),
    },
    nonResources: [],
    authenticate: authenticator({ tokens: [] }),
    authorizer: index,
    clock: new StepClock(),
    random: new SeededRandom(1),
    log: silentLogger,
  });
  const admin = { name: 'admin', groups: ['system:masters'], extra: {} };
  const transport = inProcessTransport(handler, admin);
  return async ([method, target, headers = {}, body]) => {
    const bytes = bytesOf(body);
    const response = await transport.request({
      method,
      path: target,
      headers,
      ...(bytes !== undefined && { body: bytes }),
    });
    const { code, reason, message, details } = JSON.parse(
      (await response.bytes()).toString('utf8'),
    );
    assert.equal(code, response.status);
    return { code, reason, message, details };
  };
}

test('refusals are those of a real kube-apiserver, word for word', async (t) => {
  if (!(await requireMembers(t, 'bare'))) return;
  await using fleet = await startFleet({ members: [{ name: 'real', full: false }] });
  const member = fleet.members[0]!;
  const config = JSON.parse(member.kubeconfigText);
  const authority = config.clusters[0].cluster['certificate-authority-data'];
  const ca = Buffer.from(authority, 'base64').toString('utf8');
  const agent = new Agent({ connect: { ca }, allowH2: false });
  const theirs: Send = async ([method, target, headers, body]) => {
    const response = await request(`${member.directServer}${target}`, {
      dispatcher: agent,
      method: method as 'GET',
      headers: { authorization: `Bearer ${config.users[0].user.token}`, ...headers },
      ...(body !== undefined && { body: bytesOf(body)! }),
    });
    const status = (await response.body.json()) as Refusal;
    const { code, reason, message, details } = status;
    return { code, reason: reason!, message: message!, details: details! };
  };
  const ourSend = ours();
  try {
    const different: object[] = [];
    for (const one of cases) {
      const [expected, actual] = [await theirs(one), await ourSend(one)];
      if (JSON.stringify(sorted(expected)) !== JSON.stringify(sorted(actual)))
        different.push({ one, expected, actual });
    }
    assert.deepEqual(different, []);
  } finally {
    await agent.destroy();
  }
});

/** Field order means nothing. */
function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(sorted);
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, each]) => [key, sorted(each)]),
  );
}
