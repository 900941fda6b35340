/** The scale subresource: an autoscaling/v1 Scale made of three fields of the object, and back. */

import { isObject, type JsonObject, type KubeObject, valueAt } from '../../kube/object.ts';
import { formatLabelSelector, labelSelectorFrom } from '../../kube/selector.ts';
import { ApiError, badRequest, invalid } from '../../kube/status.ts';
import { itemOfObject, type StoredItem } from './item.ts';
import type { ScalePaths } from './type-facts.ts';
import type { Candidate } from './writes.ts';

export const scaleApiVersion = 'autoscaling/v1';

/** As scaleOf. @throws ApiError 500 when a custom object says nothing of its replicas */
export function readScale(item: StoredItem, paths: ScalePaths): StoredItem {
  if (paths.custom === true && valueAt(item.object(), ...paths.specReplicas) === undefined)
    throw noReplicas(paths);
  return scaleOf(item, paths);
}

export function scaleOf(item: StoredItem, paths: ScalePaths): StoredItem {
  return itemOfObject(scaleObject(item.object(), paths), item.resourceVersion);
}

/** Without metadata.resourceVersion: an item carries it beside. */
function scaleObject(object: KubeObject, paths: ScalePaths): KubeObject {
  const { name, namespace, uid, creationTimestamp } = object.metadata;
  const metadata = Object.fromEntries(
    Object.entries({ name, namespace, uid, creationTimestamp }).filter(([, v]) => v !== undefined),
  );
  const selector = paths.selector && selectorText(valueAt(object, ...paths.selector));
  const specReplicas = valueAt(object, ...paths.specReplicas);
  return {
    apiVersion: scaleApiVersion,
    kind: 'Scale',
    metadata,
    // Go leaves a zero out here, as it does not in a Deployment.
    spec: specReplicas ? { replicas: specReplicas } : {},
    status: {
      replicas: valueAt(object, ...paths.statusReplicas) ?? 0,
      ...(selector === undefined ? {} : { selector }),
    },
  };
}

function noReplicas({ specReplicas }: ScalePaths): ApiError {
  const why = `the spec replicas field ".${specReplicas.join('.')}" does not exist`;
  return new ApiError('InternalError', `Internal error occurred: ${why}`, {
    details: { causes: [{ message: why }] },
  });
}

/** A Scale as a client sees it, to patch. */
export function scaleDocument(object: KubeObject, paths: ScalePaths): JsonObject {
  const scale = scaleObject(object, paths);
  const { resourceVersion } = object.metadata;
  return { ...scale, metadata: { ...scale.metadata, resourceVersion } } as unknown as JsonObject;
}

function selectorText(selector: unknown): string | undefined {
  if (typeof selector === 'string') return selector;
  if (!isObject(selector)) return undefined;
  const isMap = Object.values(selector).every((value) => typeof value === 'string');
  return formatLabelSelector(labelSelectorFrom(isMap ? { matchLabels: selector } : selector));
}

/** The object with the replicas of a Scale that a client sent. @throws ApiError 400, 422 */
export function withScale(old: KubeObject, sent: unknown, paths: ScalePaths): Candidate {
  const scale = sent as Partial<KubeObject>;
  if ((scale.kind ?? 'Scale') !== 'Scale')
    throw badRequest(`${String(scale.kind)} cannot be handled as a Scale`);
  const replicas = valueAt(scale, 'spec', 'replicas') ?? 0;
  const name = old.metadata.name ?? '';
  if (typeof replicas !== 'number' || !Number.isInteger(replicas))
    throw new ApiError(
      'BadRequest',
      'Scale in version "v1" cannot be handled as a Scale: spec.replicas must be an integer',
    );
  // What is wrong for a custom kind is found when its object is validated.
  if (paths.custom !== true && (replicas < 0 || replicas > 2 ** 31 - 1))
    throw invalid({ group: 'autoscaling', kind: 'Scale' }, name, [
      {
        reason: 'FieldValueInvalid',
        message: `Invalid value: ${replicas}: must be greater than or equal to 0`,
        field: 'spec.replicas',
      },
    ]);
  const { uid, resourceVersion } = scale.metadata ?? {};
  const metadata = {
    ...old.metadata,
    ...(uid ? { uid } : {}),
    ...(resourceVersion ? { resourceVersion } : {}),
  };
  return { object: withValue({ ...old, metadata }, paths.specReplicas, replicas) as KubeObject };
}

/** A copy with one field set; objects on the way are copied, missing ones made. */
function withValue(value: unknown, path: readonly string[], leaf: number): unknown {
  const [field, ...rest] = path;
  if (field === undefined) return leaf;
  const object = isObject(value) ? value : {};
  return { ...object, [field]: withValue(object[field], rest, leaf) };
}
