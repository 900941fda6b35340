/** Where kinds keep the numbers of their scale subresource. */
import { groupResource, type ResourceType } from '../../kube/resource.ts';
import { hasSubresource, type ScalePaths } from '../registry/type-facts.ts';

const builtIn: ReadonlySet<string> = new Set([
  'deployments.apps',
  'replicasets.apps',
  'statefulsets.apps',
  'replicationcontrollers',
]);

/**
 * Undefined without a scale subresource. OpenAPI does not tell a custom kind's paths: they are
 * taken to be where
 * nearly all have them.
 */
export function scalePathsOf(type: ResourceType): ScalePaths | undefined {
  if (!hasSubresource(type, 'scale')) return undefined;
  return {
    specReplicas: ['spec', 'replicas'],
    statusReplicas: ['status', 'replicas'],
    selector: [builtIn.has(groupResource(type)) ? 'spec' : 'status', 'selector'],
  };
}
