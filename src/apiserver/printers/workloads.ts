/** The Table cells of workloads and what scales or guards them. */
import { type Json, type KubeObject, valueAt } from '../../kube/object.ts';
import {
  age,
  boolean,
  type Cell,
  containers,
  has,
  humanDuration,
  integer,
  isConditionTrue,
  labels,
  list,
  nameOf,
  none,
  type Printer,
  quantity,
  selector,
  selectorText,
  since,
  text,
  unset,
} from './format.ts';

const template = (object: KubeObject): Json | undefined =>
  valueAt(object, 'spec', 'template', 'spec');

export const printDeployment: Printer = (object, now) => [
  nameOf(object),
  `${integer(object, ['status', 'readyReplicas'])}/${integer(object, ['spec', 'replicas'], 1)}`,
  integer(object, ['status', 'updatedReplicas']),
  integer(object, ['status', 'availableReplicas']),
  age(object, now),
  ...containers(template(object)),
  selectorText(valueAt(object, 'spec', 'selector')),
];

export const printReplicaSet: Printer = (object, now) => [
  ...replicaCells(object, now),
  ...containers(template(object)),
  selector(valueAt(object, 'spec', 'selector')),
];

export const printReplicationController: Printer = (object, now) => [
  ...replicaCells(object, now),
  ...containers(template(object)),
  labels(valueAt(object, 'spec', 'selector')),
];

function replicaCells(object: KubeObject, now: number): Cell[] {
  return [
    nameOf(object),
    integer(object, ['spec', 'replicas'], 1),
    integer(object, ['status', 'replicas']),
    integer(object, ['status', 'readyReplicas']),
    age(object, now),
  ];
}

export const printStatefulSet: Printer = (object, now) => [
  nameOf(object),
  `${integer(object, ['status', 'readyReplicas'])}/${integer(object, ['spec', 'replicas'], 1)}`,
  age(object, now),
  ...containers(template(object)),
];

export const printDaemonSet: Printer = (object, now) => [
  nameOf(object),
  integer(object, ['status', 'desiredNumberScheduled']),
  integer(object, ['status', 'currentNumberScheduled']),
  integer(object, ['status', 'numberReady']),
  integer(object, ['status', 'updatedNumberScheduled']),
  integer(object, ['status', 'numberAvailable']),
  labels(valueAt(template(object), 'nodeSelector')),
  age(object, now),
  ...containers(template(object)),
  selector(valueAt(object, 'spec', 'selector')),
];

export const printJob: Printer = (object, now) => [
  nameOf(object),
  jobStatus(object),
  completions(object),
  jobDuration(object, now),
  age(object, now),
  ...containers(template(object)),
  selector(valueAt(object, 'spec', 'selector')),
];

function jobStatus(job: KubeObject): string {
  const conditions = list(job, 'status', 'conditions');
  if (isConditionTrue(conditions, 'Complete')) return 'Complete';
  if (isConditionTrue(conditions, 'Failed')) return 'Failed';
  if (job.metadata.deletionTimestamp !== undefined) return 'Terminating';
  for (const type of ['Suspended', 'FailureTarget', 'SuccessCriteriaMet'])
    if (isConditionTrue(conditions, type)) return type;
  return 'Running';
}

function completions(job: KubeObject): string {
  const succeeded = integer(job, ['status', 'succeeded']);
  if (has(job, 'spec', 'completions'))
    return `${succeeded}/${integer(job, ['spec', 'completions'])}`;
  const parallelism = Number(integer(job, ['spec', 'parallelism']));
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
}

function jobDuration(job: KubeObject, now: number): string {
  const start = Date.parse(text(job, 'status', 'startTime'));
  if (Number.isNaN(start)) return '';
  const end = Date.parse(text(job, 'status', 'completionTime'));
  return humanDuration((Number.isNaN(end) ? now : end) - start);
}

export const printCronJob: Printer = (object, now) => {
  const last = text(object, 'status', 'lastScheduleTime');
  const job = valueAt(object, 'spec', 'jobTemplate', 'spec');
  return [
    nameOf(object),
    text(object, 'spec', 'schedule'),
    text(object, 'spec', 'timeZone') || none,
    boolean(valueAt(object, 'spec', 'suspend') ?? false),
    list(object, 'status', 'active').length,
    last === '' ? none : since(last, now),
    age(object, now),
    ...containers(valueAt(job, 'template', 'spec')),
    selector(valueAt(job, 'selector')),
  ];
};

export const printPodTemplate: Printer = (object) => [
  nameOf(object),
  ...containers(valueAt(object, 'template', 'spec')),
  labels(valueAt(object, 'template', 'metadata', 'labels')),
];

export const printControllerRevision: Printer = (object, now) => {
  const owner = object.metadata.ownerReferences?.find((each) => each.controller === true);
  const group = owner?.apiVersion.includes('/') ? `.${owner.apiVersion.split('/', 1)[0]}` : '';
  return [
    nameOf(object),
    owner === undefined ? none : `${`${owner.kind}${group}`.toLowerCase()}/${owner.name}`,
    integer(object, ['revision']),
    age(object, now),
  ];
};

export const printDisruptionBudget: Printer = (object, now) => [
  nameOf(object),
  has(object, 'spec', 'minAvailable') ? String(valueAt(object, 'spec', 'minAvailable')) : 'N/A',
  has(object, 'spec', 'maxUnavailable') ? String(valueAt(object, 'spec', 'maxUnavailable')) : 'N/A',
  integer(object, ['status', 'disruptionsAllowed']),
  age(object, now),
];

