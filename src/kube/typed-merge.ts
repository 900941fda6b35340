/**
 * Merges an applied configuration into a live value, type by type; and cuts paths out of a value.
 */
import type { FieldSet } from './field-set.ts';
import { deepEqual, setField } from './json.ts';
import { isObject, type Json, type JsonObject } from './object.ts';
import { fieldElement } from './path-element.ts';
import type { ListShape, SchemaNode } from './schema.ts';
import { elementOf, fieldNode, fieldOf, formOf, isAtomicMap } from './typed.ts';

/**
 * The live value with everything that the configuration says; nothing is removed. Gives `live`
 * itself when it says
 * nothing new. The order of lists follows the configuration.
 * @throws TypedError when an element of a list cannot be named
 */
export function mergeTyped(node: SchemaNode, live: Json, applied: Json): Json {
  if (live === applied) return live;
  const form = formOf(node, applied);
  if (formOf(node, live) !== form) return applied;
  if (form === 'scalar') return deepEqual(live, applied) ? live : applied;
  if (form === 'list') return mergeList(node.shape.list!, live, applied);
  return mergeMap(node, live, applied);
}

function mergeMap(node: SchemaNode, live: Json, applied: Json): Json {
  const left = isObject(live) ? live : {};
  const right = isObject(applied) ? applied : {};
  const names = Object.keys(right);
  const bare = names.length === 0 && Object.keys(left).length === 0;
  if (bare || isAtomicMap(node)) return deepEqual(live, applied) ? live : applied;
  let out: JsonObject | undefined;
  for (const name of names) {
    const value = fieldOf(right, name);
    const type = fieldNode(node.shape.map!, name);
    if (value === undefined || type === undefined) continue;
    const before = fieldOf(left, name);
    const after = before === undefined ? value : mergeTyped(type, before, value);
    if (after === before) continue;
    out ??= { ...left };
    setField(out, name, after);
  }
  return out ?? live;
}

function mergeList(list: ListShape, live: Json, applied: Json): Json {
  const left = Array.isArray(live) ? live : [];
  const right = Array.isArray(applied) ? applied : [];
  if (list.relation === 'atomic' || (left.length === 0 && right.length === 0))
    return deepEqual(live, applied) ? live : applied;
  const out = new ListMerge(list, left, right).run();
  const same = out.length === left.length && out.every((item, i) => item === left[i]);
  return same ? live : out;
}

/**
 * The order of structured-merge-diff: shared elements as applied, the others of the live list where
 * they stood.
 */
class ListMerge {
  readonly #list: ListShape;
  readonly #left: readonly Json[];
  readonly #leftNames: readonly string[];
  readonly #rightNames: readonly string[];
  readonly #leftByName = new Map<string, Json | undefined>();
  readonly #rightByName = new Map<string, Json>();
  /** Names in both lists, in the order of the right one, from the next one on. */
  readonly #shared: string[];
  #nextShared = 0;
  readonly #out: Json[] = [];

  constructor(list: ListShape, left: readonly Json[], right: readonly Json[]) {
    this.#list = list;
    this.#left = left;
    this.#leftNames = left.map((item) => elementOf(list, item));
    this.#rightNames = right.map((item) => elementOf(list, item));
    // Duplicates cannot be merged with what is applied: they are replaced by it.
    for (const [i, name] of this.#leftNames.entries())
      this.#leftByName.set(name, this.#leftByName.has(name) ? undefined : left[i]!);
    for (const [i, name] of this.#rightNames.entries()) this.#rightByName.set(name, right[i]!);
    this.#shared = this.#rightNames.filter((name) => this.#leftByName.has(name));
  }

  run(): Json[] {
    const merged = new Set<string>();
    let l = 0;
    let r = 0;
    while (l < this.#leftNames.length || r < this.#rightNames.length) {
      const left = this.#leftNames[l];
      const right = this.#rightNames[r];
      if (left !== undefined && right !== undefined) {
        if (left === right) {
          merged.add(left);
          this.#push(left);
          l++;
          r++;
          this.#nextShared++;
          continue;
        }
        const next = this.#shared[this.#nextShared];
        if (this.#rightByName.has(left) && next !== undefined && next !== left) {
          l++;
          continue;
        }
      }
      if (left !== undefined) {
        if (!this.#rightByName.has(left)) {
          this.#out.push(this.#left[l]!);
          l++;
          continue;
        }
        if (merged.has(left)) l++;
      }
      if (right !== undefined) {
        merged.add(right);
        this.#push(right);
        r++;
        if (this.#shared[this.#nextShared] === right) this.#nextShared++;
      }
    }
    return this.#out;
  }

  #push(name: string): void {
    const left = this.#leftByName.get(name);
    const right = this.#rightByName.get(name)!;
    this.#out.push(left === undefined ? right : mergeTyped(this.#list.element, left, right));
  }
}

/**
 * The value without the fields and elements of `set`; what it loses everything of becomes null.
 * Atomic values go as a whole when named, and stay when not.
 */
export function removeTyped(node: SchemaNode, value: Json, set: FieldSet): Json {
  if (set.children.size === 0) return value;
  const form = formOf(node, value);
  if (form === 'list') return Array.isArray(value) ? removeItems(node, value, set) : value;
  if (form === 'map') return isObject(value) ? removeFields(node, value, set) : value;
  return value;
}

function removeFields(node: SchemaNode, object: JsonObject, set: FieldSet): Json {
  if (isAtomicMap(node)) return null;
  let out: JsonObject | undefined;
  for (const name of Object.keys(object)) {
    const cut = set.children.get(fieldElement(name));
    if (cut === undefined) continue;
    out ??= { ...object };
    if (cut.member) {
      delete out[name];
      continue;
    }
    const type = fieldNode(node.shape.map!, name);
    if (type !== undefined) setField(out, name, removeTyped(type, object[name]!, cut));
  }
  if (out === undefined) return object;
  return Object.keys(out).length === 0 ? null : out;
}

function removeItems(node: SchemaNode, items: Json[], set: FieldSet): Json {
  const list = node.shape.list!;
  if (items.length === 0 || list.relation === 'atomic') return null;
  const out: Json[] = [];
  for (const item of items) {
    const cut = set.children.get(elementOf(list, item));
    if (cut === undefined) out.push(item);
    else if (!cut.member) out.push(removeTyped(list.element, item, cut));
  }
  return out.length === 0 ? null : out;
}
