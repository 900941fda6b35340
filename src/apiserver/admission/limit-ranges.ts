/**
 * LimitRanges over the federation's own pods and claims. Pods of templates are made in members,
 * whose own copies of the LimitRange default and bound them.
 */
import { type JsonObject, type KubeObject, objectAt, valueAt } from '../../kube/object.ts';
import { containersOf, podResources, resourcesOf } from '../../kube/pod-resources.ts';
import {
  compareQuantity,
  formatQuantity,
  type Quantity,
  quantityMilliValue,
  quantityValue,
  zeroQuantity,
} from '../../kube/quantity.ts';
import { groupResource } from '../../kube/resource.ts';
import { type ResourceList, resourceListOf } from '../../kube/resource-list.ts';
import type { AdmissionRequest } from '../admission.ts';
import type { Collections } from '../registry/collections.ts';
import { defaultsOf, withContainerDefaults } from './container-defaults.ts';
import { objectsOf } from './field-check.ts';
import { forbiddenBy } from './refusal.ts';

export const limitRangesResource = { group: '', resource: 'limitranges' } as const;
const annotation = 'kubernetes.io/limit-ranger';

/** The LimitRanges of a namespace, by name. */
export function limitRangesOf(collections: Collections, namespace: string): KubeObject[] {
  const found: KubeObject[] = [];
  const live = collections.find(limitRangesResource);
  if (live === undefined || live.items.count(namespace) === 0) return found;
  live.items.visit(namespace, (_key, item) => void found.push(item.object()));
  return found;
}

/** A new pod with the defaults of its namespace; any other object as it is. */
export function withLimitRanges(
  { operation, type, ref, object }: AdmissionRequest,
  collections: Collections,
): KubeObject {
  if (operation !== 'CREATE' || groupResource(type) !== 'pods' || ref.subresource !== undefined)
    return object;
  let pod = object;
  for (const limitRange of limitRangesOf(collections, ref.namespace)) {
    const { spec, notes } = withContainerDefaults(
      objectAt(pod, 'spec') ?? {},
      defaultsOf(limitRange),
    );
    if (notes.length === 0) continue;
    const text = `LimitRanger plugin set: ${notes.join('; ')}`;
    const annotations = { ...pod.metadata.annotations, [annotation]: text };
    pod = { ...pod, metadata: { ...pod.metadata, annotations }, spec };
  }
  return pod;
}

/** @throws ApiError 403 with every bound that a pod or a claim breaks */
export function checkLimitRanges(request: AdmissionRequest, collections: Collections): void {
  const { operation, type, ref, object, old } = request;
  const kind = groupResource(type);
  const pod = kind === 'pods' && operation === 'CREATE';
  if ((!pod && kind !== 'persistentvolumeclaims') || operation === 'DELETE') return;
  if (ref.subresource !== undefined || old?.metadata.deletionTimestamp !== undefined) return;
  for (const limitRange of limitRangesOf(collections, ref.namespace)) {
    const limits = objectsOf(valueAt(limitRange, 'spec', 'limits'));
    const spec = objectAt(object, 'spec') ?? {};
    const problems = limits.flatMap((limit) => (pod ? ofPod(limit, spec) : ofClaim(limit, spec)));
    if (problems.length === 0) continue;
    const different = [...new Set(problems)];
    const text = different.join(', ');
    throw forbiddenBy({ type, name: ref.name }, different.length === 1 ? text : `[${text}]`);
  }
}

interface Asked {
  readonly requests: ResourceList;
  readonly limits: ResourceList;
}

function ofPod(limit: JsonObject, spec: JsonObject): string[] {
  if (limit['type'] === 'Pod') {
    const asked = {
      requests: podResources(spec, 'requests'),
      limits: podResources(spec, 'limits'),
    };
    return bounds(limit, asked);
  }
  if (limit['type'] !== 'Container') return [];
  const containers = [...containersOf(spec, 'containers'), ...containersOf(spec, 'initContainers')];
  return containers.flatMap((one) =>
    bounds(limit, { requests: resourcesOf(one, 'requests'), limits: resourcesOf(one, 'limits') }),
  );
}

