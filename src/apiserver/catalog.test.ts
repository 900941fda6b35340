import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterKind } from '../api/cluster.ts';
import { decisionKind } from '../api/records.ts';
import type { JsonObject } from '../kube/object.ts';
import type { AggregatedDiscovery, DiscoveredVersion } from './catalog/discovered.ts';
import { OpenapiDocument } from './catalog/documents.ts';
import { loadRecordedTypes } from './catalog/recorded.fixture.ts';
import type { MemberTypes } from './catalog.ts';
import { refusal, World } from './registry/world.fixture.ts';

const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

interface CustomKind {
  readonly group?: string;
  readonly version?: string;
  readonly kind: string;
  readonly fields?: Record<string, string>;
}

/** A member that serves custom kinds only; of one group the versions in the order given. */
function member(version: string, kinds: readonly CustomKind[]): MemberTypes {
  const groups = new Map<string, Map<string, CustomKind[]>>();
  for (const kind of kinds) {
    const { group = 'example.test', version: v = 'v1' } = kind;
    const versions = groups.get(group) ?? new Map<string, CustomKind[]>();
    versions.set(v, [...(versions.get(v) ?? []), kind]);
    groups.set(group, versions);
  }
  const openapiV3 = new Map<string, OpenapiDocument>();
  for (const [group, versions] of groups)
    for (const [v, list] of versions)
      openapiV3.set(`apis/${group}/${v}`, new OpenapiDocument('h', document(group, v, list)));
  const items = [...groups].map(([name, versions]) => ({
    metadata: { name },
    versions: [...versions].map(([v, list]) => discovered(name, v, list)),
  }));
  return { version, discovery: { items }, openapiV3 };
}

function discovered(
  group: string,
  version: string,
  kinds: readonly CustomKind[],
): DiscoveredVersion {
  const resources = kinds.map(({ kind }) => ({
    resource: `${kind.toLowerCase()}s`,
    responseKind: { group, version, kind },
    scope: 'Namespaced',
    singularResource: kind.toLowerCase(),
    verbs,
  }));
  return { version, freshness: 'Current', resources };
}

function document(group: string, version: string, kinds: readonly CustomKind[]): Buffer {
  const schemas: JsonObject = {};
  const paths: JsonObject = {};
  for (const { kind, fields = { size: 'integer' } } of kinds) {
    const properties = Object.entries(fields).map(([name, type]) => [name, { type }]);
    schemas[`test.${version}.${kind}`] = {
      type: 'object',
      properties: {
        apiVersion: { type: 'string' },
        kind: { type: 'string' },
        metadata: { type: 'object' },
        spec: { type: 'object', properties: Object.fromEntries(properties) },
      },
      'x-kubernetes-group-version-kind': [{ group, version, kind }],
    };
    paths[`/apis/${group}/${version}/${kind.toLowerCase()}s`] = { get: {} };
  }
  return Buffer.from(JSON.stringify({ openapi: '3.0.0', paths, components: { schemas } }));
}

const widget = {
  apiVersion: 'example.test/v1',
  kind: 'Widget',
  metadata: { name: 'w' },
  spec: { size: 1 },
};

test('before any member the shipped types and our own are served, hidden ones in no document', async () => {
  const world = await World.start({ kinds: [clusterKind, decisionKind] });
  const { catalog } = world.api;
  assert.equal(catalog.lookup('', 'v1', 'configmaps')?.kind, 'ConfigMap');
  assert.equal(catalog.lookup('', 'v1', 'pods'), undefined);
  const hidden = catalog.lookup('records.ubernetes.dev', 'v1alpha1', 'decisions');
  assert.equal(hidden?.kind, 'Decision');
  assert.equal(catalog.list().includes(hidden!), false);
  assert.equal(
    catalog.groups.some(({ name }) => name === 'records.ubernetes.dev'),
    false,
  );
  assert.ok(catalog.list().some(({ kind }) => kind === 'Cluster'));
  assert.ok(catalog.document('apis/ubernetes.dev/v1alpha1'));
  assert.ok(catalog.document('api/v1'));
});

