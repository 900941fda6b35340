/** The same bad bodies to a real kube-apiserver and to this code: the same answer in its words. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { membersAvailable, requireMembers } from '../../testbed/binaries.ts';
import { type Fleet, startFleet } from '../../testbed/fleet.ts';
import type { MemberClient } from '../../testbed/member-client.ts';
import { applyDefaults } from './defaults.ts';
import type { Json, JsonObject, KubeObject } from './object.ts';
import { SchemaSet } from './schema-set.ts';
import { applyPatch } from './server-side-apply.ts';
import { invalid, isApiError } from './status.ts';
import { strategicMerge } from './strategic.ts';
import { decodeObject } from './validate.ts';
import { validateMeta } from './validate-meta.ts';

const runs = Number(process.env.FUZZ_RUNS ?? 60);
const path = '/apis/apps/v1/namespaces/default/deployments';
const type = { group: 'apps', kind: 'Deployment', resource: 'deployments', namespaced: true };

const whole: JsonObject = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: {
    name: 'x',
    namespace: 'default',
    labels: { a: '1' },
    annotations: { b: '2' },
    finalizers: ['x.io/f'],
    ownerReferences: [{ apiVersion: 'v1', kind: 'K', name: 'n', uid: 'u', controller: false }],
  },
  spec: {
    replicas: 1,
    paused: true,
    minReadySeconds: 3,
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: '10%' } },
    selector: { matchLabels: { a: '1' }, matchExpressions: [{ key: 'a', operator: 'Exists' }] },
    template: {
      metadata: { labels: { a: '1' } },
      spec: {
        nodeSelector: { n: '1' },
        terminationGracePeriodSeconds: 3,
        tolerations: [{ key: 'k', operator: 'Exists' }],
        volumes: [{ name: 'v', emptyDir: { sizeLimit: '1Gi' } }],
        containers: [
          {
            name: 'c',
            image: 'i',
            args: ['a'],
            env: [
              { name: 'E', value: '1' },
              { name: 'F', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
            ],
            ports: [{ containerPort: 80, name: 'p' }],
            resources: { limits: { cpu: '1' } },
            livenessProbe: { httpGet: { port: 80, path: '/' }, periodSeconds: 5 },
            volumeMounts: [{ name: 'v', mountPath: '/v', readOnly: true }],
          },
        ],
      },
    },
  },
};

let fleet: Fleet | undefined;
let client: MemberClient;
const schemas = new SchemaSet();

before(async () => {
  if (!membersAvailable('bare')) return;
  fleet = await startFleet({ members: [{ name: 'oracle', full: false }] });
  client = fleet.members[0]!.client;
  const document = (await client.must({ path: '/openapi/v3/apis/apps/v1' })) as JsonObject;
  schemas.addDocument({ group: 'apps', version: 'v1', load: () => document });
});

after(async () => {
  await fleet?.stop();
});

const schemaOf = () => schemas.lookup('apps', 'v1', 'Deployment')!;

interface Answer {
  readonly code: number;
  readonly message: string;
}

async function asked(request: Parameters<MemberClient['send']>[0]): Promise<Answer> {
  const { status, body } = await client.send(request);
  const message = status < 300 ? '' : String((body as JsonObject).message);
  return { code: status < 300 ? 200 : status, message };
}

function refused(run: () => void): Answer {
  try {
    run();
    return { code: 200, message: '' };
  } catch (error) {
    if (!isApiError(error)) throw error;
    return { code: error.code, message: error.message };
  }
}

function accept(body: JsonObject, fieldValidation: 'Strict' | 'Ignore'): void {
  const object = body as unknown as KubeObject;
  const schema = schemaOf();
  const decoded = decodeObject({ schema, object, fieldValidation, warn: () => {} });
  const { metadata, ...rest } = applyDefaults(schema, decoded);
  const filled = { ...rest, metadata: { namespace: 'default', ...metadata } } as KubeObject;
  const causes = validateMeta({ type, object: filled, native: true });
  if (causes.length > 0) throw invalid(type, filled.metadata.name ?? '', causes);
}

/** Every place in a value, as a path of keys. */
function places(value: Json, at: (string | number)[] = []): (string | number)[][] {
  if (typeof value !== 'object' || value === null) return [at];
  const inner = Object.entries(value).flatMap(([key, child]) =>
    places(child as Json, [...at, Array.isArray(value) ? Number(key) : key]),
  );
  return at.length === 0 ? inner : [at, ...inner];
}

function changed(place: readonly (string | number)[], value: Json): JsonObject {
  const copy = structuredClone(whole);
  let parent = copy as unknown as Record<string | number, Json>;
  for (const key of place.slice(0, -1)) parent = parent[key] as never;
  parent[place.at(-1)!] = value;
  return copy;
}

