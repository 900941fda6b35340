import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { StepClock } from '../../base/clock.ts';
import { UserError } from '../../base/errors.ts';
import { silentLogger } from '../../base/log.ts';
import type { KubeObject } from '../../kube/object.ts';
import { parseRequest } from '../request.ts';
import type { ApiRequest } from '../types.ts';
import { authenticator, TokenRefused } from './authenticate.ts';
import { legacyClaims, ServiceAccountTokens } from './service-account-tokens.ts';
import { parseTokenFile, TokenFile, tokenDigest } from './token-file.ts';

function request(headers: Record<string, string>, rest: Partial<ApiRequest> = {}): ApiRequest {
  const signal = new AbortController().signal;
  return { method: 'GET', path: '/api', headers, body: undefined, signal, ...rest };
}

const info = parseRequest('GET', '/api');

test('a verified certificate names user and groups, and counts before a token', async () => {
  const authenticate = authenticator({ tokens: [() => ({ name: 't', groups: [], extra: {} })] });
  const certificate = { commonName: 'ada', organizations: ['devs'] };
  const user = await authenticate(request({ authorization: 'Bearer x' }, { certificate }), info);
  assert.deepEqual(user, { name: 'ada', groups: ['devs', 'system:authenticated'], extra: {} });
});

test('a bearer token is asked of each verifier in turn', async () => {
  const authenticate = authenticator({
    tokens: [
      () => undefined,
      (token) => (token === 'good' ? { name: 'bot', groups: ['g'], extra: {} } : undefined),
    ],
  });
  const user = await authenticate(request({ authorization: 'Bearer good' }), info);
  assert.deepEqual(user?.groups, ['g', 'system:authenticated']);
  for (const authorization of ['Bearer bad', 'Basic Z29vZA==', 'Bearer', 'good', 'Bearer  good'])
    assert.equal(await authenticate(request({ authorization }), info), undefined);
});

test('only health probes may come without a credential, and not with a wrong one', async () => {
  const authenticate = authenticator({ tokens: [] });
  const probe = parseRequest('GET', '/readyz?verbose');
  assert.equal((await authenticate(request({}), probe))?.name, 'system:anonymous');
  assert.equal(await authenticate(request({ authorization: 'Bearer x' }), probe), undefined);
  assert.equal(await authenticate(request({}), info), undefined);
});

test('a token file has quoted groups and may have quotes in quotes', () => {
  const users = parseTokenFile('t1,ada,1,"devs,ops"\r\n"t""2",bob,2\n\n,nobody,3\nt4,cy,4,one\n');
  assert.deepEqual(users.get(tokenDigest('t1')), {
    name: 'ada',
    uid: '1',
    groups: ['devs', 'ops'],
    extra: {},
  });
  assert.equal(users.get(tokenDigest('t"2'))?.name, 'bob');
  assert.deepEqual(users.get(tokenDigest('t4'))?.groups, ['one']);
  assert.equal(users.size, 3);
});

test('a token file that is wrong is refused by line', () => {
  assert.throws(() => parseTokenFile('a,b,c\nd,e\n'), /line 2 of the token file has 2 columns/);
  assert.throws(() => parseTokenFile('a,b,c\n"d,e,f\n'), /line 2 of the token file is no CSV/);
  assert.throws(() => parseTokenFile('"a"b,c,d\n'), UserError);
});

