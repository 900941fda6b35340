import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '../../kube/object.ts';
import { refusal, World } from './world.fixture.ts';

const deployment = (name: string, more: object = {}): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: 'c', image: 'nginx' }] },
    },
  },
  ...more,
});

test('a created object gets uid, time, version and owner of its fields', async () => {
  const world = await World.start();
  const made = await world.configMap('a', { data: { k: 'v' } });
  assert.match(made.metadata.uid!, /^[0-9a-f-]{36}$/);
  assert.equal(made.metadata.creationTimestamp, '2026-01-01T00:00:00Z');
  assert.equal(made.metadata.namespace, 'default');
  assert.equal(made.metadata.generation, undefined);
  assert.equal(BigInt(made.metadata.resourceVersion!), BigInt(world.store.revision) << 20n);
  const [entry] = made.metadata.managedFields!;
  assert.equal(entry?.manager, 'test');
  assert.deepEqual(entry?.fieldsV1, { 'f:data': { '.': {}, 'f:k': {} } });
  assert.deepEqual(await world.get(world.ref('/v1/configmaps', 'a')), made);
});

test('creating refuses what is there, a missing namespace, a version, another type and a bad name', async () => {
  const world = await World.start();
  await world.configMap('a');
  assert.equal((await refusal(world.configMap('a'))).reason, 'AlreadyExists');
  const nowhere = await refusal(world.configMap('a', {}, 'nowhere'));
  assert.equal(nowhere.message, 'namespaces "nowhere" not found');
  const versioned = { metadata: { name: 'b', resourceVersion: '7' } };
  const refused = await refusal(world.create('/v1/configmaps', versioned));
  assert.equal(refused.message, 'resourceVersion should not be set on objects to be created');
  const other = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'b' } };
  assert.equal((await refusal(world.create('/v1/configmaps', other))).code, 400);
  assert.equal((await refusal(world.configMap('Not_A_Name'))).code, 422);
});

test('generateName makes another name when one is taken', async () => {
  const world = await World.start();
  const names = new Set<string>();
  for (let i = 0; i < 50; i++) {
    const made = await world.create('/v1/configmaps', { metadata: { generateName: 'x-' } });
    assert.match(made.metadata.name!, /^x-[a-z0-9]{5}$/);
    names.add(made.metadata.name!);
  }
  assert.equal(names.size, 50);
});

test('only the status endpoint writes status, and it writes nothing else', async () => {
  const world = await World.start({ members: true });
  const ref = world.ref('apps/v1/deployments', 'web');
  const made = await world.create(
    'apps/v1/deployments',
    deployment('web', { status: { replicas: 9 } }),
  );
  assert.equal(made.metadata.generation, 1);
  assert.notEqual((made['status'] as { replicas?: number } | undefined)?.replicas, 9);
  const changed = {
    ...made,
    spec: { ...(made['spec'] as object), replicas: 5 },
    status: { replicas: 7 },
  };
  const main = await world.update(ref, changed);
  assert.equal((main['spec'] as { replicas: number }).replicas, 5);
  assert.notEqual((main['status'] as { replicas?: number }).replicas, 7);
  assert.equal(main.metadata.generation, 2);
  const status = await world.update(
    { ...ref, subresource: 'status' },
    { ...main, spec: { ...(main['spec'] as object), replicas: 1 }, status: { replicas: 7 } },
  );
  assert.equal((status['spec'] as { replicas: number }).replicas, 5);
  assert.deepEqual(status['status'], { replicas: 7 });
  assert.equal(status.metadata.generation, 2);
});

test('an update that changes nothing writes nothing', async () => {
  const world = await World.start();
  const made = await world.configMap('a', { data: { k: 'v' } });
  const before = world.store.revision;
  world.clock.advance(60_000);
  const ref = world.ref('/v1/configmaps', 'a');
  const same = await world.update(ref, made);
  const patched = await world.patch(ref, { data: { k: 'v' } });
  assert.equal(same.metadata.resourceVersion, made.metadata.resourceVersion);
  assert.equal(patched.metadata.resourceVersion, made.metadata.resourceVersion);
  assert.equal(world.store.revision, before);
});