/** Go tells the names of string types and of embedded structs, which no schema holds. */
const sameWords = (message: string): string =>
  message
    .replace(/ of type (?!int|bool|\[\])\S+$/, ' of type …')
    .replace(/\.(ProbeHandler|VolumeSource)\./, '.');

test('a value of another type anywhere is answered in the same words', async (t) => {
  if (!(await requireMembers(t, 'bare'))) return;
  const wrong = fc.constantFrom<Json>(
    'x',
    '',
    3,
    -1,
    2.5,
    3e10,
    true,
    null,
    [],
    ['x'],
    [{}],
    {},
    { y: 1 },
  );
  const place = fc.constantFrom(
    ...places(whole).filter(
      ([first, second]) => first !== 'apiVersion' && first !== 'kind' && second !== 'namespace',
    ),
  );
  await fc.assert(
    fc.asyncProperty(place, wrong, async (at, value) => {
      const body = changed(at, value);
      const theirs = await asked({ method: 'POST', path: `${path}?dryRun=All`, body });
      const ours = refused(() => accept(body, 'Ignore'));
      // A real API server also has rules in code, which come after these.
      if (theirs.code === 422 && ours.code === 200) return;
      assert.deepEqual(
        { ...ours, message: sameWords(ours.message) },
        { ...theirs, message: sameWords(theirs.message) },
        JSON.stringify([at, value]),
      );
    }),
    { numRuns: runs * 4 },
  );
});

test('unknown fields anywhere are refused in the same words when strict', async (t) => {
  if (!(await requireMembers(t, 'bare'))) return;
  const maps = places(whole).filter((at) => {
    const value = at.reduce<Json>((one, key) => (one as never)[key], whole);
    return typeof value === 'object' && !Array.isArray(value);
  });
  for (const at of maps) {
    if (
      ['labels', 'annotations', 'matchLabels', 'nodeSelector', 'limits'].includes(String(at.at(-1)))
    )
      continue;
    const body = changed([...at, 'unheard'], 1);
    const query = '?dryRun=All&fieldValidation=Strict';
    const theirs = await asked({ method: 'POST', path: `${path}${query}`, body });
    assert.deepEqual(
      refused(() => accept(body, 'Strict')),
      theirs,
      JSON.stringify(at),
    );
  }
});

test('metadata that breaks a rule is refused in the same words', async (t) => {
  if (!(await requireMembers(t, 'bare'))) return;
  const cases: JsonObject[] = [
    { name: 'A_b' },
    { name: 'a'.repeat(254) },
    { name: '' },
    { labels: { '-a': 'b' } },
    { labels: { a: '-b' } },
    { labels: { 'x/y/z': '1' } },
    { labels: { [`${'a'.repeat(64)}`]: '1' } },
    { labels: { 'A.com/x': '1' } },
    { labels: { '/x': '1' } },
    { labels: { 'x/': '1' } },
    { labels: { a: 'b'.repeat(64) } },
    { annotations: { '-a': 'b' } },
    { annotations: { 'EXAMPLE.com/A': 'b' } },
    { annotations: { a: 'b'.repeat(262_145) } },
    { finalizers: ['x y', 'foo', 'a/b', ''] },
    { finalizers: ['orphan', 'foregroundDeletion'] },
    { ownerReferences: [{}] },
    { ownerReferences: [{ apiVersion: 'a/b/c', kind: 'K', name: 'n', uid: 'u' }] },
    {
      ownerReferences: [
        { apiVersion: 'v1', kind: 'K', name: 'n', uid: 'u', controller: true },
        { apiVersion: 'v1', kind: 'Event', name: 'n', uid: 'u2', controller: true },
      ],
    },
  ];
  for (const metadata of cases) {
    const body = { ...whole, metadata: { ...(whole.metadata as JsonObject), ...metadata } };
    const theirs = await asked({ method: 'POST', path: `${path}?dryRun=All`, body });
    assert.deepEqual(
      refused(() => accept(body, 'Ignore')),
      theirs,
      JSON.stringify(metadata).slice(0, 200),
    );
  }
});

test('a configuration of the wrong structure is refused in the same words', async (t) => {
  if (!(await requireMembers(t, 'bare'))) return;
  const containers = (...list: Json[]): JsonObject => ({
    template: { spec: { containers: list } },
  });
  const specs: JsonObject[] = [
    { replicas: 'x' },
    { paused: 3 },
    { paused: {} },
    { foo: 1 },
    { template: [] },
    { template: 'x' },
    containers({ name: 'c' }, { name: 'c' }),
    containers({ image: 'c' }),
    containers('c'),
    containers(null),
    { template: { spec: { containers: {} } } },
    containers({
      name: 'c',
      ports: [{ containerPort: 80 }, { containerPort: 80, protocol: 'TCP' }],
    }),
    containers({ name: 'c', image: 3 }),
    containers({ name: 'c', image: { a: 1 } }),
    containers({ name: 'c', resources: { limits: { cpu: {} } } }),
  ];
  for (const spec of specs) {
    const patch: JsonObject = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'applied', namespace: 'default' },
      spec,
    };
    const theirs = await asked({
      method: 'PATCH',
      path: `${path}/applied?dryRun=All&fieldManager=m`,
      body: patch,
      contentType: 'application/apply-patch+yaml',
    });
    const ours = refused(() =>
      applyPatch({
        schema: schemaOf(),
        live: undefined,
        patch: patch as unknown as KubeObject,
        manager: 'm',
        force: false,
        now: 0,
      }),
    );
    if (theirs.code === 422 && ours.code === 200) continue;
    assert.deepEqual(ours, theirs, JSON.stringify(spec));
  }
});

