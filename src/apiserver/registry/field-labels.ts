/**
 * Which fields besides name and namespace can be selected by, per built-in type, as kube-apiserver
 * has it.
 */
import { type KubeObject, valueAt } from '../../kube/object.ts';
import { groupResource } from '../../kube/resource.ts';
import type { FieldReader } from './item.ts';

interface FieldLabel {
  readonly path: readonly string[];
  /** What an absent value counts as. */
  readonly absent: string;
}

function paths(...names: string[]): Record<string, FieldLabel> {
  return Object.fromEntries(names.map((name) => [name, { path: name.split('.'), absent: '' }]));
}

function path(name: string, absent: string): FieldLabel {
  return { path: name.split('.'), absent };
}

const references = [
  'kind',
  'namespace',
  'name',
  'uid',
  'apiVersion',
  'resourceVersion',
  'fieldPath',
];

const replicas = { 'status.replicas': path('status.replicas', '0') };

const labelsByType: Readonly<Record<string, Readonly<Record<string, FieldLabel>>>> = {
  pods: {
    ...paths('spec.nodeName', 'spec.restartPolicy', 'spec.schedulerName'),
    ...paths('spec.serviceAccountName', 'status.phase', 'status.podIP', 'status.nominatedNodeName'),
    'spec.hostNetwork': path('spec.hostNetwork', 'false'),
  },
  events: {
    ...paths(...references.map((field) => `involvedObject.${field}`)),
    ...paths('reason', 'reportingComponent', 'type'),
    source: path('source.component', ''),
  },
  'events.events.k8s.io': {
    ...paths(...references.map((field) => `regarding.${field}`)),
    ...paths('reason', 'reportingController', 'type'),
  },
  secrets: paths('type'),
  namespaces: paths('status.phase'),
  nodes: { 'spec.unschedulable': path('spec.unschedulable', 'false') },
  replicationcontrollers: replicas,
  'replicasets.apps': replicas,
  'jobs.batch': { 'status.successful': path('status.successful', '0') },
  'certificatesigningrequests.certificates.k8s.io': paths('spec.signerName'),
  'clustertrustbundles.certificates.k8s.io': paths('spec.signerName'),
  'podcertificaterequests.certificates.k8s.io': paths(
    'spec.signerName',
    'spec.podName',
    'spec.nodeName',
  ),
};

/** Reads the selectable fields of a type's objects; undefined when it has none of its own. */
export function fieldReaderOf(type: {
  readonly group: string;
  readonly resource: string;
}): FieldReader | undefined {
  const labels = labelsByType[groupResource(type)];
  if (labels === undefined) return undefined;
  const entries = Object.entries(labels);
  return (object: KubeObject) =>
    Object.fromEntries(
      entries.map(([name, label]) => [name, textOf(valueAt(object, ...label.path), label.absent)]),
    );
}

function textOf(value: unknown, absent: string): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : absent;
}

/** Of a custom kind: where the field's name says. */
export function customField(object: KubeObject, field: string): string {
  return textOf(valueAt(object, ...field.split('.')), '');
}

/**
 * Whether a request may select the type's objects by this field; `selectable`: what the definition
 * of a custom kind allows.
 */
export function isFieldLabel(
  type: { readonly group: string; readonly resource: string; readonly namespaced: boolean },
  field: string,
  selectable?: readonly string[],
): boolean {
  if (field === 'metadata.name') return true;
  if (selectable !== undefined)
    return selectable.includes(field) || (field === 'metadata.namespace' && type.namespaced);
  if (field === 'metadata.namespace') return true;
  const labels = labelsByType[groupResource(type)];
  return labels !== undefined && Object.hasOwn(labels, field);
}

/** Why it may not, in kube-apiserver's words. */
export function noFieldLabel(
  type: { readonly group: string; readonly resource: string },
  field: string,
): string {
  const native = !type.group.includes('.') || type.group.endsWith('.k8s.io');
  if (!native || Object.hasOwn(labelsByType, groupResource(type)))
    return `field label not supported: ${field}`;
  const known = '"metadata.name", "metadata.namespace"';
  return `${JSON.stringify(field)} is not a known field selector: only ${known}`;
}
