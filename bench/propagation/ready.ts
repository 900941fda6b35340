/** With whole members: how soon Deployments are seen ready by those who are asked. */
import type { RestClient } from '../../src/client/rest.ts';
import { watch } from '../../src/client/watch.ts';
import { pathOf } from '../../src/kube/resource.ts';
import type { Subject } from './subject.ts';
import { within } from './workload.ts';

/**
 * Makes the objects through each target at one time; objects per second until every target says of
 * itself that all replicas of all of them are ready. They are deleted afterwards.
 */
export async function readyRate(
  targets: readonly RestClient[],
  subject: Subject,
  names: readonly string[],
): Promise<number> {
  const started = performance.now();
  await Promise.all(
    targets.map(async (client) => {
      const path = pathOf(subject.type);
      const { resourceVersion } = await client.list(path, { limit: 1 });
      const seen = allReady(client, path, { names: new Set(names), resourceVersion });
      const queue = [...names];
      const writer = async (): Promise<void> => {
        for (let name = queue.shift(); name !== undefined; name = queue.shift())
          await client.create(path, subject.make(name));
      };
      await Promise.all(Array.from({ length: 16 }, writer));
      await within(180_000, seen, 'not all replicas became ready');
    }),
  );
  const rate = (names.length * 1000) / (performance.now() - started);
  for (const client of targets) {
    for (const name of names) await client.remove(pathOf({ ...subject.type, name }));
  }
  return rate;
}

async function allReady(
  client: RestClient,
  path: string,
  { names, resourceVersion }: { names: Set<string>; resourceVersion: string },
): Promise<void> {
  const stopped = new AbortController();
  const { signal } = stopped;
  for await (const events of watch(client, path, { resourceVersion, signal })) {
    for (const event of events) {
      if (event.type === 'BOOKMARK') continue;
      const object = event.object();
      const { replicas } = object['spec'] as { replicas: number };
      const status = (object['status'] ?? {}) as { readyReplicas?: number };
      if (status.readyReplicas === replicas) names.delete(object.metadata.name!);
    }
    if (names.size === 0) return;
  }
}
