import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultRoles } from '../apiserver/auth/default-roles.ts';
import type { KubeObject } from '../kube/object.ts';
import { AggregatedRoles } from './aggregated-roles.ts';
import { reconcileDefaultRoles, reconciled } from './bootstrap-roles.ts';
import { ownApi, until } from './own-api.fixture.ts';

const clusterRoles = 'rbac.authorization.k8s.io/v1/clusterroles';
const bindings = 'rbac.authorization.k8s.io/v1/clusterrolebindings';
const pods = { apiGroups: [''], resources: ['pods'], verbs: ['get'] };
const nodes = { apiGroups: [''], resources: ['nodes'], verbs: ['get'] };

test('a sum of roles follows those that it is made of', async () => {
  const { world, ...api } = await ownApi();
  const roles = new AggregatedRoles(api);
  roles.start();
  try {
    const aggregationRule = { clusterRoleSelectors: [{ matchLabels: { sum: 'yes' } }] };
    await world.create(clusterRoles, {
      metadata: { name: 'sum' },
      aggregationRule,
      rules: [nodes],
    });
    const rules = async (): Promise<string> =>
      JSON.stringify((await world.get(world.ref(clusterRoles, 'sum')))['rules']);
    await until(world, async () => (await rules()) === '[]' || (await rules()) === 'null');
    const labels = { sum: 'yes' };
    for (const name of ['b', 'a'])
      await world.create(clusterRoles, { metadata: { name, labels }, rules: [pods] });
    await until(world, async () => (await rules()) === JSON.stringify([pods]));
    await world.patch(world.ref(clusterRoles, 'a'), { rules: [nodes] });
    await until(world, async () => (await rules()) === JSON.stringify([nodes, pods]));
    await world.patch(world.ref(clusterRoles, 'b'), { metadata: { labels: null } });
    await until(world, async () => (await rules()) === JSON.stringify([nodes]));
    const { managedFields } = (await world.get(world.ref(clusterRoles, 'sum'))).metadata;
    const manager = managedFields?.find((entry) => entry.operation === 'Apply')?.manager;
    assert.equal(manager, 'clusterrole-aggregation-controller');
  } finally {
    await roles.stop();
  }
});

test('default roles are made, mended at the next start, and left alone where that is asked', async () => {
  const { world, client } = await ownApi();
  await reconcileDefaultRoles(client);
  const read = (path: string, name: string): Promise<KubeObject> =>
    world.get(world.ref(path, name));
  const before = await read(clusterRoles, 'system:discovery');
  await world.patch(world.ref(clusterRoles, 'system:discovery'), { rules: [pods] });
  await world.patch(world.ref(bindings, 'system:discovery'), { subjects: null });
  const left = {
    metadata: { annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'false' } },
  };
  await world.patch(world.ref(clusterRoles, 'system:basic-user'), { ...left, rules: [pods] });
  await reconcileDefaultRoles(client);
  const mended = (await read(clusterRoles, 'system:discovery'))['rules'] as object[];
  assert.deepEqual(mended, [pods, ...(before['rules'] as object[])]);
  assert.equal(((await read(bindings, 'system:discovery'))['subjects'] as object[]).length, 1);
  assert.deepEqual((await read(clusterRoles, 'system:basic-user'))['rules'], [pods]);
  const { resourceVersion } = (await read(clusterRoles, 'system:discovery')).metadata;
  await reconcileDefaultRoles(client);
  const again = await read(clusterRoles, 'system:discovery');
  assert.equal(again.metadata.resourceVersion, resourceVersion);
});

test('every default role is in order as it is', () => {
  for (const role of defaultRoles()) assert.equal(reconciled(role, role), undefined);
});
