/** The field set of a value: every leaf and element that it mentions. */
import { FieldSet } from './field-set.ts';
import { isObject, type Json, type JsonObject } from './object.ts';
import { fieldElement } from './path-element.ts';
import type { ListShape, SchemaNode } from './schema.ts';
import { elementOf, fieldNode, fieldOf, formOf, isAtomicMap } from './typed.ts';

/** @throws TypedError when an element of a list cannot be named */
export function fieldsOf(node: SchemaNode, value: Json): FieldSet {
  const form = formOf(node, value);
  if (form === 'scalar') return FieldSet.leaf;
  if (form === 'list') {
    const list = node.shape.list!;
    if (list.relation === 'atomic') return FieldSet.leaf;
    return Array.isArray(value) ? listFields(list, value) : FieldSet.empty;
  }
  if (isAtomicMap(node)) return FieldSet.leaf;
  return isObject(value) ? mapFields(node, value) : FieldSet.empty;
}

function mapFields(node: SchemaNode, value: JsonObject): FieldSet {
  const map = node.shape.map!;
  const children = new Map<string, FieldSet>();
  for (const name of Object.keys(value)) {
    const field = fieldOf(value, name);
    const type = fieldNode(map, name);
    if (field === undefined || type === undefined) continue;
    const inner = fieldsOf(type, field);
    const owned = field === null || isEmptyObject(field) || !map.fields.has(name);
    const set = owned ? FieldSet.of(true, inner.children) : inner;
    if (!set.isEmpty) children.set(fieldElement(name), set);
  }
  return FieldSet.of(false, children);
}

function isEmptyObject(value: Json): boolean {
  return isObject(value) && Object.keys(value).length === 0;
}

/** Elements that occur twice are owned as a whole: nobody can tell them apart. */
function listFields(list: ListShape, items: readonly Json[]): FieldSet {
  const children = new Map<string, FieldSet>();
  const seen = new Set<string>();
  for (const item of items) {
    const element = elementOf(list, item);
    if (seen.has(element)) {
      children.set(element, FieldSet.leaf);
      continue;
    }
    seen.add(element);
    children.set(element, FieldSet.of(true, fieldsOf(list.element, item).children));
  }
  return FieldSet.of(false, children);
}

/**
 * The set with every declared field that has something below it as a member, too:
 * `a.b.c` also owns `a` when `a` is declared. Elements of maps are left as they are.
 */
export function withNamedFields(set: FieldSet, node: SchemaNode | undefined): FieldSet {
  if (set.children.size === 0) return set;
  const { map, list } = node?.shape ?? {};
  const children = new Map<string, FieldSet>();
  for (const [element, child] of set.children) {
    let type: SchemaNode | undefined;
    let named = false;
    if (element.startsWith('f:')) {
      const name = element.slice(2);
      named = map?.fields.has(name) ?? false;
      type = map === undefined ? undefined : fieldNode(map, name);
    } else if (element.startsWith('k:')) type = list?.element;
    const inner = withNamedFields(child, type);
    children.set(element, named ? FieldSet.of(true, inner.children) : inner);
  }
  return FieldSet.of(set.member, children);
}
