import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { StepClock } from '../base/clock.ts';
import { SeededRandom } from '../base/random.ts';
import type { KubeObject } from '../kube/object.ts';
import { Informer } from './informer.ts';
import { headOf, isLater } from './object-head.ts';
import { Answer, RestClient } from './rest.ts';
import { TinyApi } from './tiny-api.ts';

const path = '/api/v1/namespaces/default/configmaps';
const parse = (bytes: Buffer): unknown => JSON.parse(bytes.toString());

/** As a kube-apiserver writes it. */
function sent(name: string, resourceVersion: number, uid = `u-${name}`) {
  const metadata = { name, namespace: 'default', uid, resourceVersion: `${resourceVersion}` };
  return { kind: 'ConfigMap', apiVersion: 'v1', metadata: { ...metadata, labels: { a: 'b' } } };
}

const bytesOf = (object: object): Buffer => Buffer.from(JSON.stringify(object));

test('what the head says is what the whole object says, or it says nothing', () => {
  const text = fc.oneof(fc.string({ unit: 'grapheme' }), fc.stringMatching(/^[a-z0-9.-]{1,253}$/));
  fc.assert(
    fc.property(
      fc.record({ name: text, namespace: fc.option(text, { nil: undefined }), uid: text }),
      fc.oneof(fc.nat().map(String), text),
      fc.boolean(),
      ({ name, namespace, uid }, resourceVersion, generated) => {
        const metadata = {
          name,
          generateName: generated ? 'web-' : undefined,
          namespace,
          uid,
          resourceVersion,
          annotations: { x: '"uid":"other","resourceVersion":"1"' },
        };
        const head = headOf(bytesOf({ kind: 'Pod', apiVersion: 'v1', metadata }));
        if (head === undefined) return;
        const key = namespace ? `${namespace}/${name}` : name;
        assert.deepEqual({ ...head }, { key, uid, resourceVersion });
      },
    ),
  );
  assert.deepEqual(
    { ...headOf(bytesOf(sent('a', 7))) },
    {
      key: 'default/a',
      uid: 'u-a',
      resourceVersion: '7',
    },
  );
});

test('versions are compared as numbers, however long', () => {
  const version = fc.bigInt({ min: 1n, max: 2n ** 63n });
  fc.assert(
    fc.property(version, version, (a, b) => {
      assert.equal(isLater(String(a), String(b)), a > b);
    }),
  );
});

async function watching() {
  const api = new TinyApi([path]);
  let parsed = 0;
  const informer = new Informer<KubeObject>({
    client: new RestClient(api, {
      userAgent: 'test',
      parse: (bytes) => {
        parsed++;
        return parse(bytes);
      },
    }),
    target: path,
    clock: new StepClock(),
    random: new SeededRandom(1),
  });
  const changes: string[] = [];
  informer.onChange((key, old, now) => {
    const version = (object?: KubeObject) => object?.metadata.resourceVersion ?? '-';
    changes.push(`${key} ${version(old)}>${version(now)}`);
  });
  informer.start();
  await informer.whenSynced();
  parsed = 0;
  const event = async (type: string, object: object): Promise<void> => {
    api.inject({ type, object });
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
  };
  const learn = (object: object): KubeObject =>
    informer.learn(new Answer({ status: 200, headers: {} }, bytesOf(object), parse));
  return { informer, changes, event, learn, parses: () => parsed };
}

test('an answer that came before its event: the event is not parsed and tells nobody', async () => {
  const { informer, changes, event, learn, parses } = await watching();
  learn(sent('a', 5));
  assert.equal(informer.cache.get('default/a')?.metadata.resourceVersion, '5');
  await event('ADDED', sent('a', 5));
  assert.deepEqual([changes, parses()], [[], 0]);
  assert.equal(informer.resourceVersion, '5');
  await event('MODIFIED', sent('a', 6));
  assert.deepEqual([changes, parses()], [['default/a 5>6'], 1]);
  await informer.stop();
});

test('an answer that came after its event: the event’s object serves for both', async () => {
  const { informer, event, learn } = await watching();
  await event('ADDED', sent('a', 5));
  assert.equal(learn(sent('a', 5)), informer.cache.get('default/a'));
  await informer.stop();
});

test('an older event does not undo what an answer has told', async () => {
  const { informer, changes, event, learn } = await watching();
  await event('ADDED', sent('a', 5));
  learn(sent('a', 7));
  await event('MODIFIED', sent('a', 6));
  assert.equal(informer.cache.get('default/a')?.metadata.resourceVersion, '7');
  assert.deepEqual(changes, ['default/a ->5']);
  await informer.stop();
});

test('a late answer does not bring back what is gone', async () => {
  const { informer, changes, event, learn } = await watching();
  await event('ADDED', sent('a', 5));
  await event('DELETED', sent('a', 6));
  learn(sent('a', 5));
  assert.equal(informer.cache.size, 0);
  assert.deepEqual(changes, ['default/a ->5', 'default/a 5>-']);
  await informer.stop();
});
