import { test } from 'node:test';
import { requireMembers } from '../../testbed/binaries.ts';
import { OwnAndReal, ownFederation, type Sent } from './own-and-real.fixture.ts';

const rbac = '/apis/rbac.authorization.k8s.io/v1';
const authz = '/apis/authorization.k8s.io/v1';
const authn = '/apis/authentication.k8s.io/v1';

function create(path: string, body: object, headers: Record<string, string> = {}): Sent {
  return { method: 'POST', path, body, headers };
}

function as(user: string, more: Record<string, string> = {}): Record<string, string> {
  return { 'impersonate-user': user, ...more };
}

function role(name: string, rules: object[], kind = 'ClusterRole'): object {
  return { kind, apiVersion: 'rbac.authorization.k8s.io/v1', metadata: { name }, rules };
}

function binding(name: string, roleName: string, subjects: object[], kind = 'ClusterRole'): object {
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind, name: roleName };
  return { metadata: { name }, roleRef, subjects };
}

const user = (name: string): object => ({
  kind: 'User',
  apiGroup: 'rbac.authorization.k8s.io',
  name,
});
const pods = { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] };

test('rights, reviews and impersonation as a real kube-apiserver has them', async (t) => {
  if (!(await requireMembers(t, 'bare'))) return;
  await using both = await OwnAndReal.start(await ownFederation());
  await roles(both);
  await reviews(both);
  await impersonation(both);
  await escalation(both);
  both.settle();
});

async function roles(both: OwnAndReal): Promise<void> {
  await both.same(
    'roles',
    create(`${rbac}/clusterroles`, role('reader', [pods])),
    create(`${rbac}/clusterrolebindings`, binding('ada-reads', 'reader', [user('ada')])),
    create(
      `${rbac}/namespaces/default/roles`,
      role(
        'writer',
        [
          {
            apiGroups: ['apps'],
            resources: ['deployments', 'deployments/scale'],
            verbs: ['*'],
            resourceNames: ['web'],
          },
          { apiGroups: ['*'], resources: ['*/status'], verbs: ['get'] },
        ],
        'Role',
      ),
    ),
    create(
      `${rbac}/namespaces/default/rolebindings`,
      binding(
        'bob-writes',
        'writer',
        [user('bob'), { kind: 'ServiceAccount', name: 'robot', namespace: 'default' }],
        'Role',
      ),
    ),
    create(`${rbac}/clusterrolebindings`, binding('dangling', 'nothing', [user('eve')])),
    create(
      `${rbac}/clusterroles`,
      role('paths', [{ nonResourceURLs: ['/metrics', '/healthz/*'], verbs: ['get'] }]),
    ),
    create(`${rbac}/clusterrolebindings`, binding('ada-paths', 'paths', [user('ada')])),
    create(`${rbac}/clusterroles`, {
      ...role('sum', []),
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: { sum: 'yes' } }] },
    }),
    // What is not valid.
    create(
      `${rbac}/clusterroles`,
      role('bad', [{ verbs: [], apiGroups: [''], resources: ['pods'] }]),
    ),
    create(`${rbac}/clusterroles`, role('bad', [{ verbs: ['get'] }])),
    create(`${rbac}/clusterroles`, role('bad', [{ verbs: ['get'], resources: ['pods'] }])),
    create(
      `${rbac}/clusterroles`,
      role('bad', [
        { verbs: ['get'], nonResourceURLs: ['/a'], resources: ['pods'], apiGroups: [''] },
      ]),
    ),
    create(
      `${rbac}/namespaces/default/roles`,
      role('bad', [{ verbs: ['get'], nonResourceURLs: ['/a'] }], 'Role'),
    ),
    create(`${rbac}/clusterroles`, { ...role('bad', []), aggregationRule: {} }),
    create(`${rbac}/clusterrolebindings`, binding('bad', '', [])),
    create(`${rbac}/clusterrolebindings`, binding('bad', 'x', [], 'Role')),
    create(
      `${rbac}/clusterrolebindings`,
      binding('bad', 'x', [
        { kind: 'ServiceAccount', name: 'a' },
        { kind: 'Thing', name: 'b' },
        { kind: 'User' },
      ]),
    ),
    create(`${rbac}/namespaces/default/rolebindings`, binding('bad', 'x', [], 'Thing')),
    create(`${rbac}/clusterroles`, role('Bad Name/x', [])),
  );
}

