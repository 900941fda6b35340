import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StepClock } from '../base/clock.ts';
import { SeededRandom } from '../base/random.ts';
import { RestClient } from '../client/rest.ts';
import { TinyApi } from '../client/tiny-api.ts';
import type { ResourceType } from '../kube/resource.ts';
import { CopyInformers } from './copy-informers.ts';
import { federationLabel } from './mark.ts';
import { Units } from './unit.ts';

const path = '/api/v1/configmaps';
const type = {
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  resource: 'configmaps',
  namespaced: true,
} as ResourceType;

async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
}

test('objects that only bear our label leave nothing behind, there or gone', async () => {
  const api = new TinyApi([path]);
  const units = new Units();
  const informers = new CopyInformers({
    cluster: 'eu',
    federation: 'fed',
    units,
    clock: new StepClock(),
    random: new SeededRandom(1),
    room: undefined,
    client: () => new RestClient(api, { userAgent: 'test' }),
    typeHere: () => type,
    onEvent: () => assert.fail('there is nothing to tell'),
  });
  informers.ensure(type);
  await settle();
  for (let i = 0; i < 10; i++) {
    const metadata = {
      name: `stranger-${i}`,
      namespace: 'a',
      labels: { [federationLabel]: 'fed' },
    };
    api.put(path, { apiVersion: 'v1', kind: 'ConfigMap', metadata });
  }
  await settle();
  assert.equal(informers.synced(type), true);
  assert.equal([...units.all()].length, 0);
  for (let i = 0; i < 10; i++) api.remove(path, `stranger-${i}`);
  await settle();
  assert.equal([...units.all()].length, 0);
  await informers.stop();
});
