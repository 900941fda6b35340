/**
 * Remembers on the Cluster objects which members were declared lost, so that a restart does not
 * forget it.
 */
import { clusterType } from '../api/cluster.ts';
import type { RestClient } from '../client/rest.ts';
import { pathOf } from '../kube/resource.ts';
import { isApiError } from '../kube/status.ts';

const lostAnnotation = 'ubernetes.dev/lost';

export class Losses {
  readonly #client: RestClient;

  constructor(client: RestClient) {
    this.#client = client;
  }

  async read(): Promise<ReadonlySet<string>> {
    const { items } = await this.#client.list(pathOf(clusterType));
    const lost = items.filter(({ metadata }) => metadata.annotations?.[lostAnnotation] === 'true');
    return new Set(lost.map(({ metadata }) => metadata.name!));
  }

  /** Best effort: what could not be written is judged anew after a restart. */
  write(cluster: string, lost: boolean): void {
    const body = { metadata: { annotations: { [lostAnnotation]: lost ? 'true' : null } } };
    const target = pathOf({ ...clusterType, name: cluster });
    this.#client.patch(target, { type: 'application/merge-patch+json', body }).catch((error) => {
      if (!isApiError(error)) throw error;
    });
  }
}
