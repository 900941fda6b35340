/** The directives of strategic merge patches, and values freed of them. */
import { setField } from './json.ts';
import { isObject, type Json, type JsonObject } from './object.ts';

/** `$patch: replace`, `delete` or `merge`. */
export const directive = '$patch';
/** The fields that stay; all others go. */
export const retainKeys = '$retainKeys';
/** `$deleteFromPrimitiveList/finalizers: […]`. */
export const deleteFromList = '$deleteFromPrimitiveList/';
/** `$setElementOrder/containers: […]`. */
export const elementOrder = '$setElementOrder/';

/**
 * A value that is new on the server; undefined when it is itself a directive. As in kube-apiserver,
 * the other directives stay in it and are unknown fields.
 */
export function withoutDirectives(value: Json): Json | undefined {
  if (Array.isArray(value))
    return value.map(withoutDirectives).filter((item) => item !== undefined);
  if (!isObject(value)) return value;
  if (value[directive] !== undefined) return undefined;
  const out: JsonObject = {};
  for (const name of Object.keys(value)) {
    const field = withoutDirectives(value[name]!);
    if (field !== undefined) setField(out, name, field);
  }
  return out;
}

/**
 * Nulls delete: where there is nothing to delete they mean nothing. Null elements of lists stay.
 */
export function withoutNulls(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isObject(value)) return value;
  const out: JsonObject = {};
  for (const name of Object.keys(value))
    if (value[name] !== null) setField(out, name, withoutNulls(value[name]!));
  return out;
}
