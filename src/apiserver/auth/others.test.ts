import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { StepClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/log.ts';
import { RestClient } from '../../client/rest.ts';
import { type Transport, TransportError, type TransportRequest } from '../../client/transport.ts';
import { type KubeObject, valueAt } from '../../kube/object.ts';
import { parseRequest } from '../request.ts';
import type { ApiRequest } from '../types.ts';
import { authenticator } from './authenticate.ts';
import { parseAuthenticationConfig } from './authentication-config.ts';
import { authorizerChain } from './authorizer.ts';
import { type ClaimNames, type OidcOptions, OidcUsers, userByClaims } from './oidc.ts';
import { accessWebhook, tokenWebhook } from './webhooks.ts';

function transport(answer: (request: TransportRequest) => object | undefined): Transport {
  return {
    async request(request) {
      const body = answer(request);
      if (body === undefined) throw new TransportError('cut off');
      const bytes = Buffer.from(JSON.stringify(body));
      const stream = async function* () {
        yield bytes;
      };
      return { status: 200, headers: {}, body: stream(), bytes: async () => bytes };
    },
    close: async () => {},
  };
}

const issuer = 'https://issuer.test/realm';

async function issuing(options: Partial<ClaimNames & OidcOptions> = {}) {
  const clock = new StepClock();
  const keys = new Map<string, Awaited<ReturnType<typeof generateKeyPair>>>();
  const asked: string[] = [];
  const open = (server: string): Transport =>
    transport(({ path }) => {
      asked.push(server + path);
      if (path.endsWith('/.well-known/openid-configuration'))
        return { issuer, jwks_uri: 'https://keys.test/all' };
      return { keys: published };
    });
  let published: object[] = [];
  const rotate = async (kid: string): Promise<void> => {
    keys.set(kid, await generateKeyPair('RS256'));
    const list = [...keys].map(async ([id, pair]) => ({
      ...(await exportJWK(pair.publicKey)),
      kid: id,
      alg: 'RS256',
    }));
    published = await Promise.all(list);
  };
  await rotate('one');
  const sign = (claims: JWTPayload, kid = 'one'): Promise<string> =>
    new SignJWT({ iss: issuer, aud: 'app', sub: 'ada', exp: clock.now() / 1000 + 60, ...claims })
      .setProtectedHeader({ alg: 'RS256', kid })
      .sign(keys.get(kid)!.privateKey);
  const users = new OidcUsers({
    issuer,
    audiences: ['app'],
    userOf: userByClaims({
      usernameClaim: 'sub',
      usernamePrefix: 'oidc:',
      groupsClaim: 'groups',
      groupsPrefix: 'oidc:',
      requiredClaims: new Map(),
      ...options,
    }),
    signingAlgorithms: ['RS256'],
    open,
    clock,
    log: silentLogger,
    ...options,
  });
  return { clock, users, sign, rotate, asked };
}

test('an ID token is a user with groups, and nobody when anything is wrong with it', async () => {
  const { clock, users, sign } = await issuing({ requiredClaims: new Map([['hd', 'x']]) });
  const token = await sign({ hd: 'x', groups: ['a', 'b'] });
  const user = await users.verify(token);
  assert.deepEqual(user, { name: 'oidc:ada', groups: ['oidc:a', 'oidc:b'], extra: {} });
  assert.deepEqual((await users.verify(await sign({ hd: 'x', groups: 'a' })))?.groups, ['oidc:a']);
  const wrong: [JWTPayload, RegExp][] = [
    [{ hd: 'y' }, /required claim hd value does not match/],
    [{}, /required claim hd not present/],
    [{ hd: 'x', aud: 'another' }, /oidc: verify token/],
    [{ hd: 'x', exp: clock.now() / 1000 - 1 }, /oidc: verify token/],
    [{ hd: 'x', groups: [1] }, /parse groups claim/],
    [{ hd: 'x', sub: '' }, /parse username claims/],
  ];
  for (const [claims, why] of wrong)
    await assert.rejects(async () => users.verify(await sign(claims)), why);
  assert.equal(await users.verify(await sign({ iss: 'https://another.test' })), undefined);
  assert.equal(await users.verify('no token'), undefined);
  const [head, body] = token.split('.') as [string, string];
  await assert.rejects(() => users.verify(`${head}.${body}.AAAA`), /oidc: verify token/);
});

test('keys are read when a token names a new one, but not for every such token', async () => {
  const { clock, users, sign, rotate, asked } = await issuing();
  assert.ok(await users.verify(await sign({})));
  assert.deepEqual(asked, [`${issuer}/.well-known/openid-configuration`, 'https://keys.test/all']);
  await rotate('two');
  const fresh = await sign({}, 'two');
  for (let i = 0; i < 5; i++) await assert.rejects(() => users.verify(fresh), /verify token/);
  assert.equal(asked.length, 2);
  clock.advance(10_000);
  assert.ok(await users.verify(fresh));
  assert.equal(asked.length, 4);
});

test('an e-mail address that is not verified is nobody', async () => {
  const { users, sign } = await issuing({ usernameClaim: 'email', usernamePrefix: '' });
  const email = 'ada@example.test';
  assert.equal((await users.verify(await sign({ email })))?.name, email);
  const unverified = await sign({ email, email_verified: false });
  await assert.rejects(() => users.verify(unverified), /email not verified/);
});

const configuration = `
apiVersion: apiserver.config.k8s.io/v1
kind: AuthenticationConfiguration
anonymous: {enabled: true, conditions: [{path: /openid/v1/jwks}]}
jwt:
- issuer: {url: ${issuer}, audiences: [app]}
  claimValidationRules:
  - {claim: hd, requiredValue: x}
  - {expression: 'claims.exp - claims.nbf <= 86400', message: lives too long}
  claimMappings:
    username: {expression: '"team:" + claims.sub'}
    groups: {claim: groups, prefix: 'oidc:'}
    uid: {claim: oid}
    extra:
    - {key: example.test/roles, valueExpression: 'claims.?roles.orValue([])'}
  userValidationRules:
  - {expression: "!user.username.startsWith('team:system:')", message: reserved}
`;

test('a configuration file maps claims by expressions, and says what is wrong in it', async () => {
  const { issuers, anonymousPaths } = parseAuthenticationConfig(configuration);
  assert.deepEqual(anonymousPaths, ['/openid/v1/jwks']);
  const { users, sign, clock } = await issuing({ userOf: issuers[0]!.userOf });
  const nbf = clock.now() / 1000;
  const good = { hd: 'x', nbf, groups: 'a', oid: '7', roles: ['r'] };
  assert.deepEqual(await users.verify(await sign(good)), {
    name: 'team:ada',
    uid: '7',
    groups: ['oidc:a'],
    extra: { 'example.test/roles': ['r'] },
  });
  const wrong: [JWTPayload, RegExp][] = [
    [{ ...good, hd: 'y' }, /required claim hd/],
    [{ ...good, exp: nbf + 90_000 }, /lives too long/],
    [{ hd: 'x' }, /expression 'claims.exp - claims.nbf <= 86400' failed/],
    [{ ...good, sub: 'system:x' }, /reserved/],
    [{ ...good, roles: [1] }, /neither a string nor a list/],
  ];
  for (const [claims, why] of wrong)
    await assert.rejects(async () => users.verify(await sign(claims)), why);
  const broken: [string, string, RegExp][] = [
    ['url: https:', 'url: http:', /jwt\[0\].issuer.url: it must be an https URL/],
    ['audiences: [app]', 'audiences: []', /issuer.audiences: at least one/],
    ['\'"team:" + claims.sub\'', "'claims.'", /username.expression: /],
    ["{claim: groups, prefix: 'oidc:'}", '{claim: groups}', /groups.prefix: it is required/],
    ['[{path: /openid/v1/jwks}]', '[]', /anonymous.conditions/],
    ['kind: AuthenticationConfiguration', 'kind: Pod', /kind: it must be/],
    ['claims.exp - claims.nbf <= 86400', '1 + 1', /it must evaluate to bool/],
  ];
  for (const [from, to, why] of broken) {
    assert.ok(configuration.includes(from), from);
    assert.throws(() => parseAuthenticationConfig(configuration.replace(from, to)), why);
  }
});

function webhook(answer: (review: KubeObject) => object | undefined) {
  const clock = new StepClock();
  const seen: KubeObject[] = [];
  const through = transport(({ body }) => {
    const review = JSON.parse(body!.toString()) as KubeObject;
    seen.push(review);
    const status = answer(review);
    return status === undefined ? undefined : { ...review, status };
  });
  const client = new RestClient(through, { userAgent: 'test' });
  return { clock, seen, options: { client, path: '/ask', clock, log: silentLogger } };
}

test('a webhook that knows a token is asked once in a while; without answer nobody gets in', async () => {
  let down = false;
  const { clock, seen, options } = webhook(({ spec }) => {
    if (down) return undefined;
    const known = valueAt(spec, 'token') === 'good';
    return known
      ? { authenticated: true, user: { username: 'ada', groups: ['g'] } }
      : { error: 'no' };
  });
  const verify = tokenWebhook({ ...options, cacheMs: 1000, audiences: ['us'] });
  const ada = { name: 'ada', groups: ['g'], extra: {} };
  assert.deepEqual(await Promise.all([verify('good'), verify('good')]), [ada, ada]);
  assert.equal(seen.length, 1);
  assert.deepEqual(seen[0]!['spec'], { token: 'good', audiences: ['us'] });
  await assert.rejects(async () => verify('bad'), /^TokenRefused: no$/);
  await assert.rejects(async () => verify('bad'), /no/);
  assert.equal(seen.length, 2);
  down = true;
  clock.advance(1000);
  assert.equal(await verify('good'), undefined);
  down = false;
  assert.deepEqual(await verify('good'), ada);
});

test('a webhook for rights is asked after RBAC, its no shorter remembered than its yes', async () => {
  const { clock, seen, options } = webhook(({ spec }) => ({
    allowed: valueAt(spec, 'resourceAttributes', 'verb') === 'get',
    reason: 'so it is',
  }));
  const rbac = { authorize: () => ({ allowed: false, reason: '' }) };
  const authorizer = authorizerChain([
    { name: 'rbac', authorizer: rbac },
    {
      name: 'webhook',
      authorizer: accessWebhook({ ...options, allowedMs: 5000, refusedMs: 1000 }),
    },
  ]);
  const user = { name: 'ada', groups: ['g'], extra: {} };
  const ask = (verb: string) =>
    authorizer.authorize(user, {
      ...{ verb, group: '', version: 'v1', resource: 'pods', subresource: '', namespace: 'd' },
      name: '',
    });
  assert.deepEqual(await ask('get'), { allowed: true, reason: 'so it is' });
  assert.deepEqual(await ask('list'), { allowed: false, reason: 'webhook: so it is' });
  assert.deepEqual(seen[0]!['spec'], {
    user: 'ada',
    groups: ['g'],
    resourceAttributes: { verb: 'get', version: 'v1', resource: 'pods', namespace: 'd' },
  });
  clock.advance(1000);
  await ask('get');
  await ask('list');
  assert.equal(seen.length, 3);
});

test('a front proxy is believed by its certificate only', async () => {
  const frontProxy = {
    allowedNames: ['proxy'],
    usernameHeaders: ['x-remote-user'],
    uidHeaders: [],
    groupHeaders: ['x-remote-group'],
    extraPrefixes: ['x-remote-extra-'],
  };
  const authenticate = authenticator({ tokens: [], frontProxy });
  const headers = {
    'x-remote-user': 'ada',
    'x-remote-group': 'a\ncn=b,ou=c',
    'x-remote-extra-a%2fb': 'c',
  };
  const info = parseRequest('GET', '/api');
  const as = (commonName: string, flags: object) => {
    const certificate = { commonName, organizations: ['o'], ...flags };
    const { signal } = new AbortController();
    const request: ApiRequest = {
      ...{ method: 'GET', path: '/api', headers, body: undefined, signal, certificate },
    };
    return authenticate(request, info);
  };
  const proxied = { isUser: false, isFrontProxy: true };
  assert.deepEqual(await as('proxy', proxied), {
    name: 'ada',
    groups: ['a', 'cn=b,ou=c', 'system:authenticated'],
    extra: { 'a/b': ['c'] },
  });
  assert.equal(await as('stranger', proxied), undefined);
  assert.equal((await as('eve', { isUser: true, isFrontProxy: false }))?.name, 'eve');
  assert.equal((await as('eve', {}))?.name, 'eve');
});
