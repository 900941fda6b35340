/** The pure part of a write: from a decoded body to the object as it is to be stored. */
import { nameSuffix, type Random, uuid } from '../../base/random.ts';
import { deepEqual } from '../../kube/json.ts';
import type { KubeObject, ObjectMeta } from '../../kube/object.ts';
import { quoteGo } from '../../kube/quote.ts';
import { apiVersionOf, type ResourceType } from '../../kube/resource.ts';
import { badRequest } from '../../kube/status.ts';
import { formatTime } from '../../kube/time.ts';
import type { ObjectRef } from '../backend.ts';
import { isPodPart, withPodPart } from './pod-parts.ts';
import { hasSubresource } from './type-facts.ts';
import {
  countsAnnotations,
  countsLabels,
  empties,
  hasGeneration,
  nextGeneration,
} from './type-rules.ts';
import { statusChanges } from './write-rules.ts';

/** As kube-apiserver: a generated name keeps this much of generateName. */
const generatedBaseMax = 58;

/** Refuses a body of another type, and fills in what it leaves out. @throws ApiError 400 */
export function withTypeMeta(object: KubeObject, type: ResourceType): KubeObject {
  const expected = apiVersionOf(type);
  const { apiVersion = '', kind = '' } = object as Partial<KubeObject>;
  if (apiVersion !== '' && apiVersion !== expected)
    throw badRequest(
      `the API version in the data (${apiVersion}) does not match the expected API version (${expected})`,
    );
  if (kind !== '' && kind !== type.kind)
    throw badRequest(
      `${kind} in version ${JSON.stringify(type.version)} cannot be handled as a ${type.kind}: ` +
        `no kind ${quoteGo(String(kind))} is registered for version ${JSON.stringify(expected)} here`,
    );
  if (apiVersion !== '' && kind !== '') return object;
  return { ...object, apiVersion: expected, kind: type.kind };
}

/**
 * Metadata with the namespace and name of the request's path. @throws ApiError 400 when they differ
 */
export function withRef(meta: ObjectMeta | undefined, ref: ObjectRef): ObjectMeta {
  const { namespace = '', name = '' } = meta ?? {};
  if (namespace !== '' && namespace !== ref.namespace) {
    if (ref.type.namespaced)
      throw badRequest(
        'the namespace of the provided object does not match the namespace sent on the request',
      );
    // As kube-apiserver: cluster-scoped objects lose a namespace without complaint.
  }
  if (ref.name !== '' && name !== '' && name !== ref.name)
    throw badRequest(
      `the name of the object (${name}) does not match the name on the URL (${ref.name})`,
    );
  const { namespace: _namespace, ...rest } = meta ?? {};
  const named = ref.name === '' ? rest : { ...rest, name: ref.name };
  return ref.namespace === '' ? named : { ...named, namespace: ref.namespace };
}

/** The metadata of a new object; its name may still have to be generated. */
export function newMeta(
  meta: ObjectMeta,
  { type, random, now }: { type: ResourceType; random: Random; now: number },
): ObjectMeta {
  const {
    uid: _uid,
    resourceVersion = '',
    generation: _generation,
    creationTimestamp: _created,
    deletionTimestamp: _deleted,
    deletionGracePeriodSeconds: _grace,
    ...rest
  } = meta;
  if (resourceVersion !== '' && resourceVersion !== '0')
    throw badRequest('resourceVersion should not be set on objects to be created');
  return {
    ...rest,
    uid: uuid(random),
    ...(hasGeneration(type) ? { generation: 1 } : {}),
    creationTimestamp: formatTime(now),
  };
}

/** A name for an object that has generateName only. */
export function generatedName(meta: ObjectMeta, random: Random): string | undefined {
  if (meta.name || !meta.generateName) return undefined;
  return meta.generateName.slice(0, generatedBaseMax) + nameSuffix(random);
}

/** What an update may not touch comes from the stored object; resourceVersion is left out. */
export function updatedMeta(meta: ObjectMeta, old: ObjectMeta): ObjectMeta {
  const {
    resourceVersion: _version,
    uid: _uid,
    generation: _generation,
    creationTimestamp: _created,
    deletionTimestamp: _deleted,
    deletionGracePeriodSeconds: _grace,
    ...rest
  } = meta;
  const { uid, generation, creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds } = old;
  const kept = {
    uid,
    generation,
    creationTimestamp,
    deletionTimestamp,
    deletionGracePeriodSeconds,
  };
  const present = Object.entries(kept).filter(([, value]) => value !== undefined);
  return { ...rest, ...Object.fromEntries(present) };
}

/** The part of an update that its endpoint may write; the rest comes from the stored object. */
export function splitBySubresource(
  candidate: KubeObject,
  old: KubeObject,
  { type, subresource, native }: { type: ResourceType; subresource: string; native: boolean },
): KubeObject {
  if (subresource === '' || subresource === 'scale') {
    if (!hasSubresource(type, 'status')) return candidate;
    const { status: _status, ...rest } = candidate;
    return old['status'] === undefined
      ? (rest as KubeObject)
      : { ...candidate, status: old['status'] };
  }
  // The registry's own word.
  if (subresource === 'binding') return candidate;
  if (isPodPart(subresource)) return withPodPart(candidate, old, subresource);
  if (subresource === 'finalize')
    return { ...old, metadata: candidate.metadata, spec: candidate['spec'] };
  const metadata: ObjectMeta = { ...old.metadata };
  for (const part of [...statusChanges(type, native), 'managedFields'] as const) {
    const written = candidate.metadata[part];
    if (written === undefined) delete metadata[part];
    else Object.assign(metadata, { [part]: written });
  }
  const { status: _status, ...rest } = old;
  const status = candidate['status'];
  return status === undefined
    ? ({ ...rest, metadata } as KubeObject)
    : ({ ...rest, metadata, status } as KubeObject);
}

/**
 * Raises the generation when something changed that the controllers of the type act upon. `sent`:
 * what came, before it was decoded.
 */
export function withGeneration(
  object: KubeObject,
  old: KubeObject,
  { type, sent }: { readonly type: ResourceType; readonly sent: KubeObject },
): KubeObject {
  const generation = nextGeneration(type, old.metadata);
  if (generation === old.metadata.generation) return object;
  const same =
    !empties(type, sent, old) &&
    sameSpec(object, old) &&
    (hasSubresource(type, 'status') || deepEqual(object['status'], old['status'])) &&
    (!countsAnnotations(type) || sameAnnotations(object, old)) &&
    (!countsLabels(type) || deepEqual(object.metadata.labels ?? {}, old.metadata.labels ?? {}));
  if (same) return object;
  return { ...object, metadata: { ...object.metadata, generation: generation! } };
}

function sameAnnotations({ metadata }: KubeObject, old: KubeObject): boolean {
  return deepEqual(metadata.annotations ?? {}, old.metadata.annotations ?? {});
}

function sameSpec(object: KubeObject, old: KubeObject): boolean {
  const { metadata: _a, status: _b, apiVersion: _c, ...spec } = object;
  const { metadata: _d, status: _e, apiVersion: _f, ...oldSpec } = old;
  return deepEqual(spec, oldSpec);
}
