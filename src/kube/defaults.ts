/** Fills in what a client left out: defaults that the schema declares, and recorded ones of native kinds. */
import { setField } from './json.ts';
import { isObject, type Json, type JsonObject, type KubeObject } from './object.ts';
import { recordedDefaults } from './recorded-defaults.ts';
import type { SchemaNode, TypeSchema } from './schema.ts';
import { fieldOf } from './typed.ts';

/**
 * Returns the object itself when nothing is missing, else a copy that shares what did not change.
 * Declared defaults are applied below objects that are there, and below those that a default brought in.
 */
export function applyDefaults(schema: TypeSchema, object: KubeObject): KubeObject {
  const declared = fill(schema.root, object as unknown as Json);
  return recordedDefaults(schema, declared as unknown as KubeObject);
}

function fill(node: SchemaNode, value: Json): Json {
  if (Array.isArray(value)) return fillItems(node, value);
  return isObject(value) ? fillFields(node, value) : value;
}

function fillFields(node: SchemaNode, object: JsonObject): JsonObject {
  const map = node.shape.map;
  if (map === undefined || !hasDefaults(node)) return object;
  let out: JsonObject | undefined;
  const set = (name: string, value: Json): void => {
    out ??= { ...object };
    setField(out, name, value);
  };
  for (const [name, type] of map.fields) {
    const value = fieldOf(object, name);
    if (value === undefined || (value === null && !type.nullable)) {
      if (type.default !== undefined) set(name, fill(type, type.default));
    } else if (typeof value === 'object') {
      const filled = fill(type, value);
      if (filled !== value) set(name, filled);
    }
  }
  if (map.element !== undefined && hasDefaults(map.element))
    for (const name of Object.keys(object)) {
      if (map.fields.has(name)) continue;
      const value = fieldOf(object, name);
      const filled = value === undefined ? value : fill(map.element, value);
      if (filled !== undefined && filled !== value) set(name, filled);
    }
  return out ?? object;
}

function fillItems(node: SchemaNode, items: Json[]): Json {
  const element = node.shape.list?.element;
  if (element === undefined || !hasDefaults(element)) return items;
  let out: Json[] | undefined;
  for (let i = 0; i < items.length; i++) {
    const filled = fill(element, items[i]!);
    if (filled === items[i]) continue;
    out ??= [...items];
    out[i] = filled;
  }
  return out ?? items;
}

/** Whether anything at or below a node has a default; most of a schema has none and need not be walked. */
const known = new WeakMap<object, boolean>();

function hasDefaults(node: SchemaNode): boolean {
  const { shape } = node;
  const answer = known.get(shape);
  if (answer !== undefined) return answer;
  known.set(shape, true);
  const inner = [
    ...(shape.map?.fields.values() ?? []),
    ...(shape.map?.element ? [shape.map.element] : []),
    ...(shape.list ? [shape.list.element] : []),
  ];
  const has = inner.some((one) => one.default !== undefined || hasDefaults(one));
  known.set(shape, has);
  return has;
}
