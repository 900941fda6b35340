import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Budget } from '../base/budget.ts';
import { StepClock } from '../base/clock.ts';
import { SeededRandom } from '../base/random.ts';
import type { KubeObject } from '../kube/object.ts';
import { Informer } from './informer.ts';
import { LineSplitter, LineTooLongError } from './lines.ts';
import { RestClient } from './rest.ts';
import { Room } from './room.ts';
import { TinyApi } from './tiny-api.ts';

const path = '/api/v1/namespaces/default/configmaps';
const kibibyte = 1024;
const most = 64 * kibibyte;

/** Lets every promise that can settle do so. */
async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
}

function configMap(name: string): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' } };
}

function put(api: TinyApi, name: string, bytes = 4 * kibibyte): void {
  api.put(path, { ...configMap(name), data: { x: 'x'.repeat(bytes) } });
}

function setUp() {
  const told: string[] = [];
  const room = new Room({ most }, (why) => told.push(why));
  const clock = new StepClock();
  const api = new TinyApi([path]);
  const client = new RestClient(api, { userAgent: 'test' });
  const random = new SeededRandom(1);
  const informer = new Informer({ client, target: path, clock, random, room });
  const pass = async (): Promise<void> => {
    clock.advance(10_000);
    await settle();
  };
  return { room, told, api, informer, pass };
}

for (const watchList of ['served', 'refused'] as const)
  test(`a server with objects without end fills no more than its room (WatchList ${watchList})`, async () => {
    const { room, told, api, informer, pass } = setUp();
    api.watchList = watchList;
    put(api, 'first');
    informer.start();
    await informer.whenSynced();
    for (let i = 0; i < 100; i++) put(api, `flood-${i}`);
    await settle();
    const full = informer.cache.size;
    assert.ok(full > 5 && full < 20, `${full} objects`);
    assert.ok(room.used <= most);
    assert.deepEqual(told, ['it has more objects than fit into 0 MiB here']);
    // As long as it does not fit nothing changes, and what was known is not forgotten.
    for (let i = 0; i < 5; i++) await pass();
    assert.equal(informer.cache.size, full);
    assert.ok(informer.cache.has('default/first'));
    assert.equal(told.length, 1);
    for (let i = 0; i < 100; i++) api.remove(path, `flood-${i}`);
    put(api, 'later');
    for (let i = 0; i < 3; i++) await pass();
    assert.deepEqual([...informer.cache.keys()], ['default/first', 'default/later']);
    assert.equal(told.at(-1), '');
    put(api, 'afterwards');
    await settle();
    assert.equal(informer.cache.size, 3);
    await informer.stop();
    assert.equal(room.used, 0);
  });

test('objects that take far more than their length count as that', async () => {
  const { room, api, informer } = setUp();
  informer.start();
  await informer.whenSynced();
  const braces = Array(400).fill({});
  for (let i = 0; i < 30; i++)
    api.put(path, { ...configMap(`c${i}`), braces } as unknown as KubeObject);
  await settle();
  // A dozen of them, twenty times as long as they are, would be in memory.
  assert.ok(informer.cache.size < 12, `${informer.cache.size}`);
  assert.ok(room.used <= most);
  await informer.stop();
});

test('what is gone, and what becomes smaller, gives room back', async () => {
  const { room, api, informer } = setUp();
  informer.start();
  await informer.whenSynced();
  for (let i = 0; i < 100; i++) {
    put(api, 'same', (i % 10) * kibibyte);
    put(api, `other-${i}`);
    api.remove(path, `other-${i}`);
    await settle();
  }
  assert.deepEqual([...informer.cache.keys()], ['default/same']);
  assert.ok(room.used > 9 * kibibyte && room.used < 11 * kibibyte, `${room.used}`);
  await informer.stop();
});

test('lines that do not end count together', () => {
  const held = new Budget({ most });
  const lines = [0, 1].map(() => new LineSplitter(most, held));
  lines[0]!.push(Buffer.alloc(40 * kibibyte, 'x'));
  assert.throws(() => lines[1]!.push(Buffer.alloc(40 * kibibyte, 'x')), LineTooLongError);
  lines[1]!.end();
  assert.equal(lines[0]!.push(Buffer.from('\n')).length, 1);
  assert.equal(held.used, 0);
});

test('a line that comes byte by byte counts as what it costs', () => {
  const splitter = new LineSplitter(most, new Budget({ most }));
  assert.throws(() => {
    for (let i = 0; i < kibibyte; i++) splitter.push(Buffer.from('x'));
  }, LineTooLongError);
});
