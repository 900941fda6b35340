/**
 * What happens to copies in real clusters that have a life of their own: namespaces and objects
 * that were there before, admission that alters, allocated fields, edits, a cluster that is let go.
 */
import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { membersAvailable } from '../../testbed/binaries.ts';
import { runKubectl } from '../../testbed/kubectl.ts';
import { waitUntil } from '../../testbed/waiting.ts';
import { Joined } from './joined.ts';
import { type Reviewed, startWebhook } from './webhook.ts';

const required = process.env['REQUIRE_MEMBERS'] === '1';
const mark = '-o=jsonpath={.metadata.labels.ubernetes\\.dev/federation}';
const version = '-o=jsonpath={.metadata.resourceVersion}';
/** Long enough for a controller that fights to show itself, milliseconds. */
const quietMs = 2500;

const configMap = (name: string, data: object, namespace = 'default') => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace },
  data,
});

const deployment = (name: string, image: string) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace: 'default' },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: 'web', image }] },
    },
  },
});

describe('copies in real clusters', { skip: !required && !membersAvailable('bare') }, () => {
  let joined: Joined;

  before(async () => {
    joined = await Joined.start([
      { name: 'left', full: false },
      { name: 'right', full: false },
    ]);
  });

  after(() => joined?.stop());

  test('a namespace that was there before is used, never marked, never deleted', async () => {
    await joined.in('right', 'create namespace shop');
    await joined.in('right', 'create configmap theirs -n shop --from-literal=a=b');
    await joined.kubectl('create namespace shop');
    await joined.apply(configMap('ours', { a: 'b' }, 'shop'));
    for (const member of ['left', 'right']) {
      await joined.untilIn(member, 'get cm ours -n shop -o jsonpath={.data.a}', 'b');
    }
    assert.notEqual(await joined.in('left', `get ns shop ${mark}`), '');
    assert.equal(await joined.in('right', `get ns shop ${mark}`), '');
    await joined.entry('shop.namespaces', { cluster: 'right', field: 'reason' }, 'Used');
    await joined.kubectl('delete namespace shop --wait=false');
    await joined.untilIn('left', 'get ns shop -o jsonpath={.status.phase}', 'Terminating');
    await joined.untilIn('right', 'get cm -n shop -o name', /^configmap\/theirs$/);
    assert.equal(await joined.in('right', 'get ns shop -o jsonpath={.status.phase}'), 'Active');
  });

  test('a namespace with strangers in it is kept, unmarked, and said to be', async () => {
    await joined.kubectl('create namespace mixed');
    await joined.untilIn('left', `get ns mixed ${mark}`, /./);
    await joined.untilIn('right', `get ns mixed ${mark}`, /./);
    await joined.in('left', 'create configmap theirs -n mixed --from-literal=a=b');
    await joined.kubectl('delete namespace mixed --wait=false');
    await joined.untilIn('right', 'get ns mixed -o jsonpath={.status.phase}', 'Terminating');
    await joined.untilIn('left', `get ns mixed ${mark}`, '');
    assert.equal(await joined.in('left', 'get ns mixed -o jsonpath={.status.phase}'), 'Active');
    assert.equal(await joined.in('left', 'get cm theirs -n mixed -o jsonpath={.data.a}'), 'b');
    const left = { cluster: 'left', field: 'message' };
    await joined.entry('mixed.namespaces', left, /configmaps theirs/);
  });

  test('what an admission of the member alters is recorded, not fought', async (t) => {
    const where = { member: 'right', resource: 'configmaps', effect: /small/ };
    await admission(t, where, ({ object }) => [
      { op: 'add', path: '/metadata/labels/team', value: 'x' },
      ...(object['data'] === undefined
        ? []
        : [{ op: 'replace', path: '/data/size', value: 'small' }]),
    ]);
    await joined.apply(configMap('altered', { size: 'large', colour: 'red' }));
    const size = 'get cm altered -o jsonpath={.data.size}/{.data.colour}';
    await joined.untilIn('left', size, 'large/red');
    await joined.untilIn('right', size, 'small/red');
    const at = { namespace: 'default', cluster: 'right' };
    await joined.entry('altered.configmaps', { ...at, field: 'altered' }, '["data.size"]');
    await joined.entry('altered.configmaps', { ...at, field: 'state' }, 'Synced');
    const before = await joined.in('right', `get cm altered ${version}`);
    await quiet();
    assert.equal(
      await joined.in('right', `get cm altered ${version}`),
      before,
      'it is fought over',
    );
    await joined.apply(configMap('altered', { size: 'large', colour: 'blue' }));
    await joined.untilIn('right', size, 'small/blue');
    await joined.entry('altered.configmaps', { ...at, field: 'drift' }, '');
  });

  test('an injected sidecar stays through updates of the template', async (t) => {
    const sidecar = { name: 'proxy', image: 'proxy:1' };
    const where = { member: 'right', resource: 'deployments', effect: /proxy:1/ };
    await admission(t, where, ({ object }) => {
      const containers = valueAt(object, 'spec', 'template', 'spec', 'containers') as object[];
      const there = containers.some((each) => (each as { name: string }).name === 'proxy');
      const path = '/spec/template/spec/containers/-';
      return there ? [] : [{ op: 'add', path, value: sidecar }];
    });
    const images = 'get deploy injected -o jsonpath={.spec.template.spec.containers[*].image}';
    await joined.apply(deployment('injected', 'web:1'));
    await joined.untilIn('left', images, 'web:1');
    await joined.untilIn('right', images, 'web:1 proxy:1');
    await joined.apply(deployment('injected', 'web:2'));
    await joined.untilIn('left', images, 'web:2');
    await joined.untilIn('right', images, 'web:2 proxy:1');
    const before = await joined.in('right', `get deploy injected ${version}`);
    await quiet();
    assert.equal(await joined.in('right', `get deploy injected ${version}`), before);
    const at = { namespace: 'default', cluster: 'right' };
    await joined.entry('injected.deployments.apps', { ...at, field: 'state' }, 'Synced');
    await joined.entry('injected.deployments.apps', { ...at, field: 'drift' }, '');
  });

  test('addresses and node ports are left to each member', async () => {
    const service = (port: number): object => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', namespace: 'default' },
      spec: {
        type: 'NodePort',
        selector: { app: 'web' },
        ports: [{ name: 'http', port, nodePort: 30_123 }],
      },
    });
    const { stderr, code } = await joined.tried('apply -f -', service(80));
    assert.equal(code, 0, stderr);
    assert.match(stderr, /Warning: spec.ports\[0\].nodePort is allocated by each member itself/);
    const allocated = 'get svc web -o jsonpath={.spec.clusterIP}/{.spec.ports[0].nodePort}';
    const before: string[] = [];
    for (const member of ['left', 'right']) {
      const shown = await joined.untilIn(member, allocated, /^[\d.]+\/\d+$/);
      assert.doesNotMatch(shown, /30123/);
      before.push(shown);
    }
    await joined.apply(service(8080));
    for (const [index, member] of ['left', 'right'].entries()) {
      await joined.untilIn(member, 'get svc web -o jsonpath={.spec.ports[0].port}', '8080');
      assert.equal(await joined.in(member, allocated), before[index]);
    }
    const at = { namespace: 'default', cluster: 'left' };
    await joined.entry('web.services', { ...at, field: 'drift' }, '');
  });

  test('an edit in a member is undone, and shown with who and when', async () => {
    await joined.apply(configMap('edited', { colour: 'red' }));
    await joined.untilIn('left', 'get cm edited -o jsonpath={.data.colour}', 'red');
    const script = join(joined.federation.folder, 'editor.sh');
    await writeFile(script, '#!/bin/sh\nsed -i "s/colour: red/colour: blue/" "$1"\n');
    await chmod(script, 0o755);
    const started = Date.now();
    const { kubeconfig } = joined.member('left');
    const args = ['edit', 'configmap', 'edited'];
    const edited = await runKubectl({ kubeconfig, args, env: { EDITOR: script } });
    assert.equal(edited.code, 0, edited.stderr);
    assert.match(edited.stdout, /configmap\/edited edited/);
    await joined.untilIn('left', 'get cm edited -o jsonpath={.data.colour}', 'red');
    const item = `{.status.clusters[?(@.name=="left")].drift[0].`;
    const fields = ['field', 'actual', 'expected', 'manager', 'corrected', 'time'];
    const path = fields.map((field) => `${item}${field}}`).join(' ');
    const words = ['get', 'distribution', 'edited.configmaps', '-o', `jsonpath=${path}`];
    const drift = await joined.until(words, /^data.colour "blue" "red" kubectl-edit true \S+$/);
    const time = Date.parse(drift.split(' ').at(-1)!);
    assert.ok(time >= started - 1000 && time <= Date.now(), drift);
  });

  test('a quota that refuses is seen in the Distribution', async () => {
    await joined.kubectl('create namespace tight');
    await joined.untilIn('right', 'get ns tight -o jsonpath={.status.phase}', 'Active');
    await joined.in('right', 'create quota none -n tight --hard=configmaps=0');
    // There is no controller here that would count.
    const status = { hard: { configmaps: '0' }, used: { configmaps: '0' } };
    await joined.member('right').client.must({
      method: 'PATCH',
      path: '/api/v1/namespaces/tight/resourcequotas/none/status',
      body: { status },
    });
    await joined.apply(configMap('refused', { a: 'b' }, 'tight'));
    await joined.untilIn('left', 'get cm refused -n tight -o jsonpath={.data.a}', 'b');
    const at = { namespace: 'tight', cluster: 'right' };
    await joined.entry('refused.configmaps', { ...at, field: 'reason' }, 'QuotaExceeded');
    await joined.entry('refused.configmaps', { ...at, field: 'message' }, /exceeded quota: none/);
    await joined.until('get dist refused.configmaps -n tight', /QuotaExceeded in right/);
    await joined.in('right', 'delete quota none -n tight');
    await joined.untilIn('right', 'get cm refused -n tight -o jsonpath={.data.a}', 'b');
    await joined.entry('refused.configmaps', { ...at, field: 'state' }, 'Synced');
  });

  test('unjoin leaves the copies running, unmarked, and --delete-copies takes them away', async () => {
    await joined.kubectl('create namespace stays');
    await joined.apply(configMap('kept', { a: 'b' }, 'stays'));
    await joined.apply(deployment('kept', 'web:1'));
    await joined.untilIn('right', `get cm kept -n stays ${mark}`, /./);
    await joined.untilIn('right', `get deploy kept ${mark}`, /./);
    const uid = '-o=jsonpath={.metadata.uid}';
    const uids = await joined.in('right', `get cm kept -n stays ${uid}`);
    const gone = await joined.federation.command('unjoin', 'right');
    assert.equal(gone.code, 0, gone.output);
    for (const object of ['cm kept -n stays', 'deploy kept', 'ns stays']) {
      const words = ['get', ...object.split(' '), '-o=jsonpath={.metadata.labels}'];
      const annotations = ['get', ...object.split(' '), '-o=jsonpath={.metadata.annotations}'];
      assert.doesNotMatch(await joined.in('right', words), /"ubernetes\.dev/, object);
      assert.doesNotMatch(await joined.in('right', annotations), /"ubernetes\.dev/, object);
    }
    assert.equal(await joined.in('right', `get cm kept -n stays ${uid}`), uids);
    assert.equal(
      await joined.in('right', 'get ns ubernetes-system -o jsonpath={.status.phase}'),
      'Terminating',
    );

    await joined.in('left', 'create configmap theirs -n stays --from-literal=a=b');
    const deleted = await joined.federation.command('unjoin', 'left', '--delete-copies');
    assert.equal(deleted.code, 0, deleted.output);
    await joined.untilIn('left', 'get cm -n stays -o name', 'configmap/theirs');
    await joined.untilIn('left', 'get deploy -A -o name', '');
    assert.equal(await joined.in('left', 'get ns stays -o jsonpath={.status.phase}'), 'Active');
    // The federation still has them.
    assert.equal(await joined.kubectl('get cm kept -n stays -o jsonpath={.data.a}'), 'b');
    assert.equal(await joined.kubectl('get clusters -o name'), '');
  });

  /** Lets a webhook of one member change what is written to one of its resources. */
  async function admission(
    t: { after(done: () => Promise<void>): void },
    { member, resource, effect }: { member: string; resource: string; effect: RegExp },
    patch: (reviewed: Reviewed) => readonly object[],
  ): Promise<void> {
    const webhook = await startWebhook(join(joined.federation.dataDir, 'pki'), patch);
    const name = `alters-${resource}`;
    const group = resource === 'deployments' ? 'apps' : '';
    const configuration = {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'MutatingWebhookConfiguration',
      metadata: { name },
      webhooks: [
        {
          name: `${resource}.example.com`,
          clientConfig: { url: webhook.url, caBundle: webhook.caBundle },
          rules: [
            {
              apiGroups: [group],
              apiVersions: ['v1'],
              resources: [resource],
              operations: ['CREATE', 'UPDATE'],
            },
          ],
          admissionReviewVersions: ['v1'],
          sideEffects: 'None',
          failurePolicy: 'Fail',
          objectSelector: {
            matchExpressions: [{ key: 'ubernetes.dev/federation', operator: 'Exists' }],
          },
        },
      ],
    };
    await joined.in(member, 'apply -f -', configuration);
    const labels = { 'ubernetes.dev/federation': 'x' };
    const { metadata, ...body } =
      resource === 'configmaps' ? configMap('probe', { size: 'x' }) : deployment('probe', 'x');
    const probe = JSON.stringify({ ...body, metadata: { ...metadata, labels } });
    // A new webhook takes effect a moment after its configuration is stored.
    const words = ['create', '-f', '-', '--dry-run=server', '-o', 'json'];
    await waitUntil({
      what: 'the webhook to take effect',
      check: async () =>
        effect.test((await joined.member(member).kubectlWith(probe, ...words)).stdout),
    });
    t.after(async () => {
      await joined.in(member, `delete mutatingwebhookconfiguration ${name}`);
      await webhook.stop();
    });
  }
});

function quiet(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, quietMs));
}

function valueAt(object: unknown, ...path: readonly string[]): unknown {
  return path.reduce((value, step) => (value as Record<string, unknown>)?.[step], object);
}
