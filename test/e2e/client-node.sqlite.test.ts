/**
 * The Kubernetes client of JavaScript against a served federation, as an operator would use it: it
 * knows nothing of us.
 */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import {
  ApiException,
  AuthenticationV1Api,
  CoreV1Api,
  CustomObjectsApi,
  KubeConfig,
  type KubernetesObject,
  KubernetesObjectApi,
  makeInformer,
  PatchStrategy,
  RbacAuthorizationV1Api,
  setHeaderOptions,
  type V1ConfigMap,
  type V1Status,
  Watch,
} from '@kubernetes/client-node';
import { waitUntil } from '../../testbed/waiting.ts';
import { ServedFederation } from './serving.ts';

const namespace = 'default';
const configMaps = `/api/v1/namespaces/${namespace}/configmaps`;

describe('@kubernetes/client-node', () => {
  let federation: ServedFederation;
  let config: KubeConfig;
  let core: CoreV1Api;

  before(async () => {
    federation = await ServedFederation.start();
    config = new KubeConfig();
    config.loadFromFile(federation.kubeconfig);
    core = config.makeApiClient(CoreV1Api);
  });

  after(async () => {
    await federation?.stop();
    if (federation !== undefined) await rm(federation.folder, { recursive: true });
  });

  const create = (name: string, data: Record<string, string>): Promise<V1ConfigMap> =>
    core.createNamespacedConfigMap({ namespace, body: { metadata: { name }, data } });

  test('creates, reads, replaces, patches, lists and deletes', async () => {
    const created = await create('crud', { a: 'b' });
    assert.match(created.metadata!.uid!, /^[0-9a-f-]{36}$/);
    assert.ok(created.metadata!.creationTimestamp instanceof Date);
    const read = await core.readNamespacedConfigMap({ namespace, name: 'crud' });
    assert.deepEqual(read.data, { a: 'b' });
    const replaced = await core.replaceNamespacedConfigMap({
      namespace,
      name: 'crud',
      body: { ...read, data: { a: 'c' } },
    });
    assert.notEqual(replaced.metadata!.resourceVersion, read.metadata!.resourceVersion);
    const patched = await core.patchNamespacedConfigMap(
      { namespace, name: 'crud', body: { data: { d: 'e' } } },
      setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
    );
    assert.deepEqual(patched.data, { a: 'c', d: 'e' });
    for (const name of ['page-1', 'page-2', 'page-3']) await create(name, {});
    const names: string[] = [];
    let next: string | undefined;
    do {
      const page = await core.listNamespacedConfigMap({
        namespace,
        limit: 2,
        ...(next === undefined ? {} : { _continue: next }),
      });
      names.push(...page.items.map((item) => item.metadata!.name!));
      next = page.metadata?._continue || undefined;
    } while (next !== undefined);
    const made = ['crud', 'page-1', 'page-2', 'page-3'];
    assert.deepEqual(
      names.filter((name) => made.includes(name)),
      made,
    );
    await core.deleteNamespacedConfigMap({ namespace, name: 'crud' });
    const gone = await failure(core.readNamespacedConfigMap({ namespace, name: 'crud' }));
    assert.equal(gone.code, 404);
    assert.equal(gone.status.reason, 'NotFound');
    assert.equal(gone.status.message, 'configmaps "crud" not found');
  });

  test('is told of conflicts and of what is invalid as by any cluster', async () => {
    const first = await create('conflict', { a: '1' });
    const taken = await failure(create('conflict', {}));
    assert.deepEqual([taken.code, taken.status.reason], [409, 'AlreadyExists']);
    const place = { namespace, name: 'conflict' };
    await core.replaceNamespacedConfigMap({ ...place, body: { ...first, data: { a: '2' } } });
    const stale = await failure(
      core.replaceNamespacedConfigMap({ ...place, body: { ...first, data: { a: '3' } } }),
    );
    assert.deepEqual([stale.code, stale.status.reason], [409, 'Conflict']);
    const invalid = await failure(create('Not_A_Name', {}));
    assert.deepEqual([invalid.code, invalid.status.reason], [422, 'Invalid']);
    assert.equal(invalid.status.details!.causes![0]!.field, 'metadata.name');
  });

  test('applies on the server and works with kinds that it has no code for', async () => {
    const objects = KubernetesObjectApi.makeApiClient(config);
    const role = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name: 'reader', namespace },
      rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }],
    };
    const applied: KubernetesObject = await objects.patch(
      role,
      undefined,
      undefined,
      'operator',
      true,
      PatchStrategy.ServerSideApply,
    );
    assert.equal(applied.metadata!.managedFields![0]!.operation, 'Apply');
    assert.equal(applied.metadata!.managedFields![0]!.manager, 'operator');
    const rbac = config.makeApiClient(RbacAuthorizationV1Api);
    const read = await rbac.readNamespacedRole({ namespace, name: 'reader' });
    assert.deepEqual(read.rules![0]!.verbs, ['get']);
    const custom = config.makeApiClient(CustomObjectsApi);
    const clusters = await custom.listClusterCustomObject({
      group: 'ubernetes.dev',
      version: 'v1alpha1',
      plural: 'clusters',
    });
    assert.deepEqual((clusters as { items: unknown[] }).items, []);
    const review = await config
      .makeApiClient(AuthenticationV1Api)
      .createSelfSubjectReview({ body: {} });
    assert.equal(review.status!.userInfo!.username, 'admin');
  });

  test('watches from a version, with bookmarks', async () => {
    const { metadata } = await core.listNamespacedConfigMap({ namespace });
    const events: string[] = [];
    const query = {
      resourceVersion: metadata!.resourceVersion,
      allowWatchBookmarks: true,
      fieldSelector: 'metadata.name=watched',
      timeoutSeconds: 20,
    };
    const note = (phase: string, object: V1ConfigMap): void => {
      if (phase !== 'BOOKMARK') events.push(`${phase} ${object.data?.['n'] ?? ''}`);
    };
    const watch = await new Watch(config).watch(configMaps, query, note, () => {});
    await create('watched', { n: '1' });
    await core.patchNamespacedConfigMap(
      { namespace, name: 'watched', body: { data: { n: '2' } } },
      setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch),
    );
    await core.deleteNamespacedConfigMap({ namespace, name: 'watched' });
    await waitUntil({ what: 'three events', check: async () => events.length >= 3 });
    assert.deepEqual(events, ['ADDED 1', 'MODIFIED 2', 'DELETED 2']);
    watch.abort();
  });

  test('an informer survives the server: nothing is missed, nothing is seen twice', async () => {
    const seen: string[] = [];
    const selector = 'informed=yes';
    const list = () => core.listNamespacedConfigMap({ namespace, labelSelector: selector });
    const informer = makeInformer<V1ConfigMap>(config, configMaps, list, selector);
    const note = (what: string) => (object: V1ConfigMap) => {
      seen.push(`${what} ${object.metadata!.name} ${object.data?.['n'] ?? ''}`);
    };
    informer.on('add', note('add'));
    informer.on('update', note('update'));
    informer.on('delete', note('delete'));
    let stopped = false;
    // As its documentation has it: after an error, start again.
    informer.on('error', () => {
      setTimeout(() => void (stopped || informer.start().catch(() => {})), 200);
    });
    const labelled = (name: string, n: string): Promise<unknown> => {
      const metadata = { name, labels: { informed: 'yes' } };
      return core.createNamespacedConfigMap({ namespace, body: { metadata, data: { n } } });
    };
    await labelled('first', '1');
    await informer.start();
    await waitUntil({ what: 'the first', check: async () => seen.length === 1 });

    for (const how of ['gently', 'kill'] as const) {
      await federation.stop(how);
      await federation.start();
      const name = `after-${how}`;
      await labelled(name, '1');
      await core.patchNamespacedConfigMap(
        { namespace, name, body: { data: { n: '2' } } },
        setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
      );
      await core.deleteNamespacedConfigMap({ namespace, name });
      await waitUntil({
        what: `${name} to be deleted in the informer`,
        check: async () => seen.some((line) => line.startsWith(`delete ${name}`)),
      });
    }
    stopped = true;
    await informer.stop();
    const lives = (how: string): string[] =>
      ['add 1', 'update 2', 'delete 2'].map((line) => line.replace(' ', ` after-${how} `));
    assert.deepEqual(seen, ['add first 1', ...lives('gently'), ...lives('kill')]);
    assert.deepEqual(
      informer.list().map((item) => item.metadata!.name),
      ['first'],
    );
  });
});

interface Failure {
  readonly code: number;
  readonly status: V1Status;
}

async function failure(promise: Promise<unknown>): Promise<Failure> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof ApiException, String(error));
    const body = error.body as unknown;
    const status = (typeof body === 'string' ? JSON.parse(body) : body) as V1Status;
    return { code: error.code, status };
  }
  throw new Error('it was not refused');
}
