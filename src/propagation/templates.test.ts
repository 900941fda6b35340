import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StepClock } from '../base/clock.ts';
import { SeededRandom } from '../base/random.ts';
import { RestClient } from '../client/rest.ts';
import { TinyApi } from '../client/tiny-api.ts';
import { pathOf, type ResourceType } from '../kube/resource.ts';
import { Templates } from './templates.ts';
import { Units } from './unit.ts';

const toys: ResourceType = {
  group: 'example.com',
  version: 'v1',
  kind: 'Toy',
  resource: 'toys',
  singular: 'toy',
  listKind: 'ToyList',
  namespaced: true,
  verbs: ['list', 'watch'],
  shortNames: [],
  categories: [],
  subresources: [],
};
const path = pathOf(toys);

/** Lets every promise that can settle do so. */
async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
}

test('a type that goes is followed until the last of its objects has gone', async () => {
  const api = new TinyApi([path]);
  let served = [toys];
  let changed = (): void => {};
  const templates = new Templates({
    client: new RestClient(api, { userAgent: 'test' }),
    types: {
      list: () => served,
      onChange: (listener) => {
        changed = listener;
        return () => {};
      },
      listKeys: () => () => undefined,
      inMember: (_, type) => type,
      someVersions: (_, types) => types,
    },
    units: new Units(),
    clock: new StepClock(),
    random: new SeededRandom(1),
    travels: () => true,
    onChange: () => {},
  });
  api.put(path, {
    apiVersion: 'example.com/v1',
    kind: 'Toy',
    metadata: { name: 'bear', namespace: 'default' },
  });
  await templates.start(new AbortController().signal);
  await settle();
  assert.equal(api.openWatches, 1);
  served = [];
  changed();
  await settle();
  assert.equal(api.openWatches, 1);
  assert.equal(templates.typeOf('example.com', 'toys'), toys);
  api.remove(path, 'bear');
  await settle();
  changed();
  await settle();
  assert.equal(api.openWatches, 0);
  assert.equal(templates.typeOf('example.com', 'toys'), undefined);
  served = [toys];
  changed();
  await settle();
  assert.equal(api.openWatches, 1);
  await templates.stop();
  assert.equal(api.openWatches, 0);
});
