import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OpenWebhook } from '../apiserver/admission/webhook-calls.ts';
import { inProcessTransport } from '../apiserver/in-process.ts';
import type { JsonObject, KubeObject } from '../kube/object.ts';
import { definitionsPath } from './custom-kinds.fixture.ts';
import { type Got, ownFederation } from './own-and-real.fixture.ts';

const admin = { name: 'admin', groups: ['system:masters', 'system:authenticated'], extra: {} };

interface Review {
  readonly request: {
    readonly uid: string;
    readonly desiredAPIVersion: string;
    readonly objects: readonly KubeObject[];
  };
}

/** host:port in v1, host and port in v2. */
function converted(object: KubeObject, apiVersion: string): JsonObject {
  const spec = object['spec'] as JsonObject;
  if (apiVersion.endsWith('/v2')) {
    const [host, port] = String(spec.address).split(':');
    return { ...(object as object), apiVersion, spec: { host: host!, port: port! } };
  }
  return { ...(object as object), apiVersion, spec: { address: `${spec.host}:${spec.port}` } };
}

type Answer = (review: Review) => JsonObject;

const good: Answer = ({ request }) => ({
  kind: 'ConversionReview',
  apiVersion: 'apiextensions.k8s.io/v1',
  response: {
    uid: request.uid,
    result: { status: 'Success' },
    convertedObjects: request.objects.map((each) => converted(each, request.desiredAPIVersion)),
  },
});

async function start(answer: { now: Answer }) {
  const asked: Review[] = [];
  const openWebhook: OpenWebhook = () => ({
    async request({ body }) {
      const review = JSON.parse(String(body)) as Review;
      asked.push(review);
      const bytes = Buffer.from(JSON.stringify(answer.now(review)));
      return {
        status: 200,
        headers: { 'content-type': 'application/json' },
        body: (async function* () {
          yield bytes;
        })(),
        bytes: async () => bytes,
      };
    },
    upgrade: () => assert.fail('nothing is upgraded'),
    close: async () => {},
  });
  const federation = await ownFederation({ admission: { openWebhook } });
  const transport = inProcessTransport(federation.handler, admin);
  const send = async (method: string, path: string, body?: object): Promise<Got> => {
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const sent = await transport.request({
      method,
      path,
      headers: body === undefined ? {} : { 'content-type': type },
      ...(body === undefined ? {} : { body: Buffer.from(JSON.stringify(body)) }),
    });
    const bytes = await sent.bytes();
    return { status: sent.status, headers: {}, bytes, body: JSON.parse(bytes.toString('utf8')) };
  };
  const define = async (conversion: JsonObject): Promise<void> => {
    const made = await send('POST', definitionsPath, servers(conversion));
    assert.equal(made.status, 201, JSON.stringify(made.body));
    while ((await send('GET', '/apis/example.com/v1/servers')).status !== 200)
      await new Promise((resolve) => setImmediate(resolve));
  };
  return { federation, send, define, asked };
}

function servers(conversion: JsonObject): JsonObject {
  const version = (name: string, fields: readonly string[], storage: boolean): JsonObject => ({
    name,
    served: true,
    storage,
    schema: {
      openAPIV3Schema: {
        type: 'object',
        properties: {
          spec: {
            type: 'object',
            properties: Object.fromEntries(fields.map((field) => [field, { type: 'string' }])),
          },
        },
      },
    },
  });
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'servers.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Cluster',
      names: { plural: 'servers', kind: 'Server' },
      versions: [version('v1', ['address'], true), version('v2', ['host', 'port'], false)],
      conversion,
    },
  };
}

const webhook = (clientConfig: JsonObject): JsonObject => ({
  strategy: 'Webhook',
  webhook: { clientConfig, conversionReviewVersions: ['v1'] },
});

const v1 = '/apis/example.com/v1/servers';
const v2 = '/apis/example.com/v2/servers';

