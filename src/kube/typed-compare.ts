/** What changed between two values of one type, as three field sets. */
import { type FieldSet, FieldSetBuilder } from './field-set.ts';
import { deepEqual } from './json.ts';
import { isObject, type Json, type JsonObject } from './object.ts';
import { fieldElement } from './path-element.ts';
import type { ListShape, SchemaNode } from './schema.ts';
import { elementOf, fieldNode, fieldOf, formOf, isAtomicMap, isTime } from './typed.ts';

/** No path is in more than one of the sets. */
export interface Comparison {
  readonly added: FieldSet;
  readonly modified: FieldSet;
  readonly removed: FieldSet;
}

export interface CompareOptions {
  readonly node: SchemaNode;
  readonly before: Json;
  readonly after: Json;
  /**
   * Native kinds are Go structs in kube-apiserver: a field declared with `default: {}` is a struct,
   * and a list that Go always
   * writes is null at least, so they are never added or removed themselves.
   */
  readonly native: boolean;
}

type Side = Json | undefined;

/** @throws TypedError when an element of a list cannot be named */
export function compareTyped(options: CompareOptions): Comparison {
  const walk = new CompareWalk(options.native);
  walk.visit(options.node, options.before, options.after);
  return {
    added: walk.added.build(),
    modified: walk.modified.build(),
    removed: walk.removed.build(),
  };
}

class CompareWalk {
  readonly added = new FieldSetBuilder();
  readonly modified = new FieldSetBuilder();
  readonly removed = new FieldSetBuilder();
  readonly #native: boolean;
  readonly #path: string[] = [];

  constructor(native: boolean) {
    this.#native = native;
  }

  /** At most one side is undefined. */
  visit(node: SchemaNode, before: Side, after: Side): void {
    if (before === after) return;
    const form = formOf(node, after === undefined ? before : after);
    const other = formOf(node, before === undefined ? after : before);
    let leaf = this.#form(node, form, before, after);
    if (other !== form) leaf = this.#form(node, other, before, after, leaf) || leaf;
    if (leaf) return;
    if (before === undefined) this.#add(this.added);
    else if (after === undefined) this.#add(this.removed);
  }

  /** True when the value is one leaf, already judged. */
  #form(node: SchemaNode, form: string, before: Side, after: Side, done = false): boolean {
    if (form === 'map') {
      const left = isObject(before) ? before : undefined;
      const right = isObject(after) ? after : undefined;
      if (isAtomicMap(node) || (isBare(left) && isBare(right)))
        return this.#leaf(before, after, done);
      this.#map(node, left, right, before !== undefined, after !== undefined);
      return false;
    }
    if (form === 'list') {
      const list = node.shape.list!;
      const left = Array.isArray(before) ? before : undefined;
      const right = Array.isArray(after) ? after : undefined;
      const bare = (left?.length ?? 0) === 0 && (right?.length ?? 0) === 0;
      if (list.relation === 'atomic' || bare) return this.#leaf(before, after, done);
      this.#list(list, left ?? [], right ?? []);
      return false;
    }
    return this.#leaf(before, after, done);
  }

  #leaf(before: Side, after: Side, done: boolean): true {
    if (done) return true;
    if (before === undefined) this.#add(this.added);
    else if (after === undefined) this.#add(this.removed);
    else if (!deepEqual(before, after)) this.#add(this.modified);
    return true;
  }

  #add(to: FieldSetBuilder): void {
    if (this.#path.length > 0) to.add(this.#path);
  }

  #map(
    node: SchemaNode,
    before: JsonObject | undefined,
    after: JsonObject | undefined,
    hadBefore: boolean,
    hasAfter: boolean,
  ): void {
    const map = node.shape.map!;
    const visit = (name: string, left: Side, right: Side): void => {
      if (left === right) return;
      const type = fieldNode(map, name);
      if (type === undefined) return;
      this.#path.push(fieldElement(name));
      const zero = this.#native ? zeroOf(type) : undefined;
      if (zero === undefined) this.visit(type, left, right);
      else
        this.visit(
          type,
          left ?? (hadBefore ? zero : undefined),
          right ?? (hasAfter ? zero : undefined),
        );
      this.#path.pop();
    };
    if (after !== undefined)
      for (const name of Object.keys(after)) {
        const left = before === undefined ? undefined : fieldOf(before, name);
        visit(name, left, fieldOf(after, name));
      }
    if (before !== undefined)
      for (const name of Object.keys(before))
        if (after === undefined || fieldOf(after, name) === undefined)
          visit(name, fieldOf(before, name), undefined);
  }

  #list(list: ListShape, before: readonly Json[], after: readonly Json[]): void {
    if (before.length === after.length && before.every((item, i) => deepEqual(item, after[i])))
      return;
    if (before.length === 0 && this.#allNew(list, after)) return;
    const left = grouped(list, before);
    const right = grouped(list, after);
    for (const [element, items] of left)
      this.#elements(list, element, items, right.get(element) ?? []);
    for (const [element, items] of right)
      if (!left.has(element)) this.#elements(list, element, [], items);
  }

  /** Takes a list that was empty; false, and nothing done, when elements occur twice. */
  #allNew(list: ListShape, after: readonly Json[]): boolean {
    const elements = after.map((item) => elementOf(list, item));
    if (elements.length > 1 && new Set(elements).size < elements.length) return false;
    for (let i = 0; i < elements.length; i++) {
      this.#path.push(elements[i]!);
      this.visit(list.element, undefined, after[i]);
      this.#path.pop();
    }
    return true;
  }

  /** Elements that occur twice are compared as one atomic value. */
  #elements(
    list: ListShape,
    element: string,
    before: readonly Json[],
    after: readonly Json[],
  ): void {
    this.#path.push(element);
    if (before.length <= 1 && after.length <= 1) this.visit(list.element, before[0], after[0]);
    else if (before.length >= 2 && after.length >= 2) {
      if (!deepEqual(before, after)) this.#add(this.modified);
    } else if (before.length >= 2) {
      if (after.length > 0) this.visit(list.element, undefined, after[0]);
      this.#add(this.removed);
    } else {
      if (before.length > 0) this.visit(list.element, before[0], undefined);
      this.#add(this.added);
    }
    this.#path.pop();
  }
}

function isBare(value: JsonObject | undefined): boolean {
  return value === undefined || Object.keys(value).length === 0;
}

/** What a Go struct holds where JSON holds nothing; undefined where Go leaves it out, too. */
function zeroOf(node: SchemaNode): Json | undefined {
  const { map, list, scalar, definition } = node.shape;
  if (isObject(node.default) && map !== undefined) return {};
  if (node.go !== 'always') return undefined;
  if (map !== undefined || list !== undefined || isTime(node.shape)) return null;
  if (scalar === 'string') return '';
  if (scalar === 'boolean') return false;
  return definition?.endsWith('.Quantity') ? '0' : 0;
}

function grouped(list: ListShape, items: readonly Json[]): Map<string, Json[]> {
  const groups = new Map<string, Json[]>();
  for (const item of items) {
    const element = elementOf(list, item);
    const group = groups.get(element);
    if (group === undefined) groups.set(element, [item]);
    else group.push(item);
  }
  return groups;
}
