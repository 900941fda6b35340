import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { KubeObject } from '../../kube/object.ts';
import type { User } from '../backend.ts';
import type { Attributes } from './authorizer.ts';
import { defaultRoles } from './default-roles.ts';
import { allows, pathMatches, RbacIndex, rulesOf } from './rbac.ts';

const rbac = 'rbac.authorization.k8s.io/v1';

function role(kind: 'Role' | 'ClusterRole', name: string, rules: object[], namespace?: string) {
  const metadata = { name, ...(namespace !== undefined && { namespace }) };
  return { apiVersion: rbac, kind, metadata, rules } as KubeObject;
}

function binding(
  name: string,
  roleRef: { kind: string; name: string },
  subject: { kind: string; name: string; namespace?: string },
  namespace?: string,
): KubeObject {
  const kind = namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding';
  const metadata = { name, ...(namespace !== undefined && { namespace }) };
  return { apiVersion: rbac, kind, metadata, roleRef, subjects: [subject] } as KubeObject;
}

function user(name: string, ...groups: string[]): User {
  return { name, groups, extra: {} };
}

function on(
  verb: string,
  resource: string,
  rest: Partial<Record<'group' | 'namespace' | 'name' | 'subresource', string>> = {},
): Attributes {
  const nothing = { group: '', namespace: '', name: '', subresource: '' };
  return { verb, version: 'v1', resource, ...nothing, ...rest };
}

function withDefaults(): RbacIndex {
  const index = new RbacIndex();
  for (const object of defaultRoles()) index.set(object);
  return index;
}

test('nobody may do anything that no rule allows', () => {
  const index = withDefaults();
  const decision = index.authorize(user('eve', 'system:authenticated'), on('get', 'secrets'));
  assert.deepEqual(decision, { allowed: false, reason: '' });
});

test('system:masters may do everything, whatever the roles say', () => {
  const decision = new RbacIndex().authorize(user('root', 'system:masters'), on('x', 'y'));
  assert.equal(decision.allowed, true);
});

test('a binding in a namespace holds there and nowhere else', () => {
  const index = withDefaults();
  index.set(
    binding('b', { kind: 'ClusterRole', name: 'edit' }, { kind: 'User', name: 'ada' }, 'd'),
  );
  const ada = user('ada');
  const here = index.authorize(ada, on('create', 'deployments', { group: 'apps', namespace: 'd' }));
  assert.equal(here.allowed, true);
  assert.equal(
    here.reason,
    'RBAC: allowed by RoleBinding "b/d" of ClusterRole "edit" to User "ada"',
  );
  for (const namespace of ['', 'e']) {
    const there = on('create', 'deployments', { group: 'apps', namespace });
    assert.equal(index.authorize(ada, there).allowed, false);
  }
});

