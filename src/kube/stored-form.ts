/** Native kinds as they come out of kube-apiserver's store: protobuf knows no empty list. */
import { setField } from './json.ts';
import { isObject, type Json, type JsonObject, type KubeObject } from './object.ts';
import type { SchemaNode, Shape, TypeSchema } from './schema.ts';

/** Servers of their own inside kube-apiserver, which store JSON. */
const storedAsJson: ReadonlySet<string> = new Set(['apiextensions.k8s.io']);

/**
 * Empty lists and maps that Go writes in any case become null; those that it leaves out are gone
 * since decoding. The object itself when there are none.
 */
export function storedForm(schema: TypeSchema, object: KubeObject): KubeObject {
  if (!schema.native || storedAsJson.has(schema.group)) return object;
  return emptied(schema.root, object as unknown as Json) as unknown as KubeObject;
}

function emptied(node: SchemaNode, value: Json): Json {
  if (!mayBeEmpty(node.shape)) return value;
  if (Array.isArray(value)) {
    const { element } = node.shape.list!;
    const items = value.map((item) => emptied(element, item));
    return items.some((item, i) => item !== value[i]) ? items : value;
  }
  return isObject(value) ? fields(node.shape, value) : value;
}

function fields({ map }: Shape, object: JsonObject): JsonObject {
  let out = object;
  for (const name of Object.keys(object)) {
    const value = object[name]!;
    const type = map?.fields.get(name) ?? map?.element;
    if (type === undefined || typeof value !== 'object' || value === null) continue;
    const after = type.go === 'always' && isEmpty(type, value) ? null : emptied(type, value);
    if (after === value) continue;
    if (out === object) out = { ...object };
    setField(out, name, after);
  }
  return out;
}

function isEmpty({ shape }: SchemaNode, value: Json): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return isMap(shape) && isObject(value) && Object.keys(value).length === 0;
}

/** A map of Go, not a value of any kind (RawExtension). */
function isMap({ map, definition }: Shape): boolean {
  return map?.element !== undefined && map.fields.size === 0 && definition === undefined;
}

const known = new WeakMap<Shape, boolean>();

/** Whether there is such a list at or below a shape. */
function mayBeEmpty(shape: Shape): boolean {
  const answer = known.get(shape);
  if (answer !== undefined) return answer;
  known.set(shape, false);
  const inner = [
    ...(shape.map?.fields.values() ?? []),
    ...(shape.map?.element ? [shape.map.element] : []),
    ...(shape.list ? [shape.list.element] : []),
  ];
  const has = inner.some(
    (node) =>
      (node.go === 'always' && (node.shape.list !== undefined || isMap(node.shape))) ||
      mayBeEmpty(node.shape),
  );
  known.set(shape, has);
  return has;
}
