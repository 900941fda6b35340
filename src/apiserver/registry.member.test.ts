import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { requireMembers } from '../../testbed/binaries.ts';
import { runKubectl } from '../../testbed/kubectl.ts';
import { clusterKind } from '../api/cluster.ts';
import { WallClock } from '../base/clock.ts';
import { silentLogger } from '../base/log.ts';
import { SystemRandom } from '../base/random.ts';
import { MemoryStore } from '../store/memory.ts';
import { createApi } from './api.ts';
import { authenticator } from './auth/authenticate.ts';
import { loadPki } from './auth/pki-files.ts';
import { RbacIndex } from './auth/rbac.ts';
import { loadRecordedTypes } from './catalog/recorded.fixture.ts';
import { createHandler } from './handler.ts';
import { ApiServer } from './server.ts';

type Run = (args: string, input?: string) => Promise<string>;

/**
 * kubectl as an administrator of an API with all recorded types; what it says, or a failure with
 * what it says.
 */
async function served(t: TestContext, older: boolean): Promise<Run> {
  const folder = mkdtempSync(join(tmpdir(), 'registry-'));
  const [clock, random, log] = [new WallClock(), new SystemRandom(), silentLogger];
  const store = new MemoryStore({ clock, random });
  const api = await createApi({ store, clock, random, logger: log, kinds: [clusterKind] });
  await api.catalog.setMember('recorded', loadRecordedTypes());
  const pki = await loadPki({ directory: folder, hosts: ['127.0.0.1'], clock, random });
  const handler = createHandler({
    types: api.typeSource,
    nonResources: api.nonResources,
    authenticate: authenticator({ tokens: [] }),
    authorizer: new RbacIndex(),
    clock,
    random,
    log,
  });
  const { certificate, key } = pki.serving;
  const keys = { certificate, key, clientAuthorities: pki.authority };
  const server = await ApiServer.listen({
    handler,
    host: '127.0.0.1',
    port: 0,
    ...keys,
    clock,
    log,
  });
  t.after(async () => {
    await server.stop(0);
    api.close();
    rmSync(folder, { recursive: true });
  });
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const kubeconfig = join(folder, 'kubeconfig');
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'c',
      contexts: [{ name: 'c', context: { cluster: 'c', user: 'c' } }],
      clusters: [
        {
          name: 'c',
          cluster: {
            server: `https://127.0.0.1:${server.port}`,
            'certificate-authority-data': base64(pki.authority),
          },
        },
      ],
      users: [
        {
          name: 'c',
          user: {
            'client-certificate-data': base64(pki.admin.certificate),
            'client-key-data': base64(pki.admin.key),
          },
        },
      ],
    }),
  );
  return async (args, input) => {
    const result = await runKubectl({
      kubeconfig,
      cacheFolder: join(folder, 'cache'),
      args: args.split(' '),
      older,
      ...(input === undefined ? {} : { input }),
    });
    return `${result.stdout}${result.stderr}`;
  };
}

const manifest = (replicas: number): string => `
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: team}
data: {k: "${replicas}"}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: team}
spec:
  replicas: ${replicas}
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec: {containers: [{name: c, image: nginx, ports: [{containerPort: 80}]}]}
`;

for (const older of [false, true]) {
  const which = older ? 'the older kubectl' : 'kubectl';

  test(`${which} creates, changes, reads and deletes`, async (t) => {
    if (!(await requireMembers(t, older ? 'older' : 'bare'))) return;
    const kubectl = await served(t, older);
    assert.match(await kubectl('create namespace team'), /namespace\/team created/);
    assert.match(
      await kubectl('-n team create configmap c --from-literal=a=b'),
      /configmap\/c created/,
    );
    assert.match(
      await kubectl('-n team create secret generic s --from-literal=a=b'),
      /secret\/s created/,
    );
    await kubectl('-n team create deployment web --image=nginx --replicas=3');
    assert.match(await kubectl('-n team get deploy'), /^web +0\/3 /m);
    await kubectl('-n team label cm c x=y');
    assert.match(await kubectl('-n team get cm -l x=y -o name'), /^configmap\/c\n$/);
    await kubectl('-n team set image deploy/web nginx=nginx:2');
    assert.match(
      await kubectl('-n team scale deploy web --replicas=5'),
      /deployment.apps\/web scaled/,
    );
    const path =
      'jsonpath={.spec.replicas}{.spec.template.spec.containers[0].image}{.metadata.generation}';
    assert.equal(await kubectl(`-n team get deploy web -o ${path}`), '5nginx:23');
    assert.match(await kubectl('-n team describe deploy web'), /Replicas: +5 desired/);
    assert.match(await kubectl('-n team describe cm c'), /a:\n----\nb/);
    assert.match(
      await kubectl('-n team wait --for=jsonpath={.data.a}=b cm/c --timeout=60s'),
      /condition met/,
    );
    assert.match(await kubectl('-n team delete cm c'), /configmap "c" deleted/);
    assert.match(await kubectl('-n team get cm c'), /configmaps "c" not found/);
    const unknown = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad}\ndta: {}\n';
    assert.match(await kubectl('-n team create -f -', unknown), /unknown field "dta"/);
    await kubectl('delete namespace team --wait=false');
    assert.match(await kubectl('-n team create cm z'), /because it is being terminated/);
  });

  test(`${which} applies on both sides, shows differences and explains`, async (t) => {
    if (!(await requireMembers(t, older ? 'older' : 'bare'))) return;
    const kubectl = await served(t, older);
    await kubectl('create namespace team');
    assert.match(await kubectl('apply -f -', manifest(2)), /settings created\n.*api created/);
    assert.match(await kubectl('apply -f -', manifest(2)), /settings unchanged\n.*api unchanged/);
    assert.match(await kubectl('diff -f -', manifest(4)), /- {2}replicas: 2\n\+ {2}replicas: 4/);
    assert.match(await kubectl('apply -f -', manifest(4)), /settings configured\n.*api configured/);
    assert.match(await kubectl('apply --server-side -f -', manifest(6)), /api serverside-applied/);
    const owner = '-n team get deploy api -o jsonpath={.spec.replicas}';
    assert.equal(await kubectl(owner), '6');
    const other = await kubectl('apply --server-side --field-manager=other -f -', manifest(7));
    assert.match(other, /conflict with "kubectl": \.spec\.replicas|conflicts? with "kubectl"/);
    assert.match(await kubectl('explain deployment.spec.replicas'), /FIELD: replicas <integer>/);
    assert.match(await kubectl('explain cluster.spec'), /KIND: +Cluster/);
    assert.match(await kubectl('api-resources'), /^clusters .*ubernetes\.dev\/v1alpha1/m);
    assert.match(await kubectl('version'), /Server Version: v1\.\d+\.\d+\+ubernetes/);
  });
}
