import 'reflect-metadata';
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { Pkcs10CertificateRequestGenerator, X509Certificate } from '@peculiar/x509';
import { createAuthority, generateKeys } from '../apiserver/auth/certificates.ts';
import { ServiceAccountTokens } from '../apiserver/auth/service-account-tokens.ts';
import { clientSigner } from '../apiserver/auth/signing-requests.ts';
import { settled } from '../apiserver/registry/world.fixture.ts';
import { type KubeObject, valueAt } from '../kube/object.ts';
import { CertificateSigner } from './certificate-signer.ts';
import { ownApi, until } from './own-api.fixture.ts';
import { TokenSecrets } from './token-secrets.ts';

const secrets = '/v1/secrets';
const accounts = '/v1/serviceaccounts';
const requests = 'certificates.k8s.io/v1/certificatesigningrequests';
const hourMs = 3_600_000;

test('a Secret for a token is filled, and goes with its account', async () => {
  const api = await ownApi();
  const { world, clock } = api;
  const uids = new Map<string, string>();
  const read = (name: string): Promise<KubeObject | undefined> =>
    world.get(world.ref(secrets, name)).catch(() => undefined);
  const tokens = new ServiceAccountTokens({
    keys: [generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey],
    issuer: 'https://federation',
    audiences: ['https://federation'],
    clock,
    accountUid: (_namespace, name) => uids.get(name),
    boundObject: (_kind, _namespace, name) => read(name),
  });
  const controller = new TokenSecrets({ ...api, signer: tokens, authority: 'PEM' });
  controller.start();
  try {
    const account = await world.create(accounts, { metadata: { name: 'robot' } });
    uids.set('robot', account.metadata.uid!);
    const annotations = { 'kubernetes.io/service-account.name': 'robot' };
    const type = 'kubernetes.io/service-account-token';
    await world.create(secrets, { metadata: { name: 's', annotations }, type });
    const data = async (field: string): Promise<string> => {
      const value = valueAt(await read('s'), 'data', field);
      return Buffer.from(String(value ?? ''), 'base64').toString();
    };
    await until(world, async () => (await data('token')) !== '');
    assert.equal(await data('namespace'), 'default');
    assert.equal(await data('ca.crt'), 'PEM');
    const user = await tokens.verify(await data('token'));
    assert.equal(user?.name, 'system:serviceaccount:default:robot');
    await world.delete(world.ref(accounts, 'robot'));
    await until(world, async () => (await read('s')) === undefined);
  } finally {
    await controller.stop();
  }
});

async function requestOf(name: string): Promise<string> {
  const keys = await generateKeys();
  const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' };
  const made = await Pkcs10CertificateRequestGenerator.create({ name, keys, signingAlgorithm });
  return Buffer.from(made.toString('pem')).toString('base64');
}

async function signing() {
  const api = await ownApi({ members: true });
  const { clock } = api;
  const validity = { now: clock.now(), days: 30, serial: Buffer.from('01', 'hex') };
  const authority = await createAuthority('test-ca', await generateKeys(), validity);
  const signer = new CertificateSigner({ ...api, authority });
  signer.start();
  const { world } = api;
  const read = (name: string): Promise<KubeObject | undefined> =>
    world.get(world.ref(requests, name)).catch(() => undefined);
  const ask = async (name: string, spec: object): Promise<void> => {
    const request = await requestOf('O=team, CN=ada');
    const asked = { request, signerName: clientSigner, usages: ['client auth'], ...spec };
    await world.create(requests, { metadata: { name }, spec: asked });
  };
  const settle = (name: string, type: string): Promise<unknown> => {
    const now = new Date(clock.now()).toISOString();
    const condition = { type, status: 'True', reason: 'r', lastUpdateTime: now };
    const ref = world.ref(requests, name, '', 'approval');
    return world.patch(ref, { status: { conditions: [condition] } });
  };
  return { world, authority, read, ask, settle, stop: () => signer.stop() };
}

test('an approved request becomes a certificate, as long as was asked for', async () => {
  const { world, authority, read, ask, settle, stop } = await signing();
  try {
    await ask('a', { expirationSeconds: 7200, usages: ['client auth', 'digital signature'] });
    await settle('a', 'Approved');
    const pem = async (): Promise<string> =>
      Buffer.from(
        String(valueAt(await read('a'), 'status', 'certificate') ?? ''),
        'base64',
      ).toString();
    await until(world, async () => (await pem()) !== '');
    const certificate = new X509Certificate(await pem());
    assert.equal(certificate.subject, 'O=team, CN=ada');
    assert.equal(certificate.issuer, authority.certificate.subject);
    assert.ok(await certificate.verify({ publicKey: authority.certificate, signatureOnly: true }));
    const lives = certificate.notAfter.getTime() - world.clock.now();
    assert.ok(lives > 7200_000 - 60_000 && lives <= 7200_000);
  } finally {
    await stop();
  }
});

test('what is not for clients fails, what is settled or forgotten goes', async () => {
  const { world, read, ask, settle, stop } = await signing();
  try {
    await ask('server', { usages: ['server auth'] });
    await ask('denied', {});
    await ask('pending', {});
    await ask('other', { signerName: 'example.test/signer' });
    await settle('server', 'Approved');
    await settle('denied', 'Denied');
    await settle('other', 'Approved');
    const failed = async (): Promise<boolean> =>
      JSON.stringify(await read('server')).includes('SignerValidationFailure');
    await until(world, failed);
    await settled();
    assert.equal(valueAt(await read('other'), 'status', 'certificate'), undefined);
    world.clock.advance(hourMs + 1000);
    await until(world, async () => (await read('denied')) === undefined);
    await until(world, async () => (await read('server')) === undefined);
    assert.ok(await read('pending'));
    world.clock.advance(24 * hourMs);
    await until(world, async () => (await read('pending')) === undefined);
  } finally {
    await stop();
  }
});