function ofClaim(limit: JsonObject, spec: JsonObject): string[] {
  if (limit['type'] !== 'PersistentVolumeClaim') return [];
  const asked = {
    requests: resourceListOf(valueAt(spec, 'resources', 'requests')),
    limits: new Map(),
  };
  const title = 'PersistentVolumeClaim';
  return [
    ...each(limit['min'], (name, bound) => belowMin(title, { name, bound }, asked)),
    ...each(limit['max'], (name, bound) => {
      const request = asked.requests.get(name);
      const what = `maximum ${name} usage per ${title} is ${formatQuantity(bound)}`;
      if (request === undefined) return `${what}.  No request is specified`;
      return above(request, bound) ? `${what}, but request is ${formatQuantity(request)}` : '';
    }),
  ];
}

function bounds(limit: JsonObject, asked: Asked): string[] {
  const title = String(limit['type']);
  return [
    ...each(limit['min'], (name, bound) => belowMin(title, { name, bound }, asked)),
    ...each(limit['max'], (name, bound) => aboveMax(title, { name, bound }, asked)),
    ...each(limit['maxLimitRequestRatio'], (name, bound) =>
      aboveRatio(title, { name, bound }, asked),
    ),
  ];
}

function each(list: unknown, check: (name: string, bound: Quantity) => string): string[] {
  return [...resourceListOf(list)]
    .map(([name, bound]) => check(name, bound))
    .filter((text) => text !== '');
}

interface Bound {
  readonly name: string;
  readonly bound: Quantity;
}

function belowMin(title: string, { name, bound }: Bound, { requests, limits }: Asked): string {
  const [request, limit] = [requests.get(name), limits.get(name)];
  const what = `minimum ${name} usage per ${title} is ${formatQuantity(bound)}`;
  if (request === undefined) return `${what}.  No request is specified`;
  if (above(bound, request)) return `${what}, but request is ${formatQuantity(request)}`;
  if (limit !== undefined && above(bound, limit))
    return `${what}, but limit is ${formatQuantity(limit)}`;
  return '';
}

function aboveMax(title: string, { name, bound }: Bound, { requests, limits }: Asked): string {
  const [request, limit] = [requests.get(name), limits.get(name)];
  const what = `maximum ${name} usage per ${title} is ${formatQuantity(bound)}`;
  if (limit === undefined) return `${what}.  No limit is specified`;
  if (above(limit, bound)) return `${what}, but limit is ${formatQuantity(limit)}`;
  if (request !== undefined && above(request, bound))
    return `${what}, but request is ${formatQuantity(request)}`;
  return '';
}

function aboveRatio(title: string, { name, bound }: Bound, { requests, limits }: Asked): string {
  const [request = zeroQuantity, limit = zeroQuantity] = [requests.get(name), limits.get(name)];
  const what = `${name} max limit to request ratio per ${title} is ${formatQuantity(bound)}`;
  if (request.mantissa === 0n) return `${what}, but no request is specified or request is 0`;
  if (limit.mantissa === 0n) return `${what}, but no limit is specified or limit is 0`;
  const ratio = Number(quantityMilliValue(limit)) / Number(quantityMilliValue(request));
  if (ratio * 1000 <= Number(quantityMilliValue(bound))) return '';
  return `${what}, but provided ratio is ${ratio.toFixed(6)}`;
}

/** Compared in thousandths where Kubernetes can, else in whole units. */
function above(a: Quantity, b: Quantity): boolean {
  const most = 2n ** 63n / 1000n;
  if (quantityValue(a) <= most && quantityValue(b) <= most)
    return quantityMilliValue(a) > quantityMilliValue(b);
  return compareQuantity(a, b) > 0;
}
