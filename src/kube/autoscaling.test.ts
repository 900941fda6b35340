import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { autoscalerToV1, autoscalerToV2, withDefaultMetric } from './autoscaling.ts';
import type { KubeObject } from './object.ts';

const quantity = fc.constantFrom('1', '250m', '10Mi');
const percentage = fc.integer({ min: 1, max: 100 });
const name = fc.constantFrom('requests', 'queue', 'cpu', 'memory');
const identifier = fc.record(
  { name, selector: fc.constant({ matchLabels: { a: 'b' } }) },
  { requiredKeys: ['name'] },
);
const average = fc.record({ type: fc.constant('AverageValue'), averageValue: quantity });
const value = fc.record({ type: fc.constant('Value'), value: quantity });
const utilization = fc.record({ type: fc.constant('Utilization'), averageUtilization: percentage });
const describedObject = fc.constant({ apiVersion: 'v1', kind: 'Service', name: 'web' });

const metric = fc.oneof(
  fc.record({
    type: fc.constant('Resource'),
    resource: fc.record({ name, target: fc.oneof(average, utilization) }),
  }),
  fc.record({
    type: fc.constant('ContainerResource'),
    containerResource: fc.record({
      name,
      container: fc.constant('web'),
      target: fc.oneof(average, utilization),
    }),
  }),
  fc.record({
    type: fc.constant('Pods'),
    pods: fc.record({ metric: identifier, target: average }),
  }),
  fc.record({
    type: fc.constant('Object'),
    object: fc.record({ describedObject, metric: identifier, target: fc.oneof(average, value) }),
  }),
  fc.record({
    type: fc.constant('External'),
    external: fc.record({ metric: identifier, target: fc.oneof(average, value) }),
  }),
);

const rules = fc.record(
  {
    stabilizationWindowSeconds: fc.integer({ min: 0, max: 600 }),
    selectPolicy: fc.constantFrom('Max', 'Min', 'Disabled'),
    policies: fc.constant([{ type: 'Pods', value: 4, periodSeconds: 15 }]),
  },
  { requiredKeys: [] },
);

const autoscaler: fc.Arbitrary<KubeObject> = fc
  .record({
    metrics: fc.array(metric, { maxLength: 4 }),
    behavior: fc.option(fc.record({ scaleUp: rules, scaleDown: rules }), { nil: undefined }),
    annotations: fc.option(fc.constant({ mine: 'x' }), { nil: undefined }),
    conditions: fc.array(fc.constant({ type: 'AbleToScale', status: 'True' }), { maxLength: 1 }),
  })
  .map(({ metrics, behavior, annotations, conditions }) => ({
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'web', ...(annotations === undefined ? {} : { annotations }) },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
      maxReplicas: 5,
      ...(metrics.length === 0 ? {} : { metrics }),
      ...(behavior === undefined ? {} : { behavior }),
    },
    status: { currentReplicas: 1, ...(conditions.length === 0 ? {} : { conditions }) },
  }));

/** The CPU percentage is a field of its own in v1 and comes back behind the others. */
function cpuLast(object: KubeObject): KubeObject {
  const spec = object['spec'] as { metrics?: { resource?: { name: string; target: object } }[] };
  if (spec.metrics === undefined) return object;
  const isCpu = ({ resource }: (typeof spec.metrics)[number]): boolean =>
    resource?.name === 'cpu' && 'averageUtilization' in resource.target;
  const cpu = spec.metrics.filter(isCpu).slice(0, 1);
  const metrics = [...spec.metrics.filter((each) => !isCpu(each)), ...cpu];
  return { ...object, spec: { ...spec, metrics } };
}

test('whatever v2 says survives the way through v1', () => {
  fc.assert(
    fc.property(autoscaler, (made) => {
      // Some of its records have no prototype, which a strict comparison takes amiss.
      const object = structuredClone(made);
      const v1 = autoscalerToV1(object);
      assert.equal(v1.apiVersion, 'autoscaling/v1');
      const spec = v1['spec'] as object;
      assert.ok(!('metrics' in spec) && !('behavior' in spec));
      assert.deepEqual(autoscalerToV2(v1), cpuLast(object));
    }),
  );
});

test('a percentage alone needs no annotation', () => {
  const v1: KubeObject = {
    apiVersion: 'autoscaling/v1',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'web' },
    spec: { maxReplicas: 5, targetCPUUtilizationPercentage: 70 },
  };
  const v2 = autoscalerToV2(v1);
  const target = { type: 'Utilization', averageUtilization: 70 };
  const metrics = [{ type: 'Resource', resource: { name: 'cpu', target } }];
  assert.deepEqual(v2['spec'], { maxReplicas: 5, metrics });
  assert.deepEqual(autoscalerToV1(v2), v1);
  assert.equal(withDefaultMetric(v2), v2);
});

test('an annotation that holds no JSON counts for nothing', () => {
  const annotations = { 'autoscaling.alpha.kubernetes.io/metrics': '{', note: 'x' };
  const metadata = { name: 'web', annotations };
  const kind = 'HorizontalPodAutoscaler';
  const v2 = autoscalerToV2({ apiVersion: 'autoscaling/v1', kind, metadata, spec: {} });
  assert.deepEqual(v2['spec'], {});
  assert.deepEqual(v2.metadata.annotations, { note: 'x' });
});
