/**
 * Workloads without pods: a status that says, after a moment, that all is ready. For large fleets
 * of fleets.
 */
import { fraction } from '../src/base/random.ts';
import { type KubeObject, valueAt } from '../src/kube/object.ts';
import { timestamp } from '../src/kube/time.ts';
import type { KindName } from '../src/sandbox/simulator/kinds.ts';
import { conditionsFor, writeStatus } from '../src/sandbox/simulator/status.ts';
import type { Workloads } from '../src/sandbox/simulator/workloads.ts';

const followed: readonly KindName[] = ['deployments', 'statefulSets', 'daemonSets', 'jobs'];

/** How long pods would take, milliseconds. */
const startMs = { least: 200, most: 1500 };

export const quickWorkloads: Workloads = ({ clock, random, follow, control }) => {
  for (const kind of followed) {
    const collection = follow(kind);
    /** uid → the generation that is on its way, and when it will be there. */
    const under = new Map<string, { readonly generation: number; readonly at: number }>();
    const look = control(kind, async (key) => {
      const object = collection.get(key);
      if (object === undefined) return undefined;
      const uid = object.metadata.uid!;
      const generation = object.metadata.generation ?? 0;
      if (valueAt(object, 'status', 'observedGeneration') === generation) return undefined;
      let due = under.get(uid);
      if (due?.generation !== generation) {
        const wait = startMs.least + fraction(random) * (startMs.most - startMs.least);
        due = { generation, at: clock.monotonic() + wait };
        under.set(uid, due);
      }
      const left = due.at - clock.monotonic();
      if (left > 0) return { requeueAfterMs: left };
      under.delete(uid);
      await writeStatus(collection, object, statusOf(kind, object, clock));
      return undefined;
    });
    collection.onChange((key, old, now) => {
      if (now === undefined) under.delete(old!.metadata.uid!);
      else if (old?.metadata.generation !== now.metadata.generation) look(key);
    });
  }
};

function statusOf(
  kind: KindName,
  object: KubeObject,
  clock: Parameters<Workloads>[0]['clock'],
): Record<string, unknown> {
  const observedGeneration = object.metadata.generation ?? 0;
  if (kind === 'daemonSets') {
    const counts = { desiredNumberScheduled: 2, currentNumberScheduled: 2, numberReady: 2 };
    return { observedGeneration, ...counts, numberMisscheduled: 0 };
  }
  if (kind === 'jobs') {
    const completions = Number(valueAt(object, 'spec', 'completions') ?? 1);
    const completed = { type: 'Complete', status: 'True' } as const;
    return {
      // Jobs have none; it tells this simulator what it has done.
      observedGeneration,
      startTime: object.metadata.creationTimestamp,
      succeeded: completions,
      completionTime: timestamp(clock),
      conditions: conditionsFor(object, [completed], clock),
    };
  }
  const n = Number(valueAt(object, 'spec', 'replicas') ?? 1);
  return {
    observedGeneration,
    replicas: n,
    readyReplicas: n,
    availableReplicas: n,
    updatedReplicas: n,
  };
}
