/** How the status fields of copies become the template's: data, one line per field. */

/**
 * sum, max, min: of numbers. earliest, latest: of times. union: lists without doubles. merge: maps,
 * later wins.
 * sumQuantities: map of resource → quantity. conditions: by type, True only where True everywhere.
 * same: the value when all
 * agree. worst: the value that stands first in `order`. first: of the first cluster that has it.
 */
export type Operation =
  | 'sum'
  | 'max'
  | 'min'
  | 'earliest'
  | 'latest'
  | 'union'
  | 'merge'
  | 'sumQuantities'
  | 'conditions'
  | 'same'
  | 'first'
  | { readonly worst: readonly string[] };

export type StatusRules = Readonly<Record<string, Operation>>;

const replicaCounts: StatusRules = {
  replicas: 'sum',
  readyReplicas: 'sum',
  availableReplicas: 'sum',
  conditions: 'conditions',
};

const loadBalancer: StatusRules = { loadBalancer: 'union', conditions: 'conditions' };

const onlyConditions: StatusRules = { conditions: 'conditions' };

/**
 * Keyed as `resource` or `resource.group`. `observedGeneration` is never a rule: see aggregate.ts.
 */
export const statusRules: Readonly<Record<string, StatusRules>> = {
  'deployments.apps': {
    ...replicaCounts,
    updatedReplicas: 'sum',
    unavailableReplicas: 'sum',
    terminatingReplicas: 'sum',
    collisionCount: 'max',
  },
  'replicasets.apps': { ...replicaCounts, fullyLabeledReplicas: 'sum', terminatingReplicas: 'sum' },
  replicationcontrollers: { ...replicaCounts, fullyLabeledReplicas: 'sum' },
  'statefulsets.apps': {
    ...replicaCounts,
    currentReplicas: 'sum',
    updatedReplicas: 'sum',
    currentRevision: 'same',
    updateRevision: 'same',
    collisionCount: 'max',
  },
  'daemonsets.apps': {
    currentNumberScheduled: 'sum',
    desiredNumberScheduled: 'sum',
    numberMisscheduled: 'sum',
    numberReady: 'sum',
    numberAvailable: 'sum',
    numberUnavailable: 'sum',
    updatedNumberScheduled: 'sum',
    collisionCount: 'max',
    conditions: 'conditions',
  },
  'jobs.batch': {
    active: 'sum',
    ready: 'sum',
    succeeded: 'sum',
    failed: 'sum',
    terminating: 'sum',
    startTime: 'earliest',
    completionTime: 'latest',
    conditions: 'conditions',
  },
  'cronjobs.batch': { active: 'union', lastScheduleTime: 'latest', lastSuccessfulTime: 'latest' },
  'horizontalpodautoscalers.autoscaling': {
    currentReplicas: 'sum',
    desiredReplicas: 'sum',
    lastScaleTime: 'latest',
    currentMetrics: 'first',
    conditions: 'conditions',
  },
  'poddisruptionbudgets.policy': {
    currentHealthy: 'sum',
    desiredHealthy: 'sum',
    disruptionsAllowed: 'sum',
    expectedPods: 'sum',
    disruptedPods: 'merge',
    conditions: 'conditions',
  },
  resourcequotas: { hard: 'sumQuantities', used: 'sumQuantities' },
  services: loadBalancer,
  'ingresses.networking.k8s.io': loadBalancer,
  persistentvolumeclaims: {
    phase: { worst: ['Lost', 'Pending', 'Bound'] },
    capacity: 'sumQuantities',
    accessModes: 'union',
    conditions: 'conditions',
  },
  pods: {
    phase: { worst: ['Failed', 'Unknown', 'Pending', 'Running', 'Succeeded'] },
    conditions: 'conditions',
  },
  'apiservices.apiregistration.k8s.io': onlyConditions,
  'flowschemas.flowcontrol.apiserver.k8s.io': onlyConditions,
  'prioritylevelconfigurations.flowcontrol.apiserver.k8s.io': onlyConditions,
  'validatingadmissionpolicies.admissionregistration.k8s.io': {
    typeChecking: 'first',
    conditions: 'conditions',
  },
  'servicecidrs.networking.k8s.io': onlyConditions,
  'volumeattachments.storage.k8s.io': { attached: 'same', attachmentMetadata: 'same' },
  'resourceclaims.resource.k8s.io': { allocation: 'first', reservedFor: 'union', devices: 'union' },
};

/** Kinds whose status is the federation's own: what the members' copies say is not taken over. */
export const ownStatus: ReadonlySet<string> = new Set([
  'namespaces',
  'customresourcedefinitions.apiextensions.k8s.io',
]);

/** For kinds without rules: what a field of this name and type most likely means. */
export function guessOperation(field: string, value: unknown): Operation {
  if (field === 'conditions') return 'conditions';
  if (field === 'loadBalancer') return 'union';
  if (
    typeof value === 'number' &&
    /replicas$|^(ready|available|active|succeeded|failed)/i.test(field)
  )
    return 'sum';
  return 'same';
}

/** Conditions whose True is bad news: True anywhere makes them True. */
export const negativeConditions: ReadonlySet<string> = new Set([
  'Failed',
  'FailureTarget',
  'ReplicaFailure',
  'Degraded',
  'Stalled',
  'Suspended',
  'DisruptionTarget',
  'ScalingLimited',
]);
