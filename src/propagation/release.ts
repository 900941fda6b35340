/**
 * Takes a member out of the federation: its copies keep running, without our mark, or go when that
 * was asked for.
 */
import { keyOf, splitKey } from '../client/cache.ts';
import type { RestClient } from '../client/rest.ts';
import type { KubeObject } from '../kube/object.ts';
import { groupResource, pathOf, type ResourceType } from '../kube/resource.ts';
import { ApiError } from '../kube/status.ts';
import { federationLabel, markOf, unmarkPatch } from './mark.ts';

export interface ReleaseOptions {
  readonly client: RestClient;
  readonly federation: string;
  readonly cluster: string;
  readonly types: readonly ResourceType[];
  /**
   * Of what the federation has records, as 'RESOURCE.GROUP': a copy of such a type that has lost
   * its label is found by the identity that it still carries.
   */
  readonly recorded: ReadonlySet<string>;
  /** Whether the next copy is deleted instead of losing its mark. */
  readonly deleteCopies: () => boolean;
  onProgress?(released: number): void;
}

/**
 * Releases every copy in the member and returns how many there were. Objects inside namespaces go
 * before the namespaces.
 */
export async function releaseCopies(options: ReleaseOptions): Promise<number> {
  const { client, federation, types, recorded } = options;
  let released = 0;
  const namespacesLast = [...types].sort(
    (a, b) => Number(isNamespaces(a)) - Number(isNamespaces(b)),
  );
  for (const type of namespacesLast) {
    const labelled = recorded.has(groupResource(type)) ? undefined : federation;
    for await (const item of objectsOf(client, type, labelled)) {
      if (!(await releaseOne(options, type, item))) continue;
      options.onProgress?.(++released);
    }
  }
  return released;
}

/** How often a copy that changes meanwhile is looked at again. */
const looksMax = 5;

/** Lets one copy go as it stands; false when it is none of ours, or gone. */
async function releaseOne(
  { client, federation, cluster, deleteCopies }: ReleaseOptions,
  type: ResourceType,
  item: KubeObject,
): Promise<boolean> {
  const { namespace, name } = splitKey(keyOf(item.metadata));
  const path = pathOf({ ...type, ...(namespace === '' ? {} : { namespace }), name });
  let copy: KubeObject | undefined = item;
  for (let look = 1; ; look++) {
    if (copy === undefined || markOf(copy, { federation, cluster }) === undefined) return false;
    try {
      // A namespace may hold what is not ours: it stays, unmarked, whatever was asked for.
      if (deleteCopies() && !isNamespaces(type)) await remove(client, path, copy);
      else {
        const body = unmarkPatch(copy);
        await client.patch(path, { type: 'application/merge-patch+json', body });
      }
      return true;
    } catch (error) {
      const changed = error instanceof ApiError && (error.code === 409 || error.code === 404);
      if (!changed || look >= looksMax) throw error;
      copy = (await client.find(path))?.object();
    }
  }
}

async function remove(client: RestClient, path: string, { metadata }: KubeObject): Promise<void> {
  const { uid, resourceVersion } = metadata;
  const preconditions = { uid: uid!, resourceVersion: resourceVersion! };
  await client.delete(path, { preconditions, propagationPolicy: 'Background' });
}

function isNamespaces(type: ResourceType): boolean {
  return type.group === '' && type.resource === 'namespaces';
}

/** `federation`: only those with its label. */
async function* objectsOf(client: RestClient, type: ResourceType, federation?: string) {
  if (!type.verbs.includes('list')) return;
  try {
    const labelSelector = federation && `${federationLabel}=${federation}`;
    for await (const page of client.pages(pathOf(type), { labelSelector })) {
      yield* page.items;
    }
  } catch (error) {
    if (!(error instanceof ApiError) || ![404, 405].includes(error.code)) throw error;
  }
}
