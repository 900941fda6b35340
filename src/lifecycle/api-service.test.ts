import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadRecordedTypes } from '../apiserver/catalog/recorded.fixture.ts';
import { ApiService } from './api-service.ts';
import { ownApi, until } from './own-api.fixture.ts';

test('default/kubernetes names the address of the API, and comes back', async () => {
  const { world, ...shared } = await ownApi();
  const { catalog } = world.api;
  const service = new ApiService({
    ...shared,
    address: { host: '10.0.0.7', port: 8443 },
    onTypes: (listener) => catalog.onChange(listener),
  });
  service.start();
  const { client } = shared;
  const path = '/api/v1/namespaces/default/services/kubernetes';
  const there = async (): Promise<boolean> => (await client.find(path)) !== undefined;
  try {
    assert.equal(await there(), false, 'Services are no type before the first member');
    await catalog.setMember('recorded', loadRecordedTypes());
    await until(world, there);
    const { spec } = (await client.get(path)).object() as unknown as {
      spec: { clusterIP: string; ports: { port: number }[] };
    };
    assert.equal(spec.clusterIP, 'None');
    assert.equal(spec.ports[0]?.port, 8443);
    const slices = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';
    const slice = (await client.get(`${slices}/kubernetes`)).object() as unknown as {
      addressType: string;
      endpoints: { addresses: string[] }[];
    };
    assert.equal(slice.addressType, 'IPv4');
    assert.deepEqual(slice.endpoints[0]?.addresses, ['10.0.0.7']);

    await client.delete(path);
    assert.equal(await there(), false);
    await until(world, there);
  } finally {
    await service.stop();
  }
});