test("a custom kind of a member is served as soon as it is known, and validated by the member's schema", async () => {
  const world = await World.start();
  const { catalog } = world.api;
  let changes = 0;
  catalog.onChange(() => changes++);
  await catalog.setMember('eu', member('v1.37.0', [{ kind: 'Widget' }]));
  assert.equal(changes, 1);
  const made = await world.create('example.test/v1/widgets', widget);
  assert.equal(made.metadata.generation, 1);
  const wrong = { ...widget, metadata: { name: 'x' }, spec: { size: 'big' } };
  assert.equal((await refusal(world.create('example.test/v1/widgets', wrong))).code, 422);
  await catalog.setMember('eu', member('v1.37.0', [{ kind: 'Widget' }]));
  assert.equal(changes, 1);
  const widgets = world.type('example.test/v1/widgets');
  assert.deepEqual(catalog.versionsIn('eu', widgets), ['v1']);
  assert.equal(catalog.versionsIn('nobody', widgets), undefined);
});

test('a type goes with its last member unless objects of it are stored, and survives a restart', async () => {
  const world = await World.start();
  await world.api.catalog.setMember(
    'eu',
    member('v1.37.0', [{ kind: 'Widget' }, { kind: 'Gadget' }]),
  );
  await world.create('example.test/v1/widgets', widget);
  await world.api.catalog.removeMember('eu');
  const { catalog } = world.api;
  assert.equal(catalog.lookup('example.test', 'v1', 'gadgets'), undefined);
  assert.ok(catalog.lookup('example.test', 'v1', 'widgets'));
  await world.open();
  assert.ok(world.api.catalog.lookup('example.test', 'v1', 'widgets'));
  await world.patch(world.ref('example.test/v1/widgets', 'w'), { spec: { size: 2 } });
  const wrong = world.patch(world.ref('example.test/v1/widgets', 'w'), { spec: { size: 'big' } });
  assert.equal((await refusal(wrong)).code, 422);
  await world.delete(world.ref('example.test/v1/widgets', 'w'));
  await world.api.catalog.setMember('us', member('v1.37.0', [{ kind: 'Gadget' }]));
  assert.equal(world.api.catalog.lookup('example.test', 'v1', 'widgets'), undefined);
});

test('kinds of one group that different members have are all described', async () => {
  const world = await World.start();
  const { catalog } = world.api;
  await catalog.setMember('old', member('v1.34.0', [{ kind: 'Gadget' }]));
  await catalog.setMember('new', member('v1.37.0', [{ kind: 'Widget' }]));
  const united = JSON.parse(catalog.document('apis/example.test/v1')!.toString());
  assert.deepEqual(Object.keys(united.components.schemas).sort(), [
    'test.v1.Gadget',
    'test.v1.Widget',
  ]);
  for (const path of ['gadgets', 'widgets'])
    assert.equal(
      catalog.schemaOf(world.type(`example.test/v1/${path}`)).root.shape.map?.fields.has('spec'),
      true,
    );
});

test('of two documents the one of the newer member counts', async () => {
  const world = await World.start();
  const { catalog } = world.api;
  const newer = member('v1.37.0', [
    { kind: 'Widget', fields: { size: 'integer', colour: 'string' } },
  ]);
  await catalog.setMember('a', newer);
  await catalog.setMember('b', member('v1.34.9', [{ kind: 'Widget' }]));
  assert.deepEqual(
    catalog.document('apis/example.test/v1'),
    newer.openapiV3.get('apis/example.test/v1')!.bytes,
  );
  await catalog.removeMember('a');
  const left = JSON.parse(catalog.document('apis/example.test/v1')!.toString());
  assert.equal(
    left.components.schemas['test.v1.Widget'].properties.spec.properties.colour,
    undefined,
  );
});

