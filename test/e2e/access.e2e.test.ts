import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { requireMembers } from '../../testbed/binaries.ts';
import { startFleet } from '../../testbed/fleet.ts';
import { runKubectl } from '../../testbed/kubectl.ts';
import { ServedFederation } from './serving.ts';

interface Typed {
  readonly input?: string;
  readonly kubeconfig?: string;
}

test('kubectl hands out certificates and tokens, and each may what it was given', async (t) => {
  if (!(await requireMembers(t, 'bare'))) return;
  const served = await ServedFederation.start();
  t.after(() => served.stop());
  const fleet = await startFleet({ members: [{ name: 'one', full: false }] });
  t.after(() => fleet.stop());
  const [member] = fleet.members;
  const joined = await served.command('join', 'one', '--member-kubeconfig', member!.kubeconfig);
  assert.equal(joined.code, 0, joined.output);
  const { folder } = served;
  const kubectl = async (command: string, { input = '', kubeconfig = '' }: Typed = {}) => {
    const args = command.split(' ');
    const cacheFolder = join(folder, 'cache');
    return runKubectl({
      ...{ args, input, cacheFolder },
      kubeconfig: kubeconfig === '' ? served.kubeconfig : kubeconfig,
    });
  };
  const must = async (command: string, typed: Typed = {}): Promise<string> => {
    const { code, stdout, stderr } = await kubectl(command, typed);
    assert.equal(code, 0, `${command}: ${stderr}`);
    return stdout.trim();
  };
  const admin = parse(readFileSync(served.kubeconfig, 'utf8'));
  const as = (name: string, user: object): string => {
    const file = join(folder, `${name}.kubeconfig`);
    const users = [{ name: admin.users[0].name, user }];
    writeFileSync(file, JSON.stringify({ ...admin, users }));
    return file;
  };

  const key = join(folder, 'ada.key');
  const request = execFileSync(
    'openssl',
    ['req', '-new', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-subj', '/O=team/CN=ada'],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const asked = {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name: 'ada' },
    spec: {
      request: request.toString('base64'),
      signerName: 'kubernetes.io/kube-apiserver-client',
      usages: ['client auth'],
      expirationSeconds: 3600,
    },
  };
  await must('create -f -', { input: JSON.stringify(asked) });
  assert.match(
    await must('get csr ada --no-headers'),
    /kube-apiserver-client +admin +60m +Pending$/,
  );
  await must('certificate approve ada');
  await must('wait --for=jsonpath={.status.certificate} csr/ada --timeout=150s');
  assert.match(await must('get csr ada --no-headers'), /Approved,Issued$/);
  const certificate = await must('get csr ada -o jsonpath={.status.certificate}');
  const ada = as('ada', {
    'client-certificate-data': certificate,
    'client-key-data': readFileSync(key).toString('base64'),
  });
  const whoami = 'auth whoami -o jsonpath={.status.userInfo.username}:{.status.userInfo.groups}';
  assert.equal(await must(whoami, { kubeconfig: ada }), 'ada:["team","system:authenticated"]');
  assert.match((await kubectl('get pods', { kubeconfig: ada })).stderr, /cannot list resource/);
  await must('create rolebinding ada --clusterrole=view --user=ada');
  assert.match(await must('get configmaps -o name', { kubeconfig: ada }), /kube-root-ca/);
  assert.match(
    await must('auth can-i --list', { kubeconfig: ada }),
    /configmaps +\[\] +\[\] +\[get list watch/,
  );
  assert.equal((await kubectl('auth can-i create pods', { kubeconfig: ada })).stdout.trim(), 'no');
  assert.equal(await must('auth can-i get pods --as=ada --as-group=team'), 'yes');

  await must('create serviceaccount robot');
  await must('create secret generic leash');
  const bound = 'create token robot --bound-object-kind Secret --bound-object-name leash';
  const robot = as('robot', { token: await must(bound) });
  const name = 'system:serviceaccount:default:robot';
  assert.match(await must(whoami, { kubeconfig: robot }), new RegExp(`^${name}:`));
  const keys = JSON.parse(await must('get --raw /openid/v1/jwks', { kubeconfig: robot }));
  assert.equal(keys.keys[0].alg, 'ES256');
  const discovery = 'get --raw /.well-known/openid-configuration';
  assert.equal(
    JSON.parse(await must(discovery)).jwks_uri,
    `${admin.clusters[0].cluster.server}/openid/v1/jwks`,
  );
  await must('delete secret leash');
  assert.match((await kubectl('get pods', { kubeconfig: robot })).stderr, /Unauthorized|logged in/);

  const stored = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: 'robot',
      annotations: { 'kubernetes.io/service-account.name': 'robot' },
    },
    type: 'kubernetes.io/service-account-token',
  };
  await must('create -f -', { input: JSON.stringify(stored) });
  await must('wait --for=jsonpath={.data.token} secret/robot --timeout=150s');
  const token = await must('get secret robot -o jsonpath={.data.token}');
  const lasting = as('lasting', { token: Buffer.from(token, 'base64').toString() });
  assert.match(await must(whoami, { kubeconfig: lasting }), new RegExp(`^${name}:`));
  await must('delete serviceaccount robot');
  assert.notEqual((await kubectl(whoami, { kubeconfig: lasting })).code, 0);
  await must('wait --for=delete secret/robot --timeout=150s');
});
