/** The keys and certificates of one member, made in this process. */
import 'reflect-metadata';
import { generateKeyPairSync, randomBytes, webcrypto } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';

/** Files of one member's own certificate authority and what it signed. */
export interface MemberCertificates {
  readonly caPem: string;
  readonly caFile: string;
  readonly caKeyFile: string;
  readonly servingFile: string;
  readonly servingKeyFile: string;
  /** Signs service account tokens; not an X.509 key. */
  readonly accountKeyFile: string;
  readonly accountPublicFile: string;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const lifetimeMs = 10 * 24 * 3_600_000;

/** Writes a fresh authority, a serving certificate for 127.0.0.1 and a token key to `folder`. */
export async function makeCertificates(folder: string): Promise<MemberCertificates> {
  const authority = await makeKeys();
  const serving = await makeKeys();
  const validity = {
    notBefore: new Date(Date.now() - 3_600_000),
    notAfter: new Date(Date.now() + lifetimeMs),
  };
  const caCertificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: 'CN=testbed-ca',
    ...validity,
    keys: authority,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign |
          x509.KeyUsageFlags.cRLSign |
          x509.KeyUsageFlags.digitalSignature,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(authority.publicKey),
    ],
  });
  const servingCertificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: 'CN=kube-apiserver',
    issuer: caCertificate.subject,
    ...validity,
    publicKey: serving.publicKey,
    signingKey: authority.privateKey,
    signingAlgorithm: algorithm,
    extensions: await servingExtensions(authority.publicKey),
  });
  return writeAll(folder, {
    ca: caCertificate.toString('pem'),
    caKey: await privatePem(authority),
    serving: servingCertificate.toString('pem'),
    servingKey: await privatePem(serving),
  });
}

async function servingExtensions(authority: webcrypto.CryptoKey): Promise<x509.Extension[]> {
  return [
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
    await x509.AuthorityKeyIdentifierExtension.create(authority),
    new x509.SubjectAlternativeNameExtension([
      { type: 'ip', value: '127.0.0.1' },
      { type: 'ip', value: '10.96.0.1' },
      ...['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'].map(
        (value) => ({ type: 'dns' as const, value }),
      ),
    ]),
  ];
}

async function writeAll(
  folder: string,
  pems: { ca: string; caKey: string; serving: string; servingKey: string },
): Promise<MemberCertificates> {
  const account = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const files = {
    caFile: join(folder, 'ca.crt'),
    caKeyFile: join(folder, 'ca.key'),
    servingFile: join(folder, 'serving.crt'),
    servingKeyFile: join(folder, 'serving.key'),
    accountKeyFile: join(folder, 'accounts.key'),
    accountPublicFile: join(folder, 'accounts.pub'),
  };
  const secret = { mode: 0o600 };
  await Promise.all([
    writeFile(files.caFile, pems.ca),
    writeFile(files.caKeyFile, pems.caKey, secret),
    writeFile(files.servingFile, pems.serving),
    writeFile(files.servingKeyFile, pems.servingKey, secret),
    writeFile(
      files.accountKeyFile,
      account.privateKey.export({ type: 'sec1', format: 'pem' }),
      secret,
    ),
    writeFile(files.accountPublicFile, account.publicKey.export({ type: 'spki', format: 'pem' })),
  ]);
  return { caPem: pems.ca, ...files };
}

async function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

async function privatePem(keys: webcrypto.CryptoKeyPair): Promise<string> {
  const bytes = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return `${x509.PemConverter.encode(bytes, 'PRIVATE KEY')}\n`;
}

function serial(): string {
  // The first bit stays clear: a serial number is positive.
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x01;
  return bytes.toString('hex');
}
