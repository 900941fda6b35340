/** DaemonSets: one pod on every node that its selector allows. */
import { type KubeObject, objectAt, valueAt } from '../../kube/object.ts';
import type { Followed } from './followed.ts';
import { kinds } from './kinds.ts';
import { counts, isActive, isReady, podFor, templateHash } from './pods.ts';
import { selectsNode } from './scheduling.ts';
import { writeStatus } from './status.ts';

export interface DaemonSetParts {
  readonly daemonSets: Followed;
  readonly nodes: Followed;
  readonly pods: Followed;
}

const revisionLabel = 'controller-revision-hash';

export async function reconcileDaemonSet(parts: DaemonSetParts, key: string): Promise<void> {
  const { daemonSets, nodes, pods } = parts;
  const set = daemonSets.get(key);
  if (set === undefined || set.metadata.deletionTimestamp !== undefined) return;
  const template = objectAt(set, 'spec', 'template');
  const revision = templateHash(template);
  const selector = objectAt(template, 'spec', 'nodeSelector');
  const names = nodes
    .all()
    .filter((node) => selectsNode(selector, node))
    .map(({ metadata }) => metadata.name!)
    .sort();
  const active = pods.of(set.metadata.uid!).filter(isActive);
  const on = new Map(active.map((pod) => [String(valueAt(pod, 'spec', 'nodeName')), pod]));
  for (const nodeName of names.filter((name) => !on.has(name))) {
    const labels = { [revisionLabel]: revision };
    const owner = { owner: set, collection: kinds.daemonSets, template };
    await pods.create(podFor({ ...owner, labels, spec: { nodeName } }));
  }
  for (const [name, pod] of on) if (!names.includes(name)) await pods.remove(pod);
  await replaceOne(pods, [...on.values()], revision);
  await report(parts, { set, names, revision });
}

/** The next outdated pod, when all others are ready. */
async function replaceOne(
  pods: Followed,
  standing: readonly KubeObject[],
  revision: string,
): Promise<void> {
  if (!standing.every(isReady)) return;
  const outdated = standing.find(({ metadata }) => metadata.labels?.[revisionLabel] !== revision);
  if (outdated !== undefined) await pods.remove(outdated);
}

async function report(
  { daemonSets, pods }: DaemonSetParts,
  { set, names, revision }: { set: KubeObject; names: readonly string[]; revision: string },
): Promise<void> {
  const standing = pods.of(set.metadata.uid!).filter(isActive);
  const placed = standing.filter((pod) => names.includes(String(valueAt(pod, 'spec', 'nodeName'))));
  const ready = placed.filter(isReady).length;
  const updated = placed.filter(({ metadata }) => metadata.labels?.[revisionLabel] === revision);
  await writeStatus(daemonSets, set, {
    observedGeneration: set.metadata.generation ?? null,
    desiredNumberScheduled: names.length,
    currentNumberScheduled: placed.length,
    numberMisscheduled: standing.length - placed.length,
    numberReady: ready,
    ...counts({
      updatedNumberScheduled: updated.length,
      numberAvailable: ready,
      numberUnavailable: names.length - ready,
    }),
  });
}