function specOf({ body }: Got): unknown {
  return body['spec'];
}

test('a webhook converts custom objects on their way in and out', async () => {
  const answer = { now: good };
  const { federation, send, define, asked } = await start(answer);
  try {
    await define(webhook({ url: 'https://converter.example.com/convert' }));
    const a = { apiVersion: 'example.com/v2', kind: 'Server', metadata: { name: 'a' } };
    const made = await send('POST', v2, { ...a, spec: { host: 'x', port: '80' } });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    assert.deepEqual(specOf(made), { host: 'x', port: '80' });
    assert.deepEqual(specOf(await send('GET', `${v1}/a`)), { address: 'x:80' });
    const patched = await send('PATCH', `${v2}/a`, { spec: { port: '81' } });
    assert.deepEqual(specOf(patched), { host: 'x', port: '81' });
    assert.deepEqual(specOf(await send('GET', `${v1}/a`)), { address: 'x:81' });
    const list = await send('GET', v2);
    const [only] = list.body['items'] as KubeObject[];
    assert.deepEqual(only!['spec'], { host: 'x', port: '81' });
    const questions = asked.length;
    await send('GET', `${v2}/a`);
    assert.equal(asked.length, questions, 'what was converted once is remembered');
  } finally {
    await federation.stop();
  }
});

test('a webhook that fails or lies is said to, and nothing is stored', async () => {
  const answer = { now: good };
  const { federation, send, define } = await start(answer);
  try {
    await define(webhook({ url: 'https://converter.example.com/convert' }));
    const a = { apiVersion: 'example.com/v2', kind: 'Server', metadata: { name: 'a' } };
    const bad: readonly [Answer, RegExp][] = [
      [() => ({}), /no response provided/],
      [(r) => ({ response: { uid: 'other', r: r.request.uid } }), /expected response.uid=/],
      [
        ({ request }) => ({
          response: { uid: request.uid, result: { status: 'Failure', message: 'no way' } },
        }),
        /failed: no way/,
      ],
      [
        (review) => {
          const { response, ...rest } = good(review) as { response: JsonObject };
          return { ...rest, response: { ...response, convertedObjects: [] } };
        },
        /returned 0 objects, expected 1/,
      ],
    ];
    for (const [lie, expected] of bad) {
      answer.now = lie;
      const refused = await send('POST', v2, { ...a, spec: { host: 'x', port: '1' } });
      assert.equal(refused.status, 500);
      assert.match(String(refused.body['message']), expected);
    }
    assert.equal((await send('GET', `${v1}/a`)).status, 404);
  } finally {
    await federation.stop();
  }
});

test('a webhook behind a Service that is not there', async () => {
  const { federation, send, define } = await start({ now: good });
  try {
    await define(webhook({ service: { namespace: 'x', name: 'y' } }));
    const a = { apiVersion: 'example.com/v2', kind: 'Server', metadata: { name: 'a' } };
    const refused = await send('POST', v2, { ...a, spec: { host: 'x', port: '1' } });
    assert.equal(refused.status, 500);
    assert.match(
      String(refused.body['message']),
      /Post "https:\/\/y\.x\.svc:443\/\?timeout=30s": service "y" not found$/,
    );
  } finally {
    await federation.stop();
  }
});

test('without a webhook only the version changes, and each shows its own fields', async () => {
  const { federation, send, define, asked } = await start({ now: good });
  try {
    await define({ strategy: 'None' });
    const a = { apiVersion: 'example.com/v1', kind: 'Server', metadata: { name: 'a' } };
    await send('POST', v1, { ...a, spec: { address: 'x:1', host: 'unknown' } });
    assert.deepEqual(specOf(await send('GET', `${v1}/a`)), { address: 'x:1' });
    assert.deepEqual(specOf(await send('GET', `${v2}/a`)), {});
    assert.equal(asked.length, 0);
  } finally {
    await federation.stop();
  }
});
