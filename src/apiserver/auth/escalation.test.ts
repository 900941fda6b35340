import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { KubeObject } from '../../kube/object.ts';
import type { RequestContext } from '../backend.ts';
import { resourceType } from '../handlers/memory-backend.fixture.ts';
import { defaultRoles } from './default-roles.ts';
import { isCovered, rbacAdmission } from './escalation.ts';
import { allows, RbacIndex, rulesOf } from './rbac.ts';

const group = 'rbac.authorization.k8s.io';
const roles = resourceType({ group, kind: 'Role', resource: 'roles' });
const bindings = resourceType({ group, kind: 'RoleBinding', resource: 'rolebindings' });

function indexFor(role: string): RbacIndex {
  const index = new RbacIndex();
  for (const object of defaultRoles()) index.set(object);
  index.set({
    apiVersion: `${group}/v1`,
    kind: 'RoleBinding',
    metadata: { name: 'b', namespace: 'd' },
    roleRef: { kind: 'ClusterRole', name: role },
    subjects: [{ kind: 'User', name: 'ada' }],
  });
  return index;
}

const context: RequestContext = {
  user: { name: 'ada', groups: ['devs'], extra: {} },
  auditId: 'a',
  signal: new AbortController().signal,
  warn: () => {},
};

function role(...rules: object[]): KubeObject {
  return {
    apiVersion: `${group}/v1`,
    kind: 'Role',
    metadata: { name: 'r', namespace: 'd' },
    rules,
  };
}

function bound(name: string, kind = 'ClusterRole'): KubeObject {
  return {
    apiVersion: `${group}/v1`,
    kind: 'RoleBinding',
    metadata: { name: 'new', namespace: 'd' },
    roleRef: { kind, name },
    subjects: [{ kind: 'User', name: 'eve' }],
  };
}

function write(index: RbacIndex, object: KubeObject, old?: KubeObject): Promise<KubeObject> {
  const type = object.kind === 'Role' ? roles : bindings;
  const operation = old === undefined ? 'CREATE' : 'UPDATE';
  const ref = { type, namespace: 'd', name: object.metadata.name ?? '' };
  const options = { dryRun: false, fieldManager: 'test' };
  return rbacAdmission(index)(context, { operation, type, ref, object, old, options });
}

test('a role may hold what its author holds, and no more', async () => {
  const index = indexFor('admin');
  const pods = { verbs: ['get'], apiGroups: [''], resources: ['pods'] };
  const nodes = { verbs: ['get'], apiGroups: [''], resources: ['nodes'] };
  await write(index, role(pods));
  await assert.rejects(write(index, role(pods, nodes)), {
    message:
      'roles.rbac.authorization.k8s.io "r" is forbidden: user "ada" (groups=["devs"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["nodes"], Verbs:["get"]}',
  });
});

test('a role that keeps its rules may be changed by who does not hold them', async () => {
  const index = indexFor('view');
  const old = role({ verbs: ['*'], apiGroups: ['*'], resources: ['*'] });
  await write(index, { ...old, metadata: { ...old.metadata, labels: { a: 'b' } } }, old);
  await assert.rejects(
    write(index, role({ verbs: ['*'], apiGroups: ['*'], resources: ['pods'] }), old),
  );
});

test('a binding may give what its author holds, or may bind', async () => {
  const index = indexFor('admin');
  await write(index, bound('view'));
  await assert.rejects(write(index, bound('cluster-admin')), /not currently held/);
  await assert.rejects(write(index, bound('gone')), { message: /"gone" not found/ });
  index.set({
    apiVersion: `${group}/v1`,
    kind: 'ClusterRole',
    metadata: { name: 'view', labels: {} },
    rules: [],
  });
  index.set({
    apiVersion: `${group}/v1`,
    kind: 'Role',
    metadata: { name: 'binder', namespace: 'd' },
    rules: [
      {
        verbs: ['bind'],
        apiGroups: [group],
        resources: ['clusterroles'],
        resourceNames: ['cluster-admin'],
      },
    ],
  });
  index.set({ ...bound('binder', 'Role'), subjects: [{ kind: 'User', name: 'ada' }] });
  await write(index, bound('cluster-admin'));
});

test('what a covered rule allows, the rules held allow', () => {
  const list = (...values: string[]) => fc.subarray(values);
  const anyRule = fc.record({
    verbs: list('get', 'list', '*'),
    apiGroups: list('', 'apps', '*'),
    resources: list('pods', 'pods/log', '*/log', '*'),
    resourceNames: list('a', 'b'),
    nonResourceURLs: list('/api', '/api/*', '*'),
  });
  fc.assert(
    fc.property(anyRule, fc.array(anyRule, { maxLength: 4 }), (wanted, held) => {
      const [one] = rulesOf([wanted]);
      const rules = rulesOf(held);
      if (one === undefined || !isCovered(one, rules)) return;
      for (const verb of ['get', 'list', 'watch']) {
        for (const path of ['/api', '/api/v1', '/x']) {
          const attributes = { verb, path };
          if (allows(one, attributes)) assert.ok(rules.some((rule) => allows(rule, attributes)));
        }
        for (const apiGroup of ['', 'apps', 'other'])
          for (const subresource of ['', 'log'])
            for (const name of ['', 'a', 'c']) {
              const attributes = {
                verb,
                group: apiGroup,
                version: 'v1',
                resource: 'pods',
                subresource,
                namespace: 'd',
                name,
              };
              if (allows(one, attributes))
                assert.ok(rules.some((rule) => allows(rule, attributes)));
            }
      }
    }),
    { numRuns: 3000 },
  );
});