test('a second version is served when it differs by name only, and both show the same object', async () => {
  const world = await World.start();
  await world.api.catalog.setMember(
    'eu',
    member('v1.37.0', [
      { kind: 'Widget', version: 'v1' },
      { kind: 'Widget', version: 'v1beta1' },
      { kind: 'Gadget', version: 'v1' },
      { kind: 'Gadget', version: 'v1beta1', fields: { length: 'integer' } },
    ]),
  );
  const { catalog } = world.api;
  assert.equal(catalog.lookup('example.test', 'v1beta1', 'gadgets'), undefined);
  await world.create('example.test/v1beta1/widgets', {
    ...widget,
    apiVersion: 'example.test/v1beta1',
  });
  const v1 = await world.get(world.ref('example.test/v1/widgets', 'w'));
  const beta = await world.get(world.ref('example.test/v1beta1/widgets', 'w'));
  assert.equal(v1.apiVersion, 'example.test/v1');
  assert.deepEqual({ ...v1, apiVersion: '' }, { ...beta, apiVersion: '' });
  assert.equal(beta.apiVersion, 'example.test/v1beta1');
  const watch = await world.watch('example.test/v1beta1/widgets');
  await world.patch(world.ref('example.test/v1/widgets', 'w'), { spec: { size: 3 } });
  await watch.lines();
  for (const event of watch.events)
    assert.equal('item' in event && event.item.object().apiVersion, 'example.test/v1beta1');
});

test('the stored version stays while objects are stored, and moves when none are', async () => {
  const world = await World.start();
  const { catalog } = world.api;
  const beta = { kind: 'Widget', version: 'v1beta1' };
  const v1 = { kind: 'Widget', version: 'v1', fields: { length: 'integer' } };
  await catalog.setMember('eu', member('v1.34.0', [beta]));
  await world.create('example.test/v1beta1/widgets', {
    ...widget,
    apiVersion: 'example.test/v1beta1',
  });
  await catalog.setMember('eu', member('v1.37.0', [v1, beta]));
  assert.equal(catalog.lookup('example.test', 'v1', 'widgets'), undefined);
  assert.ok(catalog.lookup('example.test', 'v1beta1', 'widgets'));
  await world.delete(world.ref('example.test/v1beta1/widgets', 'w'));
  await catalog.setMember('eu', member('v1.37.1', [v1, beta]));
  assert.ok(catalog.lookup('example.test', 'v1', 'widgets'));
  assert.equal(catalog.lookup('example.test', 'v1beta1', 'widgets'), undefined);
});

test('no member brings RBAC or our own group, and what is no name is left out', async () => {
  const world = await World.start();
  const { catalog } = world.api;
  const bad = member('v1.99.0', [
    { group: 'rbac.authorization.k8s.io', kind: 'Superuser' },
    { group: 'ubernetes.dev', kind: 'Trojan' },
    { group: 'x.ubernetes.dev', kind: 'Trojan' },
    { kind: 'Widget' },
  ]);
  const noise = {
    items: [
      ...bad.discovery.items,
      { metadata: { name: '../etc' }, versions: [] },
      { metadata: { name: 'a.test' }, versions: [{ version: 'V 1', resources: [{}] }] },
      {
        metadata: { name: 'b.test' },
        versions: [{ version: 'v1', resources: [{ resource: '__proto__' }] }],
      },
      null,
    ],
  } as unknown as AggregatedDiscovery;
  await catalog.setMember('bad', { ...bad, discovery: noise });
  assert.ok(catalog.lookup('example.test', 'v1', 'widgets'));
  assert.equal(catalog.lookup('rbac.authorization.k8s.io', 'v1', 'superusers'), undefined);
  assert.equal(catalog.lookup('ubernetes.dev', 'v1', 'trojans'), undefined);
  const names = catalog.groups.map(({ name }) => name);
  for (const name of ['x.ubernetes.dev', '../etc', 'a.test', 'b.test'])
    assert.equal(names.includes(name), false);
});

