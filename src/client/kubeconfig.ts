/** Reads and writes kubeconfig files: contexts, embedded and referenced credentials. */
import { join } from 'node:path';
import { parseDocument, stringify } from 'yaml';
import type { Clock } from '../base/clock.ts';
import { messageOf, UserError } from '../base/errors.ts';
import { isObject, type JsonObject, objectAt, valueAt } from '../kube/object.ts';
import type { TlsTransportOptions } from './tls-transport.ts';

/** A context with what it points at, resolved. */
export interface KubeconfigContext {
  readonly name: string;
  readonly namespace: string | undefined;
  readonly cluster: JsonObject;
  readonly user: JsonObject;
}

export interface Kubeconfig {
  readonly currentContext: string | undefined;
  readonly contextNames: readonly string[];
  /** The named context, or the current one. @throws UserError */
  context(name?: string): KubeconfigContext;
}

export interface ExecSpec {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly apiVersion: string;
}

export interface ExecResult {
  readonly token?: string;
  readonly clientCertificate?: { readonly cert: string; readonly key: string };
}

export interface ConnectionContext {
  readonly clock: Clock;
  /** Relative paths are relative to it: the folder of the kubeconfig file. */
  readonly directory: string;
  readonly readFile: (path: string) => string;
  /** Runs a credential plugin that is allowed; absent: none is. */
  readonly exec?: (spec: ExecSpec) => Promise<ExecResult>;
}

export type ConnectionSettings = Omit<TlsTransportOptions, 'connections' | 'streams'>;

/** A token file is read again after this long, as kubelet rotates it in place. */
const tokenFileMs = 60_000;

/** @throws UserError when the text is no kubeconfig. */
export function parseKubeconfig(text: string): Kubeconfig {
  const root = parseYaml(text);
  if (!isObject(root) || (root['kind'] !== undefined && root['kind'] !== 'Config')) {
    throw new UserError('this file is no kubeconfig', 'give a file of kind Config');
  }
  const contexts = named(root, 'contexts', 'context');
  const clusters = named(root, 'clusters', 'cluster');
  const users = named(root, 'users', 'user');
  if (clusters.size === 0) {
    throw new UserError('this kubeconfig names no cluster', 'give a kubeconfig with a cluster');
  }
  const current = stringAt(root, 'current-context') || undefined;
  return {
    currentContext: current,
    contextNames: [...contexts.keys()],
    context(wanted) {
      const name = wanted ?? current;
      const known = [...contexts.keys()].join(', ') || 'none';
      if (name === undefined) {
        throw new UserError('the kubeconfig has no current context', `name one of: ${known}`);
      }
      const context = contexts.get(name);
      if (context === undefined) {
        throw new UserError(`the kubeconfig has no context "${name}"`, `it has: ${known}`);
      }
      const cluster = clusters.get(stringAt(context, 'cluster') ?? '');
      const user = users.get(stringAt(context, 'user') ?? '');
      if (cluster === undefined) {
        throw new UserError(`context "${name}" names a cluster that is not there`, 'mend the file');
      }
      return { name, namespace: stringAt(context, 'namespace'), cluster, user: user ?? {} };
    },
  };
}

function parseYaml(text: string): unknown {
  const document = parseDocument(text, { prettyErrors: true, maxAliasCount: 100 } as never);
  if (document.errors.length > 0) {
    const [first] = document.errors[0]!.message.split('\n');
    throw new UserError(`the kubeconfig is no valid YAML: ${first}`, 'mend the file');
  }
  return document.toJS({ maxAliasCount: 100 });
}

function named(root: JsonObject, list: string, field: string): Map<string, JsonObject> {
  const found = new Map<string, JsonObject>();
  const entries = root[list];
  if (!Array.isArray(entries)) return found;
  for (const entry of entries) {
    const name = valueAt(entry, 'name');
    const value = objectAt(entry, field);
    // The first of a name counts, as in kubectl.
    if (typeof name === 'string' && value !== undefined && !found.has(name)) found.set(name, value);
  }
  return found;
}

function stringAt(object: JsonObject, field: string): string | undefined {
  const value = valueAt(object, field);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/**
 * How to reach a context's server. @throws UserError for a file that cannot be read or a credential
 * that is not taken.
 */
export async function connectionOf(
  { name, cluster, user }: KubeconfigContext,
  context: ConnectionContext,
): Promise<ConnectionSettings> {
  const server = serverOf(stringAt(cluster, 'server'), name);
  const ca = pem(cluster, 'certificate-authority', context);
  const tlsServerName = stringAt(cluster, 'tls-server-name');
  const proxyURL = stringAt(cluster, 'proxy-url');
  const insecure = cluster['insecure-skip-tls-verify'] === true;
  if (proxyURL !== undefined && !/^https?:\/\//.test(proxyURL)) {
    throw new UserError(`the proxy ${proxyURL} is not supported`, 'use an http:// proxy');
  }
  return {
    server,
    clock: context.clock,
    ...(ca === undefined || insecure ? {} : { ca }),
    ...(insecure ? { insecureSkipTLSVerify: true } : {}),
    ...(tlsServerName === undefined ? {} : { tlsServerName }),
    ...(proxyURL === undefined ? {} : { proxyURL }),
    ...(await credentialOf(user, context)),
  };
}

function serverOf(server: string | undefined, name: string): string {
  if (server === undefined) {
    throw new UserError(`the cluster of context "${name}" has no server`, 'mend the file');
  }
  const url = URL.canParse(server) ? new URL(server) : undefined;
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new UserError(`"${server}" is no server address`, 'it looks like https://host:6443');
  }
  return server;
}

