import assert from 'node:assert/strict';
import { test } from 'node:test';
import { servedVersion } from './revision.ts';
import { refusal, settled, World } from './world.fixture.ts';

const path = '/v1/configmaps';

test('a watch without a version tells what stands, then what changes', async () => {
  const world = await World.start();
  await world.configMap('a');
  const watch = await world.watch(path);
  await world.patch(world.ref(path, 'a'), { data: { k: 'v' } });
  await world.configMap('b');
  await world.delete(world.ref(path, 'a'));
  assert.deepEqual(await watch.lines(), ['ADDED a', 'MODIFIED a', 'ADDED b', 'DELETED a']);
  const deleted = watch.events[3]!;
  assert.ok('item' in deleted);
  assert.equal(deleted.item.resourceVersion, servedVersion(world.store.revision));
  assert.deepEqual(deleted.item.object()['data'], { k: 'v' });
  assert.equal(deleted.item.object().metadata.resourceVersion, deleted.item.resourceVersion);
});

test('a watch goes on from a version: from memory, and after a restart from the store', async () => {
  const world = await World.start();
  const before = (await world.list(path)).resourceVersion;
  await world.configMap('a');
  await world.patch(world.ref(path, 'a'), { data: { k: 'v' } });
  await world.delete(world.ref(path, 'a'));
  const expected = ['ADDED a', 'MODIFIED a', 'DELETED a'];
  const fromMemory = await world.watch(path, { resourceVersion: before });
  assert.deepEqual(await fromMemory.lines(), expected);
  await world.open();
  const fromStore = await world.watch(path, { resourceVersion: before });
  assert.deepEqual(await fromStore.lines(), expected);
  await world.configMap('b');
  assert.deepEqual(await fromStore.lines(), [...expected, 'ADDED b']);
});

test('an object that leaves the selection is deleted for that watch, with its last state', async () => {
  const world = await World.start();
  await world.configMap('a', { labels: { x: '1' } });
  const all = await world.watch(path, { resourceVersion: servedVersion(world.store.revision) });
  const one = await world.watch(path, { labels: 'x=1' });
  const two = await world.watch(path, { labels: 'x in (2,3)' });
  await world.patch(world.ref(path, 'a'), { metadata: { labels: { x: '2' } } });
  await world.patch(world.ref(path, 'a'), { metadata: { labels: { x: '3' } } });
  assert.deepEqual(await one.lines(), ['ADDED a', 'DELETED a']);
  assert.deepEqual(await two.lines(), ['ADDED a', 'MODIFIED a']);
  assert.deepEqual(await all.lines(), ['MODIFIED a', 'MODIFIED a']);
  const gone = one.events[1]!;
  assert.ok('item' in gone && 'item' in two.events[0]!);
  assert.equal(gone.item.labels['x'], '1');
  assert.equal(
    gone.item.resourceVersion,
    (two.events[0] as { item: typeof gone.item }).item.resourceVersion,
  );
});

test('watches of one object, one namespace and one label see only these, and share the items', async () => {
  const world = await World.start();
  const options = { resourceVersion: servedVersion(world.store.revision) };
  const byName = await world.watch(path, { ...options, fields: 'metadata.name=a' });
  const bySpace = await world.watch(path, { ...options, namespace: 'kube-system' });
  const byLabel = await world.watch(path, { ...options, labels: 'x=1' });
  const all = await world.watch(path, options);
  await world.configMap('a', { labels: { x: '1' } });
  await world.configMap('b', {}, 'kube-system');
  assert.deepEqual(await byName.lines(), ['ADDED a']);
  assert.deepEqual(await bySpace.lines(), ['ADDED b']);
  assert.deepEqual(await byLabel.lines(), ['ADDED a']);
  assert.deepEqual(await all.lines(), ['ADDED a', 'ADDED b']);
  assert.equal(all.events[0], byName.events[0]);
  assert.equal(all.events[1], bySpace.events[0]);
});

test('sendInitialEvents ends with a bookmark of the state, also when there is nothing', async () => {
  const world = await World.start();
  await world.configMap('a');
  const options = {
    sendInitialEvents: true,
    resourceVersionMatch: 'NotOlderThan',
    allowWatchBookmarks: true,
  } as const;
  const watch = await world.watch(path, options);
  assert.deepEqual(await watch.lines(), ['ADDED a', 'BOOKMARK']);
  assert.deepEqual(watch.events[1], {
    type: 'BOOKMARK',
    resourceVersion: servedVersion(world.store.revision),
    initialEventsEnd: true,
  });
  const empty = await world.watch('/v1/secrets', options);
  assert.deepEqual(await empty.lines(), ['BOOKMARK']);
  const refused = await refusal(world.watch(path, { sendInitialEvents: true }));
  assert.equal(refused.code, 422);
  assert.match(
    refused.message,
    /sendInitialEvents requires setting resourceVersionMatch to NotOlderThan/,
  );
});

test('bookmarks come every minute to those that asked', async () => {
  const world = await World.start();
  const options = { resourceVersion: servedVersion(world.store.revision) };
  const with_ = await world.watch(path, { ...options, allowWatchBookmarks: true });
  const without = await world.watch(path, options);
  await settled();
  await world.create('/v1/secrets', { metadata: { name: 's' } });
  world.clock.advance(61_000);
  assert.deepEqual(await with_.lines(), ['BOOKMARK']);
  assert.deepEqual(with_.events[0], {
    type: 'BOOKMARK',
    resourceVersion: servedVersion(world.store.revision),
    initialEventsEnd: false,
  });
  assert.deepEqual(await without.lines(), []);
});

test('a version that is forgotten ends the watch with 410', async () => {
  const world = await World.start();
  const before = servedVersion(world.store.revision);
  await world.configMap('a');
  await world.configMap('b');
  await world.store.compact(world.store.revision);
  await world.open();
  const watch = await world.watch(path, { resourceVersion: before });
  assert.deepEqual(await watch.lines(), ['ERROR']);
  const [event] = watch.events;
  assert.ok(event?.type === 'ERROR');
  assert.equal(event.status.code, 410);
  assert.equal(event.status.reason, 'Expired');
  assert.equal(watch.ended, true);
});

test('a watch ends with its request', async () => {
  const world = await World.start();
  const watch = await world.watch(path);
  await settled();
  watch.stop();
  await settled();
  assert.equal(watch.ended, true);
  await world.configMap('a');
  assert.deepEqual(await watch.lines(), []);
});
