import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect, createServer } from 'node:tls';
import { StepClock } from '../../base/clock.ts';
import { UserError } from '../../base/errors.ts';
import { SeededRandom } from '../../base/random.ts';
import {
  createAuthority,
  exportKey,
  forKubeconfig,
  generateKeys,
  issueClient,
  issueServing,
  pemOf,
} from './certificates.ts';
import { loadPki } from './pki-files.ts';
import { keyId } from './service-account-tokens.ts';

const now = Date.UTC(2026, 0, 1);
const validity = { now, days: 30, serial: Buffer.alloc(16, 0xff) };

test("a kubeconfig's key says in its first line of which algorithm it is", async () => {
  const { privateKey } = await generateKeys();
  const pem = await exportKey(privateKey);
  const shown = forKubeconfig(pem);
  assert.match(shown, /^-----BEGIN EC PRIVATE KEY-----\n/);
  assert.ok(createPrivateKey(shown).equals(createPrivateKey(pem)));
});

test('what the authority issues verifies against it, with the names that were asked for', async () => {
  const keys = await generateKeys();
  const authority = await createAuthority('test', keys, validity);
  const root = new X509Certificate(pemOf(authority.certificate));
  assert.equal(root.ca, true);
  const { publicKey } = await generateKeys();
  const issued = { ...validity, authority, publicKey };
  const hosts = ['localhost', '127.0.0.1', '::1'];
  const serving = new X509Certificate(pemOf(await issueServing(hosts, issued)));
  assert.equal(serving.checkIssued(root) && serving.verify(root.publicKey), true);
  assert.equal(serving.checkHost('localhost'), 'localhost');
  assert.equal(serving.checkIP('127.0.0.1'), '127.0.0.1');
  assert.equal(serving.checkIP('10.0.0.1'), undefined);
  assert.equal(serving.ca, false);
  const user = { commonName: 'ada, O=system:masters', organizations: ['devs', 'ops'] };
  const client = new X509Certificate(pemOf(await issueClient(user, issued)));
  const { subject } = client.toLegacyObject();
  assert.equal(subject.CN, 'ada, O=system:masters');
  assert.deepEqual(subject.O, ['devs', 'ops']);
  assert.equal(Date.parse(client.validTo), now + 30 * 24 * 60 * 60 * 1000);
});

test('a client that trusts only the authority gets in', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'pki-'));
  const clock = new StepClock(Date.now());
  const hosts = ['localhost'];
  const pki = await loadPki({ directory, hosts, clock, random: new SeededRandom(1) });
  const server = createServer({ cert: pki.serving.certificate, key: pki.serving.key });
  try {
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const { port } = server.address() as { port: number };
    const target = { host: '127.0.0.1', port, servername: 'localhost', ca: pki.authority };
    const authorized = await new Promise<boolean>((done, failed) => {
      const socket = connect(target, () => {
        done(socket.authorized);
        socket.end();
      }).on('error', failed);
    });
    assert.equal(authorized, true);
  } finally {
    server.close();
    rmSync(directory, { recursive: true });
  }
});

test('keys and certificates are made once, with mode 0600, and renewed before they end', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'pki-'));
  try {
    const clock = new StepClock(now);
    const options = { directory, hosts: ['localhost'], clock, random: new SeededRandom(1) };
    const first = await loadPki(options);
    assert.equal(statSync(join(directory, 'ca.key')).mode & 0o777, 0o600);
    assert.equal(statSync(join(directory, 'admin.key')).mode & 0o777, 0o600);
    const second = await loadPki(options);
    assert.equal(second.serving.certificate, first.serving.certificate);
    assert.deepEqual(second.serviceAccountKeys[0].asymmetricKeyDetails, {
      namedCurve: 'prime256v1',
    });
    assert.equal(second.serviceAccountKeys.length, 1);
    const rotated = await loadPki({ ...options, rotateTokenKey: true });
    const ids = rotated.serviceAccountKeys.map(keyId);
    assert.equal(ids[1], keyId(second.serviceAccountKeys[0]));
    assert.notEqual(ids[0], ids[1]);
    assert.deepEqual((await loadPki(options)).serviceAccountKeys.map(keyId), ids);
    const third = await loadPki({ ...options, hosts: ['localhost', '10.1.2.3'] });
    assert.notEqual(third.serving.certificate, first.serving.certificate);
    assert.equal(third.admin.certificate, first.admin.certificate);
    clock.advance(300 * 24 * 60 * 60 * 1000);
    const later = await loadPki(options);
    assert.notEqual(later.admin.certificate, first.admin.certificate);
    assert.equal(later.authority, first.authority);
    assert.equal(readFileSync(join(directory, 'ca.crt'), 'utf8'), first.authority);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('a broken or half-lost authority is refused with what to do', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'pki-'));
  try {
    const clock = new StepClock(now);
    const options = { directory, hosts: ['localhost'], clock, random: new SeededRandom(1) };
    await loadPki(options);
    writeFileSync(join(directory, 'ca.key'), 'nonsense');
    await assert.rejects(loadPki(options), UserError);
    unlinkSync(join(directory, 'ca.key'));
    await assert.rejects(loadPki(options), /its key ca\.key is not/);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
