import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requireMembers } from '../../testbed/binaries.ts';
import { waitUntil } from '../../testbed/waiting.ts';
import { comparable, type Sent, startBoth } from '../apiserver/admission/both.fixture.ts';
import { WallClock } from '../base/clock.ts';
import { silentLogger } from '../base/log.ts';
import { SystemRandom } from '../base/random.ts';
import { RestClient } from '../client/rest.ts';
import { valueAt } from '../kube/object.ts';
import { QuotaStatus } from './quota-status.ts';

const core = '/api/v1/namespaces/team';

function object(kind: string, name: string, more: object = {}): Sent {
  const body = { apiVersion: 'v1', kind, metadata: { name }, ...more };
  return { method: 'POST', path: `${core}/${kind.toLowerCase()}s`, body };
}

function pod(name: string, resources: object | undefined, more: object = {}): Sent {
  const container = { name: 'c', image: 'i', ...(resources === undefined ? {} : { resources }) };
  return object('Pod', name, { spec: { containers: [container], ...more } });
}

function quota(name: string, hard: object, more: object = {}): Sent {
  return object('ResourceQuota', name, { spec: { hard, ...more } });
}

const some = {
  requests: { cpu: '300m', memory: '64Mi' },
  limits: { cpu: '500m', memory: '128Mi', 'ephemeral-storage': '1Gi' },
};

const quotas: readonly Sent[] = [
  quota('compute', { 'requests.cpu': '1', 'limits.memory': '512Mi', pods: '3' }),
  quota('plain', { cpu: '2', memory: '1Gi', 'requests.example.com/gpu': '1' }),
  quota('counts', {
    ...{ configmaps: '2', 'count/secrets': '1', services: '3', 'services.nodeports': '2' },
    ...{ 'services.loadbalancers': '0', 'requests.storage': '5Gi', persistentvolumeclaims: '2' },
    'fast.storageclass.storage.k8s.io/requests.storage': '1Gi',
  }),
  quota('ending', { pods: '1' }, { scopes: ['Terminating'] }),
  quota(
    'vip',
    { pods: '0' },
    {
      scopeSelector: {
        matchExpressions: [{ scopeName: 'PriorityClass', operator: 'In', values: ['vip'] }],
      },
    },
  ),
];

function service(name: string, type: string, ports: number): Sent {
  const list = Array.from({ length: ports }, (_, i) => ({ name: `p${i}`, port: 80 + i }));
  return object('Service', name, { spec: { type, selector: { a: 'b' }, ports: list } });
}

function claim(name: string, storage: string, storageClassName?: string): Sent {
  return object('PersistentVolumeClaim', name, {
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage } },
      ...(storageClassName === undefined ? {} : { storageClassName }),
    },
  });
}

const writes: readonly Sent[] = [
  pod('bare', undefined),
  pod('half', { requests: { cpu: '100m' } }),
  pod('a', some),
  pod('b', some),
  { ...pod('dry', some), path: `${core}/pods?dryRun=All` },
  pod('large', { ...some, requests: { cpu: '500m', memory: '64Mi' } }),
  pod('gpu', {
    requests: { ...some.requests, 'example.com/gpu': '2' },
    limits: { ...some.limits, 'example.com/gpu': '2' },
  }),
  pod('ends', some, { activeDeadlineSeconds: 5 }),
  pod('fourth', some),
  object('ConfigMap', 'one'),
  object('ConfigMap', 'two'),
  object('ConfigMap', 'three'),
  object('Secret', 'one'),
  object('Secret', 'two'),
  service('plain', 'ClusterIP', 2),
  service('nodes', 'NodePort', 2),
  service('more', 'NodePort', 1),
  service('balanced', 'LoadBalancer', 1),
  claim('one', '3Gi'),
  claim('two', '3Gi'),
  claim('fast', '2Gi', 'fast'),
  claim('small', '1Gi', 'fast'),
  claim('third', '1Mi'),
];

function quotaNamed({ body }: { readonly body: object }): string | undefined {
  const { message = '' } = body as { message?: string };
  return /(?:exceeded|failed) quota: ([^,:]+)/.exec(message)?.[1];
}

test('quotas refuse and count as in a real kube-apiserver', async (t) => {
  if (!(await requireMembers(t, 'bare'))) return;
  await using both = await startBoth({}, () => {});
  const status = new QuotaStatus({
    client: new RestClient(both.transport, { userAgent: 'ubernetes' }),
    quotas: both.api.quotas!,
    ...{ clock: new WallClock(), random: new SystemRandom(), log: silentLogger },
  });
  status.start();
  t.after(() => status.stop());
  const namespace = { metadata: { name: 'team' } };
  for (const who of ['real', 'ours'] as const) {
    await both[who]({ method: 'POST', path: '/api/v1/namespaces', body: namespace });
    for (const sent of quotas) assert.equal((await both[who](sent)).status, 201);
  }
  // There, a controller fills this in that a bare API server lacks.
  for (const sent of quotas) {
    const { metadata, spec } = sent.body as { metadata: { name: string }; spec: { hard: object } };
    const used = Object.fromEntries(Object.keys(spec.hard).map((name) => [name, '0']));
    const path = `${core}/resourcequotas/${metadata.name}/status`;
    await both.real({ method: 'PATCH', path, body: { status: { hard: spec.hard, used } } });
  }
  await waitUntil({
    what: 'quotas to count in the real API server',
    check: async () =>
      (await both.real({ ...pod('a', some), path: `${core}/pods?dryRun=All` })).status === 201,
  });
  for (const sent of writes) {
    const [real, ours] = [await both.real(sent), await both.ours(sent)];
    const what = JSON.stringify(sent.body);
    assert.equal(ours.status, real.status, `${what} ${JSON.stringify([ours.body, real.body])}`);
    if (real.status < 300) continue;
    // Of several quotas that refuse, kube-apiserver names the one that Go's map order brings first.
    const [named, other] = [quotaNamed(ours), quotaNamed(real)];
    if (named !== undefined && other !== undefined && named !== other) continue;
    assert.deepEqual(comparable(ours), comparable(real), what);
  }
  for (const sent of quotas) {
    const { name } = (sent.body as { metadata: { name: string } }).metadata;
    const path = `${core}/resourcequotas/${name}`;
    const { body: real } = await both.real({ path });
    await waitUntil({
      what: `the status of ${name}: ${JSON.stringify(real['status'])}`,
      check: async () => {
        const { body } = await both.ours({ path });
        assert.deepEqual(valueAt(body, 'status'), valueAt(real, 'status'));
        return true;
      },
    });
  }
});
