/** Bugs that fleets have found, each as the few steps that show it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterType } from '../src/api/cluster.ts';
import type { RestClient } from '../src/client/rest.ts';
import { type KubeObject, valueAt } from '../src/kube/object.ts';
import { pathOf, type ResourceType } from '../src/kube/resource.ts';
import { unjoinAnnotations } from '../src/members/unjoin.ts';
import { selectorAnnotation } from '../src/placement/preferences.ts';
import { overloaded, sound } from './faulty-line.ts';
import { runFleet } from './fleet.ts';
import { type Mirror, storeKey } from './mirror.ts';
import { type Plant, World } from './world.ts';

type Type = Pick<ResourceType, 'group' | 'version' | 'resource'>;

const configMaps: Type = { group: '', version: 'v1', resource: 'configmaps' };
const statefulSets: Type = { group: 'apps', version: 'v1', resource: 'statefulsets' };
const clusters = ['alder', 'birch', 'cedar'];

/** A fleet of three members in which nothing happens by itself. */
async function fleet(t: { after(run: () => Promise<void>): void }, plant?: Plant) {
  const world = new World({
    seed: 1,
    members: clusters.length,
    observers: [],
    onServe: () => {},
    ...(plant === undefined ? {} : { plant }),
  });
  t.after(() => world.close());
  await world.start();
  const user = <T>(ask: (client: RestClient) => Promise<T>): Promise<T> =>
    world.timeline.finish(ask(world.process!.client('user')), 10_000);
  const copy = (cluster: string, type: Type, name: string): KubeObject | undefined =>
    inMirror(world.members.get(cluster)!.mirror, type, name);
  const entry = async (name: string, cluster: string) => {
    const distributions = {
      group: 'ubernetes.dev',
      version: 'v1alpha1',
      resource: 'distributions',
    };
    const path = pathOf({ ...distributions, namespace: 'default', name });
    const { status } = (await user((client) => client.get(path))).object() as unknown as {
      status: { clusters: { name: string; state: string; reason: string }[] };
    };
    return status.clusters.find((each) => each.name === cluster);
  };
  return { world, user, copy, entry };
}

function inMirror(mirror: Mirror, type: Type, name: string): KubeObject | undefined {
  return mirror.get(storeKey({ ...type, namespace: 'default', name }));
}

function configMap(value: string, name = 'a'): object {
  const metadata = { name, namespace: 'default' };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { value } };
}

function statefulSet(replicas: number): object {
  const labels = { app: 'db' };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'db', namespace: 'default' },
    spec: {
      ...{ replicas, serviceName: 'none', selector: { matchLabels: labels } },
      template: { metadata: { labels }, spec: { containers: [{ name: 'main', image: 'db:1' }] } },
    },
  };
}

const collection = pathOf({ ...configMaps, namespace: 'default' });
const path = `${collection}/a`;

test('a template made anew takes over the copies of a history that was lost (seed 63)', async (t) => {
  const { world, user, copy } = await fleet(t);
  const backup = world.backup()!;
  await user((client) => client.create(collection, configMap('before')));
  await world.timeline.run(5000);
  const before = clusters.map((name) => copy(name, configMaps, 'a')!.metadata.uid);
  world.restore(backup);
  await world.startFederation();
  await world.acceptRollback();
  await user((client) => client.create(collection, configMap('after')));
  await world.timeline.run(10_000);
  for (const [i, name] of clusters.entries()) {
    const { data, metadata } = copy(name, configMaps, 'a') as unknown as {
      data: object;
      metadata: KubeObject['metadata'];
    };
    assert.deepEqual(data, { value: 'after' }, name);
    assert.equal(metadata.uid, before[i], 'what runs goes on running');
  }
});

