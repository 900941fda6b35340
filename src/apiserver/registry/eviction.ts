/** Whether a pod may be evicted, as its disruption budget says, and what that costs the budget. */

import { conditionStatus } from '../../kube/condition.ts';
import {
  isObject,
  type JsonObject,
  type KubeObject,
  objectAt,
  valueAt,
} from '../../kube/object.ts';
import { labelSelectorFrom, matchLabels } from '../../kube/selector.ts';
import { ApiError, withoutReason } from '../../kube/status.ts';
import { formatTime } from '../../kube/time.ts';

/** Evictions that a budget remembers until its controller has seen the pods go. */
const disruptedMax = 2000;

/** Those of the pod's namespace that speak of it. */
export function budgetsOf(pod: KubeObject, budgets: Iterable<KubeObject>): KubeObject[] {
  const { labels = {} } = pod.metadata;
  return [...budgets].filter((budget) => {
    const selector = valueAt(budget, 'spec', 'selector');
    return isObject(selector) && matchLabels(labelSelectorFrom(selector), labels);
  });
}

/** The budget that must agree; none for pods whose going disrupts nobody. @throws ApiError 500 */
export function budgetToAsk(
  pod: KubeObject,
  budgets: Iterable<KubeObject>,
): KubeObject | undefined {
  const phase = valueAt(pod, 'status', 'phase') ?? 'Pending';
  const idle = phase === 'Pending' || phase === 'Succeeded' || phase === 'Failed';
  if (idle || pod.metadata.deletionTimestamp !== undefined) return undefined;
  const [budget, ...others] = budgetsOf(pod, budgets);
  if (others.length > 0)
    throw withoutReason(
      'This pod has more than one PodDisruptionBudget, ' +
        'which the eviction subresource does not support.',
    );
  return budget === undefined || sparesUnready(pod, budget) ? undefined : budget;
}

/** A pod that does not work anyway is let go when the budget says so, or is healthy without it. */
function sparesUnready(pod: KubeObject, budget: KubeObject): boolean {
  if (conditionStatus(pod, 'Ready') === 'True') return false;
  if (valueAt(budget, 'spec', 'unhealthyPodEvictionPolicy') === 'AlwaysAllow') return true;
  const { currentHealthy, desiredHealthy } = statusOf(budget);
  return Number(desiredHealthy ?? 0) > 0 && Number(currentHealthy ?? 0) >= Number(desiredHealthy);
}

/** The budget after this eviction. @throws ApiError 429, 403 when it does not allow it */
export function spent(budget: KubeObject, pod: string, now: number): KubeObject {
  const { name = '', generation = 0 } = budget.metadata;
  const status = statusOf(budget);
  if (Number(status['observedGeneration'] ?? 0) < generation)
    throw tooMany(`The disruption budget ${name} is still being processed by the server.`, 10);
  const allowed = Number(status['disruptionsAllowed'] ?? 0);
  const disrupted = objectAt(status, 'disruptedPods') ?? {};
  if (Object.keys(disrupted).length > disruptedMax)
    throw forbidden(
      name,
      'DisruptedPods map too big - too many evictions not confirmed by PDB controller',
    );
  if (allowed <= 0) throw tooMany(whyNone(budget, status));
  const conditions =
    allowed > 1 ? status['conditions'] : exhausted(status['conditions'], { generation, now });
  return {
    ...budget,
    status: {
      ...status,
      disruptionsAllowed: allowed - 1,
      disruptedPods: { ...disrupted, [pod]: formatTime(now) },
      ...(conditions === undefined ? {} : { conditions }),
    },
  };
}

function whyNone({ metadata }: KubeObject, status: JsonObject): string {
  const { currentHealthy = 0, desiredHealthy = 0, conditions } = status;
  const about = `The disruption budget ${metadata.name}`;
  const failed = listOf(conditions).find(
    ({ type, status, reason }) =>
      type === 'DisruptionAllowed' && status === 'False' && reason === 'SyncFailed',
  );
  if (failed !== undefined) {
    const why = `it failed sync: ${failed['message']}`;
    return `${about} does not allow evicting pods currently because ${why}`;
  }
  if (Number(currentHealthy) > Number(desiredHealthy))
    return `${about} does not allow evicting pods currently`;
  return `${about} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`;
}

function exhausted(
  conditions: unknown,
  { generation, now }: { generation: number; now: number },
): JsonObject[] {
  const all = listOf(conditions);
  const before = all.find(({ type }) => type === 'DisruptionAllowed');
  const condition = {
    ...{ type: 'DisruptionAllowed', status: 'False', observedGeneration: generation },
    lastTransitionTime:
      before?.['status'] === 'False' ? before['lastTransitionTime']! : formatTime(now),
    ...{ reason: 'InsufficientPods', message: '' },
  };
  return [...all.filter((each) => each !== before), condition];
}

function statusOf(budget: KubeObject): JsonObject {
  return objectAt(budget, 'status') ?? {};
}

function listOf(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function tooMany(message: string, retryAfterSeconds?: number): ApiError {
  const text = "Cannot evict pod as it would violate the pod's disruption budget.";
  return new ApiError('TooManyRequests', text, {
    details: {
      causes: [{ reason: 'DisruptionBudget', message }],
      ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    },
  });
}

function forbidden(name: string, why: string): ApiError {
  const message = `poddisruptionbudgets.policy ${JSON.stringify(name)} is forbidden: ${why}`;
  const details = { name, group: 'policy', kind: 'poddisruptionbudgets' };
  return new ApiError('Forbidden', message, { details });
}
