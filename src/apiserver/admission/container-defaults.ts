/** Requests and limits that a namespace's LimitRanges give to containers that say nothing. */

import { type JsonObject, type KubeObject, valueAt } from '../../kube/object.ts';
import { containersOf } from '../../kube/pod-resources.ts';
import type { Quantity } from '../../kube/quantity.ts';
import { formatQuantity } from '../../kube/quantity.ts';
import { type ResourceList, resourceListOf } from '../../kube/resource-list.ts';
import { objectsOf } from './field-check.ts';

export interface ContainerDefaults {
  readonly requests: ResourceList;
  readonly limits: ResourceList;
}

export const noDefaults: ContainerDefaults = { requests: new Map(), limits: new Map() };

/** Of one LimitRange. */
export function defaultsOf(limitRange: KubeObject): ContainerDefaults {
  const requests = new Map<string, Quantity>();
  const limits = new Map<string, Quantity>();
  for (const limit of objectsOf(valueAt(limitRange, 'spec', 'limits'))) {
    if (limit['type'] !== 'Container') continue;
    for (const [name, one] of resourceListOf(limit['defaultRequest'])) requests.set(name, one);
    for (const [name, one] of resourceListOf(limit['default'])) limits.set(name, one);
  }
  return { requests, limits };
}

export interface Defaulted {
  readonly spec: JsonObject;
  /** What was set, in the words of kube-apiserver's annotation. */
  readonly notes: readonly string[];
}

/** The PodSpec with the defaults filled in; the spec itself when nothing was missing. */
export function withContainerDefaults(spec: JsonObject, defaults: ContainerDefaults): Defaulted {
  const notes: string[] = [];
  let out = spec;
  for (const [field, title] of [
    ['containers', 'container'],
    ['initContainers', 'init container'],
  ] as const) {
    const before = notes.length;
    const filled = containersOf(spec, field).map((one) => fill(one, { defaults, title, notes }));
    if (notes.length > before) out = { ...out, [field]: filled };
  }
  return { spec: out, notes };
}

function fill(
  container: JsonObject,
  given: { defaults: ContainerDefaults; title: string; notes: string[] },
): JsonObject {
  const { defaults, title, notes } = given;
  let resources = (container['resources'] ?? {}) as JsonObject;
  for (const [kind, word] of [
    ['requests', 'request'],
    ['limits', 'limit'],
  ] as const) {
    const have = (resources[kind] ?? {}) as JsonObject;
    const missing = [...defaults[kind]].filter(([name]) => !Object.hasOwn(have, name));
    if (missing.length === 0) continue;
    const added = missing.map(([name, quantity]) => [name, formatQuantity(quantity)]);
    resources = { ...resources, [kind]: { ...have, ...Object.fromEntries(added) } };
    const names = missing.map(([name]) => name).sort();
    notes.push(`${names.join(', ')} ${word} for ${title} ${String(container['name'] ?? '')}`);
  }
  return resources === container['resources'] ? container : { ...container, resources };
}

/** A LimitRange with what its bounds imply: kube-apiserver fills that in before it stores one. */
export function withImpliedDefaults(limitRange: KubeObject): KubeObject {
  const limits = valueAt(limitRange, 'spec', 'limits');
  if (!Array.isArray(limits)) return limitRange;
  const spec = { ...(limitRange['spec'] as JsonObject), limits: objectsOf(limits).map(implied) };
  return { ...limitRange, spec };
}

function implied(limit: JsonObject): JsonObject {
  if (limit['type'] !== 'Container') return limit;
  const [max, min] = [limit['max'], limit['min']].map((each) => (each ?? {}) as JsonObject);
  const limits = { ...max, ...(limit['default'] as JsonObject | undefined) };
  const requests = { ...min, ...limits, ...(limit['defaultRequest'] as JsonObject | undefined) };
  return {
    ...limit,
    ...(Object.keys(limits).length === 0 ? {} : { default: limits }),
    ...(Object.keys(requests).length === 0 ? {} : { defaultRequest: requests }),
  };
}
