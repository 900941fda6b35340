/**
 * Takes a member out of the federation: its copies keep running, without our mark, or go when that
 * was asked for.
 */
import { keyOf, splitKey } from '../client/cache.ts';
import type { RestClient } from '../client/rest.ts';
import { pathOf, type ResourceType } from '../kube/resource.ts';
import { ApiError } from '../kube/status.ts';
import { federationLabel, markOf, unmarkPatch } from './mark.ts';

export interface ReleaseOptions {
  readonly client: RestClient;
  readonly federation: string;
  readonly cluster: string;
  readonly types: readonly ResourceType[];
  /** Delete the copies instead of taking the mark off. */
  readonly deleteCopies: boolean;
  onProgress?(released: number): void;
}

/**
 * Releases every copy in the member and returns how many there were. Objects inside namespaces go
 * before the namespaces.
 */
export async function releaseCopies(options: ReleaseOptions): Promise<number> {
  const { client, federation, cluster } = options;
  let released = 0;
  const namespacesLast = [...options.types].sort(
    (a, b) => Number(isNamespaces(a)) - Number(isNamespaces(b)),
  );
  for (const type of namespacesLast) {
    for await (const item of copiesOf(client, type, federation)) {
      if (markOf(item, { federation, cluster }) === undefined) continue;
      const { namespace, name } = splitKey(keyOf(item.metadata));
      const path = pathOf({ ...type, ...(namespace === '' ? {} : { namespace }), name });
      const { uid } = item.metadata;
      // A namespace may hold what is not ours: it stays, unmarked, whatever was asked for.
      if (options.deleteCopies && !isNamespaces(type)) {
        await client.remove(path, {
          preconditions: { uid: uid! },
          propagationPolicy: 'Background',
        });
      } else await client.patch(path, { type: 'application/merge-patch+json', body: unmarkPatch });
      options.onProgress?.(++released);
    }
  }
  return released;
}

function isNamespaces(type: ResourceType): boolean {
  return type.group === '' && type.resource === 'namespaces';
}

async function* copiesOf(client: RestClient, type: ResourceType, federation: string) {
  if (!type.verbs.includes('list')) return;
  try {
    for await (const page of client.pages(pathOf(type), {
      labelSelector: `${federationLabel}=${federation}`,
    })) {
      yield* page.items;
    }
  } catch (error) {
    if (!(error instanceof ApiError) || ![404, 405].includes(error.code)) throw error;
  }
}
