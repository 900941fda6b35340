/** Strategic merge patch, driven by the patch strategies and merge keys of the schema. */
import { goText } from './go-text.ts';
import { deepEqual, setField, stringifyJson } from './json.ts';
import { isObject, type Json, type JsonObject, type KubeObject } from './object.ts';
import type { PatchMeta, SchemaNode, TypeSchema } from './schema.ts';
import { ApiError, badRequest } from './status.ts';
import {
  deleteFromList,
  directive,
  elementOrder,
  retainKeys,
  withoutDirectives,
  withoutNulls,
} from './strategic-directives.ts';
import { orderElements, sameElement } from './strategic-order.ts';
import { fieldNode, fieldOf } from './typed.ts';

export interface StrategicOptions {
  readonly schema: TypeSchema;
  readonly live: KubeObject;
  readonly patch: JsonObject;
}

/** Values that no schema describes are merged field by field, their lists replaced. */
type Node = SchemaNode | undefined;

/**
 * The patched object; `live` and `patch` are not changed. Decoding and defaults come after it.
 * @throws ApiError UnsupportedMediaType for custom kinds, BadRequest for malformed directives, 500
 * (as kube-apiserver)
 * for list elements without their merge key
 */
export function strategicMerge({ schema, live, patch }: StrategicOptions): KubeObject {
  if (!schema.native)
    throw new ApiError(
      'UnsupportedMediaType',
      'the body of the request was in an unknown format - accepted media types include: ' +
        'application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml',
    );
  return mergeMap(schema.root, live as unknown as JsonObject, patch) as unknown as KubeObject;
}

function mergeMap(node: Node, live: JsonObject, patch: JsonObject): JsonObject {
  const mode = patch[directive];
  if (mode !== undefined) {
    if (mode === 'delete') return {};
    if (mode !== 'replace') throw badPatchType(mode, patch);
    const { [directive]: _mode, ...fields } = patch;
    return fields;
  }
  const out = retained(live, patch);
  for (const name of Object.keys(patch))
    if (!name.startsWith('$')) mergeField({ node, out, patch, name });
  for (const name of Object.keys(patch)) {
    if (name.startsWith(elementOrder)) reorder({ node, out, patch, name }, live);
    else if (name.startsWith(deleteFromList)) deleteItems(out, patch, name);
  }
  return out;
}

interface FieldMerge {
  readonly node: Node;
  readonly out: JsonObject;
  readonly patch: JsonObject;
  readonly name: string;
}

function mergeField({ node, out, patch, name }: FieldMerge): void {
  const value = patch[name]!;
  if (value === null) {
    delete out[name];
    return;
  }
  const before = fieldOf(out, name);
  const type = fieldType(node, name);
  let after: Json | undefined;
  if (isObject(value) && isObject(before)) {
    const replace = type?.patch !== undefined && !type.patch.merge && !type.patch.retainKeys;
    after = replace ? value : mergeMap(type, before, value);
  } else if (Array.isArray(value) && Array.isArray(before)) after = mergeLists(type, before, value);
  else after = withoutDirectives(withoutNulls(value));
  if (after === undefined) delete out[name];
  else setField(out, name, after);
}

function fieldType(node: Node, name: string): Node {
  const map = node?.shape.map;
  return map === undefined ? undefined : fieldNode(map, name);
}

function deleteItems(out: JsonObject, patch: JsonObject, name: string): void {
  const field = name.slice(deleteFromList.length);
  const gone = patch[name]!;
  const before = fieldOf(out, field);
  if (!Array.isArray(gone) || !Array.isArray(before)) return;
  const left = before.filter((item) => !gone.some((one) => deepEqual(one, item)));
  setField(out, field, left);
}

function reorder({ node, out, patch, name }: FieldMerge, live: JsonObject): void {
  const field = name.slice(elementOrder.length);
  const order = patch[name]!;
  if (!Array.isArray(order)) throw badRequest('invalid patch format of setElementOrder list');
  if (patch[field] === null)
    throw serverError('expected a []interface {}, but received a %!s(<nil>)');
  const before = fieldOf(out, field);
  if (!Array.isArray(before)) return;
  const key = fieldType(node, field)?.patch?.mergeKey;
  const patched = fieldOf(patch, field);
  if (Array.isArray(patched)) checkOrder(patched, order, key);
  const stood = fieldOf(live, field);
  const server = Array.isArray(stood) ? stood : [];
  setField(out, field, orderElements({ items: before, order, server, key }));
}

