/**
 * Deployments: ReplicaSets by template, scaled step by step, and a status that says how far it is.
 */
import type { Clock } from '../../base/clock.ts';
import { splitKey } from '../../client/cache.ts';
import { type JsonObject, type KubeObject, objectAt, valueAt } from '../../kube/object.ts';
import { controllerReference, type Followed } from './followed.ts';
import { kinds } from './kinds.ts';
import { compare, counts, templateHash } from './pods.ts';
import { bounds, nextScaling, type SetState } from './rollout.ts';
import { type ConditionFacts, conditionsFor, writeStatus } from './status.ts';

export interface DeploymentParts {
  readonly deployments: Followed;
  readonly replicaSets: Followed;
  readonly pods: Followed;
  readonly clock: Clock;
}

const revisionAnnotation = 'deployment.kubernetes.io/revision';
const hashLabel = 'pod-template-hash';

export async function reconcileDeployment(parts: DeploymentParts, key: string): Promise<void> {
  const deployment = parts.deployments.get(key);
  if (deployment === undefined || deployment.metadata.deletionTimestamp !== undefined) return;
  const sets = parts.replicaSets
    .of(deployment.metadata.uid!)
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .sort((a, b) => revisionOf(a) - revisionOf(b) || compare(a.metadata.name!, b.metadata.name!));
  const paused = valueAt(deployment, 'spec', 'paused') === true;
  const newest = paused ? newestOf(deployment, sets) : await ensureNewest(parts, deployment, sets);
  const old = sets.filter(({ metadata }) => metadata.uid !== newest?.metadata.uid);
  if (newest !== undefined) await scale(parts, { deployment, newest, old, paused });
  if (newest !== undefined) await forget(parts, deployment, old);
  await report(parts, { deployment, newest, old });
}

function newestOf(deployment: KubeObject, sets: readonly KubeObject[]): KubeObject | undefined {
  const hash = templateHash(objectAt(deployment, 'spec', 'template'));
  return sets.find(({ metadata }) => metadata.labels?.[hashLabel] === hash);
}

/** The set of today's template: made, or brought to the newest revision when it is an old one. */
async function ensureNewest(
  { deployments, replicaSets }: DeploymentParts,
  deployment: KubeObject,
  sets: readonly KubeObject[],
): Promise<KubeObject> {
  const known = newestOf(deployment, sets);
  const others = sets.filter((set) => set !== known);
  const highest = Math.max(0, ...others.map(revisionOf));
  let newest = known;
  if (newest === undefined) newest = await replicaSets.create(setFor(deployment, highest + 1));
  else if (revisionOf(newest) <= highest) {
    const annotations = { [revisionAnnotation]: String(highest + 1) };
    newest = (await replicaSets.patch(newest, { metadata: { annotations } })) ?? newest;
  }
  const revision = String(revisionOf(newest));
  if (deployment.metadata.annotations?.[revisionAnnotation] !== revision) {
    await deployments.patch(deployment, {
      metadata: { annotations: { [revisionAnnotation]: revision } },
    });
  }
  return newest;
}

function setFor(deployment: KubeObject, revision: number) {
  const { name, namespace } = deployment.metadata;
  const template = objectAt(deployment, 'spec', 'template') ?? {};
  const hash = templateHash(template);
  const meta = objectAt(template, 'metadata') ?? {};
  const labels = { ...objectAt(meta, 'labels'), [hashLabel]: hash } as Record<string, string>;
  const selector = objectAt(deployment, 'spec', 'selector') ?? {};
  const matchLabels = { ...objectAt(selector, 'matchLabels'), [hashLabel]: hash };
  return {
    metadata: {
      name: `${name}-${hash}`,
      namespace: namespace!,
      labels,
      annotations: { [revisionAnnotation]: String(revision) },
      ownerReferences: [controllerReference(kinds.deployments, deployment)],
    },
    spec: {
      replicas: 0,
      selector: { ...selector, matchLabels },
      template: { ...template, metadata: { ...meta, labels } },
    },
  };
}

interface Sets {
  readonly deployment: KubeObject;
  readonly newest: KubeObject;
  readonly old: readonly KubeObject[];
  readonly paused: boolean;
}

