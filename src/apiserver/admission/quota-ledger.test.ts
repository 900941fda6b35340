import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ApiError } from '../../kube/status.ts';
import { RbacIndex } from '../auth/rbac.ts';
import { World } from '../registry/world.fixture.ts';

const openWebhook = () => assert.fail('no webhook is configured');
const deployments = 'apps/v1/deployments';

function deployment(name: string, replicas: number, cpu?: string): object {
  const resources = cpu === undefined ? {} : { resources: { requests: { cpu } } };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas,
      selector: { matchLabels: { a: 'b' } },
      template: {
        metadata: { labels: { a: 'b' } },
        spec: { containers: [{ name: 'c', image: 'i', ...resources }] },
      },
    },
  };
}

async function startWorld(hard: Record<string, string>): Promise<World> {
  const world = await World.start({
    admission: { openWebhook, authorizer: new RbacIndex() },
    members: true,
  });
  const object = { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'q' } };
  await world.create('/v1/resourcequotas', { ...object, spec: { hard } });
  return world;
}

async function used(world: World): Promise<Readonly<Record<string, string>>> {
  return (await world.api.quotas!.usage('default', 'q'))!.used;
}

test('a template takes its replicas times its requests, whatever asks for more', async () => {
  const world = await startWorld({
    pods: '10',
    'requests.cpu': '2',
    'count/deployments.apps': '5',
  });
  await world.create(deployments, deployment('web', 6, '200m'));
  assert.deepEqual(await used(world), {
    pods: '6',
    'requests.cpu': '1200m',
    'count/deployments.apps': '1',
  });
  await assert.rejects(world.create(deployments, deployment('api', 5, '200m')), {
    message:
      'deployments.apps "api" is forbidden: exceeded quota: q, ' +
      'requested: pods=5,requests.cpu=1, used: pods=6,requests.cpu=1200m, limited: pods=10,requests.cpu=2',
  });
  await assert.rejects(
    world.patch(world.ref(deployments, 'web'), { spec: { replicas: 11 } }),
    /exceeded quota: q, requested: pods=5,requests.cpu=1, used: pods=6,/,
  );
  await assert.rejects(
    world.patch(world.ref(deployments, 'web', 'default', 'scale'), { spec: { replicas: 11 } }),
    /exceeded quota: q/,
  );
  await world.patch(world.ref(deployments, 'web'), { spec: { replicas: 2 } });
  assert.equal((await used(world))['pods'], '2');
  await world.create(deployments, deployment('api', 5, '200m'));
  await world.delete(world.ref(deployments, 'web'));
  await world.delete(world.ref(deployments, 'api'));
  assert.deepEqual(await used(world), {
    pods: '0',
    'requests.cpu': '0',
    'count/deployments.apps': '0',
  });
});

test('a template must say what its containers ask for, or a LimitRange says it', async () => {
  const world = await startWorld({ 'requests.cpu': '1' });
  await assert.rejects(world.create(deployments, deployment('web', 2)), {
    message:
      'deployments.apps "web" is forbidden: failed quota: q: must specify requests.cpu for: c',
  });
  const limits = [{ type: 'Container', defaultRequest: { cpu: '300m' } }];
  const limitRange = { apiVersion: 'v1', kind: 'LimitRange', metadata: { name: 'l' } };
  await world.create('/v1/limitranges', { ...limitRange, spec: { limits } });
  const made = await world.create(deployments, deployment('web', 2));
  assert.doesNotMatch(JSON.stringify(made), /300m/);
  assert.deepEqual(await used(world), { 'requests.cpu': '600m' });
  await world.delete(world.ref('/v1/limitranges', 'l'));
  assert.deepEqual(await used(world), { 'requests.cpu': '0' });
  await world.create(deployments, deployment('none', 0));
  const asking = world.patch(world.ref(deployments, 'none'), { spec: { replicas: 1 } });
  await assert.rejects(asking, /must specify/);
});

test('writes at the same time cannot pass together what one of them may not', async () => {
  const world = await startWorld({ configmaps: '3' });
  const writes = Array.from({ length: 10 }, (_, i) => world.configMap(`m${i}`));
  const outcomes = await Promise.allSettled(writes);
  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 3);
  assert.deepEqual(await used(world), { configmaps: '3' });
});

test('a dry run is checked and takes nothing', async () => {
  const world = await startWorld({ configmaps: '1' });
  const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'm' } };
  await world.create('/v1/configmaps', map, { dryRun: true });
  await world.create('/v1/configmaps', map);
  const other = { ...map, metadata: { name: 'n' } };
  await assert.rejects(world.create('/v1/configmaps', other, { dryRun: true }), /exceeded quota/);
});

test('a refused write gives back what it reserved', async () => {
  const world = await startWorld({ configmaps: '1' });
  const invalid = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'm', labels: { 'a b': '' } },
  };
  await assert.rejects(world.create('/v1/configmaps', invalid));
  const far = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'm' } };
  await assert.rejects(world.create('/v1/configmaps', far, { namespace: 'missing' }));
  await world.configMap('m');
});

test('whatever is written, what is used is what a new count finds, and never too much', async () => {
  const step = fc.record({
    name: fc.constantFrom('a', 'b', 'c'),
    does: fc.constantFrom('create', 'scale', 'delete', 'label'),
    replicas: fc.integer({ min: 0, max: 8 }),
    cpu: fc.constantFrom('100m', '250m', '1'),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const world = await startWorld({
        pods: '12',
        'requests.cpu': '4',
        'count/deployments.apps': '2',
      });
      for (const { name, does, replicas, cpu } of steps) {
        const ref = world.ref(deployments, name);
        const doing = {
          create: () => world.create(deployments, deployment(name, replicas, cpu)),
          scale: () => world.patch(ref, { spec: { replicas } }),
          delete: () => world.delete(ref),
          label: () => world.patch(ref, { metadata: { labels: { x: cpu } } }),
        }[does];
        await Promise.resolve(doing()).catch((error: unknown) => {
          if (!(error instanceof ApiError) || error.code >= 500) throw error;
        });
      }
      const kept = await used(world);
      await world.open({ admission: { openWebhook, authorizer: new RbacIndex() }, members: true });
      assert.deepEqual(await used(world), kept);
      assert.ok(Number(kept['pods']) <= 12);
    }),
    { numRuns: 12 },
  );
});

test('a status that somebody else wrote is told again, our own is not', async () => {
  const world = await startWorld({ pods: '1024m', memory: '1024Mi' });
  const quotas = world.api.quotas!;
  const told: string[] = [];
  const status = (await quotas.usage('default', 'q'))!;
  quotas.onChange((_namespace, name) => void told.push(name));
  const ref = world.ref('/v1/resourcequotas', 'q', 'default', 'status');
  await world.patch(ref, { status });
  assert.deepEqual(told, []);
  await world.patch(ref, { status: { hard: { pods: '9' } } });
  assert.deepEqual(told, ['q']);
});