/** The list of a patch must come in the order that the patch itself asks for. */
function checkOrder(
  patched: readonly Json[],
  order: readonly Json[],
  key: string | undefined,
): void {
  if (order.length === 0 || patched.length === 0) return;
  const items = patched.filter((item) => !isObject(item) || item[directive] === undefined);
  let at = 0;
  for (const one of order) if (at < items.length && sameElement(items[at]!, one, key)) at++;
  if (at === items.length) return;
  throw serverError(
    `The order in patch list:\n${goText([...patched])}\n doesn't match $setElementOrder list:\n${goText([...order])}\n`,
  );
}

/** A copy of the live object with only what $retainKeys keeps. */
function retained(live: JsonObject, patch: JsonObject): JsonObject {
  const keep = patch[retainKeys];
  if (keep === undefined) return { ...live };
  if (!Array.isArray(keep)) throw badRequest('invalid patch format of retainKeys');
  const kept = new Set(keep);
  for (const name of Object.keys(patch))
    if (!name.startsWith('$') && patch[name] !== null && !kept.has(name))
      throw badRequest('invalid patch format of retainKeys');
  const out: JsonObject = {};
  for (const name of Object.keys(live)) if (kept.has(name)) setField(out, name, live[name]!);
  return out;
}

function mergeLists(type: Node, live: readonly Json[], patch: Json[]): Json[] {
  const meta = type?.patch;
  if (meta?.merge !== true) return patch;
  if (live.length === 0 && patch.length === 0) return patch;
  const objects = [...live, ...patch].filter(isObject).length;
  if (objects !== 0 && objects !== live.length + patch.length)
    throw serverError('list element types are not identical');
  if (objects === 0) {
    const both = [...live, ...patch];
    const items = both.filter((item, i) => both.findIndex((one) => deepEqual(one, item)) === i);
    return orderElements({ items, order: patch, server: live, key: undefined });
  }
  if (meta.mergeKey === undefined) throw serverError('cannot merge lists without merge key');
  return mergeKeyed({
    meta,
    element: type?.shape.list?.element,
    live: live as readonly JsonObject[],
    patch: patch as readonly unknown[] as readonly JsonObject[],
  });
}

function mergeKeyed(merge: {
  readonly meta: PatchMeta;
  readonly element: Node;
  readonly live: readonly JsonObject[];
  readonly patch: readonly JsonObject[];
}): Json[] {
  const key = merge.meta.mergeKey!;
  const special = merge.patch.filter((item) => item[directive] !== undefined);
  const plain = merge.patch.filter((item) => item[directive] === undefined);
  let out: JsonObject[] = [...merge.live];
  for (const item of special) {
    const mode = item[directive]!;
    if (mode === 'merge') throw serverError('merging lists cannot yet be specified in the patch');
    if (mode !== 'delete' && mode !== 'replace') throw badPatchType(mode, item);
    if (mode === 'delete') {
      const name = keyOf(item, key);
      out = out.filter((one) => !deepEqual(fieldOf(one, key), name));
    }
  }
  if (special.some((item) => item[directive] === 'replace')) return plain;
  const server = out;
  out = [...server];
  for (const item of plain) {
    const name = keyOf(item, key);
    const at = out.findIndex((one) => deepEqual(fieldOf(one, key), name));
    if (at < 0) out.push(item);
    else out[at] = mergeMap(merge.element, out[at]!, item);
  }
  return orderElements({ items: out, order: plain, server, key });
}

function keyOf(item: JsonObject, key: string): Json {
  const name = fieldOf(item, key);
  if (name !== undefined) return name;
  throw serverError(`map: ${stringifyJson(item)} does not contain declared merge key: ${key}`);
}

function badPatchType(mode: Json, patch: JsonObject): ApiError {
  return serverError(`Unknown patch type: ${String(mode)} in map: ${stringifyJson(patch)}`);
}

/** 500 without a reason: kube-apiserver has no better word for these. */
function serverError(message: string): ApiError {
  const error = new ApiError('InternalError', message.slice(0, 2000));
  error.status.reason = '';
  return error;
}