async function scale(parts: DeploymentParts, sets: Sets): Promise<void> {
  const { deployment, newest, old, paused } = sets;
  const wanted = wantedOf(deployment);
  const strategy = valueAt(deployment, 'spec', 'strategy', 'type');
  const rolling: JsonObject = objectAt(deployment, 'spec', 'strategy', 'rollingUpdate') ?? {};
  const scaling = paused
    ? new Map([[newest.metadata.uid!, wanted]])
    : nextScaling({
        wanted,
        strategy: strategy === 'Recreate' ? 'Recreate' : 'RollingUpdate',
        ...bounds(rolling, wanted),
        newest: stateOf(newest),
        old: old.map(stateOf),
        oldPods: old.reduce((sum, { metadata }) => sum + parts.pods.of(metadata.uid!).length, 0),
      });
  for (const set of [newest, ...old]) {
    const replicas = scaling.get(set.metadata.uid!);
    if (replicas === undefined || replicas === stateOf(set).asked) continue;
    await parts.replicaSets.patch(set, { spec: { replicas } });
  }
}

/** Old sets without pods go when there are more than the history keeps. */
async function forget(
  { replicaSets }: DeploymentParts,
  deployment: KubeObject,
  old: readonly KubeObject[],
): Promise<void> {
  const kept = Number(valueAt(deployment, 'spec', 'revisionHistoryLimit') ?? 10);
  const empty = old.filter((set) => stateOf(set).asked === 0 && numberAt(set, 'replicas') === 0);
  for (const set of empty.slice(0, Math.max(0, old.length - kept))) await replicaSets.remove(set);
}

async function report(
  { deployments, clock }: DeploymentParts,
  sets: Omit<Sets, 'newest' | 'paused'> & { readonly newest: KubeObject | undefined },
): Promise<void> {
  const { deployment, newest, old } = sets;
  const all = newest === undefined ? old : [newest, ...old];
  const sum = (field: string): number =>
    all.reduce((total, set) => total + numberAt(set, field), 0);
  const wanted = wantedOf(deployment);
  const [replicas, ready, available] = ['replicas', 'readyReplicas', 'availableReplicas'].map(sum);
  const updated = newest === undefined ? 0 : numberAt(newest, 'replicas');
  const asked = all.reduce((total, set) => total + stateOf(set).asked, 0);
  const { maxUnavailable } = bounds(
    objectAt(deployment, 'spec', 'strategy', 'rollingUpdate') ?? {},
    wanted,
  );
  const complete = updated === wanted && replicas === wanted && available === wanted;
  const set = newest?.metadata.name ?? '';
  await writeStatus(deployments, deployment, {
    observedGeneration: deployment.metadata.generation ?? null,
    ...counts({
      replicas: replicas!,
      updatedReplicas: updated,
      readyReplicas: ready!,
      availableReplicas: available!,
      unavailableReplicas: Math.max(0, asked - available!),
    }),
    conditions: conditionsFor(
      deployment,
      [
        available! >= wanted - maxUnavailable
          ? {
              type: 'Available',
              status: 'True',
              reason: 'MinimumReplicasAvailable',
              message: 'Deployment has minimum availability.',
            }
          : {
              type: 'Available',
              status: 'False',
              reason: 'MinimumReplicasUnavailable',
              message: 'Deployment does not have minimum availability.',
            },
        progressOf({ complete, set }),
      ],
      clock,
    ),
  });
}

function progressOf({ complete, set }: { complete: boolean; set: string }): ConditionFacts {
  const type = 'Progressing';
  const subject = `ReplicaSet "${set}"`;
  return complete
    ? {
        type,
        status: 'True',
        reason: 'NewReplicaSetAvailable',
        message: `${subject} has successfully progressed.`,
      }
    : {
        type,
        status: 'True',
        reason: 'ReplicaSetUpdated',
        message: `${subject} is progressing.`,
      };
}

function stateOf(set: KubeObject): SetState {
  const asked = Number(valueAt(set, 'spec', 'replicas') ?? 0);
  return { uid: set.metadata.uid!, asked, available: numberAt(set, 'availableReplicas') };
}

function wantedOf(deployment: KubeObject): number {
  return Number(valueAt(deployment, 'spec', 'replicas') ?? 1);
}

function revisionOf({ metadata }: KubeObject): number {
  return Number(metadata.annotations?.[revisionAnnotation] ?? 0);
}

function numberAt(object: KubeObject, field: string): number {
  return Number(valueAt(object, 'status', field) ?? 0);
}

/** The key of the Deployment that owns a ReplicaSet. */
export function deploymentOf(set: KubeObject, key: string): string | undefined {
  const owner = set.metadata.ownerReferences?.find(({ kind }) => kind === 'Deployment');
  return owner === undefined ? undefined : `${splitKey(key).namespace}/${owner.name}`;
}
