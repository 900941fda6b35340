/**
 * Fields of built-in kinds that may not change once they are written, and how kube-apiserver words
 * that. Members check the same; this holds without one, too.
 */
import { deepEqual } from '../../kube/json.ts';
import {
  isObject,
  type Json,
  type JsonObject,
  type KubeObject,
  valueAt,
} from '../../kube/object.ts';
import type { StatusCause } from '../../kube/status.ts';
import { invalidValue } from '../../kube/validate-meta.ts';

interface Immutable {
  /** Dots separate the fields from the object's root. */
  readonly field: string;
  /** What an absent field stands for. */
  readonly default?: Json;
  /** What the refusal shows: the value unless it says otherwise. */
  readonly shows?: 'nothing' | ((value: JsonObject) => Json);
  /** Instead of 'field is immutable' with the value. */
  readonly forbidden?: string;
  /** Holds only while this does. */
  readonly when?: (object: KubeObject, old: KubeObject) => boolean;
}

const immutable = 'field is immutable';
const selector: Immutable = { field: 'spec.selector' };
const roleRef: Immutable = {
  field: 'roleRef',
  shows: ({ apiGroup = '', kind = '', name = '' }) => ({
    APIGroup: apiGroup,
    Kind: kind,
    Name: name,
  }),
};

const fields: Readonly<Record<string, readonly Immutable[]>> = {
  'deployments.apps': [selector],
  'replicasets.apps': [selector],
  'daemonsets.apps': [selector],
  'statefulsets.apps': [
    selector,
    { field: 'spec.serviceName', default: '' },
    { field: 'spec.podManagementPolicy', default: 'OrderedReady' },
  ],
  'volumeattributesclasses.storage.k8s.io': [
    { field: 'driverName', forbidden: 'updates to driverName are forbidden.' },
    { field: 'parameters', forbidden: 'updates to parameters are forbidden.' },
  ],
  'controllerrevisions.apps': [{ field: 'data' }],
  'jobs.batch': [
    { field: 'spec.completions', default: 1, when: (...pair) => !isResized(...pair) },
    selector,
    { field: 'spec.template', when: (_, old) => valueAt(old, 'spec', 'suspend') !== true },
    { field: 'spec.completionMode', default: 'NonIndexed' },
    { field: 'spec.podFailurePolicy' },
    { field: 'spec.backoffLimitPerIndex' },
    { field: 'spec.managedBy' },
    { field: 'spec.successPolicy' },
  ],
  'rolebindings.rbac.authorization.k8s.io': [roleRef],
  'clusterrolebindings.rbac.authorization.k8s.io': [roleRef],
  'storageclasses.storage.k8s.io': [
    { field: 'provisioner', shows: 'nothing' },
    { field: 'parameters', default: {}, shows: 'nothing' },
    { field: 'reclaimPolicy', default: 'Delete', shows: 'nothing' },
    { field: 'volumeBindingMode', default: 'Immediate', shows: 'nothing' },
  ],
  'priorityclasses.scheduling.k8s.io': [
    { field: 'value', default: 0, forbidden: 'may not be changed in an update.' },
    { field: 'preemptionPolicy', default: 'PreemptLowerPriority' },
  ],
  'runtimeclasses.node.k8s.io': [{ field: 'handler', shows: 'nothing' }],
  'ingressclasses.networking.k8s.io': [{ field: 'spec.controller' }],
  'endpointslices.discovery.k8s.io': [{ field: 'addressType', shows: 'nothing' }],
  resourcequotas: [{ field: 'spec.scopes' }],
};

type Check = (object: KubeObject, old: KubeObject) => StatusCause[];

/** What a list of fields cannot say. */
const checks: Readonly<Record<string, Check>> = {
  'statefulsets.apps': checkClaimTemplates,
  persistentvolumeclaims: checkClaim,
  persistentvolumes: checkVolume,
  services: checkService,
  pods: checkPod,
};

/** The check of a type's updates; undefined when all of it may change. */
export function immutabilityOf(groupResource: string): Check | undefined {
  const listed = fields[groupResource];
  const check = checks[groupResource];
  if (listed === undefined) return check;
  return (object, old) => [
    ...listed.flatMap((each) => causesOf(each, object, old)),
    ...(check?.(object, old) ?? []),
  ];
}

function causesOf(rule: Immutable, object: KubeObject, old: KubeObject): StatusCause[] {
  const path = rule.field.split('.');
  const absent = rule.default ?? null;
  const [now, before] = [valueAt(object, ...path), valueAt(old, ...path)];
  if (deepEqual(now ?? absent, before ?? absent)) return [];
  if (rule.when?.(object, old) === false) return [];
  const { field, shows, forbidden: why } = rule;
  if (why !== undefined) return [forbidden(field, why)];
  if (shows === 'nothing') return [invalidValue(field, null, immutable)];
  const shown = shows !== undefined && isObject(now) ? shows(now) : (now ?? absent);
  return [invalidValue(field, shown, immutable)];
}

