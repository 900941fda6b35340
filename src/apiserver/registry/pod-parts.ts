/**
 * The parts of a pod that have endpoints of their own, ephemeralcontainers and resize: what a write
 * there may change, and how kube-apiserver words what it may not.
 */
import { deepEqual } from '../../kube/json.ts';
import {
  isObject,
  type Json,
  type JsonObject,
  type KubeObject,
  objectAt,
  valueAt,
} from '../../kube/object.ts';
import { containersOf, isBestEffort, resourcesOf } from '../../kube/pod-resources.ts';
import { compareQuantity } from '../../kube/quantity.ts';
import { quoteGo } from '../../kube/quote.ts';
import type { StatusCause } from '../../kube/status.ts';
import { invalidValue, requiredValue } from '../../kube/validate-meta.ts';

type PodPart = 'ephemeralcontainers' | 'resize';

export function isPodPart(subresource: string): subresource is PodPart {
  return subresource === 'ephemeralcontainers' || subresource === 'resize';
}

/** The stored pod with what was sent of this part; its metadata is that of the stored one. */
export function withPodPart(sent: KubeObject, old: KubeObject, part: PodPart): KubeObject {
  const [wanted, spec] = [specOf(sent), specOf(old)];
  const { managedFields } = sent.metadata;
  const metadata = { ...old.metadata, ...(managedFields === undefined ? {} : { managedFields }) };
  return {
    ...old,
    metadata,
    spec: part === 'resize' ? resized(wanted, spec) : joined(wanted, spec),
  };
}

function joined({ ephemeralContainers }: JsonObject, spec: JsonObject): JsonObject {
  const { ephemeralContainers: _, ...rest } = spec;
  return ephemeralContainers === undefined ? rest : { ...rest, ephemeralContainers };
}

/** Containers that come, go or change places are left for the validation to refuse. */
function resized(wanted: JsonObject, spec: JsonObject): JsonObject {
  const result = { ...spec };
  for (const field of containerFields) {
    const [now, before] = [containersOf(wanted, field), containersOf(spec, field)];
    if (!deepEqual(now.map(nameOf), before.map(nameOf))) return wanted;
    if (now.length > 0) result[field] = now.map((each, i) => withResources(before[i]!, each));
  }
  return result;
}

const containerFields = ['containers', 'initContainers'] as const;

function withResources(container: JsonObject, { resources, resizePolicy }: JsonObject): JsonObject {
  const { resources: _, resizePolicy: __, ...rest } = container;
  return {
    ...rest,
    ...(resources === undefined ? {} : { resources }),
    ...(resizePolicy === undefined ? {} : { resizePolicy }),
  };
}

/** What is wrong with a write of this part. */
export function podPartCauses(pod: KubeObject, old: KubeObject, part: PodPart): StatusCause[] {
  const [spec, before] = [specOf(pod), specOf(old)];
  return part === 'resize' ? resizeCauses(spec, before) : ephemeralCauses(spec, before);
}

function ephemeralCauses(spec: JsonObject, old: JsonObject): StatusCause[] {
  const at = 'spec.ephemeralContainers';
  const containers = containersOf(spec, 'ephemeralContainers');
  const others = containerFields.flatMap((field) => containersOf(spec, field).map(nameOf));
  const causes = containers.flatMap((each, i) => containerCauses(each, `${at}[${i}]`, others));
  for (const each of containersOf(old, 'ephemeralContainers')) {
    const now = containers.find((other) => nameOf(other) === nameOf(each));
    const which = `existing ephemeral containers ${quoteGo(nameOf(each))}`;
    if (now === undefined) causes.push(forbidden(at, `${which} may not be removed\n`));
    else if (!deepEqual(now, each)) causes.push(forbidden(at, `${which} may not be changed`));
  }
  return causes;
}

/** Fields of a container that one without a life cycle of its own cannot have. */
const onlyOfOthers = [
  ...['ports', 'livenessProbe', 'readinessProbe', 'startupProbe', 'lifecycle', 'resources'],
  ...['resizePolicy', 'restartPolicy'],
];

