/**
 * What single built-in kinds do beyond their schema, as far as the federation itself depends on it.
 */

import { deepEqual } from '../../kube/json.ts';
import { labelKeyProblems } from '../../kube/label-syntax.ts';
import {
  isObject,
  type JsonObject,
  type KubeObject,
  type ObjectMeta,
  objectAt,
  valueAt,
} from '../../kube/object.ts';
import { groupResource } from '../../kube/resource.ts';
import type { StatusCause } from '../../kube/status.ts';
import { invalidValue } from '../../kube/validate-meta.ts';
import { withImpliedDefaults } from '../admission/container-defaults.ts';
import { compileExpression, resultTypes } from '../admission/expression.ts';
import {
  checkBinding,
  checkMutatingPolicy,
  checkValidatingPolicy,
} from '../admission/policy-check.ts';
import { withPolicyDefaults } from '../admission/policy-defaults.ts';
import { checkWebhooks } from '../admission/webhook-check.ts';
import { checkDefinition } from '../custom/definition-check.ts';
import { prepareDefinition } from '../custom/definition-rules.ts';
import { unknownFormats } from '../custom/unknown-formats.ts';
import { withLevelDefaults, withPrecedence } from '../fairness/flow-defaults.ts';
import { immutabilityOf } from './immutable.ts';
import {
  completeApiService,
  completeJob,
  completeVolume,
  prepareAccount,
  prepareEndpointSlice,
  prepareJob,
  prepareReplicationController,
  prepareService,
  prepareTaintRule,
} from './kind-preparation.ts';
import { isPodPart, podPartCauses } from './pod-parts.ts';
import { prepareBinding, validateBinding, validateRole } from './rbac-rules.ts';
import { dataKeyCauses, secretDataCauses } from './secret-data.ts';
import { writeRulesOf } from './write-rules.ts';

export interface TypeRules {
  /**
   * On create and on update, of a subresource too ('' = the object), before defaults; gives the
   * object itself when nothing changes.
   */
  prepare?(object: KubeObject, old: KubeObject | undefined, subresource: string): KubeObject;
  /** Of a new object, after its fields have got their managers: what it gives belongs to nobody. */
  complete?(object: KubeObject): KubeObject;
  validate?(object: KubeObject, old: KubeObject | undefined, subresource: string): StatusCause[];
  /** Said of what is valid. */
  warnings?(object: KubeObject, old: KubeObject | undefined): string[];
}

const none: TypeRules = {};
export const namespaceFinalizer = 'kubernetes';

const rules: Readonly<Record<string, TypeRules>> = {
  configmaps: { validate: validateConfigMap },
  secrets: { prepare: prepareSecret, validate: validateSecret },
  namespaces: {
    prepare: prepareNamespace,
    complete: (object) => ({ ...object, spec: newSpec(object), status: { phase: 'Active' } }),
    validate: validateNamespace,
  },
  'validatingadmissionpolicies.admissionregistration.k8s.io': {
    prepare: (object) => withPolicyDefaults(object, 'matchConstraints'),
    validate: unlessSame(checkValidatingPolicy),
  },
  'mutatingadmissionpolicies.admissionregistration.k8s.io': {
    prepare: (object) => withPolicyDefaults(object, 'matchConstraints'),
    validate: unlessSame(checkMutatingPolicy),
  },
  'validatingadmissionpolicybindings.admissionregistration.k8s.io': {
    prepare: (object) => withPolicyDefaults(object, 'matchResources'),
    validate: unlessSame(checkBinding),
  },
  'mutatingadmissionpolicybindings.admissionregistration.k8s.io': {
    prepare: (object) => withPolicyDefaults(object, 'matchResources'),
    validate: unlessSame(checkBinding),
  },
  pods: { validate: validatePod },
  'flowschemas.flowcontrol.apiserver.k8s.io': { prepare: withPrecedence },
  'prioritylevelconfigurations.flowcontrol.apiserver.k8s.io': { prepare: withLevelDefaults },
  limitranges: { prepare: withImpliedDefaults },
  services: { prepare: prepareService },
  serviceaccounts: { prepare: prepareAccount },
  persistentvolumes: { complete: completeVolume },
  'apiservices.apiregistration.k8s.io': {
    complete: completeApiService,
    validate: validateApiService,
  },
  'devicetaintrules.resource.k8s.io': { prepare: prepareTaintRule },
  'endpointslices.discovery.k8s.io': { prepare: prepareEndpointSlice },
  // A share of less than nothing cannot be planned, so that no member is asked about it.
  replicationcontrollers: {
    prepare: prepareReplicationController,
    validate: atLeastZero('replicas'),
  },
  'replicasets.apps': { validate: atLeastZero('replicas') },
  'deployments.apps': { validate: atLeastZero('replicas') },
  'statefulsets.apps': { validate: atLeastZero('replicas') },
  'jobs.batch': {
    prepare: prepareJob,
    complete: completeJob,
    validate: atLeastZero('parallelism', 'completions'),
  },
  'roles.rbac.authorization.k8s.io': { validate: validateRole },
  'clusterroles.rbac.authorization.k8s.io': { validate: validateRole },
  'rolebindings.rbac.authorization.k8s.io': {
    prepare: prepareBinding,
    validate: validateBinding,
  },
  'clusterrolebindings.rbac.authorization.k8s.io': {
    prepare: prepareBinding,
    validate: validateBinding,
  },
  'customresourcedefinitions.apiextensions.k8s.io': {
    prepare: prepareDefinition,
    validate: checkDefinition,
    warnings: unknownFormats,
  },
  'mutatingwebhookconfigurations.admissionregistration.k8s.io': { validate: validateWebhooks },
  'validatingwebhookconfigurations.admissionregistration.k8s.io': { validate: validateWebhooks },
};

