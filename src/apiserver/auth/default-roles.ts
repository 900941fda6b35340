/**
 * The roles and bindings that are there from the first start: Kubernetes' own, and what they need
 * for our kinds.
 */
import type { KubeObject } from '../../kube/object.ts';
import recorded from './default-roles.json' with { type: 'json' };

const rbac = 'rbac.authorization.k8s.io/v1';

/** Joins an aggregated role of Kubernetes: admin, edit or view. */
function aggregated(
  to: 'edit' | 'view',
  rules: readonly { readonly resources: readonly string[]; readonly verbs: readonly string[] }[],
): KubeObject {
  return {
    apiVersion: rbac,
    kind: 'ClusterRole',
    metadata: {
      name: `ubernetes:aggregate-to-${to}`,
      labels: {
        'kubernetes.io/bootstrapping': 'rbac-defaults',
        [`rbac.authorization.k8s.io/aggregate-to-${to}`]: 'true',
      },
      annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'true' },
    },
    rules: rules.map((rule) => ({ apiGroups: ['ubernetes.dev'], ...rule })),
  };
}

const read = ['get', 'list', 'watch'];
const write = ['create', 'delete', 'deletecollection', 'patch', 'update'];

/** Fresh copies, in an order in which they can be created. */
export function defaultRoles(): KubeObject[] {
  return [
    ...(structuredClone(recorded) as unknown as KubeObject[]),
    aggregated('view', [{ resources: ['placements', 'distributions'], verbs: read }]),
    aggregated('edit', [{ resources: ['placements'], verbs: write }]),
  ];
}
