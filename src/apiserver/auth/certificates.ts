/**
 * Certificates of our own: the authority, the server's, and clients', from keys and a time that are
 * passed in.
 */
import 'reflect-metadata';
import { createPrivateKey, type webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  type JsonName,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

type CryptoKey = webcrypto.CryptoKey;
type CryptoKeyPair = webcrypto.CryptoKeyPair;

const keyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' } as const;
const dayMs = 24 * 60 * 60 * 1000;
/** Clocks of clients may lag. */
const backdateMs = 5 * 60 * 1000;

export interface Authority {
  readonly certificate: X509Certificate;
  readonly privateKey: CryptoKey;
}

export interface Validity {
  /** Wall time in milliseconds. */
  readonly now: number;
  readonly days: number;
  /** 1 to 20 bytes, unique per authority. */
  readonly serial: Buffer;
}

export interface Issued extends Validity {
  readonly authority: Authority;
  readonly publicKey: CryptoKey;
}

/** A P-256 key pair that can be written to a file. */
export function generateKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
}

export async function exportKey(key: CryptoKey): Promise<string> {
  const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', key)).toString('base64');
  const lines = der.match(/.{1,64}/g)!.join('\n');
  return `-----BEGIN PRIVATE KEY-----\n${lines}\n-----END PRIVATE KEY-----\n`;
}

/**
 * The key as kubeconfigs of Kubernetes distributions hold such keys: clients in Java take one in
 * PKCS #8 for a key of RSA.
 */
export function forKubeconfig(key: string): string {
  return createPrivateKey(key).export({ type: 'sec1', format: 'pem' }).toString();
}

/** @throws when the text is no PKCS #8 key of P-256 */
export function importKey(pem: string): Promise<CryptoKey> {
  const body = pem.replace(/-----[^-]+-----|\s/g, '');
  const der = Buffer.from(body, 'base64');
  return crypto.subtle.importKey('pkcs8', der, keyAlgorithm, true, ['sign']);
}

/** @throws when the text is no certificate */
export function readCertificate(pem: string): X509Certificate {
  return new X509Certificate(pem);
}

export function pemOf(certificate: X509Certificate): string {
  return `${certificate.toString('pem').trimEnd()}\n`;
}

/** A self-signed authority. */
export async function createAuthority(
  name: string,
  keys: CryptoKeyPair,
  validity: Validity,
): Promise<Authority> {
  const certificate = await X509CertificateGenerator.createSelfSigned({
    ...times(validity),
    name: nameOf(name, []),
    keys,
    signingAlgorithm,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(
        KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign | KeyUsageFlags.digitalSignature,
        true,
      ),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate, privateKey: keys.privateKey };
}

/** A serving certificate for DNS names and IP addresses. */
export function issueServing(hosts: readonly string[], issued: Issued): Promise<X509Certificate> {
  const names = hosts.map((host) => ({
    type: isIP(host) === 0 ? ('dns' as const) : ('ip' as const),
    value: host,
  }));
  // Not the authority's own name: a certificate with its issuer's name counts as self-signed.
  return issue(nameOf('ubernetes-apiserver', []), issued, [
    new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
    new SubjectAlternativeNameExtension(names),
  ]);
}

/** A client certificate: the user `commonName` in groups `organizations`. */
export function issueClient(
  user: { readonly commonName: string; readonly organizations: readonly string[] },
  issued: Issued,
): Promise<X509Certificate> {
  return issue(nameOf(user.commonName, user.organizations), issued, [
    new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth]),
  ]);
}

/** A request in base64 of its PEM form. */
export function parseSigningRequest(
  base64: string,
): Pkcs10CertificateRequest | 'not PEM' | 'malformed' {
  const text = Buffer.from(base64, 'base64').toString('utf8');
  if (!/^-----BEGIN CERTIFICATE REQUEST-----$/m.test(text)) return 'not PEM';
  try {
    return new Pkcs10CertificateRequest(text);
  } catch {
    return 'malformed';
  }
}

export interface Requested {
  readonly authority: Authority;
  /** As in a CertificateSigningRequest's spec. */
  readonly usages: readonly string[];
  /** Wall time in milliseconds. */
  readonly now: number;
  /** How long it counts, never longer than the authority itself. */
  readonly seconds: number;
  /** 1 to 20 bytes, unique per authority. */
  readonly serial: Buffer;
}

const keyUsages: Readonly<Record<string, KeyUsageFlags>> = {
  'digital signature': KeyUsageFlags.digitalSignature,
  'key encipherment': KeyUsageFlags.keyEncipherment,
};

/** A client certificate for the subject and key of a request. */
export async function issueRequested(
  request: Pkcs10CertificateRequest,
  { authority, usages, now, seconds, serial }: Requested,
): Promise<X509Certificate> {
  const flags = usages.reduce((sum, usage) => sum | (keyUsages[usage] ?? 0), 0);
  const notAfter = Math.min(now + seconds * 1000, authority.certificate.notAfter.getTime());
  return X509CertificateGenerator.create({
    serialNumber: positive(serial).toString('hex'),
    notBefore: new Date(now - backdateMs),
    notAfter: new Date(notAfter),
    subject: request.subjectName,
    issuer: authority.certificate.subjectName,
    publicKey: await request.publicKey.export(),
    signingKey: authority.privateKey,
    signingAlgorithm,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      ...(flags === 0 ? [] : [new KeyUsagesExtension(flags, true)]),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth]),
      await AuthorityKeyIdentifierExtension.create(authority.certificate.publicKey),
    ],
  });
}

async function issue(
  subject: JsonName,
  issued: Issued,
  extensions: Extension[],
): Promise<X509Certificate> {
  const { authority, publicKey } = issued;
  return X509CertificateGenerator.create({
    ...times(issued),
    subject,
    issuer: authority.certificate.subjectName,
    publicKey,
    signingKey: authority.privateKey,
    signingAlgorithm,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      ...extensions,
      await AuthorityKeyIdentifierExtension.create(authority.certificate.publicKey),
    ],
  });
}

function times({ now, days, serial }: Validity) {
  return {
    serialNumber: positive(serial).toString('hex'),
    notBefore: new Date(now - backdateMs),
    notAfter: new Date(now + days * dayMs),
  };
}

/** Serial numbers are positive integers: the first bit stays clear. */
function positive(serial: Buffer): Buffer {
  const copy = Buffer.from(serial);
  copy[0] = (copy[0]! & 0x7f) | 0x01;
  return copy;
}

function nameOf(commonName: string, organizations: readonly string[]): JsonName {
  return [...organizations.map((organization) => ({ O: [organization] })), { CN: [commonName] }];
}
