import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHandler } from '../apiserver/handler.ts';
import { inProcessTransport } from '../apiserver/in-process.ts';
import { refusal, settled, World } from '../apiserver/registry/world.fixture.ts';
import { silentLogger } from '../base/log.ts';
import { SeededRandom } from '../base/random.ts';
import { RestClient } from '../client/rest.ts';
import { NamespaceLifecycle } from './namespaces.ts';

async function lifecycle(): Promise<{ world: World; stop(): Promise<void> }> {
  const world = await World.start();
  const { clock } = world;
  const random = new SeededRandom(3);
  const handler = createHandler({
    types: world.api.typeSource,
    nonResources: world.api.nonResources,
    authenticate: async () => undefined,
    authorizer: { authorize: () => ({ allowed: true, reason: '' }) } as never,
    clock,
    random,
    log: silentLogger,
  });
  const user = { name: 'ubernetes', groups: ['system:masters'], extra: {} };
  const client = new RestClient(inProcessTransport(handler, user), { userAgent: 'test' });
  const controller = new NamespaceLifecycle({
    client,
    types: () => world.api.catalog.list(),
    clock,
    random,
    log: silentLogger,
  });
  controller.start();
  return { world, stop: () => controller.stop() };
}

async function until(world: World, done: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if (await done()) return;
    await settled();
    world.clock.advance(100);
  }
  throw new Error('it did not come to be');
}

test('a deleted namespace is emptied and goes; others stay as they are', async () => {
  const { world, stop } = await lifecycle();
  try {
    for (const name of ['team', 'other']) {
      await world.create('/v1/namespaces', { metadata: { name } });
      for (const object of ['a', 'b']) await world.configMap(object, {}, name);
    }
    await world.delete(world.ref('/v1/namespaces', 'team'));
    const gone = (): Promise<boolean> =>
      world.get(world.ref('/v1/namespaces', 'team')).then(
        () => false,
        () => true,
      );
    await until(world, gone);
    assert.equal((await world.list('/v1/configmaps', { namespace: 'team' })).items.length, 0);
    assert.equal((await world.list('/v1/configmaps', { namespace: 'other' })).items.length, 2);
  } finally {
    await stop();
  }
});

test('a namespace waits for finalizers in it and says so', async () => {
  const { world, stop } = await lifecycle();
  try {
    await world.create('/v1/namespaces', { metadata: { name: 'team' } });
    const metadata = { name: 'a', finalizers: ['example.test/wait'] };
    await world.create('/v1/configmaps', { metadata }, { namespace: 'team' });
    const ref = world.ref('/v1/namespaces', 'team');
    await world.delete(ref);
    const said = async (): Promise<string> =>
      JSON.stringify(
        ((await world.get(ref))['status'] as { conditions?: unknown }).conditions ?? [],
      );
    await until(world, async () => (await said()).includes('NamespaceFinalizersRemaining'));
    assert.match(await said(), /example\.test\/wait in 1 resource instances/);
    await world.patch(world.ref('/v1/configmaps', 'a', 'team'), { metadata: { finalizers: null } });
    await until(
      world,
      async () => (await refusal(world.get(ref)).catch(() => undefined))?.code === 404,
    );
  } finally {
    await stop();
  }
});
