import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refusal, type World } from '../apiserver/registry/world.fixture.ts';
import { NamespaceLifecycle } from './namespaces.ts';
import { ownApi, until } from './own-api.fixture.ts';

async function lifecycle(): Promise<{ world: World; stop(): Promise<void> }> {
  const { world, client, types, clock, random, log } = await ownApi();
  const controller = new NamespaceLifecycle({ client, types, clock, random, log });
  controller.start();
  return { world, stop: () => controller.stop() };
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
