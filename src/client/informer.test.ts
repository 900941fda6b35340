import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { StepClock } from '../base/clock.ts';
import { SeededRandom } from '../base/random.ts';
import { type KubeObject, valueAt } from '../kube/object.ts';
import { Informer, type InformerOptions } from './informer.ts';
import { RestClient } from './rest.ts';
import { bookmark, TinyApi } from './tiny-api.ts';
import { TransportError } from './transport.ts';

const path = '/api/v1/namespaces/default/configmaps';

function configMap(name: string, data: Record<string, string> = {}): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'default', labels: { app: data['app'] ?? 'none' } },
    data,
  };
}

/** Lets every promise that can settle do so. */
async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
}

function setUp(options: Partial<InformerOptions<KubeObject>> = {}, seed = 1) {
  const api = new TinyApi([path]);
  const clock = new StepClock();
  const informer = new Informer<KubeObject>({
    client: new RestClient(api, { userAgent: 'test' }),
    target: path,
    clock,
    random: new SeededRandom(seed),
    ...options,
  });
  const changes: string[] = [];
  informer.onChange((key, old, now) => {
    const rv = (object: KubeObject | undefined) => object?.metadata.resourceVersion ?? '-';
    changes.push(`${key} ${rv(old)}>${rv(now)}`);
  });
  return { api, clock, informer, changes };
}

test('an informer shows what is there, then every change', async () => {
  const { api, informer, changes } = setUp();
  api.put(path, configMap('a'));
  api.put(path, configMap('b'));
  informer.start();
  await informer.whenSynced();
  api.put(path, configMap('b', { x: '1' }));
  api.remove(path, 'a');
  await settle();
  assert.deepEqual(changes, ['default/a ->1', 'default/b ->2', 'default/b 2>3', 'default/a 1>-']);
  assert.equal(informer.connected, true);
  await informer.stop();
  assert.equal(api.openWatches, 0);
});

for (const watchList of ['refused', 'ignored'] as const) {
  test(`a server whose WatchList is ${watchList} is listed instead`, async () => {
    const { api, clock, informer } = setUp();
    api.watchList = watchList;
    for (let i = 0; i < 3; i++) api.put(path, configMap(`c${i}`));
    informer.start();
    await settle();
    if (watchList === 'ignored') clock.advance(20_000);
    await settle();
    assert.equal(informer.synced, true);
    assert.equal(informer.cache.size, 3);
    assert.ok(api.requests.some((request) => request.includes('limit=500')));
    await informer.stop();
  });
}

test('a broken stream resumes where it was, without a second list', async () => {
  const { api, clock, informer, changes } = setUp();
  api.put(path, configMap('a'));
  informer.start();
  await informer.whenSynced();
  api.breakWatches(new TransportError('reset'));
  api.put(path, configMap('b'));
  await settle();
  assert.equal(informer.connected, false);
  clock.advance(100);
  await settle();
  assert.deepEqual(changes, ['default/a ->1', 'default/b ->2']);
  assert.equal(api.requests.length, 2);
  assert.match(api.requests[1]!, /resourceVersion=1(&|$)/);
  await informer.stop();
});

test('after 410 the differences are told, nothing is flushed', async () => {
  const { api, clock, informer, changes } = setUp();
  for (const name of ['a', 'b', 'c']) api.put(path, configMap(name));
  informer.start();
  await informer.whenSynced();
  changes.length = 0;
  api.breakWatches(new TransportError('reset'));
  await settle();
  api.remove(path, 'a');
  api.put(path, configMap('b', { x: '1' }));
  api.remove(path, 'c');
  api.put(path, configMap('c'));
  api.compacted = api.revision;
  for (let i = 0; i < 5; i++) {
    clock.advance(200);
    await settle();
  }
  assert.deepEqual(changes.toSorted(), [
    'default/a 1>-',
    'default/b 2>5',
    'default/c ->7',
    'default/c 3>-',
  ]);
  assert.equal(informer.cache.get('default/b')?.metadata.resourceVersion, '5');
  await informer.stop();
});

test('a server that answers 410 to everything is not asked in a tight loop', async () => {
  const { api, clock, informer } = setUp();
  informer.start();
  await informer.whenSynced();
  api.compacted = 1e9;
  api.breakWatches();
  for (let i = 0; i < 1000; i++) {
    clock.advance(10);
    await settle();
  }
  // The initial snapshot itself never expires here, so the watch from it must.
  api.watchList = 'refused';
  const before = api.requests.length;
  api.breakWatches();
  for (let i = 0; i < 100; i++) {
    clock.advance(100);
    await settle();
  }
  assert.ok(api.requests.length - before < 40, `${api.requests.length - before} requests in 10 s`);
  await informer.stop();
});

test('a bookmark moves the point of resumption', async () => {
  const { api, clock, informer } = setUp();
  informer.start();
  await informer.whenSynced();
  api.inject(bookmark(99));
  await settle();
  api.breakWatches(new TransportError('reset'));
  clock.advance(100);
  await settle();
  clock.advance(100);
  await settle();
  assert.match(api.requests.at(-1)!, /resourceVersion=99(&|$)/);
  await informer.stop();
});

