/**
 * The default roles and bindings as they ought to be: made when missing, given back at every start
 * what an older version or a user took from them, unless they are annotated to be left alone.
 */
import { defaultRoles } from '../apiserver/auth/default-roles.ts';
import { isCovered } from '../apiserver/auth/escalation.ts';
import { rulesOf } from '../apiserver/auth/rbac.ts';
import type { RestClient } from '../client/rest.ts';
import { deepEqual } from '../kube/json.ts';
import { type KubeObject, valueAt } from '../kube/object.ts';
import { pathOf } from '../kube/resource.ts';
import { isApiError } from '../kube/status.ts';

const group = { group: 'rbac.authorization.k8s.io', version: 'v1' };
const autoUpdate = 'rbac.authorization.kubernetes.io/autoupdate';

export const rbacResources: Readonly<Record<string, string>> = {
  ClusterRole: 'clusterroles',
  ClusterRoleBinding: 'clusterrolebindings',
  Role: 'roles',
  RoleBinding: 'rolebindings',
};

/** Resolves when all of them stand as they ought to. */
export async function reconcileDefaultRoles(client: RestClient): Promise<void> {
  const present = new Map<string, KubeObject>();
  for (const [kind, resource] of Object.entries(rbacResources)) {
    const { items } = await client.list(pathOf({ ...group, resource }));
    for (const item of items) present.set(keyOf(kind, item.metadata), item);
  }
  await Promise.all(
    defaultRoles().map(async (role) => {
      const existing = present.get(keyOf(role.kind, role.metadata));
      if (existing === undefined) return create(client, role);
      const wanted = reconciled(existing, role);
      if (wanted === undefined) return undefined;
      if (deepEqual(wanted['roleRef'], existing['roleRef'])) return update(client, wanted);
      // What a binding is of cannot be changed.
      await client.remove(pathTo(role));
      return create(client, role);
    }),
  );
}

/** The default with everything that the existing one has besides; undefined: nothing to do. */
export function reconciled(existing: KubeObject, wanted: KubeObject): KubeObject | undefined {
  if (existing.metadata.annotations?.[autoUpdate] === 'false') return undefined;
  const merged: KubeObject = {
    ...existing,
    metadata: {
      ...existing.metadata,
      labels: { ...existing.metadata.labels, ...wanted.metadata.labels },
      annotations: { ...existing.metadata.annotations, ...wanted.metadata.annotations },
    },
    ...(wanted.kind.endsWith('Binding')
      ? bindingParts(existing, wanted)
      : roleParts(existing, wanted)),
  };
  return deepEqual(merged, withMaps(existing)) ? undefined : merged;
}

function withMaps(object: KubeObject): KubeObject {
  const { labels = {}, annotations = {} } = object.metadata;
  return { ...object, metadata: { ...object.metadata, labels, annotations } };
}

function roleParts(existing: KubeObject, wanted: KubeObject): Partial<KubeObject> {
  const selectors = ['aggregationRule', 'clusterRoleSelectors'] as const;
  const wantedSelectors = listAt(wanted, ...selectors);
  if (wantedSelectors.length > 0) {
    const clusterRoleSelectors = union(listAt(existing, ...selectors), wantedSelectors);
    return { aggregationRule: { clusterRoleSelectors } };
  }
  const held = rulesOf(existing['rules']);
  const missing = listAt(wanted, 'rules').filter((_, i) => {
    const rule = rulesOf(wanted['rules'])[i]!;
    return !isCovered(rule, held);
  });
  return missing.length === 0 ? {} : { rules: [...listAt(existing, 'rules'), ...missing] };
}

function bindingParts(existing: KubeObject, wanted: KubeObject): Partial<KubeObject> {
  const subjects = union(listAt(existing, 'subjects'), listAt(wanted, 'subjects'));
  return { roleRef: wanted['roleRef'], ...(subjects.length > 0 && { subjects }) };
}

function union(first: readonly unknown[], second: readonly unknown[]): unknown[] {
  return [...first, ...second.filter((each) => !first.some((other) => deepEqual(each, other)))];
}

function listAt(object: KubeObject, ...path: readonly string[]): readonly unknown[] {
  const list = valueAt(object, ...path);
  return Array.isArray(list) ? list : [];
}

function keyOf(kind: string, { namespace, name }: KubeObject['metadata']): string {
  return `${kind} ${namespace ?? ''}/${name}`;
}

function collectionOf({ kind, metadata }: KubeObject): Parameters<typeof pathOf>[0] {
  const { namespace } = metadata;
  const resource = rbacResources[kind]!;
  return { ...group, resource, ...(namespace === undefined ? {} : { namespace }) };
}

function pathTo(role: KubeObject): string {
  return pathOf({ ...collectionOf(role), name: role.metadata.name! });
}

async function create(client: RestClient, role: KubeObject): Promise<void> {
  try {
    await client.create(pathOf(collectionOf(role)), role);
  } catch (error) {
    if (!isApiError(error, 'AlreadyExists')) throw error;
  }
}

async function update(client: RestClient, role: KubeObject): Promise<void> {
  try {
    await client.update(pathTo(role), role);
  } catch (error) {
    // Somebody else has just written it: the next start looks again.
    if (!isApiError(error, 'Conflict') && !isApiError(error, 'NotFound')) throw error;
  }
}
