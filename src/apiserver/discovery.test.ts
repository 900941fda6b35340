import assert from 'node:assert/strict';
import { test } from 'node:test';
import { World } from './registry/world.fixture.ts';

const aggregated = (version: string): string =>
  `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;

const ask = (world: World, path: string, headers: Record<string, string> = {}) =>
  world.ask(path, headers);

async function json(world: World, path: string, headers: Record<string, string> = {}) {
  const response = await ask(world, path, headers);
  return JSON.parse((response!.body as Buffer).toString());
}

test('aggregated discovery comes in the form asked for first, with its parameters', async () => {
  const world = await World.start({ members: true });
  for (const version of ['v2', 'v2beta1']) {
    const accept = `${aggregated(version)},application/json`;
    const response = await ask(world, '/apis', { accept });
    assert.equal(response?.headers['content-type'], aggregated(version));
    const list = JSON.parse((response!.body as Buffer).toString());
    assert.equal(list.kind, 'APIGroupDiscoveryList');
    assert.equal(list.apiVersion, `apidiscovery.k8s.io/${version}`);
    const apps = list.items.find((g: { metadata: { name: string } }) => g.metadata.name === 'apps');
    assert.equal(apps.versions[0].freshness, 'Current');
    const resources = apps.versions[0].resources.map((r: { resource: string }) => r.resource);
    assert.ok(resources.includes('deployments'));
  }
  const core = await json(world, '/api', { accept: aggregated('v2') });
  assert.equal(core.items.length, 1);
  assert.equal(core.items[0].metadata.name, undefined);
});

test('an unchanged document is 304, a changed catalog is not', async () => {
  const world = await World.start();
  const first = await ask(world, '/apis', { accept: aggregated('v2') });
  const headers = { accept: aggregated('v2'), 'if-none-match': String(first?.headers['etag']) };
  assert.equal((await ask(world, '/apis', headers))?.status, 304);
  assert.equal(
    (await ask(world, '/apis', { ...headers, accept: 'application/json' }))?.status,
    200,
  );
  await world.open({ members: true });
  assert.equal((await ask(world, '/apis', headers))?.status, 200);
});

test('older documents tell the same', async () => {
  const world = await World.start({ members: true });
  assert.deepEqual((await json(world, '/api')).versions, ['v1']);
  const groups = (await json(world, '/apis')).groups;
  const apps = groups.find((group: { name: string }) => group.name === 'apps');
  assert.deepEqual(apps.preferredVersion, { groupVersion: 'apps/v1', version: 'v1' });
  assert.equal((await json(world, '/apis/apps')).kind, 'APIGroup');
  const list = await json(world, '/apis/apps/v1');
  assert.equal(list.groupVersion, 'apps/v1');
  const scale = list.resources.find((r: { name: string }) => r.name === 'deployments/scale');
  assert.equal(scale.kind, 'Scale');
  assert.equal(scale.group, 'autoscaling');
  const deployments = list.resources.find((r: { name: string }) => r.name === 'deployments');
  assert.deepEqual(deployments.shortNames, ['deploy']);
  assert.equal((await json(world, '/api/v1')).groupVersion, 'v1');
  for (const path of ['/apis/no', '/apis/apps/v9', '/api/v2', '/api/v1/x', '/other'])
    assert.equal(await ask(world, path), undefined, path);
});

test('OpenAPI documents are found by hash, kept for ever, and moved when the hash is old', async () => {
  const world = await World.start({ members: true });
  const { paths } = await json(world, '/openapi/v3');
  const url = paths['apis/apps/v1'].serverRelativeURL;
  assert.match(url, /^\/openapi\/v3\/apis\/apps\/v1\?hash=[0-9A-F]{64}$/);
  const response = await ask(world, url, { accept: 'application/json' });
  assert.match(String(response?.headers['cache-control']), /immutable/);
  const document = JSON.parse((response!.body as Buffer).toString());
  const patch = document.paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}'].patch;
  assert.ok(patch.parameters.some(({ name }: { name: string }) => name === 'fieldValidation'));
  const etag = String(response?.headers['etag']);
  assert.equal((await ask(world, url, { 'if-none-match': etag }))?.status, 304);
  const moved = await ask(world, '/openapi/v3/apis/apps/v1?hash=OLD');
  assert.equal(moved?.status, 301);
  assert.equal(moved?.headers['location'], url);
  assert.equal(await ask(world, '/openapi/v3/apis/no/v1'), undefined);
  const own = await json(world, '/openapi/v3/apis/ubernetes.dev/v1alpha1');
  const cluster = own.paths['/apis/ubernetes.dev/v1alpha1/clusters/{name}'].patch;
  assert.ok(cluster.parameters.some(({ name }: { name: string }) => name === 'fieldValidation'));
  assert.ok(own.components.schemas['dev.ubernetes.v1alpha1.Cluster']);
});

test('/version can be parsed as a version', async () => {
  const world = await World.start();
  const version = await json(world, '/version');
  assert.match(version.gitVersion, /^v\d+\.\d+\.\d+\+ubernetes\.\d+\.\d+\.\d+$/);
  assert.match(`${version.major}.${version.minor}`, /^\d+\.\d+$/);
});