async function credentialOf(
  user: JsonObject,
  context: ConnectionContext,
): Promise<Partial<ConnectionSettings>> {
  const cert = pem(user, 'client-certificate', context);
  const key = pem(user, 'client-key', context);
  if ((cert === undefined) !== (key === undefined)) {
    throw new UserError('the user has a client certificate or key without the other', 'give both');
  }
  const certificate = cert && key ? { clientCertificate: { cert, key } } : {};
  const token = stringAt(user, 'token');
  const tokenFile = stringAt(user, 'tokenFile');
  if (tokenFile !== undefined) {
    return { ...certificate, token: tokenFromFile(resolve(tokenFile, context), context) };
  }
  if (token !== undefined) return { ...certificate, token: () => token };
  const username = stringAt(user, 'username');
  if (username !== undefined) {
    return { ...certificate, basic: { username, password: stringAt(user, 'password') ?? '' } };
  }
  const exec = objectAt(user, 'exec');
  if (exec !== undefined) return { ...certificate, ...(await execCredential(exec, context)) };
  if (objectAt(user, 'auth-provider') !== undefined) {
    throw new UserError(
      'the user has an auth-provider, which Kubernetes removed in 1.26',
      'use a token, a client certificate or an exec plugin',
    );
  }
  return certificate;
}

async function execCredential(
  exec: JsonObject,
  context: ConnectionContext,
): Promise<Partial<ConnectionSettings>> {
  const command = stringAt(exec, 'command');
  if (command === undefined || context.exec === undefined) {
    throw new UserError(
      `the credential plugin ${command ?? '(without a command)'} is not allowed here`,
      'use a token or a client certificate, or allow the plugin by its name',
    );
  }
  const args = exec['args'];
  const env: Record<string, string> = {};
  for (const entry of Array.isArray(exec['env']) ? exec['env'] : []) {
    const name = valueAt(entry, 'name');
    const value = valueAt(entry, 'value');
    if (typeof name === 'string' && typeof value === 'string') env[name] = value;
  }
  const { token, clientCertificate } = await context.exec({
    command: command.includes('/') ? resolve(command, context) : command,
    args: Array.isArray(args) ? args.map(String) : [],
    env,
    apiVersion: stringAt(exec, 'apiVersion') ?? 'client.authentication.k8s.io/v1',
  });
  return {
    ...(token === undefined ? {} : { token: () => token }),
    ...(clientCertificate === undefined ? {} : { clientCertificate }),
  };
}

function tokenFromFile(path: string, context: ConnectionContext): () => string {
  let token = read(path, context).trim();
  let readAt = context.clock.monotonic();
  return () => {
    const now = context.clock.monotonic();
    if (now - readAt < tokenFileMs) return token;
    readAt = now;
    try {
      token = context.readFile(path).trim();
    } catch {
      // The old one may still hold; the server will say.
    }
    return token;
  };
}

/** PEM from `FIELD-data` (base64) or the file that FIELD names. */
function pem(object: JsonObject, field: string, context: ConnectionContext): string | undefined {
  const data = stringAt(object, `${field}-data`);
  if (data !== undefined) {
    const text = Buffer.from(data, 'base64').toString('utf8');
    if (!text.includes('-----BEGIN ')) {
      throw new UserError(`${field}-data of the kubeconfig holds no PEM`, 'mend the file');
    }
    return text;
  }
  const file = stringAt(object, field);
  return file === undefined ? undefined : read(resolve(file, context), context);
}

function resolve(path: string, context: ConnectionContext): string {
  return path.startsWith('/') ? path : join(context.directory, path);
}

function read(path: string, context: ConnectionContext): string {
  try {
    return context.readFile(path);
  } catch (cause) {
    throw new UserError(
      `the kubeconfig points at ${path}, which cannot be read: ${messageOf(cause)}`,
      'check the path and its permissions',
      { cause },
    );
  }
}

export interface KubeconfigContents {
  /** Of cluster, user and context alike. */
  readonly name: string;
  readonly server: string;
  /** PEM. */
  readonly ca?: string;
  readonly token?: string;
  readonly clientCertificate?: { readonly cert: string; readonly key: string };
  readonly namespace?: string;
}

/** A kubeconfig with one context, as text. */
export function writeKubeconfig(contents: KubeconfigContents): string {
  const { name, server, ca, token, clientCertificate, namespace } = contents;
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  return stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        {
          name,
          cluster: {
            server,
            ...(ca === undefined ? {} : { 'certificate-authority-data': base64(ca) }),
          },
        },
      ],
      users: [
        {
          name,
          user: {
            ...(token === undefined ? {} : { token }),
            ...(clientCertificate === undefined
              ? {}
              : {
                  'client-certificate-data': base64(clientCertificate.cert),
                  'client-key-data': base64(clientCertificate.key),
                }),
          },
        },
      ],
      contexts: [
        {
          name,
          context: { cluster: name, user: name, ...(namespace === undefined ? {} : { namespace }) },
        },
      ],
      'current-context': name,
    },
    { lineWidth: 0 },
  );
}