test('a stale version, another uid and a changed name conflict', async () => {
  const world = await World.start();
  const made = await world.configMap('a', { data: { k: 'v' } });
  const ref = world.ref('/v1/configmaps', 'a');
  await world.update(ref, { ...made, data: { k: 'w' } });
  const stale = await refusal(world.update(ref, { ...made, data: { k: 'x' } }));
  assert.equal(stale.reason, 'Conflict');
  assert.match(stale.message, /the object has been modified; please apply your changes/);
  const metadata = { ...made.metadata, uid: 'other', resourceVersion: '' };
  assert.equal((await refusal(world.update(ref, { ...made, metadata }))).reason, 'Conflict');
  const renamed = await refusal(world.patch(ref, { metadata: { name: 'b' } }));
  assert.equal(renamed.code, 400);
  assert.equal((await refusal(world.patch(world.ref('/v1/configmaps', 'no'), {}))).code, 404);
});

test('concurrent patches of one object all take effect', async () => {
  const world = await World.start();
  await world.configMap('a');
  const ref = world.ref('/v1/configmaps', 'a');
  const keys = Array.from({ length: 12 }, (_, i) => `k${i}`);
  await Promise.all(keys.map((key) => world.patch(ref, { data: { [key]: 'v' } })));
  const data = (await world.get(ref))['data'] as object;
  assert.deepEqual(Object.keys(data).sort(), keys.sort());
});

test('a custom kind must name the version that an update replaces', async () => {
  const world = await World.start();
  const spec = { server: 'https://example.test' };
  const cluster = {
    apiVersion: 'ubernetes.dev/v1alpha1',
    kind: 'Cluster',
    metadata: { name: 'a' },
    spec,
  };
  await world.create('ubernetes.dev/v1alpha1/clusters', cluster);
  const ref = world.ref('ubernetes.dev/v1alpha1/clusters', 'a');
  const refused = await refusal(world.update(ref, cluster));
  assert.match(refused.message, /metadata\.resourceVersion: Invalid value: 0: must be specified/);
});

test('apply creates, changes, gives up fields and conflicts', async () => {
  const world = await World.start();
  const ref = world.ref('/v1/configmaps', 'a');
  const apply = (data: object, manager: string, force = false): Promise<KubeObject> =>
    world.patch(
      ref,
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data },
      { type: 'apply', fieldManager: manager, force },
    );
  await apply({ x: '1', y: '1' }, 'one');
  const given = await apply({ x: '1' }, 'one');
  assert.deepEqual(given['data'], { x: '1' });
  const refused = await refusal(apply({ x: '2' }, 'two'));
  assert.equal(refused.status.details?.causes?.[0]?.reason, 'FieldManagerConflict');
  const forced = await apply({ x: '2' }, 'two', true);
  assert.deepEqual(forced['data'], { x: '2' });
  const revision = world.store.revision;
  await apply({ x: '2' }, 'two');
  assert.equal(world.store.revision, revision);
});

test('a dry run goes all the way but for the store', async () => {
  const world = await World.start();
  const before = world.store.revision;
  const object = { metadata: { name: 'a' }, data: { k: 'v' } };
  const made = await world.create('/v1/configmaps', object, { dryRun: true });
  assert.ok(made.metadata.uid);
  assert.equal(made.metadata.resourceVersion, undefined);
  await world.configMap('a', { data: { k: 'v' } });
  const ref = world.ref('/v1/configmaps', 'a');
  const patched = await world.patch(ref, { data: { k: 'w' } }, { dryRun: true });
  assert.deepEqual(patched['data'], { k: 'w' });
  await world.delete(ref, { dryRun: true });
  assert.deepEqual((await world.get(ref))['data'], { k: 'v' });
  assert.equal(world.store.revision, before + 1);
  const taken = await refusal(world.create('/v1/configmaps', object, { dryRun: true }));
  assert.equal(taken.reason, 'AlreadyExists');
});

test('an immutable ConfigMap stays as it is, a Secret takes stringData in', async () => {
  const world = await World.start();
  await world.configMap('a', { data: { k: 'v' }, immutable: true });
  const ref = world.ref('/v1/configmaps', 'a');
  const refused = await refusal(world.patch(ref, { data: { k: 'w' } }));
  assert.match(refused.message, /data: Forbidden: field is immutable when `immutable` is set/);
  assert.equal((await refusal(world.patch(ref, { immutable: null }))).code, 422);
  await world.patch(ref, { metadata: { labels: { x: 'y' } } });
  const secret = await world.create('/v1/secrets', {
    metadata: { name: 's' },
    data: { a: 'eA==' },
    stringData: { b: 'y' },
  });
  assert.deepEqual(secret['data'], { a: 'eA==', b: 'eQ==' });
  assert.equal(secret['stringData'], undefined);
  assert.equal(secret['type'], 'Opaque');
});