test('restart tries at once, whatever the backoff had in mind', async () => {
  const { api, clock, informer } = setUp();
  api.down = true;
  informer.start();
  for (let i = 0; i < 20; i++) {
    await settle();
    clock.advance(10_000);
  }
  await settle();
  assert.equal(informer.synced, false);
  assert.ok(informer.lastError instanceof TransportError);
  api.down = false;
  api.put(path, configMap('a'));
  informer.restart();
  await settle();
  assert.equal(informer.synced, true);
  assert.equal(informer.lastError, undefined);
  await informer.stop();
});

test('a stream that falls silent is taken for dead', async () => {
  const { api, clock, informer } = setUp({ idleMs: 1000 });
  informer.start();
  await informer.whenSynced();
  const before = api.requests.length;
  clock.advance(1000);
  await settle();
  clock.advance(200);
  await settle();
  assert.equal(api.requests.length, before + 1);
  assert.equal(informer.connected, true);
  await informer.stop();
});

test('what transform leaves out is not cached, and leaves when it no longer passes', async () => {
  const { api, informer, changes } = setUp({
    transform: (object) => (valueAt(object, 'data', 'keep') === undefined ? undefined : object),
  });
  api.put(path, configMap('a', { keep: '1' }));
  api.put(path, configMap('b'));
  informer.start();
  await informer.whenSynced();
  api.put(path, configMap('a'));
  await settle();
  assert.deepEqual(changes, ['default/a ->1', 'default/a 1>-']);
  await informer.stop();
});

test('indexes follow the cache', async () => {
  const { api, informer } = setUp({
    indexers: { app: (object) => [object.metadata.labels?.['app'] ?? ''] },
  });
  api.put(path, configMap('a', { app: 'x' }));
  api.put(path, configMap('b', { app: 'x' }));
  informer.start();
  await informer.whenSynced();
  api.put(path, configMap('a', { app: 'y' }));
  api.remove(path, 'b');
  await settle();
  assert.deepEqual(informer.cache.keysBy('app', 'x'), []);
  assert.deepEqual(informer.cache.keysBy('app', 'y'), ['default/a']);
  await informer.stop();
});

test('a frame that is no JSON ends the stream, never the program', async () => {
  const { api, clock, informer } = setUp();
  informer.start();
  await informer.whenSynced();
  api.inject({ type: 'NONSENSE', object: {} });
  await settle();
  assert.match(String(informer.lastError), /unknown type/);
  clock.advance(200);
  await settle();
  assert.equal(informer.connected, true);
  await informer.stop();
});

test('whatever breaks, the cache ends equal to the collection and the listener saw every step', async () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('put' as const), name: fc.nat(4), data: fc.nat(3) }),
    fc.record({ do: fc.constant('remove' as const), name: fc.nat(4) }),
    fc.record({ do: fc.constant('break' as const) }),
    fc.record({ do: fc.constant('end' as const) }),
    fc.record({ do: fc.constant('compact' as const) }),
    fc.record({ do: fc.constant('down' as const) }),
    fc.record({ do: fc.constant('up' as const) }),
    fc.record({ do: fc.constant('wait' as const) }),
    fc.record({ do: fc.constant('restart' as const) }),
  );
  const modes = fc.constantFrom('served' as const, 'refused' as const);
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), modes, async (steps, watchList) => {
      const { api, clock, informer } = setUp();
      api.watchList = watchList;
      const mirror = new Map<string, KubeObject>();
      informer.onChange((key, old, now) => {
        assert.equal(mirror.get(key), old);
        if (old !== undefined && now !== undefined) {
          assert.equal(old.metadata.uid, now.metadata.uid);
        }
        if (now === undefined) mirror.delete(key);
        else mirror.set(key, now);
      });
      informer.start();
      for (const action of steps) {
        if (action.do === 'put') {
          api.put(path, configMap(`n${action.name}`, { v: String(action.data) }));
        } else if (action.do === 'remove') api.remove(path, `n${action.name}`);
        else if (action.do === 'break') api.breakWatches(new TransportError('reset'));
        else if (action.do === 'end') api.breakWatches();
        else if (action.do === 'compact') api.compacted = api.revision;
        else if (action.do === 'down' || action.do === 'up') api.down = action.do === 'down';
        else if (action.do === 'restart') informer.restart();
        else {
          await settle();
          clock.advance(500);
        }
      }
      api.down = false;
      for (let i = 0; i < 6; i++) {
        await settle();
        clock.advance(12_000);
      }
      await settle();
      const expected = [0, 1, 2, 3, 4].flatMap((name) => api.get(path, `n${name}`) ?? []);
      const byName = (a: KubeObject, b: KubeObject) =>
        a.metadata.name! < b.metadata.name! ? -1 : 1;
      assert.deepEqual([...informer.cache.values()].sort(byName), expected);
      assert.deepEqual([...mirror.values()].sort(byName), expected);
      await informer.stop();
    }),
    { numRuns: 150 },
  );
});
