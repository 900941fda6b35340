/**
 * Sets of field paths as immutable tries that share their parts, and FieldsV1, their written form.
 */
import { setField } from './json.ts';
import { isObject, type Json, type JsonObject } from './object.ts';
import { compareElements, normalizeElement } from './path-element.ts';

type Children = ReadonlyMap<string, FieldSet>;

const none: Children = new Map();

/** Deeper field sets are refused. */
const maxDepth = 500;

/**
 * The paths below one point: whether the point itself is in the set, and what is below it by path
 * element.
 * No node is without members, except the root of an empty set.
 */
export class FieldSet {
  readonly member: boolean;
  readonly children: Children;

  private constructor(member: boolean, children: Children) {
    this.member = member;
    this.children = children;
  }

  static readonly empty = new FieldSet(false, none);
  /** Just the point itself. */
  static readonly leaf = new FieldSet(true, none);

  static of(member: boolean, children: Children): FieldSet {
    if (children.size > 0) return new FieldSet(member, children);
    return member ? FieldSet.leaf : FieldSet.empty;
  }

  /** The set of whole paths, each a list of path elements. */
  static from(paths: Iterable<readonly string[]>): FieldSet {
    const builder = new FieldSetBuilder();
    for (const path of paths) builder.add(path);
    return builder.build();
  }

  get isEmpty(): boolean {
    return !this.member && this.children.size === 0;
  }

  child(element: string): FieldSet {
    return this.children.get(element) ?? FieldSet.empty;
  }

  has(path: readonly string[]): boolean {
    let set: FieldSet | undefined = this;
    for (const element of path) {
      set = set.children.get(element);
      if (set === undefined) return false;
    }
    return set.member;
  }

  union(other: FieldSet): FieldSet {
    if (this === other || other.isEmpty) return this;
    if (this.isEmpty) return other;
    let children: Map<string, FieldSet> | undefined;
    for (const [element, theirs] of other.children) {
      const ours = this.children.get(element);
      const both = ours === undefined ? theirs : ours.union(theirs);
      if (both === ours) continue;
      children ??= new Map(this.children);
      children.set(element, both);
    }
    const member = this.member || other.member;
    if (children === undefined && member === this.member) return this;
    return new FieldSet(member, children ?? this.children);
  }

  intersection(other: FieldSet): FieldSet {
    if (this === other) return this;
    const [small, large] =
      this.children.size <= other.children.size ? [this, other] : [other, this];
    const children = new Map<string, FieldSet>();
    for (const [element, ours] of small.children) {
      const theirs = large.children.get(element);
      const both = theirs === undefined ? FieldSet.empty : ours.intersection(theirs);
      if (!both.isEmpty) children.set(element, both);
    }
    return FieldSet.of(this.member && other.member, children);
  }

  /** Without the paths of `other`; paths below them stay. */
  difference(other: FieldSet): FieldSet {
    return this.#without(other, (ours, theirs) => ours.difference(theirs));
  }

  /** Without the paths of `other` and all that is below them. */
  recursiveDifference(other: FieldSet): FieldSet {
    return this.#without(other, (ours, theirs) =>
      theirs.member ? FieldSet.empty : ours.recursiveDifference(theirs),
    );
  }

  #without(other: FieldSet, remove: (ours: FieldSet, theirs: FieldSet) => FieldSet): FieldSet {
    let children: Map<string, FieldSet> | undefined;
    for (const [element, theirs] of other.children) {
      const ours = this.children.get(element);
      if (ours === undefined) continue;
      const rest = remove(ours, theirs);
      if (rest === ours) continue;
      children ??= new Map(this.children);
      if (rest.isEmpty) children.delete(element);
      else children.set(element, rest);
    }
    const member = this.member && !other.member;
    if (children === undefined && member === this.member) return this;
    return FieldSet.of(member, children ?? this.children);
  }

  equals(other: FieldSet): boolean {
    if (this === other) return true;
    if (this.member !== other.member || this.children.size !== other.children.size) return false;
    for (const [element, ours] of this.children) {
      const theirs = other.children.get(element);
      if (theirs === undefined || !ours.equals(theirs)) return false;
    }
    return true;
  }

  /**
   * Every path in kube-apiserver's order: the members of a level, then what is below each element.
   */
  *paths(prefix: readonly string[] = []): Generator<readonly string[]> {
    const elements = [...this.children.keys()].sort(compareElements);
    for (const element of elements)
      if (this.children.get(element)!.member) yield [...prefix, element];
    for (const element of elements) yield* this.children.get(element)!.paths([...prefix, element]);
  }

  /** FieldsV1, its elements in kube-apiserver's order. */
  encode(): JsonObject {
    const out: JsonObject = {};
    if (this.member && this.children.size > 0) out['.'] = {};
    const elements = [...this.children.keys()];
    if (elements.length > 1) elements.sort(compareElements);
    for (const element of elements) {
      const set = this.children.get(element)!;
      setField(out, element, set.children.size === 0 ? {} : set.encode());
    }
    return out;
  }

  /** @throws SyntaxError for what is no FieldsV1 */
  static decode(fields: Json | undefined): FieldSet {
    if (fields === undefined || fields === null) return FieldSet.empty;
    return decodeLevel(fields, 0, true);
  }
}

function decodeLevel(fields: Json, depth: number, root: boolean): FieldSet {
  if (!isObject(fields)) throw new SyntaxError('expected an object of fields');
  if (depth > maxDepth) throw new SyntaxError('fields are nested too deeply');
  const keys = Object.keys(fields);
  if (keys.length === 0) return root ? FieldSet.empty : FieldSet.leaf;
  let member = false;
  const children = new Map<string, FieldSet>();
  for (const key of keys) {
    if (key === '.') {
      member = !root;
      continue;
    }
    const element = key.startsWith('f:') ? key : normalizeElement(key);
    if (element === undefined) continue;
    const child = decodeLevel(fields[key]!, depth + 1, false);
    if (child.isEmpty) continue;
    const known = children.get(element);
    children.set(element, known === undefined ? child : known.union(child));
  }
  return FieldSet.of(member, children);
}

class Level {
  member = false;
  readonly children = new Map<string, Level>();

  build(): FieldSet {
    const children = new Map<string, FieldSet>();
    for (const [element, level] of this.children) children.set(element, level.build());
    return FieldSet.of(this.member, children);
  }
}

/** Collects paths one by one. */
export class FieldSetBuilder {
  readonly #root = new Level();
  #empty = true;

  get isEmpty(): boolean {
    return this.#empty;
  }

  add(path: readonly string[]): void {
    this.#descend(path).member = true;
    this.#empty = false;
  }

  #descend(path: readonly string[]): Level {
    let level = this.#root;
    for (const element of path) {
      let next = level.children.get(element);
      if (next === undefined) {
        next = new Level();
        level.children.set(element, next);
      }
      level = next;
    }
    return level;
  }

  build(): FieldSet {
    return this.#empty ? FieldSet.empty : this.#root.build();
  }
}
