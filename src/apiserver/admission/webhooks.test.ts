import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Transport, TransportError, type TransportRequest } from '../../client/transport.ts';
import { ApiError } from '../../kube/status.ts';
import { RbacIndex } from '../auth/rbac.ts';
import { World } from '../registry/world.fixture.ts';

interface Asked {
  readonly server: string;
  readonly path: string;
  readonly object: { metadata: { name: string } } | null;
}

type Answer = (asked: Asked) => object | Promise<object>;

/** A world whose webhooks are answered by a function. */
async function startWorld(answer: Answer): Promise<{ world: World; asked: Asked[] }> {
  const asked: Asked[] = [];
  const openWebhook = (server: string): Transport => ({
    async request(request: TransportRequest) {
      const { request: review } = JSON.parse(request.body!.toString('utf8'));
      const one = { server, path: request.path, object: review.object };
      asked.push(one);
      const gone = new Promise<never>((_, reject) => {
        request.signal?.addEventListener('abort', () => reject(new TransportError('aborted')));
      });
      const response = {
        uid: review.uid,
        allowed: true,
        ...(await Promise.race([answer(one), gone])),
      };
      const body = { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response };
      const bytes = Buffer.from(JSON.stringify(body));
      return {
        status: 200,
        headers: {},
        bytes: () => Promise.resolve(bytes),
        body: (async function* () {
          yield bytes;
        })(),
      };
    },
    close: () => Promise.resolve(),
  });
  return {
    world: await World.start({ admission: { openWebhook, authorizer: new RbacIndex() } }),
    asked,
  };
}

const rule = { operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*/*'] };
const address = { url: 'https://hooks.example.com/check' };

function configuration(kind: string, webhook: object = {}): object {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind,
    metadata: { name: 'hooks' },
    webhooks: [
      {
        name: 'a.example.com',
        clientConfig: address,
        rules: [rule],
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
        ...webhook,
      },
    ],
  };
}

const validating = 'admissionregistration.k8s.io/v1/validatingwebhookconfigurations';
const mutating = 'admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';

test('a configuration counts for the next write and no longer when it is gone', async () => {
  const { world, asked } = await startWorld(() => ({ allowed: false, status: { message: 'no' } }));
  await world.configMap('before');
  await world.create(validating, configuration('ValidatingWebhookConfiguration'));
  await assert.rejects(
    world.configMap('a'),
    /admission webhook "a.example.com" denied the request: no/,
  );
  assert.equal(asked.length, 1);
  assert.equal(asked[0]!.server, 'https://hooks.example.com:443');
  assert.equal(asked[0]!.path, '/check?timeout=10s');
  await world.delete(world.ref(validating, 'hooks'));
  await world.configMap('a');
  assert.equal(asked.length, 1);
});

test('what configures admission is shown to no webhook', async () => {
  const { world, asked } = await startWorld(() => ({ allowed: false }));
  await world.create(validating, configuration('ValidatingWebhookConfiguration'));
  await world.create(mutating, configuration('MutatingWebhookConfiguration'));
  const ref = world.ref(validating, 'hooks');
  await world.patch(ref, { webhooks: [] });
  assert.equal(asked.length, 0);
});

test('a webhook that is a Service is called by the members that have it', async () => {
  const { world, asked } = await startWorld(() => ({ allowed: false }));
  const clientConfig = { service: { name: 's', namespace: 'default' } };
  const hooks = configuration('ValidatingWebhookConfiguration', { clientConfig });
  await world.create(validating, hooks);
  await world.configMap('a');
  assert.equal(asked.length, 0);
  assert.match(
    world.warnings.join(),
    /webhooks\[0\]: the federation itself does not call a Service/,
  );
});

test('no answer in time refuses, or not if that is the policy', async () => {
  const { world } = await startWorld(() => new Promise<object>(() => {}));
  for (const [failurePolicy, refused] of [
    ['Fail', true],
    ['Ignore', false],
  ] as const) {
    const hooks = configuration('MutatingWebhookConfiguration', {
      failurePolicy,
      timeoutSeconds: 2,
    });
    await world.create(mutating, hooks);
    const written = world.configMap(failurePolicy.toLowerCase());
    const outcome = written.then(
      () => undefined,
      (error: unknown) => error,
    );
    await new Promise((resolve) => setImmediate(resolve));
    world.clock.advance(1999);
    await new Promise((resolve) => setImmediate(resolve));
    world.clock.advance(2);
    const error = await outcome;
    assert.equal(error instanceof ApiError, refused);
    if (error instanceof ApiError)
      assert.match(error.message, /Post "https:.*\/check\?timeout=2s": context deadline exceeded/);
    await world.delete(world.ref(mutating, 'hooks'));
  }
});

test('what a mutating webhook changes is stored, and belongs to no manager', async () => {
  const patch = Buffer.from(
    JSON.stringify([{ op: 'add', path: '/data', value: { added: 'x' } }]),
  ).toString('base64');
  const { world } = await startWorld(() => ({ patch, patchType: 'JSONPatch' }));
  await world.create(mutating, configuration('MutatingWebhookConfiguration'));
  const made = await world.configMap('a');
  assert.deepEqual(made['data'], { added: 'x' });
  assert.doesNotMatch(JSON.stringify(made.metadata.managedFields ?? []), /added/);
  assert.ok(made.metadata.uid);
});

test('more calls than may wait are refused, not queued', async () => {
  const { world, asked } = await startWorld(() => new Promise<object>(() => {}));
  await world.create(validating, configuration('ValidatingWebhookConfiguration'));
  const written = Array.from({ length: 520 }, (_, i) => world.configMap(`m${i}`));
  const outcomes = Promise.allSettled(written);
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
  world.clock.advance(60_000);
  const refused = (await outcomes).filter(
    (one) => one.status === 'rejected' && /calls are waiting already/.test(String(one.reason)),
  );
  assert.equal(asked.length, 512);
  assert.equal(refused.length, 8);
});
