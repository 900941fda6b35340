/** How many pods an object asks for, and of which kind: a pod itself, or a workload's template. */
import { type JsonObject, type KubeObject, objectAt, valueAt } from './object.ts';

export interface PodsAsked {
  readonly count: number;
  /** A PodSpec. */
  readonly spec: JsonObject;
}

/** Built-in kinds whose objects ask for pods by themselves, as `RESOURCE.GROUP`. */
export const podAskingKinds = [
  'pods',
  'replicationcontrollers',
  'deployments.apps',
  'replicasets.apps',
  'statefulsets.apps',
  'jobs.batch',
  'cronjobs.batch',
] as const;

const askers: Readonly<Record<string, (object: KubeObject) => PodsAsked | undefined>> = {
  pods: (pod) => {
    const phase = valueAt(pod, 'status', 'phase');
    const ended = phase === 'Succeeded' || phase === 'Failed';
    return asked(ended ? 0 : 1, objectAt(pod, 'spec'));
  },
  replicationcontrollers: replicated,
  'deployments.apps': replicated,
  'replicasets.apps': replicated,
  'statefulsets.apps': replicated,
  'jobs.batch': (job) => asked(runningOf(objectAt(job, 'spec'), job), templateOf(job, 'spec')),
  // One run at a time: how often it comes does not say how many run together.
  'cronjobs.batch': (cron) => {
    const spec = objectAt(cron, 'spec', 'jobTemplate', 'spec');
    const count = valueAt(cron, 'spec', 'suspend') === true ? 0 : runningOf(spec, undefined);
    return asked(count, templateOf(cron, 'spec', 'jobTemplate', 'spec'));
  },
};

/** undefined: the kind asks for no pods, or does not say how many (DaemonSets, custom kinds). */
export function podsAsked(kind: string, object: KubeObject): PodsAsked | undefined {
  return askers[kind]?.(object);
}

function asked(count: number, spec: JsonObject | undefined): PodsAsked | undefined {
  return spec === undefined ? undefined : { count, spec };
}

function templateOf(object: KubeObject, ...path: readonly string[]): JsonObject | undefined {
  return objectAt(object, ...path, 'template', 'spec');
}

function replicated(object: KubeObject): PodsAsked | undefined {
  const replicas = valueAt(object, 'spec', 'replicas') ?? 1;
  return asked(Number(replicas), templateOf(object, 'spec'));
}

/** Pods of a Job that may run at the same time. */
function runningOf(spec: JsonObject | undefined, job: KubeObject | undefined): number {
  if (spec === undefined || spec['suspend'] === true) return 0;
  if (job !== undefined && valueAt(job, 'status', 'completionTime') !== undefined) return 0;
  const parallelism = Number(spec['parallelism'] ?? 1);
  const completions = Number(spec['completions'] ?? parallelism);
  return Math.min(parallelism, completions);
}
