/**
 * The kubelets of all nodes: bound pods start to run after a moment, a Job's end, deleted ones go.
 */
import type { Clock } from '../../base/clock.ts';
import { fraction, integer, type Random } from '../../base/random.ts';
import { type KubeObject, valueAt } from '../../kube/object.ts';
import { timestamp } from '../../kube/time.ts';
import type { ReconcileResult } from '../../reconcile/controller.ts';
import type { Followed } from './followed.ts';
import { isActive, isBound } from './pods.ts';
import { conditionsFor, writeStatus } from './status.ts';

export interface KubeletParts {
  readonly pods: Followed;
  readonly clock: Clock;
  readonly random: Random;
}

/** How long a container takes to be ready, and a Job's pod to end, milliseconds. */
const startMs = { least: 400, most: 1500 };
const jobMs = 4000;

export class Kubelet {
  readonly #parts: KubeletParts;
  /** uid → monotonic time at which its containers are ready. */
  readonly #readyAt = new Map<string, number>();

  constructor(parts: KubeletParts) {
    this.#parts = parts;
    parts.pods.onChange((_, old, now) => {
      if (now === undefined) this.#readyAt.delete(old!.metadata.uid!);
    });
  }

  async reconcile(key: string): Promise<ReconcileResult> {
    const { pods, clock } = this.#parts;
    const pod = pods.get(key);
    if (pod === undefined) return {};
    if (pod.metadata.deletionTimestamp !== undefined) {
      if ((pod.metadata.finalizers ?? []).length === 0) {
        await pods.remove(pod, { gracePeriodSeconds: 0 });
      }
      return {};
    }
    if (!isBound(pod) || !isActive(pod)) return {};
    const uid = pod.metadata.uid!;
    if (valueAt(pod, 'status', 'phase') !== 'Running') {
      const wait = this.#readyTime(uid) - clock.monotonic();
      if (wait > 0) return { requeueAfterMs: wait };
      await this.#run(pod);
    }
    return this.#finishJob(pod);
  }

  #readyTime(uid: string): number {
    const { clock, random } = this.#parts;
    let at = this.#readyAt.get(uid);
    if (at === undefined) {
      at = clock.monotonic() + startMs.least + fraction(random) * (startMs.most - startMs.least);
      this.#readyAt.set(uid, at);
    }
    return at;
  }

  async #run(pod: KubeObject): Promise<void> {
    const { pods, clock, random } = this.#parts;
    const startedAt = timestamp(clock);
    const podIP = `10.244.${integer(random, 256)}.${1 + integer(random, 254)}`;
    await writeStatus(pods, pod, {
      phase: 'Running',
      startTime: startedAt,
      podIP,
      podIPs: [{ ip: podIP }],
      qosClass: valueAt(pod, 'status', 'qosClass') ?? 'BestEffort',
      conditions: conditionsFor(pod, running, clock),
      containerStatuses: containersOf(pod, { running: { startedAt } }),
    });
  }

  /** A pod that is never restarted is a Job's: it has done its work after a while. */
  async #finishJob(pod: KubeObject): Promise<ReconcileResult> {
    const { pods, clock } = this.#parts;
    const job = pod.metadata.ownerReferences?.some(({ kind }) => kind === 'Job');
    if (job !== true || valueAt(pod, 'status', 'phase') === 'Succeeded') return {};
    const wait = this.#readyTime(pod.metadata.uid!) + jobMs - clock.monotonic();
    if (wait > 0) return { requeueAfterMs: wait };
    const ready = ['Ready', 'ContainersReady'];
    const conditions = running.map((condition) =>
      ready.includes(condition.type)
        ? { ...condition, status: 'False' as const, reason: 'PodCompleted' }
        : condition,
    );
    await writeStatus(pods, pod, {
      phase: 'Succeeded',
      conditions: conditionsFor(pod, conditions, clock),
      containerStatuses: containersOf(pod, {
        terminated: {
          exitCode: 0,
          reason: 'Completed',
          startedAt: valueAt(pod, 'status', 'startTime'),
          finishedAt: timestamp(clock),
        },
      }),
    });
    return {};
  }
}

const running = (
  ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'] as const
).map((type) => ({ type, status: 'True' as const }));

function containersOf(pod: KubeObject, state: { running?: object; terminated?: object }): object[] {
  const containers = valueAt(pod, 'spec', 'containers');
  const runs = state.running !== undefined;
  return (Array.isArray(containers) ? containers : []).map((container, index) => {
    const image = String(valueAt(container, 'image') ?? '');
    return {
      name: String(valueAt(container, 'name')),
      image,
      imageID: `docker.io/library/${image}`,
      containerID: `containerd://${pod.metadata.uid}-${index}`,
      ready: runs,
      started: runs,
      restartCount: 0,
      state,
    };
  });
}
