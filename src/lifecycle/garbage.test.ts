import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { settled, type World } from '../apiserver/registry/world.fixture.ts';
import type { KubeObject, OwnerReference } from '../kube/object.ts';
import { GarbageCollector } from './garbage.ts';
import { ownApi, until } from './own-api.fixture.ts';

const configMaps = '/v1/configmaps';

async function collecting() {
  const api = await ownApi({ processes: () => true });
  const collector = new GarbageCollector(api);
  await collector.start();
  return { world: api.world, stop: () => collector.stop() };
}

function ownedBy(owner: KubeObject, more: Partial<OwnerReference> = {}): OwnerReference {
  const { apiVersion, kind, metadata } = owner;
  return { apiVersion, kind, name: metadata.name!, uid: metadata.uid!, ...more };
}

function make(world: World, name: string, owners: readonly OwnerReference[], namespace?: string) {
  const metadata = { name, ownerReferences: [...owners] };
  return world.create(configMaps, { metadata }, namespace === undefined ? {} : { namespace });
}

async function names(world: World, namespace = 'default'): Promise<string[]> {
  return (await world.list(configMaps, { namespace })).items.map(({ name }) => name);
}

async function quiet(world: World): Promise<void> {
  for (let i = 0; i < 20; i++) {
    await settled();
    world.clock.advance(100);
  }
}

test('dependents go after their owner, theirs after them; a second owner keeps one', async () => {
  const { world, stop } = await collecting();
  try {
    const [owner, other] = [await make(world, 'owner', []), await make(world, 'other', [])];
    const child = await make(world, 'child', [ownedBy(owner)]);
    await make(world, 'grandchild', [ownedBy(child)]);
    await make(world, 'shared', [ownedBy(owner), ownedBy(other)]);
    await world.delete(world.ref(configMaps, 'owner'), { propagationPolicy: 'Background' });
    await until(world, async () => (await names(world)).length === 2);
    assert.deepEqual(await names(world), ['other', 'shared']);
    const shared = world.ref(configMaps, 'shared');
    await until(
      world,
      async () => (await world.get(shared)).metadata.ownerReferences?.length === 1,
    );
    assert.equal((await world.get(shared)).metadata.ownerReferences![0]!.uid, other.metadata.uid);
  } finally {
    await stop();
  }
});

test('an owner that is deleted in the foreground waits for those that block it only', async () => {
  const { world, stop } = await collecting();
  try {
    const owner = await make(world, 'owner', []);
    const finalizers = ['example.test/wait'];
    const blocks = ownedBy(owner, { blockOwnerDeletion: true });
    const waiting = { metadata: { name: 'blocks', finalizers, ownerReferences: [blocks] } };
    await world.create(configMaps, waiting);
    const loose = { metadata: { name: 'loose', finalizers, ownerReferences: [ownedBy(owner)] } };
    await world.create(configMaps, loose);
    await world.delete(world.ref(configMaps, 'owner'), { propagationPolicy: 'Foreground' });
    await quiet(world);
    const marked = await world.get(world.ref(configMaps, 'owner'));
    assert.deepEqual(marked.metadata.finalizers, ['foregroundDeletion']);
    for (const name of ['blocks', 'loose'])
      assert.ok((await world.get(world.ref(configMaps, name))).metadata.deletionTimestamp);
    await world.patch(world.ref(configMaps, 'blocks'), { metadata: { finalizers: null } });
    await until(world, async () => (await names(world)).join() === 'loose');
  } finally {
    await stop();
  }
});

test('orphaned dependents stay and forget their owner', async () => {
  const { world, stop } = await collecting();
  try {
    const owner = await make(world, 'owner', []);
    await make(world, 'child', [ownedBy(owner)]);
    await world.delete(world.ref(configMaps, 'owner'), { propagationPolicy: 'Orphan' });
    await until(world, async () => (await names(world)).join() === 'child');
    const child = await world.get(world.ref(configMaps, 'child'));
    assert.equal(child.metadata.ownerReferences, undefined);
  } finally {
    await stop();
  }
});

