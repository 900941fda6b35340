/**
 * Copies of one template are nearly alike in every cluster, and nearly as they were written: what
 * is equal is kept once.
 */
import { setField } from '../kube/json.ts';
import { isObject, type Json, type JsonObject } from '../kube/object.ts';

/**
 * Puts parts of `known` where `value` has equal ones, in place, and returns `known` itself when all
 * is equal. `value` was parsed just now and nobody else changes it.
 */
export function shareParts(value: Json, known: Json | undefined): Json {
  if (value === known) return known;
  if (Array.isArray(value)) return Array.isArray(known) ? shareItems(value, known) : value;
  return isObject(value) && isObject(known) ? shareFields(value, known) : value;
}

function shareItems(value: Json[], known: Json[]): Json[] {
  let same = value.length === known.length;
  for (let i = 0; i < value.length; i++) {
    const shared = shareParts(value[i]!, known[i]);
    value[i] = shared;
    if (shared !== known[i]) same = false;
  }
  return same ? known : value;
}

function shareFields(value: JsonObject, known: JsonObject): JsonObject {
  // From a server in this process: held once by itself, and not to be changed.
  if (Object.isFrozen(value)) return value;
  let same = true;
  let fields = 0;
  for (const field in value) {
    fields++;
    const other = Object.hasOwn(known, field) ? known[field] : undefined;
    const own = value[field]!;
    const shared = shareParts(own, other);
    if (shared !== own || typeof own === 'string') setField(value, field, shared);
    if (shared !== other) same = false;
  }
  for (const _ in known) fields--;
  return same && fields === 0 ? known : value;
}
