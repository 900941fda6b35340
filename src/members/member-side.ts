/**
 * What the federation puts into a member besides copies: a namespace, a service account and its
 * rights.
 */
import { systemNamespace } from '../api/cluster.ts';
import type { RestClient } from '../client/rest.ts';
import type { KubeObject } from '../kube/object.ts';
import { ApiError } from '../kube/status.ts';

export const serviceAccountName = 'ubernetes';

/** On the member's namespace: 'FEDERATION/NAME' under which it has joined. */
export const joinedAs = 'ubernetes.dev/joined-as';

const propagation = 'ubernetes-propagation';
const impersonation = 'ubernetes-impersonation';

const labels = { 'app.kubernetes.io/managed-by': 'ubernetes' };

const rbac = { group: 'rbac.authorization.k8s.io', version: 'v1' };
const core = { group: '', version: 'v1' };

const namespacePath = { ...core, resource: 'namespaces', name: systemNamespace };
const serviceAccountPath = {
  ...core,
  resource: 'serviceaccounts',
  namespace: systemNamespace,
  name: serviceAccountName,
};

/** The token's path in the member. */
export const tokenPath = { ...serviceAccountPath, subresource: 'token' };

/** Why these verbs and no others: docs/decisions/0030-rights-in-members.md. */
const rules: Readonly<Record<string, readonly object[]>> = {
  [propagation]: [
    {
      apiGroups: ['*'],
      resources: ['*'],
      verbs: ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection'],
    },
    {
      nonResourceURLs: [
        '/version',
        '/readyz',
        '/livez',
        '/healthz',
        '/api',
        '/api/*',
        '/apis',
        '/apis/*',
        '/openapi/*',
      ],
      verbs: ['get'],
    },
  ],
  [impersonation]: [{ apiGroups: [''], resources: ['users', 'groups'], verbs: ['impersonate'] }],
};

interface Piece {
  readonly target: { group: string; version: string; resource: string; name: string };
  readonly object: (owner: object) => object;
}

/**
 * Rights belong to the namespace: the member's garbage collector takes them when the namespace
 * goes.
 */
const pieces: readonly Piece[] = Object.keys(rules).flatMap((name) => [
  {
    target: { ...rbac, resource: 'clusterroles', name },
    object: (owner: object) => ({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name, labels, ownerReferences: [owner] },
      rules: rules[name],
    }),
  },
  {
    target: { ...rbac, resource: 'clusterrolebindings', name },
    object: (owner: object) => ({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name, labels, ownerReferences: [owner] },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
      subjects: [{ kind: 'ServiceAccount', namespace: systemNamespace, name: serviceAccountName }],
    }),
  },
]);

/** Undoes one thing that was made. */
export type Undo = () => Promise<unknown>;

/** The member's `ubernetes-system`, if it is there. */
export async function findSystemNamespace(member: RestClient): Promise<KubeObject | undefined> {
  return (await member.find(namespacePath))?.object();
}

/**
 * Makes whatever is missing, as the member's administrator. What it makes is pushed on `undo`, also
 * when it fails
 * half-way. @throws ApiError, TransportError
 */
export async function installInMember(
  member: RestClient,
  joined: string,
  undo: Undo[],
): Promise<void> {
  const namespace = await ensureNamespace(member, joined, undo);
  const owner = {
    apiVersion: 'v1',
    kind: 'Namespace',
    name: systemNamespace,
    uid: namespace.metadata.uid,
  };
  await ensure(member, serviceAccountPath, serviceAccount, undo);
  for (const piece of pieces) await ensure(member, piece.target, piece.object(owner), undo);
}

const serviceAccount = {
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { name: serviceAccountName, namespace: systemNamespace, labels },
};

async function ensureNamespace(
  member: RestClient,
  joined: string,
  undo: Undo[],
): Promise<KubeObject> {
  const metadata = { name: systemNamespace, labels, annotations: { [joinedAs]: joined } };
  const old = await findSystemNamespace(member);
  if (old !== undefined) {
    const before = old.metadata.annotations?.[joinedAs] ?? null;
    const body = { metadata: { annotations: { [joinedAs]: joined } } };
    const patch = { type: 'application/merge-patch+json', body } as const;
    const answer = await member.patch(namespacePath, patch);
    const revert = { metadata: { annotations: { [joinedAs]: before } } };
    undo.push(() => member.patch(namespacePath, { ...patch, body: revert }));
    return answer.object();
  }
  const object = { apiVersion: 'v1', kind: 'Namespace', metadata };
  const answer = await member.create({ ...core, resource: 'namespaces' }, object);
  undo.push(() => member.remove(namespacePath));
  return answer.object();
}

/** Creates, or brings to what it should be. */
async function ensure(
  member: RestClient,
  target: { group: string; version: string; resource: string; name: string; namespace?: string },
  object: object,
  undo: Undo[],
): Promise<void> {
  const { name: _name, ...collection } = target;
  try {
    await member.create(collection, object);
    undo.push(() => member.remove(target));
  } catch (error) {
    if (!(error instanceof ApiError) || error.reason !== 'AlreadyExists') throw error;
    await member.patch(target, { type: 'application/merge-patch+json', body: object });
  }
}

export interface IssuedToken {
  readonly token: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** A token of our service account. The member may give a shorter life than asked. */
export async function requestToken(
  member: RestClient,
  expirationSeconds: number,
): Promise<IssuedToken> {
  const body = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds },
  };
  const answer = await member.create(tokenPath, body);
  const status = answer.object<{ status?: { token?: string; expirationTimestamp?: string } }>()
    .status;
  const expiresAt = Date.parse(status?.expirationTimestamp ?? '');
  if (typeof status?.token !== 'string' || !Number.isFinite(expiresAt)) {
    throw new ApiError('InternalError', 'the cluster answered a TokenRequest without a token');
  }
  return { token: status.token, expiresAt };
}

/**
 * Removes everything of ours but copies. The namespace first: with our own credential the rights
 * end with the first
 * requests that follow, which therefore go out together, and what they leave the member's garbage
 * collector takes.
 */
export async function removeFromMember(member: RestClient): Promise<void> {
  await member.remove(namespacePath, { propagationPolicy: 'Background' });
  const rest = [...pieces.map(({ target }) => target), serviceAccountPath];
  const results = await Promise.allSettled(rest.map((target) => member.remove(target)));
  const failed = results.find(
    (result) => result.status === 'rejected' && !lostRights(result.reason),
  );
  if (failed?.status === 'rejected') throw failed.reason;
}

function lostRights(error: unknown): boolean {
  return error instanceof ApiError && (error.code === 401 || error.code === 403);
}
