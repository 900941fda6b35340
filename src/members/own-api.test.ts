import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type Cluster, clusterKind, clusterType, systemNamespace } from '../api/cluster.ts';
import { createApi } from '../apiserver/api.ts';
import { authenticator } from '../apiserver/auth/authenticate.ts';
import { createHandler } from '../apiserver/handler.ts';
import { inProcessTransport } from '../apiserver/in-process.ts';
import { sleep, WallClock } from '../base/clock.ts';
import { silentLogger } from '../base/log.ts';
import { SystemRandom } from '../base/random.ts';
import { Informer } from '../client/informer.ts';
import { RestClient } from '../client/rest.ts';
import type { KubeObject } from '../kube/object.ts';
import { ApiError } from '../kube/status.ts';
import { MemoryStore } from '../store/memory.ts';
import { MembersController } from './controller.ts';
import { joinedUid, unjoinFinalizer } from './join.ts';
import { nodes, SmallMember } from './small-member.ts';

const clock = new WallClock();
const random = new SystemRandom();
const configMaps = '/api/v1/namespaces/default/configmaps';

/** The federation's own API with nothing behind it. */
async function serve(t: TestContext) {
  const store = new MemoryStore({ clock, random });
  const log = silentLogger;
  const api = await createApi({ store, clock, random, logger: log, kinds: [clusterKind] });
  const handler = createHandler({
    types: api.typeSource,
    nonResources: api.nonResources,
    authenticate: authenticator({ tokens: [] }),
    authorizer: { authorize: () => ({ allowed: true, reason: '' }) } as never,
    clock,
    random,
    log,
  });
  const user = { name: 'itself', groups: ['system:masters'], extra: {} };
  const client = new RestClient(inProcessTransport(handler, user), { userAgent: 'ubernetes' });
  t.after(async () => {
    await client.transport.close();
    api.close();
    await store.close();
  });
  return { store, client };
}

async function until(what: string, check: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 1000; i++) {
    if (await check()) return;
    await sleep(clock, 10);
  }
  assert.fail(`waited in vain for ${what}`);
}

function configMap(name: string, data: Record<string, string> = {}): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data };
}

/** Keeps the process alive while only unreferenced timers wait. */
function stayAlive(t: TestContext): void {
  const timer = setInterval(() => {}, 1000);
  t.after(() => clearInterval(timer));
}

test('an informer follows our own API through restarts and compaction', async (t) => {
  stayAlive(t);
  const { store, client } = await serve(t);
  for (let i = 0; i < 20; i++) await client.create(configMaps, configMap(`c${i}`));
  const changes: string[] = [];
  const informer = new Informer<KubeObject>({ client, clock, random, target: configMaps });
  informer.onChange((key, old, now) => {
    changes.push(`${key} ${old === undefined ? '+' : now === undefined ? '-' : '~'}`);
  });
  t.after(() => informer.stop());
  informer.start();
  await informer.whenSynced();
  const own = [...informer.cache.keys()].filter((key) => /\/c\d+$/.test(key));
  assert.equal(own.length, 20);
  changes.length = 0;
  await client.remove(`${configMaps}/c3`);
  await until('the deletion', () => changes.includes('default/c3 -'));
  await client.patch(`${configMaps}/c4`, {
    type: 'application/merge-patch+json',
    body: { data: { a: 'b' } },
  });
  await until('the change', () => changes.includes('default/c4 ~'));
  assert.deepEqual(informer.cache.get('default/c4')?.['data'], { a: 'b' });
  changes.length = 0;
  informer.restart();
  await client.create(configMaps, configMap('later'));
  await until('the new one', () => informer.cache.has('default/later'));
  assert.deepEqual(changes, ['default/later +']);
  const { resourceVersion } = informer;
  await client.remove(`${configMaps}/c5`);
  await store.compact(store.revision);
  informer.restart();
  await until('the deletion behind the compaction', () => !informer.cache.has('default/c5'));
  assert.notEqual(informer.resourceVersion, resourceVersion);
  const listed = await client.list(configMaps);
  assert.deepEqual(
    [...informer.cache.values()].map(({ metadata }) => metadata.resourceVersion).sort(),
    listed.items.map(({ metadata }) => metadata.resourceVersion).sort(),
  );
});

test('Clusters are checked at the door', async (t) => {
  stayAlive(t);
  const { client } = await serve(t);
  const cluster = (spec: object, name = 'eu') => ({
    apiVersion: 'ubernetes.dev/v1alpha1',
    kind: 'Cluster',
    metadata: { name },
    spec,
  });
  const refused = [
    cluster({}),
    cluster({ server: 'nonsense' }),
    cluster({ server: 'https://h', taints: [{ key: 'a', effect: 'Never' }] }),
    cluster({ server: 'https://h' }, 'a.b'),
  ];
  for (const object of refused) {
    await assert.rejects(
      client.create(clusterType, object),
      (error) => error instanceof ApiError && error.code === 422,
    );
  }
  const made = await client.create(clusterType, cluster({ server: 'https://h' }));
  assert.equal(made.object<Cluster>().spec.server, 'https://h');
});

test('a member of our own API becomes ready, is described, and is let go', async (t) => {
  stayAlive(t);
  const { store, client } = await serve(t);
  const member = new SmallMember('uid-1');
  member.api.put(nodes, {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'n1', labels: { 'topology.kubernetes.io/region': 'r1' } },
    status: { capacity: { cpu: '4', pods: '110' } },
  });
  const controller = new MembersController({
    client,
    federation: {
      id: 'fed',
      instance: 'a',
      term: 1,
      process: 'p1',
      currentRevision: () => store.revision,
      reach: () => Number.POSITIVE_INFINITY,
    },
    openTransport: (_cluster, credential) => member.with(() => credential()?.token),
    clock,
    random,
    onTypes: () => {},
    releaseCopies: async () => {},
  });
  t.after(() => controller.stop());
  await controller.start();
  await client.create('/api/v1/namespaces', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: systemNamespace },
  });
  const secrets = `/api/v1/namespaces/${systemNamespace}/secrets`;
  await client.create(secrets, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'cluster-eu' },
    data: { token: Buffer.from('token-1').toString('base64') },
  });
  await client.create(clusterType, {
    apiVersion: 'ubernetes.dev/v1alpha1',
    kind: 'Cluster',
    metadata: { name: 'eu', annotations: { [joinedUid]: 'uid-1' } },
    spec: { server: 'https://eu', credentialsRef: { name: 'cluster-eu' } },
  });
  await until('eu to be writable', () => controller.get('eu')?.health.writable === true);
  const target = { ...clusterType, name: 'eu' };
  const read = async (): Promise<Cluster> => (await client.get(target)).object<Cluster>();
  await until('its status', async () => (await read()).status?.nodes === 1);
  const { metadata, status } = await read();
  assert.deepEqual(metadata.finalizers, [unjoinFinalizer]);
  assert.deepEqual(
    status?.conditions?.map((one) => `${one.type} ${one.status}`),
    ['Reachable True', 'Ready True', 'CredentialsValid True', 'Writable True'],
  );
  assert.deepEqual([status?.uid, status?.version, status?.region], ['uid-1', 'v1.37.2', 'r1']);
  await client.delete(target);
  await until('eu to be gone', async () => (await client.find(target)) === undefined);
  assert.equal(await client.find(`${secrets}/cluster-eu`), undefined);
  await until('its connection to be gone', () => controller.get('eu') === undefined);
});
