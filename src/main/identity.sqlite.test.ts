import 'reflect-metadata';
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { Agent, request } from 'undici';
import {
  type Authority,
  createAuthority,
  exportKey,
  generateKeys,
  issueClient,
  issueServing,
  pemOf,
} from '../apiserver/auth/certificates.ts';
import { WallClock } from '../base/clock.ts';
import { silentLogger } from '../base/log.ts';
import { SystemRandom } from '../base/random.ts';
import { type KubeObject, valueAt } from '../kube/object.ts';
import { type AccessFlags, accessDefaults } from './access-options.ts';
import { auditDefaults } from './audit-options.ts';
import { serveOptions } from './options.ts';
import { runningDefaults } from './running-options.ts';
import { serve } from './serve.ts';

const validity = () => ({ now: Date.now(), days: 1, serial: new SystemRandom().bytes(16) });

/** An HTTPS server of somebody else's, with an authority of its own. */
async function elsewhere(
  t: TestContext,
  answer: (path: string, body: KubeObject) => object,
): Promise<{ url: string; authority: Authority }> {
  const authority = await createAuthority('elsewhere-ca', await generateKeys(), validity());
  const keys = await generateKeys();
  const issued = { ...validity(), authority, publicKey: keys.publicKey };
  const cert = pemOf(await issueServing(['127.0.0.1'], issued));
  const server: Server = createServer(
    { key: await exportKey(keys.privateKey), cert },
    async (incoming, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of incoming) chunks.push(chunk);
      const text = Buffer.concat(chunks).toString();
      const body = text === '' ? ({} as KubeObject) : (JSON.parse(text) as KubeObject);
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(answer(incoming.url!, body)));
    },
  );
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, authority };
}

async function clientOf(authority: Authority, commonName: string) {
  const keys = await generateKeys();
  const issued = { ...validity(), authority, publicKey: keys.publicKey };
  const user = { commonName, organizations: ['org'] };
  const cert = pemOf(await issueClient(user, issued));
  return { cert, key: await exportKey(keys.privateKey) };
}

async function serving(t: TestContext, flags: Partial<AccessFlags>, folder: string) {
  const options = serveOptions({
    ...runningDefaults,
    ...auditDefaults,
    ...accessDefaults,
    ...flags,
    data: join(folder, 'data'),
    listen: '127.0.0.1:0',
    failoverAfter: '5m',
    preflight: false,
  });
  const [clock, random] = [new WallClock(), new SystemRandom()];
  const served = await serve(options, { clock, random, log: silentLogger });
  t.after(() => served.stop());
  const ca = readFileSync(join(folder, 'data/pki/ca.crt'), 'utf8');
  const ask = async (
    headers: Record<string, string | string[]>,
    certificate: { cert: string; key: string } | undefined,
    [path, body]: readonly [string, object],
  ) => {
    // Over HTTP/2 this client joins the values of a header by itself.
    const agent = new Agent({ connect: { ca, ...certificate }, allowH2: false });
    const answer = await request(served.url + path, {
      dispatcher: agent,
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    const object = (await answer.body.json()) as KubeObject;
    await agent.destroy();
    return { status: answer.statusCode, object };
  };
  const whoami = ['/apis/authentication.k8s.io/v1/selfsubjectreviews', {}] as const;
  const who = async (
    headers: Record<string, string | string[]>,
    certificate?: { cert: string; key: string },
  ): Promise<string> => {
    const { status, object } = await ask(headers, certificate, whoami);
    const user = valueAt(object, 'status', 'userInfo');
    return status === 201 ? `${valueAt(user, 'username')} ${valueAt(user, 'groups')}` : `${status}`;
  };
  return { ask, who };
}

test('issuers, webhooks and front proxies over real TLS', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'identity-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const pair = await generateKeyPair('RS256');
  const jwk = { ...(await exportJWK(pair.publicKey)), kid: 'k', alg: 'RS256' };
  const other = await elsewhere(t, (path, body) => {
    if (path === '/.well-known/openid-configuration')
      return { issuer: other.url, jwks_uri: `${other.url}/keys` };
    if (path === '/keys') return { keys: [jwk] };
    if (path.startsWith('/tokens')) {
      const authenticated = valueAt(body, 'spec', 'token') === 'hook';
      const user = { username: 'hooked', groups: ['hooks'] };
      return { ...body, status: authenticated ? { authenticated, user } : {} };
    }
    const allowed = valueAt(body, 'spec', 'user') === 'hooked';
    return { ...body, status: { allowed } };
  });
  const otherCa = write('other.crt', pemOf(other.authority.certificate));
  const hook = (path: string): string =>
    JSON.stringify({
      ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'c' },
      contexts: [{ name: 'c', context: { cluster: 'c', user: '' } }],
      clusters: [
        { name: 'c', cluster: { server: other.url + path, 'certificate-authority': 'other.crt' } },
      ],
      users: [],
    });
  const proxies = await createAuthority('proxy-ca', await generateKeys(), validity());
  const people = await createAuthority('people-ca', await generateKeys(), validity());
  const { ask, who } = await serving(
    t,
    {
      clientCaFile: write('people.crt', pemOf(people.certificate)),
      oidcIssuerUrl: other.url,
      oidcClientId: 'app',
      oidcUsernamePrefix: 'oidc:',
      oidcCaFile: otherCa,
      authenticationTokenWebhookConfigFile: write('tokens.yaml', hook('/tokens?a=b')),
      authorizationWebhookConfigFile: write('access.yaml', hook('/access')),
      requestheaderClientCaFile: write('proxies.crt', pemOf(proxies.certificate)),
      requestheaderAllowedNames: 'proxy',
      requestheaderUsernameHeaders: 'X-Remote-User',
      requestheaderGroupHeaders: 'X-Remote-Group',
    },
    folder,
  );
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  const sign = (aud: string): Promise<string> =>
    new SignJWT({ iss: other.url, aud, sub: 'ada', exp: Math.floor(Date.now() / 1000) + 600 })
      .setProtectedHeader({ alg: 'RS256', kid: 'k' })
      .sign(pair.privateKey);
  assert.equal(await who(bearer(await sign('app'))), 'oidc:ada system:authenticated');
  assert.equal(await who(bearer(await sign('another'))), '401');
  assert.equal(await who(bearer('hook')), 'hooked hooks,system:authenticated');
  assert.equal(await who(bearer('nobody')), '401');
  assert.equal(await who({}), '401');

  const proxied = { 'x-remote-user': 'pia', 'x-remote-group': ['p', 'cn=q,ou=r'] };
  assert.equal(
    await who(proxied, await clientOf(proxies, 'proxy')),
    'pia p,cn=q,ou=r,system:authenticated',
  );
  assert.equal(await who(proxied, await clientOf(proxies, 'stranger')), '401');
  assert.equal(await who({}, await clientOf(proxies, 'proxy')), '401');
  assert.equal(await who(proxied, await clientOf(people, 'eve')), 'eve org,system:authenticated');
  assert.equal(await who(proxied), '401');

  const configMap = { metadata: { name: 'c' } };
  const create = ['/api/v1/namespaces/default/configmaps', configMap] as const;
  assert.equal((await ask(bearer('hook'), undefined, create)).status, 201);
  assert.equal((await ask({}, await clientOf(people, 'eve'), create)).status, 403);
});
