import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { StepClock } from '../base/clock.ts';
import { UserError } from '../base/errors.ts';
import {
  type ConnectionContext,
  connectionOf,
  type ExecSpec,
  parseKubeconfig,
  writeKubeconfig,
} from './kubeconfig.ts';

const ca = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
const key = '-----BEGIN PRIVATE KEY-----\nBBBB\n-----END PRIVATE KEY-----\n';
const base64 = (text: string): string => Buffer.from(text).toString('base64');

function file(user: string, cluster = ''): string {
  return `
apiVersion: v1
kind: Config
current-context: one
clusters:
- name: c
  cluster:
    server: https://10.0.0.1:6443
    ${cluster}
users:
- name: u
  user:
    ${user}
contexts:
- name: one
  context: {cluster: c, user: u, namespace: shop}
- name: two
  context: {cluster: missing, user: u}
`;
}

function surroundings(
  files: Record<string, string> = {},
): ConnectionContext & { clock: StepClock } {
  return {
    clock: new StepClock(),
    directory: '/users/me/.kube',
    readFile: (path) => {
      const text = files[path];
      if (text === undefined) throw new Error('ENOENT');
      return text;
    },
  };
}

async function connect(user: string, cluster = '', context = surroundings()) {
  return connectionOf(parseKubeconfig(file(user, cluster)).context(), context);
}

function userError(pattern: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof UserError, String(error));
    assert.match(error.message, pattern);
    assert.ok(error.hint.length > 0);
    return true;
  };
}

test('embedded certificates, a token and what the cluster says are taken over', async () => {
  const settings = await connect(
    'token: abc',
    `certificate-authority-data: ${base64(ca)}\n    tls-server-name: k8s\n    proxy-url: http://proxy:3128`,
  );
  assert.equal(settings.server, 'https://10.0.0.1:6443');
  assert.equal(settings.ca, ca);
  assert.equal(settings.tlsServerName, 'k8s');
  assert.equal(settings.proxyURL, 'http://proxy:3128');
  assert.equal(settings.token?.(), 'abc');
  assert.equal(parseKubeconfig(file('token: x')).context().namespace, 'shop');
});

test('files are read relative to the kubeconfig, a token file again after a minute', async () => {
  const files: Record<string, string> = {
    '/users/me/.kube/ca.pem': ca,
    '/etc/key.pem': key,
    '/users/me/.kube/crt.pem': ca,
  };
  const certificate = await connect(
    'client-certificate: crt.pem\n    client-key: /etc/key.pem',
    'certificate-authority: ca.pem',
    surroundings(files),
  );
  assert.equal(certificate.ca, ca);
  assert.deepEqual(certificate.clientCertificate, { cert: ca, key });
  files['/run/token'] = 'first\n';
  const context = surroundings(files);
  const { token } = await connect('tokenFile: /run/token', '', context);
  files['/run/token'] = 'second\n';
  assert.equal(token?.(), 'first');
  context.clock.advance(60_000);
  assert.equal(token?.(), 'second');
  delete files['/run/token'];
  context.clock.advance(60_000);
  assert.equal(token?.(), 'second');
});

test('a plugin runs only where one is allowed, and gets what the file says', async () => {
  const user = `exec:
      apiVersion: client.authentication.k8s.io/v1
      command: get-token
      args: [--cluster, a]
      env: [{name: A, value: b}]`;
  await assert.rejects(connect(user), userError(/plugin get-token is not allowed/));
  const seen: ExecSpec[] = [];
  const exec = async (spec: ExecSpec) => {
    seen.push(spec);
    return { token: 'from-plugin' };
  };
  const settings = await connect(user, '', { ...surroundings(), exec });
  assert.equal(settings.token?.(), 'from-plugin');
  assert.deepEqual(seen, [
    {
      command: 'get-token',
      args: ['--cluster', 'a'],
      env: { A: 'b' },
      apiVersion: 'client.authentication.k8s.io/v1',
    },
  ]);
});

const refused: [string, string, RegExp][] = [
  [
    'a server that is no address',
    file('{}').replace('https://10.0.0.1:6443', 'nonsense'),
    /no server address/,
  ],
  ['a missing server', file('{}').replace(/server: .*/, 'x: y'), /has no server/],
  ['half a client certificate', file(`client-key-data: ${base64(key)}`), /without the other/],
  ['data that is no PEM', file('client-key-data: AAAA'), /holds no PEM/],
  ['a file that is not there', file('tokenFile: gone'), /cannot be read: ENOENT/],
  ['an auth-provider', file('auth-provider: {name: gcp}'), /auth-provider/],
  ['a socks proxy', file('{}', 'proxy-url: socks5://x:1'), /not supported/],
  ['broken YAML', 'a: [', /no valid YAML/],
  ['a list', '- 1', /is no kubeconfig/],
  ['another kind', 'kind: Pod', /is no kubeconfig/],
  ['nothing in it', 'kind: Config', /names no cluster/],
  ['no current context', file('{}').replace('current-context: one', ''), /no current context/],
];

for (const [name, text, pattern] of refused) {
  test(`${name} is refused with a hint`, async () => {
    await assert.rejects(
      async () => connectionOf(parseKubeconfig(text).context(), surroundings()),
      userError(pattern),
    );
  });
}

test('a context that is not there, or leads nowhere, names those that are', () => {
  const config = parseKubeconfig(file('{}'));
  assert.throws(
    () => config.context('three'),
    (error) => {
      assert.ok(error instanceof UserError);
      assert.match(error.hint, /one, two/);
      return true;
    },
  );
  assert.throws(() => config.context('two'), userError(/not there/));
});

test('what is written is read back the same', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.stringMatching(/^[a-z0-9-]{1,20}$/),
      fc.option(
        fc.string({ minLength: 1 }).filter((s) => s.trim() !== ''),
        { nil: undefined },
      ),
      fc.boolean(),
      async (name, token, certificate) => {
        const text = writeKubeconfig({
          name,
          server: 'https://h:1',
          ca,
          ...(token === undefined ? {} : { token }),
          ...(certificate ? { clientCertificate: { cert: ca, key } } : {}),
        });
        const config = parseKubeconfig(text);
        const settings = await connectionOf(config.context(name), surroundings());
        assert.equal(settings.ca, ca);
        assert.equal(settings.token?.(), token);
        assert.deepEqual(settings.clientCertificate, certificate ? { cert: ca, key } : undefined);
      },
    ),
  );
});
