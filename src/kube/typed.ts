/**
 * Values seen through their schema: which form a value takes, and what names an element of a list.
 */
import { isObject, type Json, type JsonObject } from './object.ts';
import { describeValue, keyElement, singleKeyElement, valueElement } from './path-element.ts';
import type { ListShape, MapShape, SchemaNode, Shape } from './schema.ts';

/** Whether objects here are owned and replaced as a whole. */
export function isAtomicMap(node: SchemaNode): boolean {
  return node.atomic ?? node.shape.map?.atomic ?? false;
}

/** Whether values are points in time, which Go holds as structs of their own. */
export function isTime({ definition }: Pick<Shape, 'definition'>): boolean {
  return definition?.endsWith('.Time') === true || definition?.endsWith('.MicroTime') === true;
}

export type FormKind = 'map' | 'list' | 'scalar';

/**
 * Which form a value takes at a node; null and misfits take the node's first form: map, scalar,
 * list.
 */
export function formOf(node: SchemaNode, value: Json | undefined): FormKind {
  const { map, scalar, list } = node.shape;
  if (value !== null && value !== undefined) {
    if (typeof value !== 'object') {
      if (scalar !== undefined) return 'scalar';
    } else if (Array.isArray(value)) {
      if (list !== undefined) return 'list';
    } else if (map !== undefined) return 'map';
  }
  if (map !== undefined) return 'map';
  return scalar !== undefined ? 'scalar' : 'list';
}

/** The node of a field, declared or not; undefined for an unknown field. */
export function fieldNode(map: MapShape, name: string): SchemaNode | undefined {
  return map.fields.get(name) ?? map.element;
}

/** An own field that is there; undefined otherwise. */
export function fieldOf(object: JsonObject, name: string): Json | undefined {
  const value = object[name];
  return value !== undefined && Object.hasOwn(object, name) ? value : undefined;
}

/** What structured-merge-diff complains about; `path` as it prints paths. */
export class TypedError extends Error {
  override readonly name = 'TypedError';
}

/**
 * What names an element of a set or keyed list.
 * @throws TypedError for an element that cannot be named
 */
export function elementOf(list: ListShape, item: Json): string {
  if (list.relation === 'set') return setElement(item);
  if (item === null) throw new TypedError('associative list with keys may not have a null element');
  if (!isObject(item))
    throw new TypedError('associative list with keys may not have non-map elements');
  const [only] = list.keys;
  const known = list.keys.length === 1 ? fieldOf(item, only!) : undefined;
  if (known !== undefined) return singleKeyElement(only!, known);
  const keys: [string, Json][] = [];
  for (const name of list.keys) {
    const value = fieldOf(item, name) ?? list.element.shape.map?.fields.get(name)?.default;
    if (value !== undefined) keys.push([name, value]);
  }
  if (keys.length === 0) {
    const names = list.keys.map(describeValue).join(' ');
    throw new TypedError(
      `associative list with keys has an element that omits all key fields [${names}] ` +
        "(and doesn't have default values for any key fields)",
    );
  }
  return keyElement(keys);
}

function setElement(item: Json): string {
  if (item === null)
    throw new TypedError("associative list without keys has an element that's an explicit null");
  if (Array.isArray(item))
    throw new TypedError('not supported: associative list with lists as elements');
  if (isObject(item))
    throw new TypedError("associative list without keys has an element that's a map type");
  return valueElement(item);
}
