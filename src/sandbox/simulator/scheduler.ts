/** The scheduler: binds pods to nodes with room, one after the other, and says why it cannot. */

import type { Clock } from '../../base/clock.ts';
import { conditionStatus } from '../../kube/condition.ts';
import { type KubeObject, valueAt } from '../../kube/object.ts';
import type { Followed } from './followed.ts';
import { isActive, isBound } from './pods.ts';
import { chooseNode } from './scheduling.ts';
import { conditionsFor, writeStatus } from './status.ts';

export interface SchedulerParts {
  readonly nodes: Followed;
  readonly pods: Followed;
  readonly clock: Clock;
}

export class Scheduler {
  readonly #parts: SchedulerParts;
  /** Pods on each node. */
  readonly #used = new Map<string, number>();
  /** uid of a pod that takes a place → its node; our own bindings count before they are seen. */
  readonly #places = new Map<string, string>();
  /** Keys of pods for which there was no room. */
  readonly #refused = new Set<string>();

  /** `retry` is asked to look at a pod again. */
  constructor(parts: SchedulerParts, retry: (key: string) => void) {
    this.#parts = parts;
    parts.pods.onChange((key, old, now) => {
      const freed = this.#note(now ?? old!, now !== undefined);
      if (now === undefined) this.#refused.delete(key);
      if (freed) this.#retryAll(retry);
    });
    parts.nodes.onChange(() => this.#retryAll(retry));
  }

  async reconcile(key: string): Promise<void> {
    const { pods, nodes, clock } = this.#parts;
    const pod = pods.get(key);
    if (pod === undefined || isBound(pod) || !isActive(pod)) return;
    const choice = chooseNode(pod, nodes.all(), this.#used);
    if ('node' in choice) {
      this.#refused.delete(key);
      this.#take(pod.metadata.uid!, choice.node);
      const bound = await pods.bind(pod, choice.node);
      if (!bound) this.#take(pod.metadata.uid!, undefined);
      return;
    }
    this.#refused.add(key);
    if (conditionStatus(pod, 'PodScheduled') === 'False') return;
    const { message } = choice;
    const condition = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable' } as const;
    await writeStatus(pods, pod, {
      phase: 'Pending',
      conditions: conditionsFor(pod, [{ ...condition, message }], clock),
    });
  }

  #retryAll(retry: (key: string) => void): void {
    for (const key of this.#refused) retry(key);
  }

  /** True when a place has become free. */
  #note(pod: KubeObject, stands: boolean): boolean {
    const uid = pod.metadata.uid!;
    const ended = ['Succeeded', 'Failed'].includes(String(valueAt(pod, 'status', 'phase')));
    const node = valueAt(pod, 'spec', 'nodeName');
    if (stands && !ended) {
      if (typeof node === 'string' && node !== '') this.#take(uid, node);
      return false;
    }
    const had = this.#places.has(uid);
    this.#take(uid, undefined);
    return had;
  }

  #take(uid: string, node: string | undefined): void {
    const before = this.#places.get(uid);
    if (before === node) return;
    if (before !== undefined) this.#used.set(before, (this.#used.get(before) ?? 0) - 1);
    if (node === undefined) {
      this.#places.delete(uid);
      return;
    }
    this.#places.set(uid, node);
    this.#used.set(node, (this.#used.get(node) ?? 0) + 1);
  }
}
