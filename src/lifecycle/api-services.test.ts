import assert from 'node:assert/strict';
import { test } from 'node:test';
import { valueAt } from '../kube/object.ts';
import { ApiServices, type ServedGroup } from './api-services.ts';
import { ownApi, until } from './own-api.fixture.ts';

const path = '/apis/apiregistration.k8s.io/v1/apiservices';

test('every group that is served has its APIService, and those that go lose it', async (t) => {
  const api = await ownApi();
  let groups: readonly ServedGroup[] = [
    { name: '', versions: [{ version: 'v1' }] },
    { name: 'apps', versions: [{ version: 'v1' }] },
    { name: 'shop.example.com', versions: [{ version: 'v1' }, { version: 'v1beta1' }] },
  ];
  const listeners = new Set<() => void>();
  const services = new ApiServices({
    ...api,
    groups: () => groups,
    onGroups: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  });
  t.after(() => services.stop());
  services.start();
  const available = async (): Promise<string[]> => {
    const { items } = await api.client.list(path);
    return items.map((item) => {
      const { status, reason } =
        ((valueAt(item, 'status', 'conditions') as object[])?.[0] as never) ?? {};
      return `${item.metadata.name} ${status} ${reason}`;
    });
  };
  const local = ['v1.', 'v1.apps', 'v1.shop.example.com', 'v1beta1.shop.example.com'];
  await until(api.world, async () => {
    const seen = await available();
    return seen.length === 4 && seen.every((each) => each.endsWith('True Local'));
  });
  assert.deepEqual(
    (await available()).map((each) => each.split(' ')[0]),
    local,
  );
  const core = (await api.client.get(`${path}/v1.`)).object();
  assert.deepEqual(core['spec'], {
    version: 'v1',
    groupPriorityMinimum: 18_000,
    versionPriority: 1,
  });
  assert.deepEqual(core.metadata.labels, {
    'kube-aggregator.kubernetes.io/automanaged': 'onstart',
  });

  groups = groups.slice(0, 2);
  for (const listener of listeners) listener();
  await until(api.world, async () => (await available()).length === 2);
});

test('one with a Service of its own is left alone, and says that nobody answers yet', async (t) => {
  const api = await ownApi();
  const services = new ApiServices({ ...api, groups: () => [], onGroups: () => () => {} });
  t.after(() => services.stop());
  services.start();
  await api.client.create(path, {
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: { name: 'v1beta1.metrics.k8s.io' },
    spec: {
      group: 'metrics.k8s.io',
      version: 'v1beta1',
      groupPriorityMinimum: 100,
      versionPriority: 100,
      service: { namespace: 'kube-system', name: 'metrics-server', port: 443 },
    },
  });
  let condition: unknown;
  await until(api.world, async () => {
    const found = (await api.client.get(`${path}/v1beta1.metrics.k8s.io`)).object();
    condition = (valueAt(found, 'status', 'conditions') as unknown[] | undefined)?.[0];
    return condition !== undefined;
  });
  const { status, reason, message } = condition as Record<string, string>;
  assert.deepEqual([status, reason], ['False', 'NotReached']);
  assert.match(message!, /metrics.k8s.io\/v1beta1 is served once a member cluster serves it/);
});
