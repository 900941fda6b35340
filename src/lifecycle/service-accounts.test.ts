import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '../kube/object.ts';
import { ownApi, until } from './own-api.fixture.ts';
import { ServiceAccounts } from './service-accounts.ts';

const authority = '-----BEGIN CERTIFICATE-----\nours\n-----END CERTIFICATE-----\n';

async function running(options: { authority?: string }) {
  const { world, client, clock, random, log } = await ownApi();
  const accounts = new ServiceAccounts({ client, clock, random, log, ...options });
  accounts.start();
  const read = (path: string, name: string, namespace: string): Promise<KubeObject | undefined> =>
    world.get(world.ref(path, name, namespace)).catch(() => undefined);
  return { world, read, stop: () => accounts.stop() };
}

test('every namespace has a default service account and the CA, and gets them back', async () => {
  const { world, read, stop } = await running({ authority });
  try {
    await world.create('/v1/namespaces', { metadata: { name: 'team' } });
    const published = async (): Promise<unknown> =>
      (await read('/v1/configmaps', 'kube-root-ca.crt', 'team'))?.['data'];
    const account = (): Promise<KubeObject | undefined> =>
      read('/v1/serviceaccounts', 'default', 'team');
    await until(world, async () => (await published()) !== undefined);
    await until(world, async () => (await account()) !== undefined);
    assert.deepEqual(await published(), { 'ca.crt': authority });

    const uid = (await account())!.metadata.uid;
    await world.delete(world.ref('/v1/serviceaccounts', 'default', 'team'));
    await until(world, async () => ((await account())?.metadata.uid ?? uid) !== uid);

    const config = world.ref('/v1/configmaps', 'kube-root-ca.crt', 'team');
    await world.patch(config, { data: { 'ca.crt': 'somebody else' } });
    await until(
      world,
      async () => JSON.stringify(await published()) === JSON.stringify({ 'ca.crt': authority }),
    );
  } finally {
    await stop();
  }
});

test('without a CA there is nothing to publish, and a service account all the same', async () => {
  const { world, read, stop } = await running({});
  try {
    await world.create('/v1/namespaces', { metadata: { name: 'team' } });
    await until(
      world,
      async () => (await read('/v1/serviceaccounts', 'default', 'team')) !== undefined,
    );
    assert.equal(await read('/v1/configmaps', 'kube-root-ca.crt', 'team'), undefined);
  } finally {
    await stop();
  }
});
