import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requireMembers } from '../../testbed/binaries.ts';
import { isObject, type JsonObject, valueAt } from '../kube/object.ts';
import { decodeProtobuf, encodeProtobuf } from '../kube/protobuf.ts';
import { OwnAndReal, ownFederation, type Sent } from './own-and-real.fixture.ts';

const pods = '/api/v1/namespaces/default/pods';
const bindings = '/api/v1/namespaces/default/bindings';
const budgets = '/apis/policy/v1/namespaces/default/poddisruptionbudgets';
const merge = 'application/merge-patch+json';
const strategic = 'application/strategic-merge-patch+json';

function pod(name: string, spec: JsonObject = {}): Sent {
  const resources = {
    requests: { cpu: '100m', memory: '1Mi' },
    limits: { cpu: '200m', memory: '2Mi' },
  };
  const body = {
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { app: 'x' } } },
    spec: { containers: [{ name: 'a', image: 'i', resources }], ...spec },
  };
  return { method: 'POST', path: pods, body };
}

function post(path: string, body: unknown): Sent {
  return { method: 'POST', path, body };
}

function patch(path: string, body: unknown, type = merge): Sent {
  return { method: 'PATCH', path, body, headers: { 'content-type': type } };
}

function binding(name: string, node: string, metadata: JsonObject = {}, target: JsonObject = {}) {
  return {
    ...{ apiVersion: 'v1', kind: 'Binding', metadata: { name, ...metadata } },
    target: { kind: 'Node', name: node, ...target },
  };
}

function evictionOf(name: string): JsonObject {
  return { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name } };
}

function evict(name: string, more: JsonObject = {}, query = ''): Sent {
  return post(`${pods}/${name}/eviction${query}`, { ...evictionOf(name), ...more });
}

