import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StepClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/log.ts';
import { SeededRandom } from '../../base/random.ts';
import type { KubeObject } from '../../kube/object.ts';
import { createHandler } from '../handler.ts';
import { inProcessTransport } from '../in-process.ts';
import { authenticator } from './authenticate.ts';
import { defaultRoles } from './default-roles.ts';
import { RbacIndex } from './rbac.ts';
import { reviewKinds } from './reviews.ts';
import { VirtualBackend } from './virtual.ts';

const ada = { name: 'ada', uid: '7', groups: ['system:authenticated'], extra: { scope: ['a'] } };

function served() {
  const index = new RbacIndex();
  for (const object of defaultRoles()) index.set(object);
  index.set({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { name: 'ada-views', namespace: 'd' },
    roleRef: { kind: 'ClusterRole', name: 'view' },
    subjects: [{ kind: 'User', name: 'ada' }],
  });
  index.set({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'auditor' },
    roleRef: { kind: 'ClusterRole', name: 'system:auth-delegator' },
    subjects: [{ kind: 'User', name: 'ada' }],
  });
  const kinds = reviewKinds({
    authorizer: index,
    rules: index,
    tokens: [(token) => (token === 'good' ? { name: 'bot', groups: ['g'], extra: {} } : undefined)],
    audiences: ['https://federation'],
  });
  const backend = new VirtualBackend(kinds);
  const handler = createHandler({
    types: {
      lookup: (group, version, resource) =>
        kinds
          .map(({ type }) => type)
          .find(
            (type) =>
              type.group === group && type.version === version && type.resource === resource,
          ),
      backendFor: () => backend,
    },
    nonResources: [],
    authenticate: authenticator({ tokens: [] }),
    authorizer: index,
    clock: new StepClock(),
    random: new SeededRandom(1),
    log: silentLogger,
  });
  return inProcessTransport(handler, ada);
}

async function review(path: string, spec: object): Promise<{ code: number; object: KubeObject }> {
  const response = await served().request({
    method: 'POST',
    path,
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify({ spec })),
  });
  return { code: response.status, object: JSON.parse((await response.bytes()).toString('utf8')) };
}

const authentication = '/apis/authentication.k8s.io/v1';
const authorization = '/apis/authorization.k8s.io/v1';

test('whoami tells user, groups and extra', async () => {
  const { code, object } = await review(`${authentication}/selfsubjectreviews`, {});
  assert.equal(code, 201);
  assert.deepEqual(object.status, {
    userInfo: {
      username: 'ada',
      uid: '7',
      groups: ['system:authenticated'],
      extra: { scope: ['a'] },
    },
  });
});

test('can-i answers yes with a reason and no without one', async () => {
  const ask = (verb: string) =>
    review(`${authorization}/selfsubjectaccessreviews`, {
      resourceAttributes: { verb, resource: 'pods', namespace: 'd' },
    });
  assert.deepEqual((await ask('list')).object.status, {
    allowed: true,
    reason: 'RBAC: allowed by RoleBinding "ada-views/d" of ClusterRole "view" to User "ada"',
  });
  assert.deepEqual((await ask('delete')).object.status, { allowed: false });
});

test('a review that asks nothing, or two things, is refused', async () => {
  const path = `${authorization}/selfsubjectaccessreviews`;
  assert.equal((await review(path, {})).code, 422);
  const both = { resourceAttributes: {}, nonResourceAttributes: {} };
  assert.equal((await review(path, both)).code, 422);
});

test('the rights of others can be asked for by those who may', async () => {
  const { object } = await review(`${authorization}/subjectaccessreviews`, {
    user: 'root',
    groups: ['system:masters'],
    nonResourceAttributes: { verb: 'get', path: '/metrics' },
  });
  assert.deepEqual(object.status, { allowed: true });
  assert.equal((await review(`${authorization}/subjectaccessreviews`, {})).code, 422);
});

test('the rules of a namespace are listed', async () => {
  const path = `${authorization}/selfsubjectrulesreviews`;
  const { object } = await review(path, { namespace: 'd' });
  const status = object.status as {
    incomplete: boolean;
    resourceRules: { resources: string[]; verbs: string[] }[];
    nonResourceRules: { nonResourceURLs: string[] }[];
  };
  assert.equal(status.incomplete, false);
  assert.ok(status.resourceRules.some((rule) => rule.resources.includes('configmaps')));
  assert.ok(status.nonResourceRules.some((rule) => rule.nonResourceURLs.includes('/apis/*')));
  assert.equal((await review(path, {})).code, 400);
});

test('a token is looked up for those who may', async () => {
  const path = `${authentication}/tokenreviews`;
  const good = await review(path, { token: 'good' });
  assert.deepEqual(good.object.status, {
    authenticated: true,
    user: { username: 'bot', groups: ['g'] },
    audiences: ['https://federation'],
  });
  const bad = (await review(path, { token: 'bad' })).object.status as { error: string };
  assert.equal(bad.error, 'invalid bearer token');
  const elsewhere = { token: 'good', audiences: ['x'] };
  const other = (await review(path, elsewhere)).object.status as { authenticated?: boolean };
  assert.equal(other.authenticated, undefined);
});
