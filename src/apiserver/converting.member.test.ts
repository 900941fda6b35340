/** autoscaling/v1 beside v2: what a real kube-apiserver makes of the same autoscalers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requireMembers } from '../../testbed/binaries.ts';
import { startFleet } from '../../testbed/fleet.ts';
import { autoscalerToV1, autoscalerToV2, withDefaultMetric } from '../kube/autoscaling.ts';
import type { KubeObject } from '../kube/object.ts';

const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };
const selector = { matchLabels: { a: 'b' } };
const metric = { name: 'requests', selector };
const describedObject = { apiVersion: 'v1', kind: 'Service', name: 'web' };
const target = {
  utilization: { type: 'Utilization', averageUtilization: 60 },
  average: { type: 'AverageValue', averageValue: '250m' },
  value: { type: 'Value', value: '2k' },
};
const rules = {
  stabilizationWindowSeconds: 30,
  selectPolicy: 'Min',
  policies: [{ type: 'Pods', value: 4, periodSeconds: 60 }],
};

/** Specs of v2, besides the target and the bounds. */
const specs: Readonly<Record<string, object>> = {
  none: {},
  cpu: { metrics: [{ type: 'Resource', resource: { name: 'cpu', target: target.utilization } }] },
  'cpu-value': {
    metrics: [{ type: 'Resource', resource: { name: 'cpu', target: target.average } }],
  },
  memory: {
    metrics: [
      { type: 'Resource', resource: { name: 'memory', target: target.utilization } },
      { type: 'Resource', resource: { name: 'cpu', target: target.utilization } },
    ],
  },
  container: {
    metrics: [
      {
        type: 'ContainerResource',
        containerResource: { name: 'cpu', container: 'web', target: target.utilization },
      },
    ],
  },
  pods: { metrics: [{ type: 'Pods', pods: { metric, target: target.average } }] },
  object: {
    metrics: [
      { type: 'Object', object: { describedObject, metric, target: target.value } },
      { type: 'Object', object: { describedObject, metric, target: target.average } },
    ],
  },
  external: {
    metrics: [
      { type: 'External', external: { metric, target: target.value } },
      { type: 'External', external: { metric, target: target.average } },
    ],
  },
  behavior: { behavior: { scaleUp: rules, scaleDown: { selectPolicy: 'Disabled' } } },
};

const statuses: readonly object[] = [
  {
    type: 'Resource',
    resource: { name: 'cpu', current: { averageUtilization: 5, averageValue: '5m' } },
  },
  { type: 'Pods', pods: { metric, current: { averageValue: '1' } } },
  { type: 'Object', object: { describedObject, metric, current: { value: '3' } } },
  { type: 'External', external: { metric, current: { value: '3', averageValue: '1' } } },
];

test('autoscalers are converted as a real kube-apiserver converts them', async (t) => {
  if (!(await requireMembers(t, 'bare'))) return;
  await using fleet = await startFleet({ members: [{ name: 'real', full: false }] });
  const { client } = fleet.members[0]!;
  const path = (version: string, name = '', more = ''): string =>
    `/apis/autoscaling/${version}/namespaces/default/horizontalpodautoscalers${name && `/${name}`}${more}`;
  const read = async (version: string, name: string): Promise<KubeObject> =>
    (await client.must({ path: path(version, name) })) as KubeObject;
  for (const [name, more] of Object.entries(specs)) {
    const spec = { scaleTargetRef, minReplicas: 1, maxReplicas: 5, ...more };
    const metadata = { name, annotations: { note: 'mine' } };
    const kind = 'HorizontalPodAutoscaler';
    const body = { apiVersion: 'autoscaling/v2', kind, metadata, spec };
    await client.must({ method: 'POST', path: path('v2'), body });
    const status = {
      currentReplicas: 1,
      desiredReplicas: 2,
      currentMetrics: statuses,
      conditions: [
        {
          type: 'AbleToScale',
          status: 'True',
          reason: 'Tested',
          lastTransitionTime: '2026-01-01T00:00:00Z',
        },
      ],
    };
    await client.must({ method: 'PATCH', path: path('v2', name, '/status'), body: { status } });
    const [v1, v2] = [await read('v1', name), await read('v2', name)];
    assert.deepEqual(plain(autoscalerToV1(v2)), plain(v1), name);
    assert.deepEqual(plain(autoscalerToV2(v1)), plain(cpuLast(v2)), name);
  }
  for (const more of [{}, { targetCPUUtilizationPercentage: 70 }]) {
    const spec = { scaleTargetRef, minReplicas: 1, maxReplicas: 5, ...more };
    const kind = 'HorizontalPodAutoscaler';
    const sent = { apiVersion: 'autoscaling/v1', kind, metadata: { name: 'made' }, spec };
    await client.must({ method: 'POST', path: path('v1'), body: sent });
    const made = await read('v2', 'made');
    assert.deepEqual(withDefaultMetric(autoscalerToV2(sent))['spec'], made['spec']);
    await client.must({ method: 'DELETE', path: path('v1', 'made') });
  }
});

/** With annotations parsed, in which only the values count. */
function plain(object: KubeObject): unknown {
  const { managedFields: _, annotations = {}, ...metadata } = object.metadata;
  const parsed = Object.entries(annotations).map(([name, value]) => {
    return [name, value.startsWith('[') || value.startsWith('{') ? JSON.parse(value) : value];
  });
  return { ...object, metadata: { ...metadata, annotations: Object.fromEntries(parsed) } };
}

/** The percentage is a field of its own in v1 and comes back behind the others. */
function cpuLast(object: KubeObject): KubeObject {
  const spec = object['spec'] as { metrics?: { resource?: { name: string; target: object } }[] };
  const { metrics = [] } = spec;
  const last = metrics.filter(
    ({ resource }) => resource?.name === 'cpu' && 'averageUtilization' in resource.target,
  );
  const others = metrics.filter((each) => !last.includes(each));
  return {
    ...object,
    spec: { ...spec, ...(metrics.length > 0 && { metrics: [...others, ...last] }) },
  };
}