function containerCauses(
  container: JsonObject,
  at: string,
  others: readonly string[],
): StatusCause[] {
  const causes: StatusCause[] = [];
  const name = nameOf(container);
  if (name === '') causes.push(requiredValue(`${at}.name`));
  if (!container['image']) causes.push(requiredValue(`${at}.image`));
  if (others.includes(name))
    causes.push({
      reason: 'FieldValueDuplicate',
      message: `Duplicate value: ${quoteGo(name)}`,
      field: `${at}.name`,
    });
  const target = String(container['targetContainerName'] ?? '');
  if (target !== '' && !others.includes(target))
    causes.push({
      reason: 'FieldValueNotFound',
      message: `Not found: ${quoteGo(target)}`,
      field: `${at}.targetContainerName`,
    });
  for (const field of onlyOfOthers)
    if (!isEmpty(container[field]))
      causes.push(forbidden(`${at}.${field}`, 'cannot be set for an Ephemeral Container'));
  return causes;
}

function resizeCauses(spec: JsonObject, old: JsonObject): StatusCause[] {
  for (const field of containerFields)
    if (containersOf(spec, field).length !== containersOf(old, field).length)
      return [forbidden(`spec.${field}`, 'containers may not be added or removed on resize')];
  const all = containersOf(spec, 'containers');
  const causes = all.flatMap((each, i) => limitCauses(each, `spec.containers[${i}].resources`));
  if (causes.length > 0) return causes;
  const quality = qualityOf(old);
  if (quality !== qualityOf(spec))
    causes.push(
      invalidValue('spec', quality, 'Pod QOS Class may not change as a result of resizing'),
    );
  const before = containersOf(old, 'containers');
  for (const [i, each] of all.entries())
    causes.push(...removalCauses(each, before[i]!, `spec.containers[${i}].resources`));
  if (causes.length > 0 || deepEqual(fixed(spec), fixed(old))) return causes;
  return [forbidden('spec', 'only cpu and memory resources are mutable')];
}

function limitCauses(container: JsonObject, at: string): StatusCause[] {
  const limits = resourcesOf(container, 'limits');
  const sent = (kind: string, name: string) => valueAt(container, 'resources', kind, name);
  return [...resourcesOf(container, 'requests')].flatMap(([name, request]) => {
    const limit = limits.get(name);
    if (limit === undefined || compareQuantity(request, limit) <= 0) return [];
    const why = `must be less than or equal to ${name} limit of ${sent('limits', name)}`;
    return [invalidValue(`${at}.requests`, String(sent('requests', name)), why)];
  });
}

function removalCauses(container: JsonObject, old: JsonObject, at: string): StatusCause[] {
  return (['requests', 'limits'] as const).flatMap((kind) => {
    const now = resourcesOf(container, kind);
    const lost = [...resourcesOf(old, kind)].some(([name]) => !now.has(name));
    return lost ? [forbidden(`${at}.${kind}`, `resource ${kind} cannot be removed`)] : [];
  });
}

/** What a resize leaves as it is: all but the CPU and memory of what runs all the time. */
function fixed(spec: JsonObject): JsonObject {
  const bare = (container: JsonObject): JsonObject => {
    const { resources: _, ...rest } = container;
    const others = (kind: 'requests' | 'limits') => {
      const { cpu: _cpu, memory: _memory, ...rest } = objectAt(container, 'resources', kind) ?? {};
      return rest;
    };
    return { ...rest, requests: others('requests'), limits: others('limits') };
  };
  return {
    ...spec,
    containers: containersOf(spec, 'containers').map(bare),
    initContainers: containersOf(spec, 'initContainers').map((each) =>
      each['restartPolicy'] === 'Always' ? bare(each) : each,
    ),
  };
}

/** The pod's quality of service class. */
function qualityOf(spec: JsonObject): 'BestEffort' | 'Burstable' | 'Guaranteed' {
  if (isBestEffort(spec)) return 'BestEffort';
  const guaranteed = containerFields
    .flatMap((field) => containersOf(spec, field))
    .every((container) => {
      const [requests, limits] = (['requests', 'limits'] as const).map((kind) =>
        resourcesOf(container, kind),
      );
      return ['cpu', 'memory'].every((name) => {
        const [request, limit] = [requests!.get(name), limits!.get(name)];
        if (limit === undefined) return false;
        return request === undefined || compareQuantity(request, limit) === 0;
      });
    });
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

function specOf(pod: KubeObject): JsonObject {
  return objectAt(pod, 'spec') ?? {};
}

function nameOf(container: JsonObject): string {
  return String(container['name'] ?? '');
}

function isEmpty(value: Json | undefined): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return value === undefined || value === null || (isObject(value) && deepEqual(value, {}));
}

function forbidden(field: string, why: string): StatusCause {
  return { reason: 'FieldValueForbidden', message: `Forbidden: ${why}`, field };
}
