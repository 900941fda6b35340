/**
 * Which part of a live copy is ours, read from its managedFields: what a new process knows of an
 * old one's writes.
 */

import { isObject, type Json, type JsonObject, type KubeObject } from '../kube/object.ts';
import { managersOf, managersThrough } from './copy-json.ts';

/** The field manager of every write into a member. */
export const fieldManager = 'ubernetes';

/**
 * The fields that we wrote, with their live values; lists that have owners per item keep only our
 * items.
 */
export function ownedPart(live: KubeObject): JsonObject {
  let owned: JsonObject = {};
  for (const entry of managersOf(live)) {
    if (entry.manager !== fieldManager || entry.subresource !== undefined) continue;
    const part = pick(live as unknown as Json, entry.fieldsV1 ?? {});
    if (isObject(part)) owned = { ...owned, ...part };
  }
  return owned;
}

function pick(value: Json, fields: JsonObject): Json {
  const steps = Object.entries(fields).filter(([step]) => step !== '.');
  if (steps.length === 0) return value;
  if (Array.isArray(value)) return pickItems(value, steps);
  if (!isObject(value)) return value;
  const part: JsonObject = {};
  for (const [step, below] of steps) {
    const field = step.startsWith('f:') ? step.slice(2) : undefined;
    if (field === undefined || !Object.hasOwn(value, field)) continue;
    part[field] = pick(value[field]!, isObject(below) ? below : {});
  }
  return part;
}

function pickItems(list: readonly Json[], steps: readonly (readonly [string, Json])[]): Json[] {
  const items: Json[] = [];
  for (const [step, below] of steps) {
    const fields = isObject(below) ? below : {};
    if (step.startsWith('v:')) items.push(JSON.parse(step.slice(2)) as Json);
    if (!step.startsWith('k:')) continue;
    const key = JSON.parse(step.slice(2)) as JsonObject;
    const item = list.find(
      (each) => isObject(each) && Object.entries(key).every(([name, v]) => each[name] === v),
    );
    if (item !== undefined) items.push(pick(item, { ...keyFields(key), ...fields }));
  }
  return items;
}

/** An item always has its keys, also when only some other field of it is ours. */
function keyFields(key: JsonObject): JsonObject {
  return Object.fromEntries(Object.keys(key).map((name) => [`f:${name}`, {}]));
}

export interface Change {
  readonly manager: string;
  /** RFC 3339. */
  readonly time: string;
}

/**
 * Who changed the object last besides us and its controllers' status writes; for the record of a
 * drift.
 */
export function lastChange(live: KubeObject): Change {
  const others = managersOf(live).filter(
    (entry) => entry.manager !== fieldManager && entry.subresource !== 'status',
  );
  const latest = others.sort((a, b) => ((a.time ?? '') < (b.time ?? '') ? 1 : -1))[0];
  return { manager: latest?.manager ?? 'unknown', time: latest?.time ?? '' };
}

/**
 * Whether the replicas of a live copy were last set through its scale subresource, as an autoscaler
 * does.
 */
export function replicasScaledBy(live: KubeObject): string | undefined {
  for (const entry of managersThrough(live, 'scale')) {
    const spec = entry.fieldsV1?.['f:spec'];
    if (isObject(spec) && Object.hasOwn(spec, 'f:replicas')) return entry.manager;
  }
  return undefined;
}
