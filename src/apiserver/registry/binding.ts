/** A Binding: the word of a scheduler that a pod shall run on a node. */

import { subdomainProblems } from '../../kube/name-syntax.ts';
import {
  isObject,
  type JsonObject,
  type KubeObject,
  objectAt,
  valueAt,
} from '../../kube/object.ts';
import { quoteGo } from '../../kube/quote.ts';
import { badRequest, conflict, withoutReason } from '../../kube/status.ts';
import { formatTime } from '../../kube/time.ts';

const pods = { group: '', resource: 'pods' };

/** The pod that it is about. @throws ApiError 400, 500 when it makes no sense */
export function podOfBinding(binding: KubeObject, pathName: string): string {
  const { name = '' } = binding.metadata;
  if (name === '' && pathName === '') throw badRequest('Name parameter required.');
  if (pathName !== '' && name !== pathName)
    throw badRequest('name in URL does not match name in Binding object');
  const problem = problemOf(objectAt(binding, 'target') ?? {});
  if (problem !== undefined) throw withoutReason(problem);
  return name;
}

function problemOf({ kind, name }: JsonObject): string | undefined {
  if (kind !== undefined && kind !== '' && kind !== 'Node')
    return `target.kind: Unsupported value: ${quoteGo(String(kind))}: supported values: "Node", "<empty>"`;
  if (typeof name !== 'string' || name === '') return 'target.name: Required value';
  const [why] = subdomainProblems(name);
  return why === undefined ? undefined : `target.name: Invalid value: ${quoteGo(name)}: ${why}`;
}

/** The pod on its node. @throws ApiError 409 */
export function bound(pod: KubeObject, binding: KubeObject, now: number): KubeObject {
  const { name = '', labels, annotations, uid: own, resourceVersion: current } = pod.metadata;
  const { uid = '', resourceVersion = '' } = binding.metadata;
  checkSame(name, 'UID', uid, own);
  checkSame(name, 'ResourceVersion', resourceVersion, current);
  const spec = objectAt(pod, 'spec') ?? {};
  const why = obstacle(pod, spec);
  if (why !== undefined) throw conflict({ ...pods, resource: 'pods/binding' }, name, why);
  const { labels: addLabels, annotations: addAnnotations } = binding.metadata;
  const metadata = {
    ...pod.metadata,
    ...(addLabels && { labels: { ...labels, ...addLabels } }),
    ...(addAnnotations && { annotations: { ...annotations, ...addAnnotations } }),
  };
  const status = objectAt(pod, 'status') ?? {};
  return {
    ...pod,
    metadata,
    spec: { ...spec, nodeName: valueAt(binding, 'target', 'name')! },
    status: { ...status, conditions: scheduled(status['conditions'], now) },
  };
}

function obstacle({ metadata }: KubeObject, spec: JsonObject): string | undefined {
  const { name } = metadata;
  if (metadata.deletionTimestamp !== undefined)
    return `pod ${name} is being deleted, cannot be assigned to a host`;
  const { nodeName, schedulingGates } = spec;
  if (nodeName) return `pod ${name} is already assigned to node ${quoteGo(String(nodeName))}`;
  const gated = Array.isArray(schedulingGates) && schedulingGates.length > 0;
  return gated ? `pod ${name} has non-empty .spec.schedulingGates` : undefined;
}

function checkSame(name: string, what: string, wanted: string, found: string | undefined): void {
  if (wanted === '' || wanted === found) return;
  const why = `${what} in precondition: ${wanted}, ${what} in object meta: ${found}`;
  throw conflict(
    pods,
    name,
    `StorageError: invalid object, AdditionalErrorMsg: Precondition failed: ${why}`,
  );
}

function scheduled(conditions: unknown, now: number): JsonObject[] {
  const all = Array.isArray(conditions) ? conditions.filter(isObject) : [];
  const before = all.find(({ type }) => type === 'PodScheduled');
  if (before?.['status'] === 'True') return all;
  const condition = {
    ...{ type: 'PodScheduled', status: 'True', lastProbeTime: null },
    lastTransitionTime: formatTime(now),
  };
  return [...all.filter((each) => each !== before), condition];
}