test('a token file is read again when it changes, and kept when it breaks', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tokens-'));
  try {
    const path = join(folder, 'tokens.csv');
    const replace = (text: string): void => {
      writeFileSync(`${path}.new`, text);
      renameSync(`${path}.new`, path);
    };
    replace('one,ada,1\n');
    const clock = new StepClock();
    const file = new TokenFile(path, clock, silentLogger);
    assert.equal(file.verify('one')?.name, 'ada');
    replace('two,bobby,2\n');
    assert.equal(file.verify('one')?.name, 'ada');
    clock.advance(1000);
    assert.equal(file.verify('one'), undefined);
    assert.equal(file.verify('two')?.name, 'bobby');
    replace('broken');
    clock.advance(1000);
    assert.equal(file.verify('two')?.name, 'bobby');
    assert.throws(() => new TokenFile(join(folder, 'none'), clock, silentLogger), UserError);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

function accountTokens(
  clock: StepClock,
  uids: Map<string, string>,
  objects: ReadonlyMap<string, KubeObject> = new Map(),
) {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return new ServiceAccountTokens({
    keys: [privateKey],
    issuer: 'https://federation',
    audiences: ['https://federation'],
    clock,
    accountUid: (namespace, name) => uids.get(`${namespace}/${name}`),
    boundObject: async (kind, namespace, name) => objects.get(`${kind} ${namespace}/${name}`),
  });
}

function claims(clock: StepClock, overrides: object = {}) {
  const now = clock.now() / 1000;
  return {
    aud: ['https://federation'],
    exp: now + 600,
    iat: now,
    iss: 'https://federation',
    jti: 'id-1',
    nbf: now,
    sub: 'system:serviceaccount:d:bot',
    'kubernetes.io': { namespace: 'd', serviceaccount: { name: 'bot', uid: 'u1' } },
    ...overrides,
  };
}

test('a signed token is its service account, until it ends or the account goes', async () => {
  const clock = new StepClock();
  const uids = new Map([['d/bot', 'u1']]);
  const tokens = accountTokens(clock, uids);
  const token = await tokens.sign(claims(clock));
  assert.deepEqual(await tokens.verify(token), {
    audiences: ['https://federation'],
    name: 'system:serviceaccount:d:bot',
    uid: 'u1',
    groups: ['system:serviceaccounts', 'system:serviceaccounts:d', 'system:authenticated'],
    extra: { 'authentication.kubernetes.io/credential-id': ['JTI=id-1'] },
  });
  uids.set('d/bot', 'u2');
  assert.throws(() => tokens.verify(token), /UID \(u2\) does not match claim \(u1\)/);
  uids.delete('d/bot');
  assert.throws(() => tokens.verify(token), TokenRefused);
  uids.set('d/bot', 'u1');
  assert.equal((await tokens.verify(token))?.uid, 'u1');
  clock.advance(660_000);
  assert.equal((await tokens.verify(token))?.uid, 'u1');
  clock.advance(1);
  assert.throws(() => tokens.verify(token), /service account token has expired/);
});

test('a bound token ends with what it is bound to, a stored one with its Secret', async () => {
  const clock = new StepClock();
  const objects = new Map<string, KubeObject>();
  const tokens = accountTokens(clock, new Map([['d/bot', 'u1']]), objects);
  const own = { namespace: 'd', serviceaccount: { name: 'bot', uid: 'u1' } };
  const bound = await tokens.sign(
    claims(clock, { 'kubernetes.io': { ...own, pod: { name: 'p', uid: 'p1' } } }),
  );
  const invalidated = /service account token has been invalidated/;
  await assert.rejects(async () => tokens.verify(bound), invalidated);
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', uid: 'p1' } };
  objects.set('pod d/p', pod);
  const { extra } = (await tokens.verify(bound))!;
  assert.deepEqual(extra['authentication.kubernetes.io/pod-name'], ['p']);
  objects.set('pod d/p', { ...pod, metadata: { name: 'p', uid: 'p2' } });
  await assert.rejects(async () => tokens.verify(bound), /pod UID \(p2\) does not match/);
  const deletionTimestamp = new Date(clock.now()).toISOString();
  objects.set('pod d/p', { ...pod, metadata: { ...pod.metadata, deletionTimestamp } });
  assert.ok(await tokens.verify(bound));
  clock.advance(61_000);
  await assert.rejects(async () => tokens.verify(bound), invalidated);

  const account = { apiVersion: 'v1', kind: 'ServiceAccount' };
  const metadata = { namespace: 'd', name: 'bot', uid: 'u1' };
  const stored = await tokens.sign(legacyClaims({ ...account, metadata }, 's'));
  const data = { token: Buffer.from(stored).toString('base64') };
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, data };
  objects.set('secret d/s', secret);
  assert.equal((await tokens.verify(stored))?.name, 'system:serviceaccount:d:bot');
  objects.set('secret d/s', { ...secret, data: { token: 'eA==' } });
  await assert.rejects(async () => tokens.verify(stored), /does not match server's copy/);
  objects.delete('secret d/s');
  await assert.rejects(async () => tokens.verify(stored), /Token has been invalidated/);
});

test('tokens of others, for others, tampered with or unsigned are nobody', async () => {
  const clock = new StepClock();
  const uids = new Map([['d/bot', 'u1']]);
  const tokens = accountTokens(clock, uids);
  const good = await tokens.sign(claims(clock));
  const [header, payload, signature] = good.split('.') as [string, string, string];
  const forged = Buffer.from(JSON.stringify(claims(clock, { exp: 1e12 }))).toString('base64url');
  const none = Buffer.from('{"alg":"none"}').toString('base64url');
  const bad = [
    await accountTokens(clock, uids).sign(claims(clock)),
    await tokens.sign(claims(clock, { iss: 'somebody' })),
    await tokens.sign(claims(clock, { 'kubernetes.io': null })),
    `${header}.${forged}.${signature}`,
    `${none}.${payload}.`,
    `${header}.${payload}.`,
    `${header}.${payload}`,
    'x.y.z',
    '',
  ];
  for (const token of bad) assert.equal(await tokens.verify(token), undefined);
  for (const wrong of [{ aud: 'somebody' }, { nbf: clock.now() / 1000 + 61 }]) {
    const token = await tokens.sign(claims(clock, wrong));
    assert.throws(() => tokens.verify(token), TokenRefused);
  }
  const other = await tokens.sign(claims(clock, { aud: ['somebody'] }));
  assert.deepEqual((await tokens.verify(other, ['somebody', 'x']))?.audiences, ['somebody']);
  assert.equal((await tokens.verify(good))?.uid, 'u1');
});
