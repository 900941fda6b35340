import assert from 'node:assert/strict';
import { test } from 'node:test';
import { servedVersion } from './revision.ts';
import { refusal, World } from './world.fixture.ts';

const path = '/v1/configmaps';

async function withConfigMaps(names: readonly string[]): Promise<World> {
  const world = await World.start();
  for (const name of names) await world.configMap(name, { labels: { of: name.slice(0, 1) } });
  return world;
}

const names = (result: { items: readonly { name: string }[] }): string[] =>
  result.items.map(({ name }) => name);

test('a list without a version shows the newest state and says which', async () => {
  const world = await withConfigMaps(['b', 'a', 'c']);
  const result = await world.list(path);
  assert.deepEqual(names(result), ['a', 'b', 'c']);
  assert.equal(result.resourceVersion, servedVersion(world.store.revision));
  assert.equal(result.continue, undefined);
});

test('namespace, labels and fields select', async () => {
  const world = await withConfigMaps(['a1', 'a2', 'b1']);
  await world.configMap('a3', { labels: { of: 'a' } }, 'kube-system');
  const cases: [object, string[]][] = [
    [{ namespace: 'default' }, ['a1', 'a2', 'b1']],
    [{ labels: 'of=a' }, ['a1', 'a2', 'a3']],
    [{ labels: 'of in (b,c)' }, ['b1']],
    [{ labels: 'of!=a' }, ['b1']],
    [{ labels: 'of=a', namespace: 'kube-system' }, ['a3']],
    [{ fields: 'metadata.name=a2' }, ['a2']],
    [{ fields: 'metadata.name=a2', namespace: 'kube-system' }, []],
    [{ fields: 'metadata.namespace!=default' }, ['a3']],
  ];
  for (const [options, expected] of cases)
    assert.deepEqual(names(await world.list(path, options)), expected, JSON.stringify(options));
  const refused = await refusal(world.list(path, { fields: 'spec.x=y' }));
  const known = 'only "metadata.name", "metadata.namespace"';
  assert.equal(refused.message, `"spec.x" is not a known field selector: ${known}`);
});

test('fields of events and namespaces select too', async () => {
  const world = await World.start();
  for (const name of ['a', 'b'])
    await world.create('/v1/events', {
      metadata: { name },
      involvedObject: { kind: 'Pod', name: `pod-${name}`, namespace: 'default' },
      reason: 'Tested',
    });
  const found = await world.list('/v1/events', {
    fields: 'involvedObject.name=pod-b,reason=Tested',
  });
  assert.deepEqual(names(found), ['b']);
  const active = await world.list('/v1/namespaces', { fields: 'status.phase=Active' });
  assert.equal(active.items.length, 4);
});

test('pages show one state while objects come and go', async () => {
  const world = await withConfigMaps(['a', 'b', 'c', 'd', 'e']);
  const first = await world.list(path, { limit: 2 });
  assert.deepEqual(names(first), ['a', 'b']);
  assert.equal(first.remainingItemCount, 3);
  await world.delete(world.ref(path, 'c'));
  await world.configMap('bb');
  const changed = await world.patch(world.ref(path, 'd'), { data: { k: 'v' } });
  const second = await world.list(path, { limit: 2, continue: first.continue! });
  assert.deepEqual(names(second), ['c', 'd']);
  assert.notEqual(second.items[1]!.resourceVersion, changed.metadata.resourceVersion);
  assert.equal(second.remainingItemCount, 1);
  const third = await world.list(path, { limit: 2, continue: second.continue! });
  assert.deepEqual(names(third), ['e']);
  assert.equal(third.continue, undefined);
  for (const page of [second, third]) assert.equal(page.resourceVersion, first.resourceVersion);
});

test('pages of a selection leave nothing out and count nothing', async () => {
  const world = await withConfigMaps(['a1', 'b1', 'a2', 'b2', 'a3']);
  const found: string[] = [];
  let token: string | undefined;
  do {
    const page = await world.list(path, {
      labels: 'of=a',
      limit: 1,
      ...(token === undefined ? {} : { continue: token }),
    });
    assert.equal(page.remainingItemCount, undefined);
    found.push(...names(page));
    token = page.continue;
    await world.configMap(`z${found.length}`);
  } while (token !== undefined);
  assert.deepEqual(found, ['a1', 'a2', 'a3']);
});

