/** Takes a cluster into the federation: everything or nothing. */
import {
  type Cluster,
  type ClusterSpec,
  clusterNameProblem,
  clusterType,
  systemNamespace,
} from '../api/cluster.ts';
import { type Clock, sleep } from '../base/clock.ts';
import { messageOf, UserError } from '../base/errors.ts';
import type { ConnectionSettings } from '../client/kubeconfig.ts';
import { RestClient } from '../client/rest.ts';
import { TlsTransport } from '../client/tls-transport.ts';
import { type Transport, TransportError } from '../client/transport.ts';
import { type KubeObject, valueAt } from '../kube/object.ts';
import { ApiError } from '../kube/status.ts';
import { formatTime } from '../kube/time.ts';
import { recordOf } from '../reconcile/lease.ts';
import { leaseName, userAgent } from './connection.ts';
import { secretAnnotations, secretKeys } from './credentials.ts';
import {
  findSystemNamespace,
  type IssuedToken,
  installInMember,
  joinedAs,
  requestToken,
  serviceAccountName,
  type Undo,
} from './member-side.ts';

export type JoinStep =
  | 'checking the federation'
  | 'checking the cluster'
  | 'making namespace, service account and rights in the cluster'
  | 'obtaining a token'
  | 'storing credential and Cluster in the federation'
  | 'undoing what was made';

export interface JoinOptions {
  /** With rights to write Clusters, and Secrets in ubernetes-system. */
  readonly federation: RestClient;
  readonly federationId: string;
  readonly name: string;
  /**
   * How the administrator reaches the cluster; the credential in it is used now and never stored.
   */
  readonly settings: ConnectionSettings;
  readonly clock: Clock;
  readonly labels?: Readonly<Record<string, string>>;
  readonly region?: string;
  readonly zone?: string;
  /** Take the cluster over from another federation that still writes to it. */
  readonly takeOver?: boolean;
  readonly onStep?: (step: JoinStep) => void;
  /** TLS unless given. */
  readonly openTransport?: (settings: ConnectionSettings) => Transport;
}

export interface Joined {
  readonly cluster: Cluster;
  /** Of the member's kube-system. */
  readonly uid: string;
  readonly version: string;
}

/** What we ask for; the member may give less. Renewed long before half of it. */
export const tokenSeconds = 30 * 24 * 3600;

/**
 * On the Cluster, from join on: its status has the same, but only once the federation has looked.
 */
export const joinedUid = 'ubernetes.dev/joined-uid';

/** Held until the member is cleaned up. */
export const unjoinFinalizer = 'ubernetes.dev/unjoin';

/** A lease of another federation that was not renewed for so long is nobody's, milliseconds. */
const abandonedMs = 10 * 60_000;

const leasePath = {
  group: 'coordination.k8s.io',
  version: 'v1',
  resource: 'leases',
  namespace: systemNamespace,
  name: leaseName,
};

export function secretNameOf(cluster: string): string {
  return `cluster-${cluster}`;
}

/**
 * Joins a cluster. @throws UserError with nothing left behind in either place; when undoing itself
 * fails, the
 * message says what remains.
 */
export async function joinMember(options: JoinOptions): Promise<Joined> {
  const { settings, onStep } = options;
  onStep?.('checking the federation');
  const old = await findRefused(options);
  const open = options.openTransport ?? ((wanted) => new TlsTransport(wanted));
  const transport = open(settings);
  const member = new RestClient(transport, { userAgent, timeoutMs: 15_000 });
  const undo: Undo[] = [];
  try {
    onStep?.('checking the cluster');
    const version = await readVersion(member, settings.server);
    const uid = await readIdentity(member);
    if (old === undefined) await checkIdentity(options, uid);
    else if (uidOf(old) !== uid) throw nameTaken(options.name);
    await checkWriter(options, member);
    onStep?.('making namespace, service account and rights in the cluster');
    await installInMember(member, `${options.federationId}/${options.name}`, undo);
    onStep?.('obtaining a token');
    const token = await requestToken(member, tokenSeconds);
    await tryToken(options, token.token, open);
    onStep?.('storing credential and Cluster in the federation');
    const cluster = await store({ ...options, uid, version, token, undo, old });
    return { cluster, uid, version };
  } catch (error) {
    const wrapped = asUserError(error, settings.server);
    if (undo.length === 0) throw wrapped;
    onStep?.('undoing what was made');
    throw await undoAll(undo, wrapped);
  } finally {
    await transport.close();
  }
}

/**
 * A Cluster of that name that may be joined again: its member no longer takes our credential, as
 * when the token ended while nobody could renew it, or a backup brought back an older one.
 */
async function findRefused({ federation, name }: JoinOptions): Promise<Cluster | undefined> {
  const problem = clusterNameProblem(name);
  if (problem !== undefined) {
    throw new UserError(`"${name}" is no name for a cluster`, problem);
  }
  let known: Cluster | undefined;
  try {
    known = (await federation.find({ ...clusterType, name }))?.object<Cluster>();
  } catch (error) {
    throw new UserError(
      `the federation cannot be asked: ${messageOf(error)}`,
      'check the federation kubeconfig, and that the server runs',
      { cause: error },
    );
  }
  if (known === undefined) return undefined;
  const valid = known.status?.conditions?.find(({ type }) => type === 'CredentialsValid');
  const leaves = known.metadata.deletionTimestamp !== undefined;
  if (valid?.status !== 'False' || leaves) throw nameTaken(name);
  return known;
}

