/**
 * From a template to the copy that one cluster should hold. Pure: the same template and share give
 * the same bytes.
 */
import { createHash } from 'node:crypto';
import type { TemplateIdentity } from '../api/records.ts';
import { stringifyJson } from '../kube/json.ts';
import { isObject, type Json, type JsonObject, type KubeObject, objectAt } from '../kube/object.ts';
import { actsOnce } from './acts-once.ts';
import { type AllocatedField, allocatedFields } from './allocated.ts';
import { copyOfAnnotation, federationLabel, hashAnnotation, identityOf } from './mark.ts';

export interface RenderInput {
  readonly template: KubeObject;
  readonly identity: TemplateIdentity;
  readonly federation: string;
  readonly cluster: string;
  /** What the decision gives this cluster; no share = the object as the template says. */
  readonly share: { readonly share?: number; readonly completions?: number };
  /** Something else (an HPA) owns the number of replicas: leave the field out. */
  readonly replicasOwned?: boolean;
  /** The version in which the member serves the type; absent: the template's. */
  readonly apiVersion?: string | undefined;
}

export interface Rendering {
  readonly object: KubeObject;
  readonly hash: string;
}

/**
 * Annotations that speak about the template, or belong to a tool that tracks it, and would confuse
 * in a copy.
 */
const droppedAnnotations = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  'deployment.kubernetes.io/revision',
  'deprecated.daemonset.template.generation',
  'meta.helm.sh/release-name',
  'meta.helm.sh/release-namespace',
]);
const droppedPrefixes = [
  'argocd.argoproj.io/',
  'kustomize.toolkit.fluxcd.io/',
  'helm.toolkit.fluxcd.io/',
  'federation.kubernetes.io/',
  'federation.alpha.kubernetes.io/',
  'ubernetes.dev/',
];

function travels(key: string): boolean {
  return !droppedAnnotations.has(key) && !droppedPrefixes.some((prefix) => key.startsWith(prefix));
}

function travelling(entries: Record<string, string> | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(entries ?? {}).filter(([key]) => travels(key)));
}

/** The key under which data about types is kept: 'services', 'jobs.batch'. */
export function dataKey(type: { readonly group: string; readonly resource: string }): string {
  return type.group === '' ? type.resource : `${type.resource}.${type.group}`;
}

/**
 * The copy for one cluster, marked and hashed. Never carries uid, owners, finalizers, managedFields
 * or status.
 */
export function render(input: RenderInput): Rendering {
  const { template, identity, cluster } = input;
  const body: JsonObject = {};
  for (const [field, value] of Object.entries(template)) {
    if (field === 'apiVersion' || field === 'kind' || field === 'metadata' || field === 'status')
      continue;
    body[field] = value as Json;
  }
  const { labels: sent } = template.metadata;
  const whole = sent === undefined ? body : { ...body, metadata: { labels: sent } };
  const kept = withoutAllocated(identity, whole).object;
  const { metadata: _metadata, ...shared } = actsOnce(identity, kept);
  const spec = isObject(shared['spec']) ? { ...shared['spec'] } : undefined;
  if (spec !== undefined) {
    divideSpec(spec, input);
    shared['spec'] = spec;
  }
  const metadata = {
    name: identity.name,
    ...(identity.namespace === '' ? {} : { namespace: identity.namespace }),
    labels: {
      ...travelling(objectAt(kept, 'metadata', 'labels') as Record<string, string> | undefined),
      [federationLabel]: input.federation,
    },
    annotations: {
      ...travelling(template.metadata.annotations),
      [copyOfAnnotation]: identityOf(identity, cluster),
    } as Record<string, string>,
  };
  const object: KubeObject = {
    apiVersion: input.apiVersion ?? template.apiVersion,
    kind: template.kind,
    metadata,
    ...shared,
  };
  const hash = createHash('sha256')
    .update(stringifyJson(object as unknown as Json))
    .digest('base64url')
    .slice(0, 22);
  metadata.annotations[hashAnnotation] = hash;
  return { object, hash };
}

function divideSpec(spec: JsonObject, { identity, share, replicasOwned }: RenderInput): void {
  if (replicasOwned) delete spec['replicas'];
  else if (share.share !== undefined) {
    spec[dataKey(identity) === 'jobs.batch' ? 'parallelism' : 'replicas'] = share.share;
  }
  if (share.completions !== undefined) spec['completions'] = share.completions;
}

/**
 * The object without what a member allocates; `dropped` names what the user had set, as field
 * paths.
 */
export function withoutAllocated(
  type: { readonly group: string; readonly resource: string },
  object: JsonObject,
): { object: JsonObject; dropped: string[] } {
  const fields = allocatedFields[dataKey(type)];
  const dropped: string[] = [];
  if (fields === undefined || manualSelector(object)) return { object: { ...object }, dropped };
  let result: Json = { ...object };
  for (const field of fields) result = remove(result, field, { at: 0, trail: '', dropped });
  return { object: result as JsonObject, dropped };
}

function manualSelector(object: JsonObject): boolean {
  return isObject(object['spec']) && object['spec']['manualSelector'] === true;
}

interface Walk {
  readonly at: number;
  readonly trail: string;
  readonly dropped: string[];
}

/** Copies along the path only, so that siblings stay shared with the template. */
function remove(value: Json, field: AllocatedField, { at, trail, dropped }: Walk): Json {
  const step = field.path[at]!;
  if (step === '[]') {
    if (!Array.isArray(value)) return value;
    return value.map((item, i) =>
      remove(item, field, { at: at + 1, trail: `${trail}[${i}]`, dropped }),
    );
  }
  if (!isObject(value) || !Object.hasOwn(value, step)) return value;
  const here = trail === '' ? step : `${trail}.${step}`;
  const child = value[step]!;
  if (at < field.path.length - 1) {
    const next = remove(child, field, { at: at + 1, trail: here, dropped });
    if (next === child) return value;
    const { [step]: _child, ...rest } = value;
    // What holds nothing else was made for it.
    const bare = field.silent && isObject(next) && Object.keys(next).length === 0;
    return bare ? rest : { ...value, [step]: next };
  }
  if (field.unless?.(child)) return value;
  if (!field.silent && child !== null && child !== '' && child !== 0) dropped.push(here);
  const { [step]: _, ...rest } = value;
  return rest;
}
