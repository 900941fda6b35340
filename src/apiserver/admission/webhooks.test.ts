import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Transport, TransportError, type TransportRequest } from '../../client/transport.ts';
import { type JsonObject, type KubeObject, valueAt } from '../../kube/object.ts';
import { ApiError } from '../../kube/status.ts';
import { RbacIndex } from '../auth/rbac.ts';
import { World, writing } from '../registry/world.fixture.ts';
import { BadReview, deniedBy, verdictOf } from './review.ts';

interface Asked {
  readonly server: string;
  readonly path: string;
  readonly object: { metadata: { name: string } } | null;
}

type Answer = (asked: Asked) => object | Promise<object>;

/** A world whose webhooks are answered by a function. */
async function startWorld(
  answer: Answer,
  more: Parameters<typeof World.start>[0] = {},
): Promise<{ world: World; asked: Asked[] }> {
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
  const admission = { openWebhook, authorizer: new RbacIndex() };
  return { world: await World.start({ admission, ...more }), asked };
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

test('a rule for one version sees what was written in another converted, and so its patch', async () => {
  const patch = Buffer.from(
    JSON.stringify([{ op: 'replace', path: '/spec/targetCPUUtilizationPercentage', value: 70 }]),
  ).toString('base64');
  const { world, asked } = await startWorld(() => ({ patch, patchType: 'JSONPatch' }), {
    members: true,
  });
  const rules = [{ ...rule, apiGroups: ['autoscaling'], apiVersions: ['v1'] }];
  await world.create(mutating, configuration('MutatingWebhookConfiguration', { rules }));
  const cpu = { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } };
  const made = await world.create('autoscaling/v2/horizontalpodautoscalers', {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'web' },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
      maxReplicas: 5,
      metrics: [{ type: 'Resource', resource: cpu }],
    },
  });
  const { object } = asked[0]!;
  assert.equal(valueAt(object, 'apiVersion'), 'autoscaling/v1');
  assert.equal(valueAt(object, 'spec', 'targetCPUUtilizationPercentage'), 50);
  assert.equal(made.apiVersion, 'autoscaling/v2');
  assert.match(JSON.stringify(made), /"averageUtilization":70/);
});

test('token requests are shown as what they are', async () => {
  const sign = () => Promise.resolve('token');
  const { world, asked } = await startWorld(() => ({}), {
    tokenSigner: { issuer: 'us', audiences: ['us'], sign },
  });
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'robot' } };
  await world.create('/v1/serviceaccounts', account);
  await world.create(validating, configuration('ValidatingWebhookConfiguration'));
  const object = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} };
  const ref = world.ref('/v1/serviceaccounts', 'robot', 'default', 'token');
  const body = { object: object as unknown as KubeObject, problems: [] };
  await world.api.registry.create(world.context, ref, body, writing);
  assert.equal(valueAt(asked[0]!.object, 'kind'), 'TokenRequest');
  assert.equal(valueAt(asked[0]!.object, 'apiVersion'), 'authentication.k8s.io/v1');
});

test('audit annotations of a webhook and what it changed are noted', async () => {
  const { world } = await startWorld(() => ({ auditAnnotations: { seen: 'yes' } }));
  await world.create(mutating, configuration('MutatingWebhookConfiguration'));
  const notes = new Map<string, string>();
  const annotate = (key: string, value: string): void => void notes.set(key, value);
  const context = { ...world.context, annotate };
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'm' } };
  const ref = world.ref('/v1/configmaps');
  await world.api.registry.create(context, ref, { object, problems: [] }, writing);
  assert.deepEqual(Object.fromEntries(notes), {
    'a.example.com/seen': 'yes',
    'mutation.webhook.admission.k8s.io/round_0_index_0':
      '{"configuration":"hooks","webhook":"a.example.com","mutated":false}',
  });
});

test('whatever a webhook answers is a verdict, a refusal with a sane code, or a bad review', () => {
  const field = fc.constantFrom('status', 'allowed', 'patch', 'patchType', 'warnings', 'uid');
  const response = fc.dictionary(field, fc.jsonValue({ maxDepth: 2 }));
  fc.assert(
    fc.property(
      fc.jsonValue({ maxDepth: 2 }),
      response,
      fc.boolean(),
      (given, fields, mutating) => {
        const asked = { uid: 'u', version: 'v1', mutating };
        const answer = {
          ...{ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' },
          response: { uid: 'u', ...fields } as JsonObject,
        };
        try {
          verdictOf(answer, asked);
        } catch (error) {
          assert.ok(error instanceof BadReview);
        }
        const { code, message } = deniedBy('a.b.c', given as object).status;
        assert.ok(Number.isInteger(code) && code >= 400 && code <= 599);
        assert.match(message ?? '', /^admission webhook "a\.b\.c" denied the request/);
      },
    ),
  );
});