async function binds(both: OwnAndReal): Promise<void> {
  await both.refusedAlike('pods', pod('p'), pod('gated', { schedulingGates: [{ name: 'a.b/c' }] }));
  const to = `${pods}/p/binding`;
  await both.same(
    'bindings',
    post(to, binding('p', 'n', {}, { kind: 'Pod' })),
    post(to, binding('p', '')),
    post(to, binding('p', 'a/b')),
    post(to, binding('other', 'n')),
    post(to, binding('p', 'n', { resourceVersion: '1' })),
    post(to, binding('p', 'n', { uid: 'nobody' })),
    post(`${to}?dryRun=All`, binding('p', 'n')),
    post(to, binding('p', 'n', { annotations: { x: 'y' }, labels: { zone: 'z' } })),
    post(to, binding('p', 'm')),
    post(`${pods}/gated/binding`, binding('gated', 'n')),
    post(`${pods}/none/binding`, binding('none', 'n')),
    post(bindings, binding('none', 'n')),
    post(bindings, binding('', 'n')),
    post(bindings, binding('p', 'n', { namespace: 'other' })),
    post(bindings, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' } }),
    { path: to },
    { path: bindings },
    post(to, {}),
  );
  for (const send of [both.ours, both.real]) {
    const { body } = await send({ path: `${pods}/p` });
    const { metadata } = body;
    assert.deepEqual(metadata.labels, { app: 'x', zone: 'z' });
    assert.deepEqual(metadata.annotations, { x: 'y' });
    assert.equal(valueAt(body, 'spec', 'nodeName'), 'n');
    assert.equal(metadata.generation, 1);
    assert.equal(metadata.managedFields?.length, 1);
    const conditions = valueAt(body, 'status', 'conditions');
    assert.ok(
      Array.isArray(conditions) &&
        conditions.some(
          (each) => isObject(each) && each['type'] === 'PodScheduled' && each['status'] === 'True',
        ),
    );
  }
  await both.refusedAlike('nodeName', pod('q'), patch(`${pods}/q`, { spec: { nodeName: 'n' } }));
  both.settle();
}

async function evicts(both: OwnAndReal): Promise<void> {
  const running = (name: string, ready: string) =>
    patch(
      `${pods}/${name}/status`,
      { status: { phase: 'Running', conditions: [{ type: 'Ready', status: ready }] } },
      strategic,
    );
  const status = (fields: JsonObject) => patch(`${budgets}/b/status`, { status: fields });
  const minAvailable = (name: string, selector: JsonObject) =>
    post(budgets, { metadata: { name }, spec: { minAvailable: 1, selector } });
  const healthy = { observedGeneration: 1, currentHealthy: 3, desiredHealthy: 1, expectedPods: 3 };
  const failed = {
    ...{ type: 'DisruptionAllowed', status: 'False', reason: 'SyncFailed', message: 'failed so' },
    lastTransitionTime: '2026-01-01T00:00:00Z',
  };
  await both.refusedAlike(
    'pods',
    ...[
      pod('ready'),
      pod('unready'),
      pod('idle'),
      running('ready', 'True'),
      running('unready', 'False'),
    ],
  );
  const wrong = { deleteOptions: { preconditions: { uid: 'nobody' } } };
  await both.same(
    'bodies',
    post(`${pods}/ready/eviction`, { metadata: { name: 'other' } }),
    post(`${pods}/ready/eviction`, {}),
    post(`${pods}/ready/eviction`, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'ready' } }),
    post(`${pods}/ready/eviction`, {
      apiVersion: 'v1',
      kind: 'Eviction',
      metadata: { name: 'ready' },
    }),
    ...[evict('none'), evict('ready', wrong), evict('ready', {}, '?dryRun=All')],
    evict('ready', { deleteOptions: { preconditions: { resourceVersion: '1' } } }),
    evict('ready', { deleteOptions: { dryRun: ['Some'] } }),
    { path: `${pods}/ready/eviction` },
  );
  await both.same('budget', minAvailable('b', { matchLabels: { app: 'x' } }), evict('ready'));
  await both.refusedAlike('none left', status({ ...healthy, currentHealthy: 1 }));
  await both.same('none left', evict('ready'), evict('unready', {}, '?dryRun=All'));
  await both.refusedAlike('spared', status({ ...healthy, currentHealthy: 0 }));
  await both.same('spared', evict('unready', {}, '?dryRun=All'));
  await both.refusedAlike('failed', status({ ...healthy, conditions: [failed] }));
  await both.same('failed', evict('ready'));
  await both.refusedAlike(
    'one left',
    status({ ...healthy, conditions: [], disruptionsAllowed: 1 }),
  );
  await both.same('two budgets', minAvailable('all', {}), evict('ready'));
  await both.refusedAlike('one budget', { method: 'DELETE', path: `${budgets}/all` });
  await both.same('dry run', evict('ready', {}, '?dryRun=All'), { path: `${budgets}/b` });
  await both.same('evicted', evict('ready'));
  for (const send of [both.ours, both.real]) {
    const { body } = await send({ path: `${budgets}/b` });
    assert.equal(valueAt(body, 'status', 'disruptionsAllowed'), 0);
    const disrupted = valueAt(body, 'status', 'disruptedPods');
    assert.deepEqual(isObject(disrupted) && Object.keys(disrupted), ['ready']);
    const [condition] = valueAt(body, 'status', 'conditions') as JsonObject[];
    assert.equal(condition?.['reason'], 'InsufficientPods');
    assert.ok(body.metadata.managedFields?.some(({ manager }) => manager === 'kube-apiserver'));
  }
  await both.same('idle', evict('idle'), evict('unready'));
  both.settle();
}

