/** The kinds that the simulator follows, as paths. */
import type { PathParts } from '../../kube/resource.ts';

export type Collection = Pick<PathParts, 'group' | 'version' | 'resource'> & {
  readonly kind: string;
};

function kind(name: string, resource: string, group = ''): Collection {
  return { kind: name, resource, group, version: 'v1' };
}

const rbac = 'rbac.authorization.k8s.io';

export const kinds = {
  namespaces: kind('Namespace', 'namespaces'),
  nodes: kind('Node', 'nodes'),
  pods: kind('Pod', 'pods'),
  services: kind('Service', 'services'),
  configMaps: kind('ConfigMap', 'configmaps'),
  secrets: kind('Secret', 'secrets'),
  serviceAccounts: kind('ServiceAccount', 'serviceaccounts'),
  deployments: kind('Deployment', 'deployments', 'apps'),
  replicaSets: kind('ReplicaSet', 'replicasets', 'apps'),
  statefulSets: kind('StatefulSet', 'statefulsets', 'apps'),
  daemonSets: kind('DaemonSet', 'daemonsets', 'apps'),
  jobs: kind('Job', 'jobs', 'batch'),
  clusterRoles: kind('ClusterRole', 'clusterroles', rbac),
  clusterRoleBindings: kind('ClusterRoleBinding', 'clusterrolebindings', rbac),
} as const;

export type KindName = keyof typeof kinds;
