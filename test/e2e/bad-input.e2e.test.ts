/**
 * Bad input, seen by who gives it: joins that cannot succeed leave nothing behind in either place,
 * and bodies, names and annotations that make no sense are refused in kube-apiserver's words.
 */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Agent, request } from 'undici';
import { membersAvailable } from '../../testbed/binaries.ts';
import { type Access, kubeconfigText } from '../../testbed/kubeconfig.ts';
import type { Member } from '../../testbed/member.ts';
import { Beside } from './beside.ts';
import { ServedFederation } from './serving.ts';

const required = process.env['REQUIRE_MEMBERS'] === '1';
const skip = !required && !membersAvailable('bare') && 'no testbed';

describe('bad input', { skip }, () => {
  let beside: Beside;
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ubernetes-bad-input-'));
    beside = await Beside.start({ members: 1 });
  });

  after(async () => {
    await beside?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** A kubeconfig of the cluster beside, with something in it that is wrong. */
  async function configWith(change: Partial<Access>): Promise<string> {
    const { name, server, ca: caPem, adminToken: token } = beside.oracle;
    const file = join(folder, 'member.yaml');
    await writeFile(file, kubeconfigText({ name, server, caPem, token, ...change }));
    return file;
  }

  async function refusedJoin(
    words: readonly string[],
    refusal: { error: RegExp; hint: RegExp; code?: number },
  ): Promise<void> {
    const { code, output } = await beside.federation.command('join', ...words);
    assert.equal(code, refusal.code ?? 1, output);
    const lines = output.trimEnd().split('\n');
    const error = lines.find((line) => line.startsWith('error: ')) ?? '';
    const hint = lines.find((line) => line.startsWith('hint: ')) ?? '';
    assert.match(error, refusal.error, output);
    assert.match(hint, refusal.hint, output);
    const clusters = await beside.ours('get clusters -o name');
    assert.equal(clusters.stdout, 'cluster.ubernetes.dev/member-1\n');
    const secrets = await beside.ours('get secrets -n ubernetes-system -o name');
    assert.doesNotMatch(secrets.stdout, /cluster-other/);
    const left = await beside.theirs('get ns,clusterroles -o name');
    assert.doesNotMatch(left.stdout, /ubernetes/);
  }

  test('a join with a wrong or powerless credential', async () => {
    const wrong = await configWith({ token: 'wrong' });
    const unknown = { error: /does not accept the credential/, hint: /expired: get a new one/ };
    await refusedJoin(['other', '--member-kubeconfig', wrong], unknown);
    const powerless = 'create serviceaccount powerless -n default';
    assert.equal((await beside.theirs(powerless)).code, 0);
    const token = (await beside.theirs('create token powerless -n default')).stdout.trim();
    const weak = await configWith({ token });
    const forbidden = { error: /forbidden|right/, hint: /cluster-admin credential/ };
    await refusedJoin(['other', '--member-kubeconfig', weak], forbidden);
    const [head, claims] = token.split('.') as [string, string];
    const expired = { ...JSON.parse(Buffer.from(claims, 'base64url').toString()), exp: 1 };
    const forged = `${head}.${Buffer.from(JSON.stringify(expired)).toString('base64url')}.AAAA`;
    const old = await configWith({ token: forged });
    await refusedJoin(['other', '--member-kubeconfig', old], unknown);
  });

  test('a join of what is no Kubernetes, not there, or not to be trusted', async (t) => {
    const pki = join(beside.federation.dataDir, 'pki');
    const read = (file: string): Promise<Buffer> => readFile(join(pki, file));
    const [cert, key, ca] = await Promise.all(['server.crt', 'server.key', 'ca.crt'].map(read));
    const server = createServer({ cert, key }, (_, response) => {
      response.setHeader('content-type', 'text/html');
      response.end('<html>hello</html>');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const web = await configWith({ server: address, caPem: ca!.toString() });
    const none = { error: /no Kubernetes|not Kubernetes|Kubernetes/, hint: /address|server/ };
    t.after(() => server.close());
    await refusedJoin(['other', '--member-kubeconfig', web], none);
    const absent = await configWith({ server: 'https://127.0.0.1:9' });
    await refusedJoin(['other', '--member-kubeconfig', absent], {
      error: /127\.0\.0\.1:9/,
      hint: /address|running|reach/,
    });
    const untrusted = await configWith({ caPem: ca!.toString() });
    await refusedJoin(['other', '--member-kubeconfig', untrusted], {
      error: /certificate/,
      hint: /./,
    });
  });

  test('a join under a wrong name, a name in use, of a cluster that is a member, of nothing', async () => {
    const right = await configWith({});
    const member = beside.members[0] as Member;
    for (const name of ['Not_A_Name', 'a.b', 'x'.repeat(64)]) {
      await refusedJoin([name, '--member-kubeconfig', right], { error: /name/, hint: /./ });
    }
    const used = { error: /member-1/, hint: /./ };
    await refusedJoin(['member-1', '--member-kubeconfig', right], used);
    await refusedJoin(['other', '--member-kubeconfig', member.kubeconfig], used);
    const missing = { error: /cannot be read/, hint: /--member-kubeconfig/ };
    await refusedJoin(['other', '--member-kubeconfig', join(folder, 'nope')], missing);
    const context = ['--member-kubeconfig', right, '--member-context', 'nope'];
    await refusedJoin(['other', ...context], { error: /nope/, hint: /./ });
    const usage = { code: 2, error: /--member-kubeconfig/, hint: /--help/ };
    await refusedJoin(['other'], usage);
  });

  test('the same join with a right credential succeeds, and can be taken back', async () => {
    const right = await configWith({});
    const joined = await beside.federation.command('join', 'other', '--member-kubeconfig', right);
    assert.equal(joined.code, 0, joined.output);
    const gone = await beside.federation.command('unjoin', 'other');
    assert.equal(gone.code, 0, gone.output);
  });

  test('bodies that cannot be read, as a real cluster words it', async () => {
    const path = '/api/v1/namespaces/default/configmaps';
    const apps = '/apis/apps/v1/namespaces/default/deployments';
    const binary = 'application/vnd.kubernetes.protobuf';
    const magic = Buffer.from([0x6b, 0x38, 0x73, 0x00]);
    const meta = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n';
    const deployment = (spec: object): object => ({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'x' },
      spec,
    });
    const cases: readonly (readonly [string, string, Buffer | string | object])[] = [
      [path, 'application/json', '{"kind": "ConfigMap'],
      [path, 'application/json', '{"kind": "Nope", "apiVersion": "v1"}'],
      [path, 'application/json', '{"kind": "ConfigMap", "apiVersion": "v9"}'],
      [path, 'application/json', '{"kind": "ConfigMap", "apiVersion": "v1", "data": {"a": 5}}'],
      [path, 'application/json', '{"kind": "ConfigMap", "apiVersion": "v1", "data": "x"}'],
      [path, 'application/yaml', `${meta}data: [`],
      [path, 'application/yaml', `${meta}data: {a: [1]}`],
      [path, 'application/yaml', 'nothing'],
      [path, binary, Buffer.from('no protobuf')],
      [path, binary, Buffer.alloc(0)],
      [path, binary, magic],
      [path, binary, Buffer.concat([magic, Buffer.from([0x0a, 0xff])])],
      [path, 'application/xml', '<a/>'],
      [apps, 'application/json', deployment({ replicas: 'many' })],
      [apps, 'application/json', deployment({ replicas: 1.5 })],
      [apps, 'application/json', deployment({})],
      [apps, 'application/json', deployment({ template: { spec: { containers: {} } } })],
      ['/apis/nope.example.com/v1/nopes', 'application/json', '{}'],
      ['/apis/apps/v9/namespaces/default/deployments', 'application/json', '{}'],
    ];
    const [ours, theirs] = [await senderTo(beside.federation), await senderTo(beside.oracle)];
    const different: object[] = [];
    for (const one of cases) {
      const [actual, expected] = [shown(await ours(...one)), shown(await theirs(...one))];
      if (JSON.stringify(actual) !== JSON.stringify(expected))
        different.push({ one: one.slice(0, 2), body: String(one[2]), actual, expected });
    }
    assert.deepEqual(different, []);
  });

  test('fewer than no replicas are refused', async () => {
    const ours = await senderTo(beside.federation);
    const metadata = { name: 'x', labels: { a: 'b' } };
    const containers = [{ name: 'web', image: 'web' }];
    const template = { metadata, spec: { containers } };
    const spec = { replicas: -1, selector: { matchLabels: { a: 'b' } }, template };
    const path = '/apis/apps/v1/namespaces/default/deployments';
    const body = { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec };
    const { status, message } = await ours(path, 'application/json', body);
    assert.equal(status, 422);
    assert.match(message, /spec.replicas: Invalid value: -1: must be greater than or equal to 0/);
  });

  test('names with @ of clusters that nobody knows, and preferences that make no sense', async () => {
    const { stderr } = await beside.ours('get configmap a@nowhere');
    assert.match(stderr, /configmaps "a@nowhere" not found/);
    assert.match(stderr, /no cluster "nowhere" is joined \(see: kubectl get clusters\)/);
    const created = await beside.ours('create configmap a@nowhere --from-literal=a=b');
    assert.equal(created.code, 1);
    for (const [preferences, why] of [
      ['{"clusters": {"*": {"weight": -1}}}', /weight/],
      ['{"clusters": {"*": {"minReplicas": 3, "maxReplicas": 2}}}', /minReplicas|maxReplicas/],
      ['{"clusters": {}}', /clusters/],
      ['{"cluster": {}}', /cluster/],
      ['not json', /JSON|not/],
    ] as const) {
      const object = {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: {
          name: 'preferring',
          namespace: 'default',
          annotations: { 'federation.kubernetes.io/deployment-preferences': preferences },
        },
        spec: {
          selector: { matchLabels: { a: 'b' } },
          template: {
            metadata: { labels: { a: 'b' } },
            spec: { containers: [{ name: 'a', image: 'a' }] },
          },
        },
      };
      const refused = await beside.ours('apply -f -', { input: JSON.stringify(object) });
      assert.equal(refused.code, 1, preferences);
      assert.match(refused.stderr, /The Deployment "preferring" is invalid/);
      assert.match(refused.stderr, /annotations.*deployment-preferences/);
      assert.match(refused.stderr, why);
    }
    assert.equal((await beside.ours('get deploy -o name')).stdout, '');
  });
});

interface Said {
  readonly status: number;
  readonly message: string;
}
type Send = (path: string, type: string, body: Buffer | string | object) => Promise<Said>;

/** Where a YAML parser gives up is the same everywhere, its words are its own; so is a bare 404. */
function shown(answer: Said): object {
  if (answer.status === 404) return { status: 404 };
  return { ...answer, message: answer.message.replace(/(yaml: line \d+: )[^(]*/, '$1') };
}

/** POSTs to a server with its administrator's kubeconfig; what it says. */
async function senderTo(server: ServedFederation | Member): Promise<Send> {
  const federation = server instanceof ServedFederation;
  const pki = federation ? join(server.dataDir, 'pki') : '';
  const read = (file: string): Promise<string> => readFile(join(pki, file), 'utf8');
  const connect = federation
    ? { ca: await read('ca.crt'), cert: await read('admin.crt'), key: await read('admin.key') }
    : { ca: server.ca };
  const address = federation
    ? /https:\/\/127\.0\.0\.1:\d+/.exec(await readFile(server.kubeconfig, 'utf8'))![0]
    : server.directServer;
  const dispatcher = new Agent({ connect });
  const authorization = federation ? {} : { authorization: `Bearer ${server.adminToken}` };
  return async (path, type, body) => {
    const bytes = Buffer.isBuffer(body) || typeof body === 'string' ? body : JSON.stringify(body);
    const response = await request(`${address}${path}`, {
      dispatcher,
      method: 'POST',
      headers: { 'content-type': type, accept: 'application/json', ...authorization },
      body: bytes,
    });
    const text = await response.body.text();
    const said = text.startsWith('{') ? JSON.parse(text) : { message: text.trim() };
    const { reason, message, details } = said;
    return { status: response.statusCode, reason, message, causes: details?.causes };
  };
}