function nameTaken(name: string): UserError {
  return new UserError(
    `the name "${name}" is taken by another cluster`,
    'choose another name, or unjoin that cluster first',
  );
}

function uidOf(cluster: KubeObject): unknown {
  return valueAt(cluster, 'status', 'uid') ?? cluster.metadata.annotations?.[joinedUid];
}

async function readVersion(member: RestClient, server: string): Promise<string> {
  let version: unknown;
  try {
    version = valueAt((await member.get('/version')).object(), 'gitVersion');
  } catch (error) {
    if (error instanceof TransportError) throw unreachable(server, error);
    if (error instanceof ApiError && (error.code === 401 || error.code === 403)) throw error;
    throw notKubernetes(server, error);
  }
  if (typeof version !== 'string' || !/^v\d+\.\d+/.test(version)) throw notKubernetes(server);
  return version;
}

async function readIdentity(member: RestClient): Promise<string> {
  const path = { group: '', version: 'v1', resource: 'namespaces', name: 'kube-system' };
  const uid = (await member.get(path)).object().metadata?.uid;
  if (typeof uid !== 'string' || uid === '') {
    throw new UserError(
      'the namespace kube-system of this cluster has no uid',
      'the server does not behave like Kubernetes; check the server address',
    );
  }
  return uid;
}

/** The same cluster twice, and the federation as its own member, are refused. */
async function checkIdentity({ federation }: JoinOptions, uid: string): Promise<void> {
  const own = await federation.find('/api/v1/namespaces/kube-system');
  if (own?.object().metadata.uid === uid) {
    throw new UserError(
      'this is the federation itself, not a cluster',
      'give the kubeconfig of the cluster with --member-kubeconfig',
    );
  }
  for await (const page of federation.pages(clusterType)) {
    for (const cluster of page.items) {
      if (uidOf(cluster) !== uid) continue;
      throw new UserError(
        `this cluster has joined already, as "${cluster.metadata.name}"`,
        `use that name, or unjoin it first: ubernetes unjoin ${cluster.metadata.name}`,
      );
    }
  }
}

/** Another federation that writes to it is not pushed aside unasked. */
async function checkWriter(options: JoinOptions, member: RestClient): Promise<void> {
  const namespace = await findSystemNamespace(member);
  if (namespace === undefined) return;
  if (namespace.metadata.deletionTimestamp !== undefined) {
    throw new UserError(
      `the namespace ${systemNamespace} of this cluster is being deleted`,
      'wait until it is gone and join again',
    );
  }
  const lease = (await member.find(leasePath))?.object();
  if (lease === undefined) return;
  const record = recordOf(lease);
  if (record.federation === options.federationId) return;
  const renewed = Date.parse(String(valueAt(lease, 'spec', 'renewTime') ?? ''));
  const alive = record.holder !== '' && options.clock.now() - renewed < abandonedMs;
  if (alive && !options.takeOver) {
    const as = namespace.metadata.annotations?.[joinedAs] ?? record.federation;
    throw new UserError(
      `this cluster belongs to another federation (${as})`,
      'unjoin it there first, or take it over deliberately',
    );
  }
  await member.remove(leasePath);
}

/** Rights and tokens take a moment to count. */
async function tryToken(
  options: JoinOptions,
  token: string,
  open: (settings: ConnectionSettings) => Transport,
): Promise<void> {
  const { clientCertificate: _certificate, basic: _basic, ...address } = options.settings;
  const transport = open({ ...address, token: () => token });
  const client = new RestClient(transport, { userAgent, timeoutMs: 10_000 });
  try {
    for (let attempt = 0; ; attempt++) {
      try {
        await client.get({ group: '', version: 'v1', resource: 'nodes' }, { query: { limit: 1 } });
        return;
      } catch (error) {
        const retry = error instanceof ApiError && (error.code === 401 || error.code === 403);
        if (!retry || attempt >= 20) throw error;
        await sleep(options.clock, 250);
      }
    }
  } finally {
    await transport.close();
  }
}

interface StoreOptions extends JoinOptions {
  readonly uid: string;
  readonly version: string;
  readonly token: IssuedToken;
  readonly undo: Undo[];
  /** Joined before: it gets the new credential and address. */
  readonly old: Cluster | undefined;
}