test('aggregated roles hold what their parts hold, also parts that come later', () => {
  const index = withDefaults();
  index.set(binding('v', { kind: 'ClusterRole', name: 'view' }, { kind: 'Group', name: 'devs' }));
  const dev = user('dev', 'devs');
  assert.equal(index.authorize(dev, on('list', 'pods')).allowed, true);
  assert.equal(index.authorize(dev, on('list', 'secrets')).allowed, false);
  const distributions = on('watch', 'distributions', { group: 'ubernetes.dev' });
  assert.equal(index.authorize(dev, distributions).allowed, true);
  const widgets = on('get', 'widgets', { group: 'example.com' });
  assert.equal(index.authorize(dev, widgets).allowed, false);
  const part = role('ClusterRole', 'widget-view', [
    { verbs: ['get'], apiGroups: ['example.com'], resources: ['widgets'] },
  ]);
  part.metadata.labels = { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' };
  index.set(part);
  assert.equal(index.authorize(dev, widgets).allowed, true);
  index.remove('ClusterRole', '', 'widget-view');
  assert.equal(index.authorize(dev, widgets).allowed, false);
});

test('admin holds what edit and view hold', () => {
  const index = withDefaults();
  index.set(
    binding('a', { kind: 'ClusterRole', name: 'admin' }, { kind: 'User', name: 'ada' }, 'd'),
  );
  const asked: [string, string, string][] = [
    ['get', 'pods', ''],
    ['delete', 'configmaps', ''],
    ['create', 'rolebindings', 'rbac.authorization.k8s.io'],
    ['create', 'placements', 'ubernetes.dev'],
  ];
  for (const [verb, resource, group] of asked) {
    const attributes = on(verb, resource, { group, namespace: 'd' });
    assert.equal(index.authorize(user('ada'), attributes).allowed, true, resource);
  }
});

test('resourceNames, subresources and service accounts are told apart', () => {
  const index = new RbacIndex();
  index.set(
    role(
      'Role',
      'r',
      [
        { verbs: ['get'], apiGroups: [''], resources: ['configmaps'], resourceNames: ['one'] },
        { verbs: ['get'], apiGroups: [''], resources: ['pods/log', '*/scale'] },
      ],
      'd',
    ),
  );
  const account = { kind: 'ServiceAccount', name: 'bot', namespace: 'd' };
  index.set(binding('b', { kind: 'Role', name: 'r' }, account, 'd'));
  const bot = user('system:serviceaccount:d:bot');
  const may = (attributes: Attributes) => index.authorize(bot, attributes).allowed;
  assert.equal(may(on('get', 'configmaps', { namespace: 'd', name: 'one' })), true);
  assert.equal(may(on('get', 'configmaps', { namespace: 'd', name: 'two' })), false);
  assert.equal(may(on('get', 'configmaps', { namespace: 'd' })), false);
  assert.equal(may(on('get', 'pods', { namespace: 'd', subresource: 'log' })), true);
  assert.equal(may(on('get', 'pods', { namespace: 'd' })), false);
  assert.equal(may(on('get', 'things', { namespace: 'd', subresource: 'scale' })), true);
});

test('a binding to a role that is not there says so', () => {
  const index = new RbacIndex();
  index.set(binding('b', { kind: 'ClusterRole', name: 'gone' }, { kind: 'User', name: 'ada' }));
  assert.deepEqual(index.authorize(user('ada'), on('get', 'pods')), {
    allowed: false,
    reason: 'RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found',
  });
});

test('everybody who is known may discover, and anybody may probe', () => {
  const index = withDefaults();
  const known = user('ada', 'system:authenticated');
  const stranger = user('system:anonymous', 'system:unauthenticated');
  const may = (who: User, path: string) => index.authorize(who, { verb: 'get', path }).allowed;
  assert.equal(may(known, '/apis/apps/v1'), true);
  assert.equal(may(known, '/openapi/v3'), true);
  assert.equal(may(known, '/metrics'), false);
  assert.equal(may(stranger, '/readyz'), true);
  assert.equal(may(stranger, '/apis'), false);
});

test('a changed binding holds at once, an old one no more', () => {
  const index = withDefaults();
  const admin = { kind: 'ClusterRole', name: 'cluster-admin' };
  index.set(binding('b', admin, { kind: 'User', name: 'ada' }));
  index.set(binding('b', admin, { kind: 'User', name: 'bob' }));
  assert.equal(index.authorize(user('ada'), on('get', 'nodes')).allowed, false);
  assert.equal(index.authorize(user('bob'), on('get', 'nodes')).allowed, true);
  index.remove('ClusterRoleBinding', '', 'b');
  assert.equal(index.authorize(user('bob'), on('get', 'nodes')).allowed, false);
});

test('path patterns end in a star or are exact', () => {
  assert.equal(pathMatches('/api/*', '/api/v1'), true);
  assert.equal(pathMatches('/api/*', '/api'), false);
  assert.equal(pathMatches('/healthz', '/healthz/ping'), false);
  assert.equal(pathMatches('*', '/x'), true);
});

test('an index that was changed at random equals one that was made anew', () => {
  const name = fc.constantFrom('a', 'b', 'c');
  const rule = fc.record({
    verbs: fc.subarray(['get', 'list', '*']),
    apiGroups: fc.constant(['']),
    resources: fc.subarray(['pods', 'nodes', '*']),
  });
  const object = fc.oneof(
    fc.tuple(name, fc.array(rule)).map(([n, rules]) => role('ClusterRole', n, rules)),
    fc.tuple(name, fc.array(rule)).map(([n, rules]) => role('Role', n, rules, 'd')),
    fc
      .tuple(name, name, name)
      .map(([n, to, who]) =>
        binding(n, { kind: 'ClusterRole', name: to }, { kind: 'User', name: who }),
      ),
    fc
      .tuple(name, name, name)
      .map(([n, to, who]) =>
        binding(n, { kind: 'Role', name: to }, { kind: 'User', name: who }, 'd'),
      ),
  );
  const step = fc.record({ object, remove: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const changed = new RbacIndex();
      const state = new Map<string, KubeObject>();
      for (const { object: each, remove } of steps) {
        const { namespace = '', name: id = '' } = each.metadata;
        const key = `${each.kind} ${namespace}/${id}`;
        if (remove) {
          changed.remove(each.kind, namespace, id);
          state.delete(key);
        } else {
          changed.set(each);
          state.set(key, each);
        }
      }
      const anew = new RbacIndex();
      for (const each of state.values()) anew.set(each);
      for (const who of ['a', 'b', 'c'])
        for (const verb of ['get', 'list'])
          for (const namespace of ['', 'd']) {
            const attributes = on(verb, 'pods', { namespace });
            assert.equal(
              changed.authorize(user(who), attributes).allowed,
              anew.authorize(user(who), attributes).allowed,
            );
          }
    }),
  );
});

test('rules of any shape are read without a fault', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      for (const rule of rulesOf(value)) allows(rule, on('get', 'pods'));
      const index = new RbacIndex();
      for (const kind of ['ClusterRole', 'RoleBinding'])
        index.set({
          apiVersion: rbac,
          kind,
          metadata: { name: 'x' },
          rules: value,
          roleRef: value,
          subjects: value,
          aggregationRule: value,
        } as KubeObject);
      assert.equal(index.authorize(user('nobody'), on('get', 'pods')).allowed, false);
    }),
  );
});