const combined = new Map<string, TypeRules>();

/** Of single kinds, with what may not change in them. */
export function rulesOf(type: { readonly group: string; readonly resource: string }): TypeRules {
  const name = groupResource(type);
  let found = combined.get(name);
  if (found === undefined) {
    found = withImmutable(rules[name] ?? none, immutabilityOf(name));
    combined.set(name, found);
  }
  return found;
}

function withImmutable(base: TypeRules, check: ReturnType<typeof immutabilityOf>): TypeRules {
  if (check === undefined) return base;
  return {
    ...base,
    validate: (object, old, subresource) => [
      ...(base.validate?.(object, old, subresource) ?? []),
      // What goes by an endpoint of its own touches nothing else.
      ...(old === undefined || isPodPart(subresource) || subresource === 'binding'
        ? []
        : check(object, old)),
    ],
  };
}

function validateApiService({ metadata, ...object }: KubeObject): StatusCause[] {
  const [version, group] = ['version', 'group'].map((each) => valueAt(object, 'spec', each) ?? '');
  const wanted = `${String(version)}.${String(group)}`;
  if (metadata.name === wanted) return [];
  const why = `must be \`spec.version+"."+spec.group\`: "${wanted}"`;
  return [invalidValue('metadata.name', metadata.name ?? '', why)];
}

/** Numbers in the spec that may not be negative. */
function atLeastZero(...fields: string[]): (object: KubeObject) => StatusCause[] {
  return (object) =>
    fields.flatMap((field) => {
      const value = valueAt(object, 'spec', field);
      if (typeof value !== 'number' || value >= 0) return [];
      return [invalidValue(`spec.${field}`, value, 'must be greater than or equal to 0')];
    });
}

function immutableCauses(
  object: KubeObject,
  old: KubeObject | undefined,
  fields: readonly string[],
): StatusCause[] {
  if (old?.['immutable'] !== true) return [];
  const changed = fields.filter((field) => !deepEqual(object[field] ?? {}, old[field] ?? {}));
  if (object['immutable'] !== true) changed.unshift('immutable');
  return changed.map((field) => ({
    reason: 'FieldValueForbidden',
    message: 'Forbidden: field is immutable when `immutable` is set',
    field,
  }));
}