test('an owner of that name with another uid is none, nor is one elsewhere: told', async () => {
  const { world, stop } = await collecting();
  try {
    await world.create('/v1/namespaces', { metadata: { name: 'team' } });
    const owner = await make(world, 'owner', []);
    await make(world, 'stale', [ownedBy(owner, { uid: 'another' })]);
    await make(world, 'far', [ownedBy(owner)], 'team');
    await until(world, async () => (await names(world)).join() === 'owner');
    await until(world, async () => (await names(world, 'team')).length === 0);
    const { items } = await world.list('/v1/events', { namespace: 'team' });
    const event = items[0]!.object();
    assert.equal(event['reason'], 'OwnerRefInvalidNamespace');
    const uid = owner.metadata.uid;
    assert.equal(
      event['message'],
      `ownerRef [v1/ConfigMap, namespace: team, name: owner, uid: ${uid}] does not exist in namespace "team"`,
    );
  } finally {
    await stop();
  }
});

test('a cluster-scoped object cannot be owned from a namespace; an unknown kind is waited for', async () => {
  const { world, stop } = await collecting();
  try {
    const owner = await make(world, 'owner', []);
    const role = { metadata: { name: 'r', ownerReferences: [ownedBy(owner)] }, rules: [] };
    await world.create('rbac.authorization.k8s.io/v1/clusterroles', role);
    const gadget = { apiVersion: 'example.test/v1', kind: 'Gadget', name: 'g', uid: 'g' };
    await make(world, 'gadgets', [gadget]);
    await world.delete(world.ref(configMaps, 'owner'), { propagationPolicy: 'Background' });
    await quiet(world);
    assert.deepEqual(await names(world), ['gadgets']);
    assert.ok(await world.get(world.ref('rbac.authorization.k8s.io/v1/clusterroles', 'r')));
  } finally {
    await stop();
  }
});

test('a circle that blocks itself goes all the same', async () => {
  const { world, stop } = await collecting();
  try {
    const blocking = { blockOwnerDeletion: true };
    const a = await make(world, 'a', []);
    const b = await make(world, 'b', [ownedBy(a, blocking)]);
    const c = await make(world, 'c', [ownedBy(b, blocking)]);
    const ownerReferences = [ownedBy(c, blocking)];
    await world.patch(world.ref(configMaps, 'a'), { metadata: { ownerReferences } });
    await world.delete(world.ref(configMaps, 'a'), { propagationPolicy: 'Foreground' });
    await until(world, async () => (await names(world)).length === 0);
  } finally {
    await stop();
  }
});

test('what was left undone is found at the next start', async () => {
  const api = await ownApi({ processes: () => true });
  const owner = await make(api.world, 'owner', []);
  await make(api.world, 'child', [ownedBy(owner)]);
  await api.world.delete(api.world.ref(configMaps, 'owner'), { propagationPolicy: 'Background' });
  const collector = new GarbageCollector(api);
  await collector.start();
  await until(api.world, async () => (await names(api.world)).length === 0);
  await collector.stop();
});

test('in any forest, what is left is what no removed root alone held up', async () => {
  const forest = fc.array(fc.tuple(fc.nat(7), fc.nat(7), fc.boolean()), { maxLength: 12 });
  const removed = fc.array(fc.tuple(fc.nat(2), fc.constantFrom('Background', 'Foreground')), {
    minLength: 1,
    maxLength: 3,
  });
  await fc.assert(
    fc.asyncProperty(forest, removed, async (children, roots) => {
      const { world, stop } = await collecting();
      try {
        const made: KubeObject[] = [];
        const ownersOf: number[][] = [];
        for (let i = 0; i < 3; i++) {
          made.push(await make(world, `n${i}`, []));
          ownersOf.push([]);
        }
        for (const [first, second, blockOwnerDeletion] of children) {
          const owners = [...new Set([first % made.length, second % made.length])];
          const name = `n${made.length}`;
          const references = owners.map((i) => ownedBy(made[i]!, { blockOwnerDeletion }));
          ownersOf.push(owners);
          made.push(await make(world, name, references));
        }
        const gone = new Set(roots.map(([root]) => root));
        for (const [root, propagationPolicy] of roots)
          await world
            .delete(world.ref(configMaps, `n${root}`), {
              propagationPolicy: propagationPolicy as 'Background',
            })
            .catch(() => {});
        for (const [i, owners] of ownersOf.entries())
          if (owners.length > 0 && owners.every((owner) => gone.has(owner))) gone.add(i);
        const left = made.flatMap(({ metadata }, i) => (gone.has(i) ? [] : [metadata.name!]));
        await until(world, async () => (await names(world)).join() === left.sort().join());
        await quiet(world);
        assert.deepEqual(await names(world), left);
      } finally {
        await stop();
      }
    }),
    { numRuns: 30, seed: 1 },
  );
});
