/** StatefulSets: pods with ordinals, one after the other, replaced from the highest down. */
import { type KubeObject, objectAt, valueAt } from '../../kube/object.ts';
import type { Followed } from './followed.ts';
import { kinds } from './kinds.ts';
import { counts, isActive, isReady, podFor, templateHash } from './pods.ts';
import { writeStatus } from './status.ts';

export interface StatefulSetParts {
  readonly statefulSets: Followed;
  readonly pods: Followed;
}

const revisionLabel = 'controller-revision-hash';

export async function reconcileStatefulSet(parts: StatefulSetParts, key: string): Promise<void> {
  const { statefulSets, pods } = parts;
  const set = statefulSets.get(key);
  if (set === undefined || set.metadata.deletionTimestamp !== undefined) return;
  const revision = `${set.metadata.name}-${templateHash(objectAt(set, 'spec', 'template'))}`;
  await step(pods, set, revision);
  const standing = pods.of(set.metadata.uid!).filter(isActive);
  const ready = standing.filter(isReady).length;
  const updated = standing.filter((pod) => revisionOf(pod) === revision).length;
  const complete = updated === standing.length && ready === wantedOf(set);
  const before = valueAt(set, 'status', 'currentRevision');
  await writeStatus(statefulSets, set, {
    replicas: standing.length,
    availableReplicas: ready,
    collisionCount: 0,
    observedGeneration: set.metadata.generation ?? null,
    currentRevision: complete ? revision : (before ?? revision),
    updateRevision: revision,
    ...counts({
      readyReplicas: ready,
      currentReplicas: complete ? updated : standing.length - updated,
      updatedReplicas: updated,
    }),
  });
}

/**
 * One pod made or removed, and none while another is on its way, unless the pods may come at once.
 */
async function step(pods: Followed, set: KubeObject, revision: string): Promise<void> {
  const wanted = wantedOf(set);
  const parallel = valueAt(set, 'spec', 'podManagementPolicy') === 'Parallel';
  const byOrdinal = new Map(pods.of(set.metadata.uid!).map((pod) => [ordinalOf(pod), pod]));
  for (let ordinal = 0; ordinal < wanted; ordinal++) {
    const pod = byOrdinal.get(ordinal);
    if (pod === undefined) {
      await pods.create(podOf(set, ordinal, revision));
      if (!parallel) return;
    } else if (!isActive(pod) || !isReady(pod)) {
      if (!parallel) return;
    }
  }
  const ordinals = [...byOrdinal.keys()].sort((a, b) => b - a);
  for (const ordinal of ordinals.filter((n) => n >= wanted)) {
    await pods.remove(byOrdinal.get(ordinal)!);
    if (!parallel) return;
  }
  if (valueAt(set, 'spec', 'updateStrategy', 'type') === 'OnDelete') return;
  const partition = valueAt(set, 'spec', 'updateStrategy', 'rollingUpdate', 'partition');
  const outdated = ordinals.find(
    (n) => n < wanted && n >= Number(partition ?? 0) && revisionOf(byOrdinal.get(n)!) !== revision,
  );
  if (outdated !== undefined) await pods.remove(byOrdinal.get(outdated)!);
}

function podOf(set: KubeObject, ordinal: number, revision: string) {
  const name = `${set.metadata.name}-${ordinal}`;
  const subdomain = valueAt(set, 'spec', 'serviceName');
  return podFor({
    owner: set,
    collection: kinds.statefulSets,
    template: objectAt(set, 'spec', 'template'),
    name,
    labels: {
      [revisionLabel]: revision,
      'apps.kubernetes.io/pod-index': String(ordinal),
      'statefulset.kubernetes.io/pod-name': name,
    },
    spec: { hostname: name, ...(typeof subdomain === 'string' ? { subdomain } : {}) },
  });
}

function ordinalOf({ metadata }: KubeObject): number {
  return Number(/-(\d+)$/.exec(metadata.name!)?.[1] ?? -1);
}

function revisionOf({ metadata }: KubeObject): string | undefined {
  return metadata.labels?.[revisionLabel];
}

function wantedOf(set: KubeObject): number {
  return Number(valueAt(set, 'spec', 'replicas') ?? 1);
}