export const printScale: Printer = (object, now) => [
  nameOf(object),
  integer(object, ['spec', 'replicas']),
  integer(object, ['status', 'replicas']),
  age(object, now),
];

export const printAutoscaler: Printer = (object, now) => [
  nameOf(object),
  `${text(object, 'spec', 'scaleTargetRef', 'kind')}/${text(object, 'spec', 'scaleTargetRef', 'name')}`,
  autoscalerTargets(object),
  String(integer(object, ['spec', 'minReplicas'], 1)),
  integer(object, ['spec', 'maxReplicas']),
  integer(object, ['status', 'currentReplicas']),
  age(object, now),
];

/** At most this many metrics are written out. */
const metricsMax = 2;

function autoscalerTargets(object: KubeObject): string {
  const { specs, statuses } = metricsOf(object);
  if (specs.length === 0) return none;
  const texts = specs.slice(0, metricsMax).map((spec, at) => metric(spec, statuses[at]));
  const shown = texts.join(', ');
  return specs.length > metricsMax ? `${shown} + ${specs.length - metricsMax} more...` : shown;
}

/** autoscaling/v1 knows one metric, under names of its own. */
function metricsOf(object: KubeObject): { specs: Json[]; statuses: Json[] } {
  const target = valueAt(object, 'spec', 'targetCPUUtilizationPercentage');
  if (target === undefined)
    return {
      specs: list(object, 'spec', 'metrics'),
      statuses: list(object, 'status', 'currentMetrics'),
    };
  const current = valueAt(object, 'status', 'currentCPUUtilizationPercentage');
  const resource = { name: 'cpu', target: { averageUtilization: target } };
  const status = { name: 'cpu', current: { averageUtilization: current ?? null } };
  return {
    specs: [{ type: 'Resource', resource }],
    statuses: current === undefined ? [] : [{ type: 'Resource', resource: status }],
  };
}

function metric(spec: Json, status: Json | undefined): string {
  const type = text(spec, 'type');
  const field = metricFields.get(type);
  if (field === undefined) return '<unknown type>';
  const target = valueAt(spec, field, 'target');
  const current = valueAt(status, field, 'current');
  const name = text(spec, field, 'name');
  const average = valueAt(target, 'averageValue') ?? undefined;
  if (type === 'Pods') return `${currentOf(current, 'averageValue')}/${quantity(average)}`;
  if (type === 'External' || type === 'Object')
    return average === undefined
      ? `${currentOf(current, 'value')}/${quantity(valueAt(target, 'value'))}`
      : `${currentOf(current, 'averageValue')}/${quantity(average)} (avg)`;
  if (average !== undefined)
    return `${name}: ${currentOf(current, 'averageValue')}/${quantity(average)}`;
  const wanted = valueAt(target, 'averageUtilization') ?? undefined;
  const used = valueAt(current, 'averageUtilization') ?? undefined;
  return `${name}: ${used === undefined ? '<unknown>' : `${used}%`}/${wanted === undefined ? '<auto>' : `${wanted}%`}`;
}

const metricFields: ReadonlyMap<string, string> = new Map([
  ['External', 'external'],
  ['Pods', 'pods'],
  ['Object', 'object'],
  ['Resource', 'resource'],
  ['ContainerResource', 'containerResource'],
]);

function currentOf(current: Json | undefined, field: string): string {
  const value = valueAt(current, field) ?? undefined;
  return value === undefined ? '<unknown>' : quantity(value);
}

export const printResourceQuota: Printer = (object, now) => {
  const hard = Object.entries((valueAt(object, 'status', 'hard') ?? {}) as Record<string, Json>);
  const requests: string[] = [];
  const limits: string[] = [];
  for (const [resource, value] of hard.sort(([a], [b]) => (a < b ? -1 : 1))) {
    const used = quantity(valueAt(object, 'status', 'used', resource));
    const into = resource.startsWith('limits.') ? limits : requests;
    into.push(`${resource}: ${used}/${quantity(value)}`);
  }
  return [nameOf(object), requests.join(', '), limits.join(', '), age(object, now)];
};

export const printPriorityClass: Printer = (object, now) => [
  nameOf(object),
  integer(object, ['value']),
  valueAt(object, 'globalDefault') === true,
  age(object, now),
  text(object, 'preemptionPolicy') || 'PreemptLowerPriority',
];

export const printRuntimeClass: Printer = (object, now) => [
  nameOf(object),
  text(object, 'handler'),
  age(object, now),
];

export const printResourceClaim: Printer = (object, now) => {
  const deleted = object.metadata.deletionTimestamp !== undefined;
  const states = deleted ? ['deleted'] : [];
  if (has(object, 'status', 'allocation')) {
    states.push('allocated');
    if (list(object, 'status', 'reservedFor').length > 0) states.push('reserved');
  } else if (!deleted) states.push('pending');
  return [nameOf(object), states.join(','), age(object, now)];
};

export const printResourceSlice: Printer = (object, now) => [
  nameOf(object),
  text(object, 'spec', 'nodeName'),
  text(object, 'spec', 'driver'),
  text(object, 'spec', 'pool', 'name'),
  age(object, now),
];

export const printStorageVersion: Printer = (object, now) => {
  const versions = list(object, 'status', 'storageVersions').map(
    (each) => `${text(each, 'apiServerID')}=${text(each, 'encodingVersion')}`,
  );
  const shown = versions.slice(0, 3).join(',');
  return [
    nameOf(object),
    text(object, 'status', 'commonEncodingVersion') || unset,
    versions.length > 3 ? `${shown} + ${versions.length - 3} more...` : shown || unset,
    age(object, now),
  ];
};