function forbidden(field: string, why: string): StatusCause {
  return { reason: 'FieldValueForbidden', message: `Forbidden: ${why}`, field };
}

/** An indexed Job may grow and shrink with its parallelism. */
function isResized(object: KubeObject, old: KubeObject): boolean {
  const { completionMode, completions, parallelism } = specOf(object);
  return (
    completionMode === 'Indexed' &&
    specOf(old)['completionMode'] === 'Indexed' &&
    completions === parallelism
  );
}

function specOf(object: KubeObject): JsonObject {
  const spec = object['spec'];
  return isObject(spec) ? spec : {};
}

function without(value: JsonObject, ...names: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(value).filter(([name]) => !names.includes(name)));
}

/** What a claim template says, whatever its author leaves to the defaults. */
function claimTemplates(object: KubeObject): Json[] {
  const templates = specOf(object)['volumeClaimTemplates'];
  return (Array.isArray(templates) ? templates : []).map((template) => {
    if (!isObject(template)) return template;
    const { metadata = {}, spec } = template;
    return {
      metadata: isObject(metadata) ? without(metadata, 'creationTimestamp') : metadata,
      spec: isObject(spec) ? { volumeMode: 'Filesystem', ...spec } : {},
    };
  });
}

function checkClaimTemplates(object: KubeObject, old: KubeObject): StatusCause[] {
  const templates = claimTemplates(object);
  if (deepEqual(templates, claimTemplates(old))) return [];
  return [invalidValue('spec.volumeClaimTemplates', templates, immutable)];
}

/** A claim may be bound once, and a bound one may grow. */
function checkClaim(object: KubeObject, old: KubeObject): StatusCause[] {
  const bound = valueAt(old, 'status', 'phase') === 'Bound';
  const fixed = (claim: KubeObject): JsonObject => {
    const spec = without(specOf(claim), 'volumeAttributesClassName');
    if (!specOf(old)['volumeName']) delete spec['volumeName'];
    if (specOf(old)['storageClassName'] === undefined) delete spec['storageClassName'];
    const { resources } = spec;
    if (isObject(resources) && bound) spec['resources'] = without(resources, 'requests');
    return { volumeMode: 'Filesystem', ...spec };
  };
  if (deepEqual(fixed(object), fixed(old))) return [];
  const why =
    'spec is immutable after creation except resources.requests and ' +
    'volumeAttributesClassName for bound claims';
  return [forbidden('spec', why)];
}

const besideSource = [
  ...['capacity', 'accessModes', 'claimRef', 'persistentVolumeReclaimPolicy', 'storageClassName'],
  ...['mountOptions', 'volumeMode', 'nodeAffinity', 'volumeAttributesClassName'],
];

function checkVolume(object: KubeObject, old: KubeObject): StatusCause[] {
  const causes: StatusCause[] = [];
  const source = (volume: KubeObject): JsonObject => without(specOf(volume), ...besideSource);
  if (!deepEqual(source(object), source(old)))
    causes.push(
      forbidden(
        'spec.persistentvolumesource',
        'spec.persistentvolumesource is immutable after creation',
      ),
    );
  const mode = (volume: KubeObject): Json => specOf(volume)['volumeMode'] ?? 'Filesystem';
  if (mode(object) !== mode(old)) causes.push(invalidValue('volumeMode', mode(object), immutable));
  return causes;
}

function checkService(object: KubeObject, old: KubeObject): StatusCause[] {
  const { clusterIP = '', type = 'ClusterIP' } = specOf(object);
  const before = specOf(old)['clusterIP'] ?? '';
  if (before === '' || clusterIP === '' || clusterIP === before || type === 'ExternalName')
    return [];
  return [invalidValue('spec.clusterIPs[0]', [clusterIP], 'may not change once set')];
}

const changeable = ['activeDeadlineSeconds', 'tolerations', 'terminationGracePeriodSeconds'];

/** A pod that is held back by gates may still be placed otherwise: its member knows how. */
function checkPod(object: KubeObject, old: KubeObject): StatusCause[] {
  if (specOf(old)['schedulingGates'] !== undefined) return [];
  const images = (containers: Json): Json =>
    Array.isArray(containers)
      ? containers.map((each) => (isObject(each) ? without(each, 'image') : each))
      : containers;
  const fixed = (pod: KubeObject): JsonObject => {
    const spec = without(specOf(pod), ...changeable);
    for (const name of ['containers', 'initContainers'])
      if (spec[name] !== undefined) spec[name] = images(spec[name]);
    return spec;
  };
  if (deepEqual(fixed(object), fixed(old))) return [];
  const why =
    'pod updates may not change fields other than `spec.containers[*].image`,' +
    '`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` ' +
    '(only additions to existing tolerations),`spec.terminationGracePeriodSeconds` ' +
    '(allow it to be set to 1 if it was previously negative)';
  return [forbidden('spec', why)];
}
