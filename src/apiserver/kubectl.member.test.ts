import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { requireMembers } from '../../testbed/binaries.ts';
import { runKubectl } from '../../testbed/kubectl.ts';
import { WallClock } from '../base/clock.ts';
import { silentLogger } from '../base/log.ts';
import { SystemRandom } from '../base/random.ts';
import { authenticator } from './auth/authenticate.ts';
import { defaultRoles } from './auth/default-roles.ts';
import { loadPki, type ServerPki } from './auth/pki-files.ts';
import { RbacIndex } from './auth/rbac.ts';
import { reviewKinds } from './auth/reviews.ts';
import { parseTokenFile, tokenDigest } from './auth/token-file.ts';
import { VirtualBackend } from './auth/virtual.ts';
import { createHandler } from './handler.ts';
import { HealthChecks } from './health.ts';
import { ApiServer } from './server.ts';

const clock = new WallClock();
const random = new SystemRandom();

async function serve(pki: ServerPki): Promise<ApiServer> {
  const index = new RbacIndex();
  for (const object of defaultRoles()) index.set(object);
  const kinds = reviewKinds({ authorizer: index, rules: index, tokens: [], audiences: ['x'] });
  const backend = new VirtualBackend(kinds);
  const users = parseTokenFile('s3cret,ada,7,"devs,ops"\n');
  const handler = createHandler({
    types: {
      lookup: (group, version, resource) =>
        kinds
          .map(({ type }) => type)
          .find(
            (type) =>
              type.group === group && type.version === version && type.resource === resource,
          ),
      backendFor: () => backend,
    },
    nonResources: [new HealthChecks()],
    authenticate: authenticator({ tokens: [(token) => users.get(tokenDigest(token))] }),
    authorizer: index,
    clock,
    random,
    log: silentLogger,
  });
  return ApiServer.listen({
    handler,
    host: '127.0.0.1',
    port: 0,
    certificate: pki.serving.certificate,
    key: pki.serving.key,
    clientAuthorities: pki.authority,
    clock,
    log: silentLogger,
  });
}

function kubeconfig(server: ApiServer, pki: ServerPki, user: object): string {
  const data = Buffer.from(pki.authority).toString('base64');
  const url = `https://127.0.0.1:${server.port}`;
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'c',
    clusters: [{ name: 'c', cluster: { server: url, 'certificate-authority-data': data } }],
    users: [{ name: 'c', user }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'c' } }],
  });
}

for (const older of [false, true])
  test(`${older ? 'the older' : 'the current'} kubectl gets in by certificate and by token`, async (t) => {
    if (!(await requireMembers(t, older ? 'older' : 'bare'))) return;
    const folder = mkdtempSync(join(tmpdir(), 'kubectl-'));
    const pki = await loadPki({ directory: folder, hosts: ['127.0.0.1'], clock, random });
    const server = await serve(pki);
    try {
      const base64 = (text: string): string => Buffer.from(text).toString('base64');
      const users: [string, object][] = [
        [
          'admin',
          {
            'client-certificate-data': base64(pki.admin.certificate),
            'client-key-data': base64(pki.admin.key),
          },
        ],
        ['ada', { token: 's3cret' }],
        ['nobody', { token: 'wrong' }],
      ];
      for (const [name, user] of users)
        writeFileSync(join(folder, name), kubeconfig(server, pki, user));
      const run = (name: string, ...args: string[]) =>
        runKubectl({ kubeconfig: join(folder, name), cacheFolder: folder, args, older });
      const admin = await run('admin', 'auth', 'whoami');
      assert.match(admin.stdout, /Username +admin\n/, admin.stderr);
      assert.match(admin.stdout, /\[system:masters system:authenticated\]/);
      const ada = await run('ada', 'auth', 'whoami', '-o', 'jsonpath={.status.userInfo.groups}');
      assert.equal(ada.stdout, '["devs","ops","system:authenticated"]', ada.stderr);
      const rights = await run('ada', 'auth', 'can-i', '--list');
      assert.match(
        rights.stdout,
        /selfsubjectaccessreviews\.authorization\.k8s\.io/,
        rights.stderr,
      );
      assert.equal((await run('ada', 'get', '--raw', '/readyz')).stdout, 'ok');
      const refused = await run('ada', 'get', '--raw', '/metrics');
      assert.match(refused.stderr, /User "ada" cannot get path "\/metrics"/);
      const nobody = await run('nobody', 'auth', 'whoami');
      assert.match(nobody.stderr, /You must be logged in to the server|Unauthorized/);
    } finally {
      await server.stop(0);
      rmSync(folder, { recursive: true });
    }
  });
