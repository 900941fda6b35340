/**
 * Merge patches (RFC 7386), as kube-apiserver applies them, and the three-way kind that leaves
 * others' fields alone.
 */
import { deepEqual, goKind, MalformedJsonError, parseJson, setField } from './json.ts';
import type { Json, JsonObject } from './object.ts';
import { isObject } from './object.ts';
import { badRequest } from './status.ts';

export interface ParsedMergePatch {
  readonly patch: JsonObject;
  /** Fields named twice, as strict decoding words them. */
  readonly problems: string[];
}

/** A request's merge patch. @throws ApiError (400) when it is no JSON object */
export function parseMergePatch(body: Buffer | string): ParsedMergePatch {
  const { value, problems } = parsePatchBody(body);
  if (value === null) throw badRequest('Invalid JSON Patch');
  if (!isObject(value)) {
    const into = 'Go value of type map[string]interface {}';
    throw badRequest(`error decoding patch: json: cannot unmarshal ${goKind(value)} into ${into}`);
  }
  return { patch: value, problems };
}

/** The JSON of a patch body. @throws ApiError (400) `invalid JSON patch` */
export function parsePatchBody(body: Buffer | string): { value: Json; problems: string[] } {
  try {
    return parseJson(body, { duplicates: 'report' });
  } catch (error) {
    throw error instanceof MalformedJsonError ? badRequest('invalid JSON patch') : error;
  }
}

/**
 * The target with the patch merged in; neither is changed, and what the patch leaves alone is
 * shared.
 */
export function applyMergePatch(target: JsonObject, patch: JsonObject): JsonObject {
  const merged: JsonObject = { ...target };
  for (const key of Object.keys(patch)) {
    const change = patch[key]!;
    if (change === null) {
      delete merged[key];
      continue;
    }
    const current = Object.hasOwn(target, key) ? target[key] : undefined;
    if (!isObject(current)) setField(merged, key, withoutNulls(change));
    else setField(merged, key, isObject(change) ? applyMergePatch(current, change) : change);
  }
  return merged;
}

/**
 * A value as a patch adds it: null fields of objects go, in lists too (nulls that are list items
 * stay).
 */
function withoutNulls(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isObject(value)) return value;
  const kept: JsonObject = {};
  for (const key of Object.keys(value))
    if (value[key] !== null) setField(kept, key, withoutNulls(value[key]!));
  return kept;
}

/**
 * The merge patch from `original` to `modified`, or undefined when they are equal. A null field
 * counts as absent: a merge patch cannot set one.
 */
export function createMergePatch(
  original: JsonObject,
  modified: JsonObject,
): JsonObject | undefined {
  const patch = changes(original, modified);
  for (const key of Object.keys(original))
    if (present(original, key) && !present(modified, key)) setField(patch, key, null);
  for (const key of Object.keys(modified)) {
    const before = field(original, key);
    const after = field(modified, key);
    if (before === after || !isObject(before) || !isObject(after)) continue;
    const inner = createMergePatch(before, after);
    if (inner !== undefined) setField(patch, key, inner);
  }
  return orUndefined(patch);
}

/** What `to` has otherwise than `from`, fields of objects that both have left out. */
function changes(from: JsonObject, to: JsonObject): JsonObject {
  const patch: JsonObject = {};
  for (const key of Object.keys(to)) {
    const after = field(to, key);
    const before = field(from, key);
    if (before === after || after === undefined) continue;
    if (isObject(before) && isObject(after)) continue;
    if (!deepEqual(before, after)) setField(patch, key, after);
  }
  return patch;
}

function field(object: JsonObject, key: string): Json | undefined {
  const value = Object.hasOwn(object, key) ? object[key] : undefined;
  return value === null ? undefined : value;
}

function present(object: JsonObject, key: string): boolean {
  return field(object, key) !== undefined;
}

function orUndefined(patch: JsonObject): JsonObject | undefined {
  return Object.keys(patch).length === 0 ? undefined : patch;
}

/**
 * The merge patch that makes `live` carry `desired`: what `lastWritten` had and `desired` has no
 * more is deleted, what others added to `live` stays, lists are replaced whole. Undefined when
 * there is nothing to do. An object that we emptied is deleted only when nobody else put something
 * in it.
 */
export function threeWayMergePatch(
  lastWritten: JsonObject,
  desired: JsonObject,
  live: JsonObject,
): JsonObject | undefined {
  const patch = changes(live, desired);
  for (const key of Object.keys(desired)) {
    const inLive = field(live, key);
    const wanted = field(desired, key);
    if (!isObject(inLive) || !isObject(wanted)) continue;
    const before = field(lastWritten, key);
    const inner = threeWayMergePatch(isObject(before) ? before : {}, wanted, inLive);
    if (inner !== undefined) setField(patch, key, inner);
  }
  for (const key of Object.keys(lastWritten)) {
    const before = field(lastWritten, key);
    const inLive = field(live, key);
    if (before === undefined || inLive === undefined || present(desired, key)) continue;
    const removal = removalOf(before, inLive);
    if (removal !== undefined) setField(patch, key, removal);
  }
  return orUndefined(patch);
}

/**
 * What takes `written` out of `live`: null for all of it, a patch for our part, undefined for
 * nothing.
 */
function removalOf(written: Json, live: Json): JsonObject | null | undefined {
  if (!isObject(written) || !isObject(live)) return null;
  const patch: JsonObject = {};
  let othersRemain = false;
  for (const key of Object.keys(live)) {
    const inLive = field(live, key);
    if (inLive === undefined) continue;
    const ours = field(written, key);
    const removal = ours === undefined ? undefined : removalOf(ours, inLive);
    if (removal !== null) othersRemain = true;
    if (removal !== undefined) setField(patch, key, removal);
  }
  return othersRemain ? orUndefined(patch) : null;
}
