/**
 * Sets of field paths as immutable tries that share their parts, and FieldsV1, their written form.
 */
import { isObject, type Json, type JsonObject } from './object.ts';
import { compareElements, normalizeElement } from './path-element.ts';

type Children = ReadonlyMap<string, FieldSet>;

const none: Children = new Map();

/** What FieldsV1 says of a leaf, by far the most of it: one object for all. */
const nothing: JsonObject = Object.freeze({});

/** Sorts in place what are mostly a few elements, without the memory that sort() takes for them. */
function sorted(elements: string[]): string[] {
  if (elements.length > 32) return elements.sort(compareElements);
  for (let i = 1; i < elements.length; i++) {
    const element = elements[i]!;
    let at = i;
    for (; at > 0 && compareElements(elements[at - 1]!, element) > 0; at--)
      elements[at] = elements[at - 1]!;
    elements[at] = element;
  }
  return elements;
}

/** By a hash of what they are made of; of two with one hash the newer one. */
const heldOnce = new Map<number, FieldSet>();
const heldOnceMax = 2000;
let lastSet = 0;
/** Odd and large: neighbouring numbers get hashes far apart. */
const mix = 0x9e3779b1;

const numbers = new Map<string, number>();
const numbersMax = 20_000;
let lastElement = 0;

/** Any number for an element: the same one as long as it is remembered. */
function numberOf(element: string): number {
  let number = numbers.get(element);
  if (number === undefined) {
    if (numbers.size >= numbersMax) numbers.clear();
    lastElement++;
    number = lastElement;
    numbers.set(element, number);
  }
  return number;
}

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
  /** Of one that is held once for all that are equal to it; 0: not known to be. */
  #number = 0;
  /** Its FieldsV1, where it is held once. */
  #written: JsonObject | undefined;

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

  /**
   * The same set, held once for all equal ones, so that what was found out about it is found out
   * once: objects of one kind have mostly the same fields. All below it must be held once, too.
   */
  static once(set: FieldSet): FieldSet {
    if (set.#number !== 0 || set.children.size === 0) return set;
    let hash = set.member ? 1 : 0;
    for (const [element, child] of set.children) {
      if (child.#number === 0 && child !== FieldSet.leaf) return set;
      // Added up, since the order of the elements does not matter.
      hash = (hash + Math.imul(numberOf(element) ^ Math.imul(child.#number, mix), mix)) | 0;
    }
    const known = heldOnce.get(hash);
    if (known !== undefined && isMadeOf(known, set)) return known;
    if (heldOnce.size >= heldOnceMax) heldOnce.clear();
    lastSet++;
    set.#number = lastSet;
    heldOnce.set(hash, set);
    return set;
  }

  /** A set whose children are still to come; never empty in the end. */
  static growing(member: boolean, children: Children): FieldSet {
    return new FieldSet(member, children);
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

  /** FieldsV1, its elements in kube-apiserver's order; shared, so that it may not be changed. */
  encode(): JsonObject {
    if (this.#written !== undefined) return this.#written;
    const out: JsonObject = {};
    if (this.member && this.children.size > 0) out['.'] = nothing;
    for (const element of sorted([...this.children.keys()])) {
      const set = this.children.get(element)!;
      out[element] = set.children.size === 0 ? nothing : set.encode();
    }
    // Frozen, so that whoever would change it for all is noticed.
    if (this.#number !== 0) this.#written = Object.freeze(out) as JsonObject;
    return out;
  }

  /** @throws SyntaxError for what is no FieldsV1 */
  static decode(fields: Json | undefined): FieldSet {
    if (fields === undefined || fields === null) return FieldSet.empty;
    return decodeLevel(fields, 0, true);
  }
}

/** Whether two sets are made of the same parts, each held once. */
function isMadeOf(a: FieldSet, b: FieldSet): boolean {
  if (a.member !== b.member || a.children.size !== b.children.size) return false;
  for (const [element, child] of b.children) if (a.children.get(element) !== child) return false;
  return true;
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
  return FieldSet.once(FieldSet.of(member, children));
}

/** Collects paths one by one. */
export class FieldSetBuilder {
  /** Nobody sees it, or what is below it, before it is whole: it may still change. */
  readonly #root = new Map<string, FieldSet>();

  add(path: readonly string[]): void {
    const last = path.length - 1;
    if (last < 0) return;
    let level = this.#root;
    for (let i = 0; i < last; i++) {
      const element = path[i]!;
      const known = level.get(element);
      // A leaf is one object for all sets.
      const next = known === undefined || known === FieldSet.leaf ? new Map() : known.children;
      if (next !== known?.children) level.set(element, FieldSet.growing(known !== undefined, next));
      level = next as Map<string, FieldSet>;
    }
    const element = path[last]!;
    const known = level.get(element);
    if (known === undefined) level.set(element, FieldSet.leaf);
    else if (!known.member) level.set(element, FieldSet.of(true, known.children));
  }

  build(): FieldSet {
    return FieldSet.once(FieldSet.of(false, settled(this.#root)));
  }
}

/** What is below, each part held once. */
function settled(children: Map<string, FieldSet>): Map<string, FieldSet> {
  for (const [element, set] of children) {
    if (set.children.size === 0) continue;
    settled(set.children as Map<string, FieldSet>);
    const one = FieldSet.once(set);
    if (one !== set) children.set(element, one);
  }
  return children;
}
