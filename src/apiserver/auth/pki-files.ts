/**
 * The server's own keys and certificates in its data folder: made on the first start, renewed in
 * time, mode 0600.
 */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { UserError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import {
  type Authority,
  createAuthority,
  exportKey,
  generateKeys,
  importKey,
  issueClient,
  issueServing,
  pemOf,
  readCertificate,
} from './certificates.ts';
import { adminGroup } from './rbac.ts';

const authorityDays = 3650;
const leafDays = 365;
/** Leaves are renewed at a start with less of their life left than this. */
const renewBelowDays = 90;
const dayMs = 24 * 60 * 60 * 1000;

export interface KeyAndCertificate {
  /** PEM. */
  readonly certificate: string;
  readonly key: string;
}

export interface ServerPki {
  /** PEM; signs serving and client certificates alike. */
  readonly authority: string;
  readonly serving: KeyAndCertificate;
  /** User `admin` in system:masters. */
  readonly admin: KeyAndCertificate;
  /** For service account tokens: the first signs, all verify. */
  readonly serviceAccountKeys: readonly [KeyObject, ...KeyObject[]];
  /** Signs certificates of clients and of this server. */
  readonly signer: Authority;
}

export interface PkiOptions {
  readonly directory: string;
  /** Names and addresses that clients reach the server by. */
  readonly hosts: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  /** Makes a new key for service account tokens; the old ones go on verifying. */
  readonly rotateTokenKey?: boolean;
}

/**
 * Reads what is there and makes what is missing.
 * @throws UserError when a file is there but cannot be used
 */
export async function loadPki(options: PkiOptions): Promise<ServerPki> {
  mkdirSync(options.directory, { recursive: true, mode: 0o700 });
  const authority = await loadAuthority(options);
  const serving = await loadLeaf(options, {
    name: 'server',
    authority,
    fits: (pem) => coversHosts(pem, options.hosts),
    issue: (issued) => issueServing(options.hosts, issued),
  });
  const admin = await loadLeaf(options, {
    name: 'admin',
    authority,
    fits: () => true,
    issue: (issued) => issueClient({ commonName: 'admin', organizations: [adminGroup] }, issued),
  });
  return {
    authority: pemOf(authority.certificate),
    serving,
    admin,
    serviceAccountKeys: await loadTokenKeys(options),
    signer: authority,
  };
}

async function loadAuthority(options: PkiOptions): Promise<Authority> {
  const key = readOptional(options, 'ca.key');
  const certificate = readOptional(options, 'ca.crt');
  if (key !== undefined && certificate !== undefined)
    return usable(options, 'ca', async () => ({
      certificate: readCertificate(certificate),
      privateKey: await importKey(key),
    }));
  if (certificate !== undefined)
    throw new UserError(
      `${join(options.directory, 'ca.crt')} is there, but its key ca.key is not`,
      'Restore ca.key from a backup, or remove the folder to begin with a new authority.',
    );
  const keys = await generateKeys();
  // Not the name of a leaf: whose subject is its issuer passes for self-signed (OpenSSL).
  const authority = await createAuthority('ubernetes-ca', keys, validity(options, authorityDays));
  write(options, 'ca.key', await exportKey(keys.privateKey));
  write(options, 'ca.crt', pemOf(authority.certificate));
  return authority;
}

type IssuedLeaf = Parameters<typeof issueServing>[1];

interface Leaf {
  readonly name: string;
  readonly authority: Authority;
  fits(pem: string): boolean;
  issue(issued: IssuedLeaf): ReturnType<typeof issueServing>;
}

async function loadLeaf(options: PkiOptions, leaf: Leaf): Promise<KeyAndCertificate> {
  const key = readOptional(options, `${leaf.name}.key`);
  const certificate = readOptional(options, `${leaf.name}.crt`);
  if (key !== undefined && certificate !== undefined) {
    const parsed = await usable(options, leaf.name, () => readCertificate(certificate));
    const left = parsed.notAfter.getTime() - options.clock.now();
    const ours = parsed.issuer === leaf.authority.certificate.subject;
    if (ours && left > renewBelowDays * dayMs && leaf.fits(certificate))
      return { certificate, key };
  }
  const keys = await generateKeys();
  const issued = { ...validity(options, leafDays), authority: leaf.authority };
  const made = await leaf.issue({ ...issued, publicKey: keys.publicKey });
  const fresh = { key: await exportKey(keys.privateKey), certificate: pemOf(made) };
  write(options, `${leaf.name}.key`, fresh.key);
  write(options, `${leaf.name}.crt`, fresh.certificate);
  return fresh;
}

const tokenKeyFile = 'service-accounts.key';
const oldTokenKey = /^service-accounts-.*\.key$/;

/** Tokens of an old key count for as long as its file is there. */
async function loadTokenKeys(options: PkiOptions): Promise<[KeyObject, ...KeyObject[]]> {
  const { directory, clock, rotateTokenKey = false } = options;
  if (rotateTokenKey && readOptional(options, tokenKeyFile) !== undefined) {
    const when = new Date(clock.now()).toISOString().replaceAll(/[-:.]/g, '');
    renameSync(join(directory, tokenKeyFile), join(directory, `service-accounts-${when}.key`));
  }
  const current = readOptional(options, tokenKeyFile);
  const old = readdirSync(directory).filter((name) => oldTokenKey.test(name));
  const read = (pem: string): Promise<KeyObject> =>
    usable(options, 'service-accounts', () => createPrivateKey(pem));
  const keys = await Promise.all(old.sort().map((name) => read(readOptional(options, name)!)));
  return [current === undefined ? await makeTokenKey(options) : await read(current), ...keys];
}

async function makeTokenKey(options: PkiOptions): Promise<KeyObject> {
  const { privateKey } = await generateKeys();
  const fresh = await exportKey(privateKey);
  write(options, tokenKeyFile, fresh);
  return createPrivateKey(fresh);
}

function coversHosts(pem: string, hosts: readonly string[]): boolean {
  const names = readCertificate(pem).getExtension('2.5.29.17')?.toString('text') ?? '';
  return hosts.every((host) => names.includes(host));
}

function validity({ clock, random }: PkiOptions, days: number) {
  return { now: clock.now(), days, serial: random.bytes(16) };
}

async function usable<T>(
  { directory }: PkiOptions,
  name: string,
  read: () => T | Promise<T>,
): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw new UserError(
      `the key or certificate ${join(directory, name)}.* cannot be read`,
      'Restore it from a backup, or remove both files to have new ones made.',
      { cause: error },
    );
  }
}

function readOptional({ directory }: PkiOptions, name: string): string | undefined {
  try {
    return readFileSync(join(directory, name), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Whole or not at all, also when the machine stops in between. */
function write({ directory }: PkiOptions, name: string, text: string): void {
  const path = join(directory, name);
  const file = openSync(`${path}.new`, 'w', 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(`${path}.new`, path);
}