test('a token whose state is forgotten answers 410 with one that goes on in the newest', async () => {
  const world = await withConfigMaps(['a', 'b', 'c', 'd']);
  const first = await world.list(path, { limit: 1 });
  await world.delete(world.ref(path, 'b'));
  await world.store.compact(world.store.revision);
  const refused = await refusal(world.list(path, { limit: 1, continue: first.continue! }));
  assert.equal(refused.code, 410);
  assert.equal(refused.reason, 'Expired');
  const { continue: token } = refused.status.metadata;
  const rest = await world.list(path, { limit: 1, continue: token! });
  assert.deepEqual(names(rest), ['c']);
  assert.equal(rest.remainingItemCount, 1);
  assert.equal(rest.resourceVersion, servedVersion(world.store.revision));
  const last = await world.list(path, { limit: 1, continue: rest.continue! });
  assert.deepEqual(names(last), ['d']);
});

test('a token ends with its revision, even when nothing changed since', async () => {
  const world = await withConfigMaps(['a', 'b']);
  const first = await world.list(path, { limit: 1 });
  await world.create('/v1/namespaces', { metadata: { name: 'elsewhere' } });
  await world.store.compact(world.store.revision);
  const refused = await refusal(world.list(path, { limit: 1, continue: first.continue! }));
  assert.equal(refused.code, 410);
});

test('resourceVersion and its match choose the state', async () => {
  const world = await withConfigMaps(['a']);
  const old = (await world.list(path)).resourceVersion;
  await world.configMap('b');
  const now = servedVersion(world.store.revision);
  const cases: [object, string[], string][] = [
    [{ resourceVersion: '0' }, ['a', 'b'], now],
    [{ resourceVersion: old }, ['a', 'b'], now],
    [{ resourceVersion: old, resourceVersionMatch: 'NotOlderThan' }, ['a', 'b'], now],
    [{ resourceVersion: old, resourceVersionMatch: 'Exact' }, ['a'], old],
    [{ resourceVersion: now, resourceVersionMatch: 'Exact' }, ['a', 'b'], now],
  ];
  for (const [options, expected, version] of cases) {
    const result = await world.list(path, options);
    assert.deepEqual(names(result), expected, JSON.stringify(options));
    assert.equal(result.resourceVersion, version);
  }
  const wrong: [object, number][] = [
    [{ resourceVersionMatch: 'Exact' }, 422],
    [{ resourceVersion: '0', resourceVersionMatch: 'Exact' }, 422],
    [{ resourceVersion: 'x' }, 400],
    [{ continue: 'x' }, 400],
    [{ continue: 'x', resourceVersionMatch: 'Exact' }, 422],
  ];
  for (const [options, code] of wrong)
    assert.equal((await refusal(world.list(path, options))).code, code, JSON.stringify(options));
  await world.store.compact(world.store.revision);
  const exact = { resourceVersion: old, resourceVersionMatch: 'Exact' } as const;
  assert.equal((await refusal(world.list(path, exact))).code, 410);
});

test('a version that is not there yet is waited for, not for ever', async () => {
  const world = await withConfigMaps(['a']);
  const next = servedVersion(world.store.revision + 1);
  const waiting = world.list(path, { resourceVersion: next });
  await world.configMap('b');
  assert.deepEqual(names(await waiting), ['a', 'b']);
  const far = servedVersion(world.store.revision + 9);
  const refused = refusal(world.list(path, { resourceVersion: far }));
  await new Promise((resolve) => setImmediate(resolve));
  world.clock.advance(3000);
  const { status } = await refused;
  assert.equal(status.code, 504);
  assert.equal(status.reason, 'Timeout');
  assert.equal(status.details?.causes?.[0]?.reason, 'ResourceVersionTooLarge');
  assert.equal(status.details?.retryAfterSeconds, 1);
});

test('a restart serves the same state, versions and tokens', async () => {
  const world = await withConfigMaps(['a', 'b', 'c']);
  const first = await world.list(path, { limit: 1 });
  await world.open();
  const second = await world.list(path, { limit: 5, continue: first.continue! });
  assert.deepEqual(names(second), ['b', 'c']);
  assert.equal(second.items[0]!.labels['of'], 'b');
});
