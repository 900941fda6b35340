/** Before a copied Namespace or CRD is deleted: a live look whether anything in it is not ours. */
import type { RestClient } from '../client/rest.ts';
import { type KubeObject, valueAt } from '../kube/object.ts';
import { groupResource, pathOf, type ResourceType } from '../kube/resource.ts';
import { ApiError } from '../kube/status.ts';
import { markOf } from './mark.ts';
import type { Unit } from './unit.ts';

export interface EmptinessInput {
  readonly unit: Unit;
  readonly live: KubeObject;
  readonly client: RestClient;
  readonly federation: string;
  readonly cluster: string;
  readonly namespacedTypes: readonly ResourceType[];
}

/** What every namespace has, or what only says something about other objects. */
const furniture = new Set([
  'configmaps/kube-root-ca.crt',
  'configmaps/openshift-service-ca.crt',
  'serviceaccounts/default',
]);
const derived = new Set([
  'events',
  'events.events.k8s.io',
  'endpoints',
  'endpointslices.discovery.k8s.io',
  'pods.metrics.k8s.io',
]);

/**
 * A word about the first stranger found, or undefined when the copy may go. Other kinds hold
 * nothing.
 */
export async function clusterHoldsStrangers(input: EmptinessInput): Promise<string | undefined> {
  const { unit, live } = input;
  const resource = groupResource(unit.type);
  if (resource === 'namespaces') {
    for (const type of input.namespacedTypes) {
      if (!type.verbs.includes('list') || derived.has(groupResource(type))) continue;
      const stranger = await strangerIn(input, type, unit.name);
      if (stranger !== undefined) return stranger;
    }
  }
  if (resource === 'customresourcedefinitions.apiextensions.k8s.io') {
    const plural = valueAt(live, 'spec', 'names', 'plural');
    const group = valueAt(live, 'spec', 'group');
    const versions = valueAt(live, 'spec', 'versions');
    const served = Array.isArray(versions) ? versions : [];
    const version = valueAt(
      served.find((each) => valueAt(each, 'served') === true),
      'name',
    );
    return strangerIn(input, {
      resource: String(plural),
      group: String(group),
      version: String(version),
    });
  }
  return undefined;
}

async function strangerIn(
  { client, federation, cluster }: EmptinessInput,
  type: Pick<ResourceType, 'group' | 'version' | 'resource'>,
  namespace?: string,
): Promise<string | undefined> {
  const target = pathOf({ ...type, ...(namespace === undefined ? {} : { namespace }) });
  try {
    for await (const page of client.pages(target)) {
      for (const item of page.items) {
        if (markOf(item, { federation, cluster }) !== undefined) continue;
        if ((item.metadata.ownerReferences ?? []).length > 0) continue;
        if (furniture.has(`${type.resource}/${item.metadata.name}`)) continue;
        return `${groupResource(type)} ${item.metadata.name}`;
      }
    }
  } catch (error) {
    // A type that this member does not serve, or that cannot be listed, holds nothing here.
    if (!(error instanceof ApiError) || ![404, 405].includes(error.code)) throw error;
  }
  return undefined;
}