async function reviews(both: OwnAndReal): Promise<void> {
  const asked: object[] = [
    { user: 'ada', resourceAttributes: { verb: 'get', resource: 'pods', namespace: 'default' } },
    { user: 'ada', resourceAttributes: { verb: 'delete', resource: 'pods' } },
    { user: 'ada', nonResourceAttributes: { verb: 'get', path: '/healthz/etcd' } },
    { user: 'ada', nonResourceAttributes: { verb: 'post', path: '/metrics' } },
    {
      user: 'bob',
      resourceAttributes: {
        verb: 'update',
        group: 'apps',
        resource: 'deployments',
        name: 'web',
        namespace: 'default',
      },
    },
    {
      user: 'bob',
      resourceAttributes: {
        verb: 'update',
        group: 'apps',
        resource: 'deployments',
        namespace: 'default',
      },
    },
    {
      user: 'bob',
      resourceAttributes: {
        verb: 'update',
        group: 'apps',
        resource: 'deployments',
        subresource: 'scale',
        name: 'web',
        namespace: 'default',
      },
    },
    {
      user: 'bob',
      resourceAttributes: {
        verb: 'get',
        group: 'x',
        resource: 'y',
        subresource: 'status',
        namespace: 'default',
      },
    },
    {
      user: 'system:serviceaccount:default:robot',
      resourceAttributes: {
        verb: 'get',
        group: 'x',
        resource: 'y',
        subresource: 'status',
        namespace: 'default',
      },
    },
    { user: 'eve', resourceAttributes: { verb: 'get', resource: 'pods' } },
    { groups: ['system:masters'], resourceAttributes: { verb: '*', resource: '*' } },
    {
      user: 'x',
      uid: 'u',
      groups: ['g'],
      extra: { K: ['v'] },
      resourceAttributes: { verb: 'get', resource: 'pods' },
    },
    {},
    { user: 'x' },
    { user: 'x', resourceAttributes: {}, nonResourceAttributes: {} },
    { resourceAttributes: { verb: 'get' } },
    {
      user: 'x',
      resourceAttributes: { verb: 'list', resource: 'pods', labelSelector: { rawSelector: 'a=b' } },
    },
    {
      user: 'x',
      resourceAttributes: {
        verb: 'list',
        resource: 'pods',
        labelSelector: {
          rawSelector: 'a=b',
          requirements: [{ key: 'a', operator: 'In', values: ['b'] }],
        },
      },
    },
    {
      user: 'x',
      resourceAttributes: {
        verb: 'list',
        resource: 'pods',
        fieldSelector: { requirements: [{ key: 'a', operator: 'Odd' }] },
      },
    },
  ];
  for (const spec of asked) {
    await both.same(
      `sar ${JSON.stringify(spec)}`,
      create(`${authz}/subjectaccessreviews`, { spec }),
    );
    const { user: who, ...rest } = spec as { user?: string };
    const self = create(`${authz}/selfsubjectaccessreviews`, { spec: rest }, as(who ?? 'nobody'));
    await both.same(`ssar ${JSON.stringify(spec)}`, self);
  }
  const local = `${authz}/namespaces/default/localsubjectaccessreviews`;
  await both.same(
    'local',
    create(local, {
      spec: {
        user: 'ada',
        resourceAttributes: { namespace: 'default', verb: 'get', resource: 'pods' },
      },
    }),
    create(local, { spec: { user: 'ada', resourceAttributes: { verb: 'get', resource: 'pods' } } }),
    create(local, {
      spec: { user: 'ada', resourceAttributes: { namespace: 'other', verb: 'get' } },
    }),
    create(local, { spec: { user: 'ada', nonResourceAttributes: { path: '/', verb: 'get' } } }),
    create(local, {
      metadata: { namespace: 'other' },
      spec: { user: 'ada', resourceAttributes: {} },
    }),
    create(`${authz}/selfsubjectrulesreviews`, { spec: { namespace: 'default' } }, as('ada')),
    create(`${authz}/selfsubjectrulesreviews`, { spec: { namespace: 'default' } }, as('bob')),
    create(`${authz}/selfsubjectrulesreviews`, { spec: { namespace: 'default' } }, as('eve')),
    create(
      `${authz}/selfsubjectrulesreviews`,
      { spec: { namespace: 'default' } },
      as('x', { 'impersonate-group': 'system:masters' }),
    ),
    create(`${authz}/selfsubjectrulesreviews`, { spec: {} }, as('ada')),
    create(`${authz}/selfsubjectrulesreviews`, {}, as('ada')),
    create(
      `${authn}/selfsubjectreviews`,
      {},
      as('ada', { 'impersonate-extra-a%2Fb': 'c', 'impersonate-uid': 'u' }),
    ),
    create(`${authn}/tokenreviews`, { spec: { token: 'nonsense' } }),
    create(`${authn}/tokenreviews`, { spec: { token: 'nonsense', audiences: ['x'] } }),
    create(`${authn}/tokenreviews`, { spec: {} }),
    create(`${authz}/subjectaccessreviews?dryRun=All`, {
      spec: { user: 'a', resourceAttributes: {} },
    }),
    { path: `${authz}/subjectaccessreviews` },
  );
}