test('a whole Kubernetes is served, and its documents pass through to the byte', async () => {
  const world = await World.start({ members: true });
  const { catalog } = world.api;
  const types = loadRecordedTypes();
  for (const path of ['api/v1', 'apis/apps/v1', 'apis/batch/v1'])
    assert.equal(catalog.document(path)?.equals(types.openapiV3.get(path)!.bytes), true);
  assert.ok(catalog.list().length > 60);
  assert.equal(catalog.lookup('autoscaling', 'v2', 'horizontalpodautoscalers')?.version, 'v2');
  assert.equal(catalog.lookup('autoscaling', 'v1', 'horizontalpodautoscalers')?.version, 'v1');
  const autoscalers = catalog.list().filter(({ kind }) => kind === 'HorizontalPodAutoscaler');
  assert.deepEqual(
    autoscalers.map(({ version }) => version),
    ['v2'],
    'one is stored',
  );
  const pods = catalog.lookup('', 'v1', 'pods')!;
  assert.ok(pods.subresources.some(({ name, kind }) => name === 'eviction' && kind === 'Eviction'));
});

test('members of one version share their documents in the store', async () => {
  const world = await World.start({ members: true });
  const count = async (): Promise<number> =>
    (await world.store.range({ prefix: '/catalog/documents/' })).entries.length;
  const one = await count();
  await world.api.catalog.setMember('second', loadRecordedTypes());
  assert.equal(await count(), one);
  await world.api.catalog.removeMember('recorded');
  assert.equal(await count(), one);
  await world.api.catalog.removeMember('second');
  assert.equal(await count(), 0);
});

test('a document of a member that is no whole JSON counts for nothing, and hurts nobody', async () => {
  const world = await World.start();
  const { catalog } = world.api;
  const good = member('v1.36.0', [{ kind: 'Widget' }]);
  const { version, discovery, openapiV3 } = member('v1.37.0', [
    { kind: 'Widget' },
    { group: 'other.test', kind: 'Gadget' },
  ]);
  const bytes = Buffer.from('{"openapi":"3.0.0","paths":{');
  const cut = new Map(openapiV3).set('apis/example.test/v1', new OpenapiDocument('cut', bytes));
  await catalog.setMember('new', { version, discovery, openapiV3: cut });
  assert.equal((await world.ask('/openapi/v2'))?.status, 200);
  await catalog.setMember('old', good);
  const wrong = { ...widget, spec: { size: 'big' } };
  assert.equal((await refusal(world.create('example.test/v1/widgets', wrong))).code, 422);
  for (const path of ['v2', 'v3', 'v3/apis/example.test/v1', 'v3/apis/other.test/v1'])
    assert.equal((await world.ask(`/openapi/${path}`))?.status, 200, path);
});

test('whoever writes a custom kind is told how clusters differ about it', async () => {
  const world = await World.start();
  const { catalog } = world.api;
  const create = (name: string) =>
    world.create('example.test/v1/widgets', { ...widget, metadata: { name } });
  const told = () => world.warnings.splice(0);
  await catalog.setMember('a', member('v1.37.0', [{ kind: 'Widget' }]));
  await catalog.setMember('b', member('v1.36.0', [{ kind: 'Widget' }]));
  await create('same');
  assert.deepEqual(told(), []);
  const fields = { size: 'integer', color: 'string' };
  await catalog.setMember('b', member('v1.36.0', [{ kind: 'Widget', fields }]));
  await catalog.setMember('c', member('v1.35.0', [{ kind: 'Widget', version: 'v1beta1' }]));
  await catalog.setMember('d', member('v1.35.0', [{ kind: 'Gadget' }, { kind: 'Widget' }]));
  await create('skewed');
  assert.deepEqual(told(), [
    'cluster c serves widgets.example.test as v1beta1, not as v1',
    'cluster b has another schema of Widget in example.test/v1 than cluster a, whose schema is used here',
  ]);
  await catalog.removeMember('b');
  await catalog.removeMember('c');
  await create('again');
  assert.deepEqual(told(), []);
});