async function changesParts(both: OwnAndReal): Promise<void> {
  const debug = (...containers: JsonObject[]) =>
    patch(
      `${pods}/c/ephemeralcontainers`,
      { spec: { ephemeralContainers: containers } },
      strategic,
    );
  const d = { name: 'd', image: 'x' };
  const bad = {
    ...{ name: 'z', targetContainerName: 'nope' },
    ports: [{ containerPort: 1 }],
    resources: { limits: { cpu: 1 } },
  };
  const resize = (resources: JsonObject, more: JsonObject = {}) =>
    patch(
      `${pods}/c/resize`,
      { spec: { containers: [{ name: 'a', resources, ...more }] } },
      strategic,
    );
  const none = { cpu: null, memory: null };
  await both.refusedAlike(
    'ephemeral containers',
    pod('c'),
    debug(d),
    debug({ ...d, image: 'y' }),
    patch(`${pods}/c/ephemeralcontainers`, { spec: { ephemeralContainers: [] } }),
    debug({ name: 'a', image: 'y' }),
    debug(bad),
    patch(`${pods}/c`, { spec: { ephemeralContainers: [{ name: 'q', image: 'y' }] } }, strategic),
    pod('f', { ephemeralContainers: [d] }),
  );
  await both.refusedAlike(
    'resize',
    resize({ requests: { cpu: '150m' } }),
    resize({}, { image: 'other' }),
    resize({ requests: none, limits: none }),
    resize({ requests: { cpu: '200m', memory: '2Mi' } }),
    resize({ requests: { cpu: '300m' } }),
    resize({ requests: { 'ephemeral-storage': '1Gi' } }),
    resize({}, { name: 'b', image: 'x' }),
    resize({ limits: { cpu: null } }),
    resize({}, { resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'RestartContainer' }] }),
  );
  const spec = ({ spec }: JsonObject) => ({
    containers: valueAt(spec, 'containers'),
    ephemeral: valueAt(spec, 'ephemeralContainers'),
  });
  for (const part of ['', '/ephemeralcontainers', '/resize']) {
    const [ours, real] = await Promise.all([
      both.ours({ path: `${pods}/c${part}` }),
      both.real({ path: `${pods}/c${part}` }),
    ]);
    assert.deepEqual(
      spec(ours.body as unknown as JsonObject),
      spec(real.body as unknown as JsonObject),
    );
    assert.equal(ours.body.metadata.generation, real.body.metadata.generation);
  }
  both.settle();
}

test('what pods are asked for by endpoints of their own', async (t) => {
  if (!(await requireMembers(t, 'bare'))) return;
  await using both = await OwnAndReal.start(await ownFederation());
  await t.test('they are bound as by a real kube-apiserver', () => binds(both));
  await t.test('they are evicted as their disruption budgets allow', () => evicts(both));
  await t.test('they are resized and get ephemeral containers', () => changesParts(both));
  await t.test('what is asked in protobuf is answered so', () => speaksProtobuf(both));
});

/** Bodies that kubelets and schedulers send, which speak protobuf. */
async function speaksProtobuf({ ours, real }: OwnAndReal): Promise<void> {
  const media = 'application/vnd.kubernetes.protobuf';
  const headers = { 'content-type': media, accept: media };
  const account = '/api/v1/namespaces/default/serviceaccounts';
  const asked = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', metadata: {} };
  const bodies: [string, JsonObject][] = [
    [`${account}/talker/token`, { ...asked, spec: { audiences: ['a'], expirationSeconds: 700 } }],
    [`${pods}/spoken/binding`, binding('spoken', 'n')],
    [`${pods}/spoken/eviction`, { ...evictionOf('spoken'), deleteOptions: {} }],
  ];
  for (const send of [ours, real]) {
    await send(post(account, { metadata: { name: 'talker' } }));
    await send(pod('spoken'));
    const answers: string[] = [];
    for (const [path, body] of bodies) {
      const bytes = encodeProtobuf(body);
      const { status, bytes: answer } = await send({ method: 'POST', path, body: bytes, headers });
      assert.equal(status, 201, answer.toString('utf8'));
      const { apiVersion, kind, spec } = decodeProtobuf(answer) as JsonObject;
      answers.push(`${apiVersion} ${kind} ${JSON.stringify(spec)}`);
    }
    const [token, ...others] = answers;
    assert.match(token!, /^authentication.k8s.io\/v1 TokenRequest \{.*"expirationSeconds":700/);
    assert.deepEqual(others, ['v1 Status undefined', 'v1 Status undefined']);
  }
}
