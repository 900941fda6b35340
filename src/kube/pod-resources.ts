/** What the containers of a pod ask for together. */
import { isObject, type JsonObject, valueAt } from './object.ts';
import type { Quantity } from './quantity.ts';
import {
  addResources,
  type ResourceList,
  raiseResources,
  resourceListOf,
} from './resource-list.ts';

/** The sum of the containers or the largest step of the start, whichever is more. */
export function podResources(spec: JsonObject, kind: 'requests' | 'limits'): Map<string, Quantity> {
  const total = new Map<string, Quantity>();
  const beside = new Map<string, Quantity>();
  const largest = new Map<string, Quantity>();
  for (const container of containersOf(spec, 'containers'))
    addResources(total, resourcesOf(container, kind));
  for (const container of containersOf(spec, 'initContainers')) {
    const own = resourcesOf(container, kind);
    if (container['restartPolicy'] === 'Always') {
      addResources(total, own);
      addResources(beside, own);
      raiseResources(largest, beside);
    } else {
      const step = new Map(own);
      addResources(step, beside);
      raiseResources(largest, step);
    }
  }
  raiseResources(total, largest);
  for (const [name, quantity] of resourceListOf(valueAt(spec, 'resources', kind)))
    if (name === 'cpu' || name === 'memory') total.set(name, quantity);
  return total;
}

export function containersOf(spec: JsonObject, field: string): JsonObject[] {
  const list = spec[field];
  return Array.isArray(list) ? list.filter(isObject) : [];
}

export function resourcesOf(container: JsonObject, kind: 'requests' | 'limits'): ResourceList {
  return resourceListOf(valueAt(container, 'resources', kind));
}

/** No container asks for anything: the quality of service class BestEffort. */
export function isBestEffort(spec: JsonObject): boolean {
  const containers = [
    ...containersOf(spec, 'containers'),
    ...containersOf(spec, 'initContainers'),
    spec,
  ];
  return containers.every((container) =>
    (['requests', 'limits'] as const).every((kind) =>
      [...resourcesOf(container, kind)].every(
        ([name, { mantissa }]) => (name !== 'cpu' && name !== 'memory') || mantissa === 0n,
      ),
    ),
  );
}