async function impersonation(both: OwnAndReal): Promise<void> {
  const who = (headers: Record<string, string>): Sent =>
    create(`${authn}/selfsubjectreviews`, {}, headers);
  await both.same(
    'impersonation',
    who(as('ada')),
    who(as('ada', { 'impersonate-group': 'g' })),
    who(as('system:serviceaccount:default:robot')),
    who(as('system:serviceaccount:default:robot', { 'impersonate-group': 'g' })),
    who(as('system:serviceaccount:default')),
    who(as('system:anonymous')),
    who(as('system:unauthenticated')),
    who(as('x', { 'impersonate-group': 'system:unauthenticated' })),
    who({ 'impersonate-group': 'g' }),
    who({ 'impersonate-uid': 'u' }),
    who({ 'impersonate-extra-x': 'u' }),
    who(as('ada', { 'impersonate-extra-X': 'u', 'impersonate-extra-%zz': 'v' })),
    who(as('ada', { 'impersonate-user': 'system:node:n' })),
  );
  const inGroup = { apiGroups: ['authentication.k8s.io'] };
  const rules = [
    { apiGroups: [''], resources: ['users'], verbs: ['impersonate'], resourceNames: ['ada'] },
    { apiGroups: [''], resources: ['groups'], verbs: ['impersonate'], resourceNames: ['g'] },
    { ...inGroup, resources: ['userextras/scopes'], verbs: ['impersonate'] },
    { ...inGroup, resources: ['users', 'groups', 'uids'], verbs: ['impersonate:user-info'] },
    { ...inGroup, resources: ['nodes'], verbs: ['impersonate:arbitrary-node'] },
    {
      ...inGroup,
      resources: ['selfsubjectreviews'],
      verbs: ['impersonate-on:user-info:create', 'impersonate-on:arbitrary-node:create'],
    },
  ];
  const actor = { kind: 'ServiceAccount', name: 'actor', namespace: 'default' };
  for (const send of [both.ours, both.real]) {
    await send(create(`${rbac}/clusterroles`, role('actor', rules)));
    await send(create(`${rbac}/clusterrolebindings`, binding('actor', 'actor', [actor])));
  }
  await both.account('actor');
  const acting = (headers: Record<string, string>): Sent => ({
    ...who(headers),
    as: 'actor',
  });
  await both.same(
    'impersonation with few rights',
    acting(as('ada')),
    acting(as('ada', { 'impersonate-group': 'g' })),
    acting(as('bob')),
    acting(as('bob', { 'impersonate-group': 'h', 'impersonate-uid': 'u' })),
    acting(as('bob', { 'impersonate-group': 'system:masters' })),
    acting(as('ada', { 'impersonate-extra-scopes': 'x' })),
    acting(as('bob', { 'impersonate-extra-scopes': 'x' })),
    acting(as('system:node:n')),
    acting(as('system:node:n', { 'impersonate-group': 'g' })),
    acting(as('system:serviceaccount:default:robot')),
    { ...acting(as('ada')), method: 'GET', path: '/api/v1/pods' },
    { ...acting(as('bob')), method: 'GET', path: '/api/v1/pods' },
    { ...acting(as('bob')), method: 'GET', path: '/version' },
    { path: '/api/v1/nodes', headers: as('eve') },
  );
}

async function escalation(both: OwnAndReal): Promise<void> {
  const admin = [
    {
      apiGroups: ['rbac.authorization.k8s.io'],
      resources: ['*'],
      verbs: ['*'].filter(() => false).concat(['get', 'create', 'update', 'patch', 'delete']),
    },
    pods,
  ];
  for (const send of [both.ours, both.real]) {
    await send(create(`${rbac}/clusterroles`, role('manager', admin)));
    await send(create(`${rbac}/clusterrolebindings`, binding('manager', 'manager', [user('max')])));
  }
  const max = as('max', { 'impersonate-group': 'system:authenticated' });
  await both.same(
    'escalation',
    create(`${rbac}/clusterroles`, role('ok', [{ ...pods, verbs: ['get'] }]), max),
    create(
      `${rbac}/clusterroles`,
      role('more', [
        { ...pods, verbs: ['get', 'delete'] },
        { apiGroups: ['apps'], resources: ['a', 'b'], verbs: ['x', 'y'] },
      ]),
      max,
    ),
    create(
      `${rbac}/clusterroles`,
      role('paths2', [{ nonResourceURLs: ['/x'], verbs: ['get'] }]),
      max,
    ),
    create(`${rbac}/clusterrolebindings`, binding('b1', 'reader', [user('z')]), max),
    create(`${rbac}/clusterrolebindings`, binding('b2', 'cluster-admin', [user('z')]), max),
    create(`${rbac}/clusterrolebindings`, binding('b3', 'missing', [user('z')]), max),
    create(
      `${rbac}/namespaces/default/rolebindings`,
      binding('b4', 'writer', [user('z')], 'Role'),
      max,
    ),
    {
      method: 'PATCH',
      path: `${rbac}/clusterroles/reader`,
      body: { rules: [{ ...pods, verbs: ['*'] }] },
      headers: max,
    },
    {
      method: 'PATCH',
      path: `${rbac}/clusterroles/reader`,
      body: { metadata: { labels: { a: 'b' } } },
      headers: max,
    },
    create(
      `${rbac}/clusterroles`,
      {
        ...role('agg', []),
        aggregationRule: { clusterRoleSelectors: [{ matchLabels: { x: 'y' } }] },
      },
      max,
    ),
  );
}
