import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tombstoneKind, tombstoneType } from '../../api/records.ts';
import { refusal, World } from './world.fixture.ts';

test('an object with finalizers waits for them, the last one lets it go', async () => {
  const world = await World.start();
  const ref = world.ref('/v1/configmaps', 'a');
  const metadata = { name: 'a', finalizers: ['example.test/a', 'example.test/b'] };
  await world.create('/v1/configmaps', { metadata });
  const first = await world.delete(ref);
  assert.equal(first.gone, false);
  assert.equal(first.item.object().metadata.deletionTimestamp, '2026-01-01T00:00:00Z');
  const again = await world.delete(ref);
  assert.equal(again.item.resourceVersion, first.item.resourceVersion);
  await world.patch(ref, { metadata: { finalizers: ['example.test/b'] } });
  const added = { metadata: { finalizers: ['example.test/b', 'example.test/c'] } };
  assert.equal((await refusal(world.patch(ref, added))).code, 422);
  await world.patch(ref, { metadata: { finalizers: null } });
  assert.equal((await refusal(world.get(ref))).code, 404);
});

test('preconditions that do not hold keep an object', async () => {
  const world = await World.start();
  const made = await world.configMap('a');
  const ref = world.ref('/v1/configmaps', 'a');
  const wrong = await refusal(world.delete(ref, { preconditions: { uid: 'other' } }));
  assert.match(
    wrong.message,
    /the UID in the precondition \(other\) does not match the UID in record/,
  );
  const version = { resourceVersion: '1' };
  assert.equal((await refusal(world.delete(ref, { preconditions: version }))).code, 409);
  const { gone } = await world.delete(ref, { preconditions: { uid: made.metadata.uid! } });
  assert.equal(gone, true);
  assert.equal((await refusal(world.delete(ref))).code, 404);
});

test('a finalizer of the garbage collector is set only where there is one', async () => {
  const world = await World.start();
  await world.configMap('a');
  const ref = world.ref('/v1/configmaps', 'a');
  assert.equal((await world.delete(ref, { propagationPolicy: 'Foreground' })).gone, true);
  await world.open({ processes: (type) => type.resource === 'configmaps' });
  await world.configMap('b');
  const other = world.ref('/v1/configmaps', 'b');
  const waiting = await world.delete(other, { propagationPolicy: 'Foreground' });
  assert.equal(waiting.gone, false);
  assert.deepEqual(waiting.item.object().metadata.finalizers, ['foregroundDeletion']);
});

test('records that go with a removal are in the same commit', async () => {
  const world = await World.start({
    kinds: [tombstoneKind],
    companions: ({ item, user }) => [
      {
        type: tombstoneType,
        object: {
          apiVersion: '',
          kind: '',
          metadata: { name: item.uid },
          spec: { deletedBy: user.name },
        },
      },
    ],
  });
  const made = await world.configMap('a');
  const changes: string[][] = [];
  world.store.subscribe((commit) => changes.push(commit.map(({ key }) => key)));
  await world.delete(world.ref('/v1/configmaps', 'a'));
  assert.deepEqual(changes, [
    [
      '/registry/core/configmaps/default/a',
      `/registry/records.ubernetes.dev/tombstones/${made.metadata.uid}`,
    ],
  ]);
  const ref = { type: tombstoneType, namespace: '', name: made.metadata.uid! };
  const tombstone = await world.get(ref);
  assert.equal(tombstone.kind, 'Tombstone');
  assert.deepEqual(tombstone['spec'], { deletedBy: 'ada' });
});

test('deletecollection deletes what is selected and nothing else', async () => {
  const world = await World.start();
  for (const name of ['a', 'b', 'c'])
    await world.configMap(name, { labels: { keep: name === 'b' ? 'yes' : 'no' } });
  const request = world.request('/v1/configmaps', { namespace: 'default', labels: 'keep=no' });
  const deleted = await world.api.registry.deleteCollection(world.context, request, {
    dryRun: false,
    preconditions: {},
  });
  assert.deepEqual(
    deleted.items.map(({ name }) => name),
    ['a', 'c'],
  );
  const left = await world.list('/v1/configmaps', { namespace: 'default' });
  assert.deepEqual(
    left.items.map(({ name }) => name),
    ['b'],
  );
});

test('a namespace terminates, takes nothing new, and goes when it is finalized', async () => {
  const world = await World.start();
  const made = await world.create('/v1/namespaces', { metadata: { name: 'team' } });
  assert.deepEqual(made['spec'], { finalizers: ['kubernetes'] });
  assert.deepEqual(made['status'], { phase: 'Active' });
  const ref = world.ref('/v1/namespaces', 'team');
  const { item, gone } = await world.delete(ref);
  assert.equal(gone, false);
  assert.equal((item.object()['status'] as { phase: string }).phase, 'Terminating');
  const refused = await refusal(world.configMap('a', {}, 'team'));
  assert.equal(refused.status.details?.causes?.[0]?.reason, 'NamespaceTerminating');
  await world.patch(ref, { spec: { finalizers: [] } });
  assert.deepEqual((await world.get(ref))['spec'], { finalizers: ['kubernetes'] });
  await world.update(
    { ...ref, subresource: 'finalize' },
    { ...item.object(), spec: { finalizers: [] } },
  );
  assert.equal((await refusal(world.get(ref))).code, 404);
  const immortal = await refusal(world.delete(world.ref('/v1/namespaces', 'kube-system')));
  assert.equal(immortal.code, 403);
});