test('a restored backup does not write, though it has overtaken the leases and was started again', async (t) => {
  const { world, user, copy } = await fleet(t);
  const backup = world.backup()!;
  const written = world.process!.store.revision;
  await user((client) => client.create(collection, configMap('lost')));
  await world.timeline.run(15_000);
  for (const { line } of world.members.values()) line.set({ kind: 'refusing' });
  world.restore(backup);
  await world.startFederation();
  for (let i = 0; i < 50; i++)
    await user((client) => client.create(collection, configMap('new', `b${i}`)));
  assert.ok(world.process!.store.revision > written + 50);
  await world.stopFederation();
  await world.startFederation();
  for (const { line } of world.members.values()) line.set(sound);
  await world.timeline.run(60_000);
  for (const name of clusters) {
    assert.equal(world.process!.federation!.members.get(name)?.health.reason, 'RevisionAhead');
    assert.equal(copy(name, configMaps, 'b0'), undefined, `${name} was written to`);
  }
  await world.acceptRollback();
  await world.timeline.run(30_000);
  for (const name of clusters) assert.ok(copy(name, configMaps, 'b0') !== undefined, name);
  await world.stopFederation();
  await world.startFederation();
  await world.timeline.run(10_000);
  for (const name of clusters)
    assert.equal(world.process!.federation!.members.get(name)?.health.writable, true);
});

test('a rollback that was accepted while members were away holds for them (seed 40345)', async (t) => {
  const { world, user, copy } = await fleet(t);
  const backup = world.backup()!;
  await user((client) => client.create(collection, configMap('lost')));
  await world.timeline.run(15_000);
  for (const { line } of world.members.values()) line.set({ kind: 'refusing' });
  world.restore(backup);
  await world.startFederation();
  await world.acceptRollback();
  await user((client) => client.create(collection, configMap('new', 'b')));
  await world.timeline.run(30_000);
  for (const { line } of world.members.values()) line.set(sound);
  await world.timeline.run(60_000);
  for (const name of clusters) assert.ok(copy(name, configMaps, 'b') !== undefined, name);
});

test('what may run once is taken over where it runs, not begun elsewhere', async (t) => {
  const { world, user, copy } = await fleet(t);
  const sets = pathOf({ ...statefulSets, namespace: 'default' });
  const homes = () => clusters.filter((name) => copy(name, statefulSets, 'db') !== undefined);
  const cordon = (name: string) => ({
    type: 'application/merge-patch+json' as const,
    body: { spec: { unschedulable: true } },
    path: pathOf({ ...clusterType, name }),
  });
  await user((client) => client.create(sets, statefulSet(1)));
  await world.timeline.run(5000);
  const [natural = ''] = homes();
  await user((client) => client.remove(`${sets}/db`));
  await world.timeline.run(5000);
  const backup = world.backup()!;
  const { path, ...patch } = cordon(natural);
  await user((client) => client.patch(path, patch));
  await user((client) => client.create(sets, statefulSet(1)));
  await world.timeline.run(5000);
  const [chosen] = homes();
  assert.notEqual(chosen, natural);
  world.restore(backup);
  await world.startFederation();
  await world.acceptRollback();
  await user((client) => client.create(sets, statefulSet(2)));
  await world.timeline.run(10_000);
  assert.deepEqual(homes(), [chosen]);
});

test('a member that was away while an object was made anew gets the new one at once', async (t) => {
  const { world, user, copy } = await fleet(t);
  await user((client) => client.create(collection, configMap('first')));
  await world.timeline.run(5000);
  const { line } = world.members.get('alder')!;
  line.set({ kind: 'refusing' });
  await world.timeline.run(60_000);
  await user((client) => client.remove(path));
  await user((client) => client.create(collection, configMap('second')));
  await world.timeline.run(60_000);
  line.set(sound);
  await world.timeline.run(30_000);
  assert.deepEqual(copy('alder', configMaps, 'a')?.['data'], { value: 'second' });
});

test('a name whose copies were let go is seen to be taken', async (t) => {
  const { world, user, copy, entry } = await fleet(t);
  await user((client) => client.create(collection, configMap('first')));
  await world.timeline.run(5000);
  await user((client) => client.delete(path, { propagationPolicy: 'Orphan' }));
  await user((client) => client.create(collection, configMap('second')));
  await world.timeline.run(5000);
  assert.deepEqual(copy('alder', configMaps, 'a')?.['data'], { value: 'first' });
  assert.equal((await entry('a.configmaps', 'alder'))?.state, 'NameTaken');
});

test('a member that refuses a deletion is asked again ever more slowly', async (t) => {
  let asked = 0;
  const refusing: Plant = {
    wire: (inner, { name }) => ({
      request: (request) => {
        const meant = name === 'alder' && request.method === 'DELETE';
        if (!meant) return inner.request(request);
        asked++;
        return Promise.resolve(overloaded(500));
      },
      close: () => inner.close(),
    }),
  };
  const { world, user } = await fleet(t, refusing);
  await user((client) => client.create(collection, configMap('first')));
  await world.timeline.run(5000);
  await user((client) => client.remove(path));
  await world.timeline.run(60_000);
  assert.ok(asked >= 3 && asked < 20, `${asked} requests in a minute`);
});