test('directives of strategic merge patches do the same', async (t) => {
  if (!(await requireMembers(t, 'bare'))) return;
  const { finalizers: _none, ...metadata } = whole.metadata as JsonObject;
  const name = 'strategic';
  const body = { ...whole, metadata: { ...metadata, name, finalizers: ['x.io/a', 'x.io/b'] } };
  const live = (await client.must({ method: 'POST', path, body })) as unknown as KubeObject;
  const pod = (spec: JsonObject): JsonObject => ({ spec: { template: { spec } } });
  const order = (...names: string[]): JsonObject => ({
    '$setElementOrder/containers': names.map((one) => ({ name: one })),
  });
  const patches: JsonObject[] = [
    pod({ containers: [{ name: 'd', image: 'j' }] }),
    pod({ containers: [{ name: 'd', image: 'j' }], ...order('d', 'c') }),
    pod({ containers: [{ name: 'd', image: 'j' }], ...order('c', 'd') }),
    pod({ containers: [{ name: 'd', image: 'j' }], ...order('c') }),
    pod({
      containers: [
        { name: 'c', $patch: 'delete' },
        { name: 'd', image: 'j' },
      ],
    }),
    pod({ containers: [{ $patch: 'replace' }, { name: 'd', image: 'j' }] }),
    pod({ containers: [{ name: 'c', env: [{ name: 'E', $patch: 'delete' }] }] }),
    pod({ containers: [{ name: 'c', env: [{ name: 'E', value: null }] }] }),
    pod({
      containers: [{ name: 'c', env: null, args: ['z'], resources: { limits: { memory: '1Gi' } } }],
    }),
    pod({ containers: [{ name: 'c', $patch: 'merge' }] }),
    pod({ containers: [{ name: 'c', $patch: 'other' }] }),
    pod({ containers: [{ image: 'x' }] }),
    pod({ containers: ['x'] }),
    pod({ nodeSelector: { $patch: 'replace', z: '1' } }),
    pod({ nodeSelector: { $patch: 'delete' } }),
    pod({ nodeSelector: null, tolerations: [] }),
    pod({ securityContext: { runAsUser: 1, runAsGroup: null } }),
    { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } },
    { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate', rollingUpdate: {} } } },
    { spec: { strategy: { $retainKeys: 'x' } } },
    { spec: { strategy: { $patch: 'replace', type: 'Recreate' } } },
    { metadata: { finalizers: ['x.io/c'], '$deleteFromPrimitiveList/finalizers': ['x.io/a'] } },
    { metadata: { '$deleteFromPrimitiveList/finalizers': 'x' } },
    { metadata: { '$setElementOrder/finalizers': ['x.io/b', 'x.io/a'] } },
    {
      metadata: { labels: { a: null, b: '2' }, ownerReferences: [{ uid: 'u', $patch: 'delete' }] },
    },
    { spec: { replicas: null, minReadySeconds: 0 } },
  ];
  const stable = (object: JsonObject): JsonObject => {
    const {
      managedFields: _m,
      generation: _g,
      resourceVersion: _r,
      ...rest
    } = object.metadata as JsonObject;
    return { ...object, metadata: rest };
  };
  for (const patch of patches) {
    const answer = await client.send({
      method: 'PATCH',
      path: `${path}/${name}?dryRun=All`,
      body: patch,
      contentType: 'application/strategic-merge-patch+json',
    });
    if (answer.status === 422) continue;
    let merged: KubeObject | undefined;
    const ours = refused(() => {
      const object = strategicMerge({ schema: schemaOf(), live, patch });
      const schema = schemaOf();
      const decoded = decodeObject({ schema, object, fieldValidation: 'Ignore', warn: () => {} });
      merged = applyDefaults(schema, decoded);
    });
    const said = JSON.stringify(patch);
    assert.equal(
      ours.code,
      answer.status,
      `${said}: ${ours.message} / ${JSON.stringify(answer.body).slice(0, 300)}`,
    );
    if (answer.status === 200)
      assert.deepEqual(stable(merged as never), stable(answer.body as JsonObject), said);
  }
});