function prepareSecret(object: KubeObject): KubeObject {
  const { stringData, ...rest } = object;
  const secret: KubeObject =
    rest.type === undefined || rest.type === '' ? { ...rest, type: 'Opaque' } : rest;
  if (stringData === undefined || stringData === null) return secret;
  const data: JsonObject = { ...objectAt(object, 'data') };
  for (const [key, value] of Object.entries(objectAt(object, 'stringData') ?? {})) {
    const encoded = Buffer.from(String(value), 'utf8').toString('base64');
    Object.defineProperty(data, key, {
      value: encoded,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return { ...secret, data };
}

function validateConfigMap(object: KubeObject, old: KubeObject | undefined): StatusCause[] {
  const fields = ['data', 'binaryData'];
  return [...dataKeyCauses(object, ...fields), ...immutableCauses(object, old, fields)];
}

function validateSecret(object: KubeObject, old: KubeObject | undefined): StatusCause[] {
  const causes = [...secretDataCauses(object), ...immutableCauses(object, old, ['data'])];
  if (old !== undefined && object['type'] !== old['type'])
    causes.push({
      reason: 'FieldValueInvalid',
      message: `Invalid value: ${JSON.stringify(object['type'])}: field is immutable`,
      field: 'type',
    });
  return causes;
}

function validatePod(
  pod: KubeObject,
  old: KubeObject | undefined,
  subresource: string,
): StatusCause[] {
  if (old !== undefined) return isPodPart(subresource) ? podPartCauses(pod, old, subresource) : [];
  const field = 'spec.ephemeralContainers';
  if (valueAt(pod, ...field.split('.')) === undefined) return [];
  return [{ reason: 'FieldValueForbidden', message: 'Forbidden: cannot be set on create', field }];
}

/** spec.finalizers is written by /finalize only, status.phase by deletion and /status only. */
function prepareNamespace(
  object: KubeObject,
  old: KubeObject | undefined,
  subresource: string,
): KubeObject {
  const { metadata } = object;
  const labels = { ...metadata.labels, 'kubernetes.io/metadata.name': metadata.name ?? '' };
  const labelled = { ...object, metadata: { ...metadata, labels } };
  if (subresource !== '') return labelled;
  if (old === undefined) return labelled;
  const phase = valueAt(old, 'status', 'phase') ?? 'Active';
  return {
    ...labelled,
    spec: objectAt(old, 'spec') ?? {},
    status: { ...objectAt(object, 'status'), phase },
  };
}

function newSpec(namespace: KubeObject): JsonObject {
  const sent = valueAt(namespace, 'spec', 'finalizers');
  const finalizers = Array.isArray(sent) ? sent : [];
  if (finalizers.includes(namespaceFinalizer)) return { finalizers };
  return { finalizers: [...finalizers, namespaceFinalizer] };
}

const standardFinalizers: ReadonlySet<string> = new Set([
  namespaceFinalizer,
  'orphan',
  'foregroundDeletion',
]);

function validateNamespace(object: KubeObject, old: KubeObject | undefined): StatusCause[] {
  const finalizers = valueAt(object, 'spec', 'finalizers');
  const causes = (Array.isArray(finalizers) ? finalizers : []).flatMap((each, i) => {
    const name = String(each);
    const field = old === undefined ? 'spec.finalizers' : `spec.finalizers[${i}]`;
    const problems = labelKeyProblems(name);
    if (!name.includes('/') && !standardFinalizers.has(name))
      problems.push('name is neither a standard finalizer name nor is it fully qualified');
    return problems.map((why) => invalidValue(field, name, why));
  });
  const phase = valueAt(object, 'status', 'phase');
  const deleting = object.metadata.deletionTimestamp !== undefined;
  if (old !== undefined && phase !== (deleting ? 'Terminating' : 'Active'))
    causes.push(
      invalidValue(
        'status.Phase',
        phase ?? '',
        deleting
          ? "may only be 'Terminating' if `deletionTimestamp` is not empty"
          : "may only be 'Active' if `deletionTimestamp` is empty",
      ),
    );
  return causes;
}

/** What was allowed once does not stop who changes something else. */
function unlessSame(
  check: (object: KubeObject) => StatusCause[],
): NonNullable<TypeRules['validate']> {
  return (object, old) =>
    old !== undefined && deepEqual(object['spec'], old['spec']) ? [] : check(object);
}

/** An update that leaves the webhooks as they are is not stopped by what was allowed once. */
function validateWebhooks(object: KubeObject, old: KubeObject | undefined): StatusCause[] {
  if (old !== undefined && deepEqual(object['webhooks'], old['webhooks'])) return [];
  const declared = { params: false, authorizer: true };
  return checkWebhooks(
    object,
    (text) => compileExpression(text, [resultTypes.bool], { declared }).problem,
  );
}

/** Of the types that write-rules.json does not tell of. */
const withoutGeneration: ReadonlySet<string> = new Set([
  ...['bindings', 'componentstatuses', 'controllerrevisions.apps', 'events.events.k8s.io'],
  'certificatesigningrequests.certificates.k8s.io',
  'apiservices.apiregistration.k8s.io',
]);

/** Whether objects of the type carry metadata.generation. */
export function hasGeneration(type: {
  readonly group: string;
  readonly resource: string;
}): boolean {
  return writeRulesOf(type)?.hasGeneration ?? !withoutGeneration.has(groupResource(type));
}

/** The generation after a change; undefined: there is none. */
export function nextGeneration(
  type: { readonly group: string; readonly resource: string },
  { generation }: ObjectMeta,
): number | undefined {
  const rule = writeRulesOf(type)?.generation;
  if (rule === 'stays') return generation;
  if (generation === undefined) return rule === 'begins with a change' ? 1 : undefined;
  return generation + 1;
}

/** Whether labels count as much as what an object says. */
export function countsLabels(type: { readonly group: string; readonly resource: string }): boolean {
  return groupResource(type) === 'endpointslices.discovery.k8s.io';
}

/** What of these kinds takes an empty list where there was none for a change. */
const emptiable: Readonly<Record<string, string>> = {
  'mutatingwebhookconfigurations.admissionregistration.k8s.io': 'webhooks',
  'validatingwebhookconfigurations.admissionregistration.k8s.io': 'webhooks',
  'networkpolicies.networking.k8s.io': 'spec',
};

/** Whether an update leaves an empty list where there was none, and that counts as a change. */
export function empties(
  type: { readonly group: string; readonly resource: string },
  sent: KubeObject,
  old: KubeObject,
): boolean {
  const field = emptiable[groupResource(type)];
  return field !== undefined && leavesEmpty(sent[field], old[field]);
}

function leavesEmpty(sent: unknown, old: unknown): boolean {
  if (Array.isArray(sent)) {
    if (sent.length === 0) return old === undefined || old === null;
    return sent.some((item, i) => leavesEmpty(item, Array.isArray(old) ? old[i] : undefined));
  }
  if (!isObject(sent)) return false;
  return Object.keys(sent).some((name) => leavesEmpty(sent[name], valueAt(old, name)));
}

/** Whether annotations count as much as the spec: Deployments hand theirs to their ReplicaSets. */
export function countsAnnotations(type: {
  readonly group: string;
  readonly resource: string;
}): boolean {
  return groupResource(type) === 'deployments.apps';
}