test('a member that deletes a copy at once gets it again ever more slowly', async (t) => {
  let made = 0;
  const janitor: Plant = {
    wire: (inner, { name }) => ({
      request: async (request) => {
        const response = await inner.request(request);
        const meant = name === 'alder' && request.path.startsWith(collection);
        if (!meant || request.method !== 'POST') return response;
        made++;
        await inner.request({ method: 'DELETE', path });
        return response;
      },
      close: () => inner.close(),
    }),
  };
  const { world, user, entry } = await fleet(t, janitor);
  await user((client) => client.create(collection, configMap('first')));
  await world.timeline.run(60_000);
  assert.ok(made >= 4 && made < 10, `made ${made} times in a minute`);
  assert.equal((await entry('a.configmaps', 'alder'))?.state, 'Drifted');
});

test('an earlier copy that still stands counts for nothing in the status', async (t) => {
  const { world, user, copy } = await fleet(t);
  const sets = pathOf({ ...statefulSets, namespace: 'default' });
  await user((client) => client.create(sets, statefulSet(3)));
  await world.timeline.run(5000);
  const home = clusters.find((name) => copy(name, statefulSets, 'db') !== undefined)!;
  const hold = { type: 'application/merge-patch+json', body: finalized } as const;
  const { client } = world.members.get(home)!.sandbox;
  await world.timeline.finish(client.patch(`${sets}/db`, hold), 10_000);
  await user((client) => client.remove(`${sets}/db`));
  await user((client) => client.create(sets, statefulSet(3)));
  await world.timeline.run(5000);
  assert.ok(copy(home, statefulSets, 'db')?.metadata.deletionTimestamp !== undefined);
  const answer = await user((client) => client.get(`${sets}/db`));
  assert.equal(valueAt(answer.object(), 'status', 'readyReplicas') ?? 0, 0);
});

const finalized = { metadata: { finalizers: ['example.com/hold'] } };

test('a copy whose answer was lost goes when its cluster is no longer chosen', async (t) => {
  const { world, user, copy, entry } = await fleet(t);
  await user((client) => client.create(collection, configMap('so that they are watched', 'b')));
  await world.timeline.run(5000);
  const { line } = world.members.get('alder')!;
  line.set({ kind: 'deaf' });
  await user((client) => client.create(collection, configMap('a')));
  await world.timeline.run(1000);
  assert.ok(copy('alder', configMaps, 'a') !== undefined, 'made, though nobody was told');
  const away = { metadata: { annotations: { [selectorAnnotation]: onlyGold } } };
  await user((client) => client.patch(path, { type: 'application/merge-patch+json', body: away }));
  const alder = pathOf({ ...clusterType, name: 'alder' });
  const tin = { metadata: { labels: { tier: 'tin' } } };
  await user((client) => client.patch(alder, { type: 'application/merge-patch+json', body: tin }));
  await world.timeline.run(60_000);
  line.set(sound);
  await world.timeline.run(60_000);
  assert.equal(copy('alder', configMaps, 'a'), undefined);
  assert.equal((await entry('a.configmaps', 'alder'))?.state, 'NotChosen');
});

test('a copy that lost its label goes with its template (seed 10024)', async (t) => {
  const { world, user, copy } = await fleet(t);
  await user((client) => client.create(collection, configMap('first')));
  await world.timeline.run(5000);
  const { line, sandbox } = world.members.get('alder')!;
  line.set({ kind: 'busy', status: 429, share: 1 });
  const labels = { 'ubernetes.dev/federation': null };
  const robbed = { type: 'application/merge-patch+json', body: { metadata: { labels } } } as const;
  await world.timeline.finish(sandbox.client.patch(path, robbed), 10_000);
  await world.timeline.run(1000);
  await user((client) => client.remove(path));
  await world.timeline.run(1000);
  assert.ok(copy('alder', configMaps, 'a') !== undefined, 'nothing could be written');
  line.set(sound);
  await world.timeline.run(60_000);
  assert.equal(copy('alder', configMaps, 'a'), undefined);
});