async function store(options: StoreOptions): Promise<Cluster> {
  const { federation, name, undo, old } = options;
  await ensureFederationNamespace(federation);
  const secretPath = { group: '', version: 'v1', resource: 'secrets', namespace: systemNamespace };
  const secretName = secretNameOf(name);
  // Left over from a Cluster of this name that is no more.
  await federation.remove({ ...secretPath, name: secretName });
  await federation.create(secretPath, secretOf(options));
  undo.push(() => federation.remove({ ...secretPath, name: secretName }));
  if (old !== undefined) {
    const { server, caBundle = null, tlsServerName = null, proxyURL = null } = specOf(options);
    const insecureSkipTLSVerify = options.settings.insecureSkipTLSVerify || null;
    const address = { server, caBundle, tlsServerName, proxyURL, insecureSkipTLSVerify };
    const body = { spec: { ...address, credentialsRef: { name: secretName } } };
    const patch = { type: 'application/merge-patch+json', body } as const;
    return (await federation.patch({ ...clusterType, name }, patch)).object<Cluster>();
  }
  const created = (await federation.create(clusterType, clusterOf(options))).object<Cluster>();
  undo.push(() => dropCluster(federation, name));
  return created;
}

/** Takes the finalizer off first: nothing was propagated yet, and the rights are about to go. */
async function dropCluster(federation: RestClient, name: string): Promise<void> {
  const target = { ...clusterType, name };
  const body = { metadata: { finalizers: null } };
  await federation.patch(target, { type: 'application/merge-patch+json', body });
  await federation.remove(target);
}

async function ensureFederationNamespace(federation: RestClient): Promise<void> {
  try {
    await federation.create('/api/v1/namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: systemNamespace },
    });
  } catch (error) {
    if (!(error instanceof ApiError) || error.reason !== 'AlreadyExists') throw error;
  }
}

function secretOf({ name, token, clock }: StoreOptions): object {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'Opaque',
    metadata: {
      name: secretNameOf(name),
      namespace: systemNamespace,
      annotations: tokenAnnotations(token, clock),
    },
    data: { [secretKeys.token]: Buffer.from(token.token).toString('base64') },
  };
}

/** When the token was issued and ends, and whose it is: what the renewal needs. */
export function tokenAnnotations(token: IssuedToken, clock: Clock): Record<string, string> {
  return {
    [secretAnnotations.issuedAt]: formatTime(clock.now()),
    [secretAnnotations.expiresAt]: formatTime(token.expiresAt),
    [secretAnnotations.serviceAccount]: `${systemNamespace}/${serviceAccountName}`,
  };
}

function specOf({ settings, name, region, zone }: StoreOptions): ClusterSpec {
  return {
    server: settings.server,
    ...(settings.ca === undefined ? {} : { caBundle: Buffer.from(settings.ca).toString('base64') }),
    ...(settings.insecureSkipTLSVerify ? { insecureSkipTLSVerify: true } : {}),
    ...(settings.tlsServerName === undefined ? {} : { tlsServerName: settings.tlsServerName }),
    ...(settings.proxyURL === undefined ? {} : { proxyURL: settings.proxyURL }),
    credentialsRef: { name: secretNameOf(name) },
    ...(region === undefined ? {} : { region }),
    ...(zone === undefined ? {} : { zone }),
  };
}

function clusterOf(options: StoreOptions): object {
  const { name, labels, uid } = options;
  return {
    apiVersion: 'ubernetes.dev/v1alpha1',
    kind: 'Cluster',
    metadata: {
      name,
      ...(labels === undefined ? {} : { labels }),
      annotations: { [joinedUid]: uid },
      finalizers: [unjoinFinalizer],
    },
    spec: specOf(options),
  };
}

function asUserError(error: unknown, server: string): UserError {
  if (error instanceof UserError) return error;
  if (error instanceof TransportError) return unreachable(server, error);
  const message = messageOf(error);
  if (error instanceof ApiError && error.code === 401) {
    return new UserError(
      'the cluster does not accept the credential in this kubeconfig',
      'it is wrong or has expired: get a new one and try kubectl with it',
      { cause: error },
    );
  }
  if (error instanceof ApiError && error.code === 403) {
    return new UserError(
      `this credential may not do what joining needs: ${message}`,
      'join with a cluster-admin credential; it is used once and never stored',
      { cause: error },
    );
  }
  return new UserError(`the cluster could not be joined: ${message}`, 'mend that and join again', {
    cause: error,
  });
}

function unreachable(server: string, error: TransportError): UserError {
  const code = valueAt(error.cause, 'code');
  const certificate = /CERT|SELF_SIGNED|ALTNAME/.test(String(code));
  const hint = certificate
    ? 'check certificate-authority and tls-server-name of the kubeconfig'
    : 'check the address, and that it can be reached from here';
  return new UserError(`${server} does not answer: ${error.message}`, hint, { cause: error });
}

function notKubernetes(server: string, cause?: unknown): UserError {
  return new UserError(
    `${server} answers, but is no Kubernetes API server`,
    'check the server address of the kubeconfig',
    { cause },
  );
}

async function undoAll(undo: readonly Undo[], error: UserError): Promise<UserError> {
  const left: string[] = [];
  for (const step of undo.toReversed()) {
    try {
      await step();
    } catch (failure) {
      left.push(messageOf(failure));
    }
  }
  if (left.length === 0) return error;
  return new UserError(
    `${error.message}; undoing it failed as well: ${left.join('; ')}`,
    `${error.hint}; then remove namespace ${systemNamespace} from the cluster`,
    { cause: error },
  );
}
