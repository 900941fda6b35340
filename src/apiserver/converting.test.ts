import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '../kube/object.ts';
import type { Backend, ObjectRef, PatchType } from './backend.ts';
import { refusal, settled, Watched, World, writing } from './registry/world.fixture.ts';

const v1 = 'autoscaling/v1/horizontalpodautoscalers';
const v2 = 'autoscaling/v2/horizontalpodautoscalers';

const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };

function autoscaler(spec: object): KubeObject {
  return {
    apiVersion: 'autoscaling/v1',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'web', namespace: 'default' },
    spec: { scaleTargetRef, minReplicas: 1, maxReplicas: 5, ...spec },
  };
}

interface Scene {
  readonly world: World;
  readonly backend: Backend;
  readonly ref: ObjectRef;
  patch(type: string, patch: unknown): Promise<KubeObject>;
}

async function start(spec: object = { targetCPUUtilizationPercentage: 70 }): Promise<Scene> {
  const world = await World.start({ members: true });
  const backend = world.api.typeSource.backendFor(world.type(v1));
  const body = { object: autoscaler(spec), problems: [] };
  await backend.create(world.context, world.ref(v1), body, writing);
  const ref = world.ref(v1, 'web');
  return {
    world,
    backend,
    ref,
    async patch(type, patch) {
      const media = `application/${type}` as PatchType;
      const sent = { type: media, body: Buffer.from(JSON.stringify(patch)) };
      return (await backend.patch(world.context, ref, sent, writing)).item.object();
    },
  };
}

const specOf = (object: KubeObject) => object['spec'] as Record<string, unknown>;

test('what is sent as v1 is stored as v2 and read as either', async () => {
  const { world, backend, ref } = await start();
  const stored = await world.get(world.ref(v2, 'web'));
  const target = { type: 'Utilization', averageUtilization: 70 };
  assert.deepEqual(specOf(stored)['metrics'], [
    { type: 'Resource', resource: { name: 'cpu', target } },
  ]);
  assert.equal(stored.metadata.managedFields![0]!.apiVersion, 'autoscaling/v2');
  const item = await backend.get(world.context, ref);
  assert.equal(item.object().apiVersion, 'autoscaling/v1');
  assert.equal(specOf(item.object())['targetCPUUtilizationPercentage'], 70);
  assert.equal(item.resourceVersion, stored.metadata.resourceVersion);
  assert.deepEqual(JSON.parse(item.bytes.toString()), item.object());
  const { items } = await backend.list(world.context, world.request(v1));
  assert.equal(items[0], item, 'converted twice');
});

test('one that names no metric is given one, as by kube-apiserver', async () => {
  const { world, backend, ref } = await start({});
  assert.ok(Array.isArray(specOf(await world.get(world.ref(v2, 'web')))['metrics']));
  const read = (await backend.get(world.context, ref)).object();
  assert.equal(specOf(read)['targetCPUUtilizationPercentage'], 80);
});

test('patches speak of v1 and keep what only v2 can say', async () => {
  const { world, patch } = await start();
  const behavior = { scaleDown: { selectPolicy: 'Disabled' } };
  await world.patch(world.ref(v2, 'web'), { spec: { behavior } });
  const merged = await patch('merge-patch+json', { spec: { targetCPUUtilizationPercentage: 50 } });
  assert.equal(specOf(merged)['targetCPUUtilizationPercentage'], 50);
  await patch('strategic-merge-patch+json', { metadata: { labels: { a: 'b' } } });
  await patch('json-patch+json', [{ op: 'replace', path: '/spec/maxReplicas', value: 9 }]);
  const applied = autoscaler({ targetCPUUtilizationPercentage: 60, maxReplicas: 9 });
  const ref = world.ref(v1, 'web');
  const body = Buffer.from(JSON.stringify(applied));
  const backend = world.api.typeSource.backendFor(ref.type);
  const type = 'application/apply-patch+yaml';
  const forced = { ...writing, force: true };
  await backend.patch(world.context, ref, { type, body }, forced);
  const stored = await world.get(world.ref(v2, 'web'));
  const kept = specOf(stored)['behavior'] as typeof behavior;
  assert.equal(kept.scaleDown.selectPolicy, 'Disabled');
  assert.equal(specOf(stored)['maxReplicas'], 9);
  assert.deepEqual(stored.metadata.labels, { a: 'b' });
  assert.equal(stored.metadata.annotations, undefined);
  const [metric] = specOf(stored)['metrics'] as { resource: { target: object } }[];
  const target = { type: 'Utilization', averageUtilization: 60 };
  assert.deepEqual(metric!.resource.target, target);
});

test('an update of an older version, an unknown field and a wrong type are refused', async () => {
  const { world, backend, ref, patch } = await start();
  const old = (await backend.get(world.context, ref)).object();
  await patch('merge-patch+json', { spec: { maxReplicas: 6 } });
  const body = { object: { ...old, spec: specOf(old) } as KubeObject, problems: [] };
  const stale = await refusal(backend.update(world.context, ref, body, writing));
  assert.equal(stale.reason, 'Conflict');
  const stalePatch = { metadata: { resourceVersion: '1' }, spec: { maxReplicas: 7 } };
  assert.equal((await refusal(patch('merge-patch+json', stalePatch))).reason, 'Conflict');
  const unknown = await refusal(patch('merge-patch+json', { spec: { metrics: [] } }));
  assert.match(unknown.message, /unknown field "spec.metrics"/);
  const wrong = await refusal(patch('merge-patch+json', { spec: { maxReplicas: 'x' } }));
  assert.match(wrong.message, /cannot be handled as a HorizontalPodAutoscaler/);
  const other = { object: { ...autoscaler({}), apiVersion: 'autoscaling/v2' }, problems: [] };
  const mixed = await refusal(backend.create(world.context, world.ref(v1), other, writing));
  assert.match(mixed.message, /does not match the expected API version \(autoscaling\/v1\)/);
});

test('a watch of v1 shows changes that were made as v2, and deletions', async () => {
  const { world, backend, ref } = await start();
  const abort = new AbortController();
  const context = { ...world.context, signal: abort.signal };
  const { type, namespace, labelSelector, fieldSelector } = world.request(v1);
  const selected = { type, namespace, labelSelector, fieldSelector };
  const request = { ...selected, allowWatchBookmarks: false };
  const watched = new Watched(await backend.watch(context, request), abort);
  await settled();
  await world.patch(world.ref(v2, 'web'), { spec: { maxReplicas: 7 } });
  const { item, gone } = await backend.delete(world.context, ref, {
    dryRun: false,
    preconditions: {},
  });
  assert.equal(gone, true);
  assert.equal(item.object().apiVersion, 'autoscaling/v1');
  assert.deepEqual(await watched.lines(), ['ADDED web', 'MODIFIED web', 'DELETED web']);
  for (const event of watched.events) {
    assert.equal('item' in event && event.item.object().apiVersion, 'autoscaling/v1');
  }
  watched.stop();
});