test('a copy that lost its label goes when its cluster is no longer chosen (seed 10087)', async (t) => {
  const { world, user, copy } = await fleet(t);
  await user((client) => client.create(collection, configMap('first')));
  await world.timeline.run(5000);
  const { line, sandbox } = world.members.get('alder')!;
  line.set({ kind: 'busy', status: 429, share: 1 });
  const away = { metadata: { annotations: { [selectorAnnotation]: onlyGold } } };
  const type = 'application/merge-patch+json' as const;
  await user((client) => client.patch(path, { type, body: away }));
  const tin = { metadata: { labels: { tier: 'tin' } } };
  const alder = pathOf({ ...clusterType, name: 'alder' });
  await user((client) => client.patch(alder, { type, body: tin }));
  const robbed = { metadata: { labels: { 'ubernetes.dev/federation': null } } };
  await world.timeline.run(20_000);
  await world.timeline.finish(sandbox.client.patch(path, { type, body: robbed }), 10_000);
  await world.timeline.run(5000);
  assert.ok(copy('alder', configMaps, 'a') !== undefined, 'nothing could be written');
  line.set(sound);
  await world.timeline.run(60_000);
  assert.equal(copy('alder', configMaps, 'a'), undefined);
});

test('who takes back that copies go with their cluster keeps those that still stand (seed 30007)', async (t) => {
  const { world, user, copy } = await fleet(t);
  const names = Array.from({ length: 12 }, (_, i) => `c${i}`);
  for (const name of names)
    await user((client) => client.create(collection, configMap('kept', name)));
  await world.timeline.run(5000);
  const { line } = world.members.get('alder')!;
  line.set({ kind: 'slow', ms: 500 });
  const alder = pathOf({ ...clusterType, name: 'alder' });
  const wish = (value: 'true' | null) => ({
    type: 'application/merge-patch+json' as const,
    body: { metadata: { annotations: { [unjoinAnnotations.deleteCopies]: value } } },
  });
  const standing = () => names.filter((name) => copy('alder', configMaps, name) !== undefined);
  await user((client) => client.patch(alder, wish('true')));
  await user((client) => client.remove(alder));
  await world.timeline.run(60_000, () => standing().length < names.length);
  await user((client) => client.patch(alder, wish(null)));
  const asked = standing();
  await world.timeline.run(60_000);
  assert.ok(asked.length >= 10, `${asked.length} stood when it was taken back`);
  // One deletion was on its way.
  assert.ok(standing().length >= asked.length - 1, `${standing().length} of ${asked.length} stand`);
  for (const name of standing()) {
    const { labels, annotations } = copy('alder', configMaps, name)!.metadata;
    assert.deepEqual({ ...labels, ...annotations }, {}, 'it carries no mark');
  }
});

test('a copy that lost its label goes with its cluster (seed 40041)', async (t) => {
  const { world, user, copy } = await fleet(t);
  await user((client) => client.create(collection, configMap('first')));
  await user((client) => client.create(collection, configMap('deleted', 'b')));
  await world.timeline.run(5000);
  const { line, sandbox } = world.members.get('alder')!;
  line.set({ kind: 'busy', status: 429, share: 1 });
  const type = 'application/merge-patch+json' as const;
  const robbed = { metadata: { labels: { 'ubernetes.dev/federation': null } } };
  for (const name of ['a', 'b']) {
    const patched = sandbox.client.patch(`${collection}/${name}`, { type, body: robbed });
    await world.timeline.finish(patched, 10_000);
  }
  await user((client) => client.remove(`${collection}/b`));
  const alder = pathOf({ ...clusterType, name: 'alder' });
  const annotations = { [unjoinAnnotations.deleteCopies]: 'true' };
  await user((client) => client.patch(alder, { type, body: { metadata: { annotations } } }));
  await user((client) => client.remove(alder));
  await world.timeline.run(10_000);
  line.set(sound);
  await world.timeline.run(60_000);
  assert.equal(await user((client) => client.find(alder)), undefined, 'it has left');
  for (const name of ['a', 'b']) assert.equal(copy('alder', configMaps, name), undefined, name);
});

test('the status of a copy is not missed while sets of fields are held once (seed 40452)', async () => {
  const report = await runFleet({ seed: 40452 });
  assert.deepEqual(report.violations, []);
});

const onlyGold = JSON.stringify([{ key: 'tier', operator: 'In', values: ['gold'] }]);
