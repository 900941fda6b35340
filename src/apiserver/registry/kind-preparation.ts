/** What kube-apiserver fills into or takes out of objects of single built-in kinds, in code. */
import { deepEqual } from '../../kube/json.ts';
import {
  isObject,
  type Json,
  type JsonObject,
  type KubeObject,
  objectAt,
  valueAt,
} from '../../kube/object.ts';

function templateLabels(object: KubeObject): JsonObject | undefined {
  const labels = objectAt(object, 'spec', 'template', 'metadata', 'labels');
  return labels !== undefined && Object.keys(labels).length > 0 ? labels : undefined;
}

/** With labels of its own, or those of its template. */
function withLabels(object: KubeObject, labels: JsonObject): KubeObject {
  if (Object.keys(object.metadata.labels ?? {}).length > 0) return object;
  return { ...object, metadata: { ...object.metadata, labels: labels as Record<string, string> } };
}

export function prepareReplicationController(object: KubeObject): KubeObject {
  const labels = templateLabels(object);
  if (labels === undefined) return object;
  const spec = objectAt(object, 'spec')!;
  const labelled = withLabels(object, labels);
  if (Object.keys(objectAt(spec, 'selector') ?? {}).length > 0) return labelled;
  return { ...labelled, spec: { ...spec, selector: labels } };
}

export function prepareJob(object: KubeObject): KubeObject {
  const labels = templateLabels(object);
  return labels === undefined ? object : withLabels(object, labels);
}

/** Pods of a Job are known by its uid, unless its author says how; members do the same anew. */
export function completeJob(job: KubeObject): KubeObject {
  const spec = objectAt(job, 'spec') ?? {};
  if (spec.manualSelector === true) return job;
  const { name = '', uid = '' } = job.metadata;
  const generated: JsonObject = {
    'job-name': name,
    'batch.kubernetes.io/job-name': name,
    'controller-uid': uid,
    'batch.kubernetes.io/controller-uid': uid,
  };
  const template = objectAt(spec, 'template') ?? {};
  const metadata = objectAt(template, 'metadata') ?? {};
  const labels = { ...generated, ...objectAt(metadata, 'labels') };
  const selector = objectAt(spec, 'selector') ?? {};
  const chosen = {
    'batch.kubernetes.io/controller-uid': uid,
    ...objectAt(selector, 'matchLabels'),
  };
  const completed = {
    ...job,
    spec: {
      ...spec,
      selector: { ...selector, matchLabels: chosen },
      template: { ...template, metadata: { ...metadata, labels } },
    },
  };
  return withLabels(completed, labels);
}

/** Without affinity there is nothing to configure of it. */
export function prepareService(object: KubeObject): KubeObject {
  const spec = objectAt(object, 'spec') ?? {};
  const { sessionAffinityConfig, ...rest } = spec;
  const { sessionAffinity = '' } = rest;
  const none = sessionAffinity === '' || sessionAffinity === null || sessionAffinity === 'None';
  return none && sessionAffinityConfig !== undefined ? { ...object, spec: rest } : object;
}

export function completeVolume(object: KubeObject): KubeObject {
  const lastPhaseTransitionTime = object.metadata.creationTimestamp ?? null;
  return { ...object, status: { phase: 'Pending', lastPhaseTransitionTime } };
}

/** An API that no service serves is served by the server itself. */
export function completeApiService(object: KubeObject): KubeObject {
  if (isObject(valueAt(object, 'spec', 'service'))) return object;
  const condition = {
    ...{ type: 'Available', status: 'True', reason: 'Local' },
    lastTransitionTime: object.metadata.creationTimestamp ?? null,
    message: 'Local APIServices are always available',
  };
  return { ...object, status: { conditions: [condition] } };
}

/** A new taint begins when its rule is made. */
export function prepareTaintRule(object: KubeObject, old: KubeObject | undefined): KubeObject {
  const spec = objectAt(object, 'spec');
  const taint = objectAt(spec, 'taint');
  const { creationTimestamp } = object.metadata;
  if (old !== undefined || !taint || taint.timeAdded || !creationTimestamp) return object;
  return { ...object, spec: { ...spec, taint: { ...taint, timeAdded: creationTimestamp } } };
}

/** What v1 no longer writes: topology by labels. */
export function prepareEndpointSlice(object: KubeObject, old: KubeObject | undefined): KubeObject {
  const { endpoints } = object as { endpoints?: Json };
  if (!Array.isArray(endpoints) || deepEqual(endpoints, old?.['endpoints'])) return object;
  const kept = endpoints.map((endpoint) => {
    if (!isObject(endpoint) || endpoint.deprecatedTopology === undefined) return endpoint;
    const { deprecatedTopology: _topology, ...rest } = endpoint;
    return rest;
  });
  return { ...object, endpoints: kept };
}

/** Its Secrets are named, nothing else is said of them. */
export function prepareAccount(object: KubeObject): KubeObject {
  const { secrets } = object as { secrets?: Json };
  if (!Array.isArray(secrets)) return object;
  const named = secrets.map((each) => {
    const name = valueAt(each, 'name');
    return typeof name === 'string' && name !== '' ? { name } : {};
  });
  return deepEqual(named, secrets) ? object : { ...object, secrets: named };
}
