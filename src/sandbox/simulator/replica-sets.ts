/** ReplicaSets: as many pods as asked, and how many of them are ready. */
import { objectAt, valueAt } from '../../kube/object.ts';
import type { Followed } from './followed.ts';
import { kinds } from './kinds.ts';
import { byRemoval, counts, isActive, isReady, podFor } from './pods.ts';
import { writeStatus } from './status.ts';

export interface ReplicaSetParts {
  readonly replicaSets: Followed;
  readonly pods: Followed;
}

export async function reconcileReplicaSet(parts: ReplicaSetParts, key: string): Promise<void> {
  const { replicaSets, pods } = parts;
  const set = replicaSets.get(key);
  if (set === undefined || set.metadata.deletionTimestamp !== undefined) return;
  const wanted = Number(valueAt(set, 'spec', 'replicas') ?? 1);
  const active = pods.of(set.metadata.uid!).filter(isActive);
  const template = objectAt(set, 'spec', 'template');
  for (let n = active.length; n < wanted; n++) {
    await pods.create(podFor({ owner: set, collection: kinds.replicaSets, template }));
  }
  const excess = active.toSorted(byRemoval).slice(0, Math.max(0, active.length - wanted));
  for (const pod of excess) await pods.remove(pod);
  const standing = pods.of(set.metadata.uid!).filter(isActive);
  const ready = standing.filter(isReady).length;
  await writeStatus(replicaSets, set, {
    // Kubernetes always writes this one, also when it is zero.
    replicas: standing.length,
    observedGeneration: set.metadata.generation ?? null,
    ...counts({
      fullyLabeledReplicas: standing.length,
      readyReplicas: ready,
      availableReplicas: ready,
    }),
  });
}
