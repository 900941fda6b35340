/** What kubectl's annotation of client-side apply lets an apply take over, and its upkeep. */
import type { FieldSet } from './field-set.ts';
import { parseJson, stringifyJson } from './json.ts';
import { withoutManagedFields } from './managed-fields.ts';
import { isObject, type Json, type KubeObject } from './object.ts';
import { apiVersionOf } from './resource.ts';
import type { TypeSchema } from './schema.ts';
import { typedProblems } from './typed-check.ts';
import { compareTyped } from './typed-compare.ts';
import { fieldsOf } from './typed-fields.ts';

const lastAppliedKey = 'kubectl.kubernetes.io/last-applied-configuration';
const maxAnnotationBytes = 256 * 1024;

/** What client-side apply wrote and nobody has changed since; undefined without its annotation. */
export function lastAppliedFields(
  schema: TypeSchema,
  live: KubeObject | undefined,
): FieldSet | undefined {
  const text = live?.metadata.annotations?.[lastAppliedKey];
  if (live === undefined || !text) return undefined;
  const { root, native } = schema;
  try {
    const applied = parseJson(text).value;
    if (!isObject(applied) || applied.apiVersion !== apiVersionOf(schema)) return undefined;
    if (typedProblems(root, applied).length > 0) return undefined;
    const after = withoutManagedFields(live);
    const change = compareTyped({ node: root, before: applied, after, native });
    const set = fieldsOf(root, applied);
    return set.difference(change.modified).difference(change.added).difference(change.removed);
  } catch {
    return undefined;
  }
}

/**
 * kubectl's annotation follows what kubectl applies, so that a later client-side apply knows it.
 */
export function syncLastApplied(
  object: KubeObject,
  options: { readonly manager: string; readonly patch: KubeObject },
): KubeObject {
  const { annotations } = object.metadata;
  if (options.manager !== 'kubectl' || !annotations?.[lastAppliedKey]) return object;
  const { [lastAppliedKey]: _old, ...others } = annotations;
  const { annotations: patched, ...metadata } = options.patch.metadata ?? {};
  const { [lastAppliedKey]: _sent, ...kept } = patched ?? {};
  const config = {
    ...options.patch,
    metadata: { ...(Object.keys(kept).length > 0 ? { annotations: kept } : {}), ...metadata },
  };
  const text = `${stringifyJson(sortedKeys(config as unknown as Json))}\n`;
  const size = Object.entries(others).reduce(
    (sum, [key, value]) => sum + key.length + value.length,
    0,
  );
  const fits = size + lastAppliedKey.length + Buffer.byteLength(text) <= maxAnnotationBytes;
  const next = fits ? { ...others, [lastAppliedKey]: text } : others;
  return { ...object, metadata: { ...object.metadata, annotations: next } };
}

/** Go writes the fields of maps in order. */
function sortedKeys(value: Json): Json {
  if (Array.isArray(value)) return value.map(sortedKeys);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sortedKeys(value[key]!)]),
  );
}