test('unknown fields are refused, warned about or dropped', async () => {
  const world = await World.start();
  const object = { metadata: { name: 'a' }, dta: { k: 'v' } };
  const refused = await refusal(world.create('/v1/configmaps', object));
  assert.match(refused.message, /strict decoding error: unknown field "dta"/);
  const made = await world.create('/v1/configmaps', object, { fieldValidation: 'Warn' });
  assert.equal(made['dta'], undefined);
  assert.deepEqual(world.warnings, ['unknown field "dta"']);
});

test('scale reads and writes the replicas of a Deployment', async () => {
  const world = await World.start({ members: true });
  await world.create('apps/v1/deployments', deployment('web'));
  const ref = world.ref('apps/v1/deployments', 'web', 'default', 'scale');
  const scale = await world.get(ref);
  assert.equal(scale.kind, 'Scale');
  assert.deepEqual(scale['spec'], { replicas: 2 });
  assert.equal((scale['status'] as { selector: string }).selector, 'app=web');
  const patched = await world.patch(ref, { spec: { replicas: 7 } });
  assert.deepEqual(patched['spec'], { replicas: 7 });
  const web = await world.get(world.ref('apps/v1/deployments', 'web'));
  assert.equal((web['spec'] as { replicas: number }).replicas, 7);
  assert.equal(web.metadata.generation, 2);
  const stale = await refusal(world.update(ref, { ...scale, spec: { replicas: 1 } }));
  assert.equal(stale.reason, 'Conflict');
  assert.equal((await refusal(world.patch(ref, { spec: { replicas: -1 } }))).code, 422);
});

test('admission sees the final object, may change it and may refuse it', async () => {
  const seen: string[] = [];
  const world = await World.start({
    admit: [
      async (_context, { operation, ref, object, old }) => {
        seen.push(`${operation} ${ref.name} ${old === undefined ? 'new' : 'old'}`);
        return { ...object, data: { admitted: 'yes' } };
      },
    ],
  });
  seen.length = 0;
  const made = await world.create('/v1/configmaps', { metadata: { name: 'a' } });
  assert.deepEqual(made['data'], { admitted: 'yes' });
  await world.delete(world.ref('/v1/configmaps', 'a'));
  assert.deepEqual(seen, ['CREATE a new', 'DELETE a old']);
});

test('admission sees the generation that an update will have', async () => {
  const seen: unknown[] = [];
  const world = await World.start({
    members: true,
    admit: [
      async (_context, { object }) => {
        if (object.kind === 'Deployment') seen.push(object.metadata.generation);
        return object;
      },
    ],
  });
  await world.create('apps/v1/deployments', deployment('web'));
  const ref = world.ref('apps/v1/deployments', 'web');
  const changed = await world.patch(ref, { spec: { replicas: 7 } });
  assert.deepEqual(seen, [1, 2]);
  assert.equal(changed.metadata.generation, 2);
});

test("a Deployment's generation counts its annotations too, as a controller reads them", async () => {
  const world = await World.start({ members: true });
  await world.create('apps/v1/deployments', deployment('web'));
  const ref = world.ref('apps/v1/deployments', 'web');
  const annotated = await world.patch(ref, { metadata: { annotations: { a: 'b' } } });
  assert.equal(annotated.metadata.generation, 2);
  const labelled = await world.patch(ref, { metadata: { labels: { a: 'b' } } });
  assert.equal(labelled.metadata.generation, 2);
});

test('a patch that makes a field wrong is invalid, so that kubectl edit offers another try', async () => {
  const world = await World.start({ members: true });
  await world.create('apps/v1/deployments', deployment('web'));
  const ref = world.ref('apps/v1/deployments', 'web');
  const patch = { spec: { replicas: 'x' } };
  const error = await refusal(world.patch(ref, patch));
  const why = 'json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of';
  assert.equal(error.code, 422);
  const [cause] = error.status.details?.causes ?? [];
  assert.equal(cause?.field, 'patch');
  assert.match(cause?.message ?? '', /^Invalid value: "{\\"apiVersion\\":\\"apps\/v1\\"/);
  assert.ok(cause?.message?.endsWith(`: ${why} type int32`));
  const unknown = await refusal(
    world.patch(ref, { spec: { nope: 1 } }, { fieldValidation: 'Strict' }),
  );
  assert.equal(unknown.code, 422);
  assert.match(unknown.message, /strict decoding error: unknown field "spec.nope"/);
});
