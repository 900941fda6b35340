/**
 * Fills in what a client left out: defaults that the schema declares, and recorded ones of native
 * kinds.
 */
import { setField } from './json.ts';
import { isObject, type Json, type JsonObject, type KubeObject } from './object.ts';
import { rulesOf, ruleValue } from './recorded-defaults.ts';
import type { SchemaNode, TypeSchema } from './schema.ts';
import { fieldOf, isTime } from './typed.ts';

/**
 * Returns the object itself when nothing is missing, else a copy that shares what did not change.
 * Defaults are applied below objects that are there, and below those that a default brought in.
 */
export function applyDefaults(schema: TypeSchema, object: KubeObject): KubeObject {
  const filled = new Filler(schema).value(schema.root, object as unknown as Json);
  return filled as unknown as KubeObject;
}

class Filler {
  readonly #kind: string;
  readonly #native: boolean;

  constructor(schema: TypeSchema) {
    this.#kind = schema.kind;
    this.#native = schema.native;
  }

  value(node: SchemaNode, value: Json): Json {
    if (!hasDefaults(node)) return value;
    if (Array.isArray(value)) return this.#items(node, value);
    return isObject(value) ? this.#fields(node, value) : value;
  }

  #fields(node: SchemaNode, object: JsonObject): JsonObject {
    const map = node.shape.map;
    if (map === undefined) return object;
    const out = this.#missing(node, object);
    let next = out;
    // JSON inherits nothing that is enumerable; unlike Object.keys this allocates nothing.
    for (const name in out) {
      const value = out[name]!;
      if (typeof value !== 'object' || value === null) continue;
      const type = map.fields.get(name) ?? map.element;
      if (type === undefined) continue;
      const filled = this.value(type, value);
      if (filled === value) continue;
      if (next === object) next = { ...object };
      setField(next, name, filled);
    }
    return next;
  }

  /** Only what is missing in this object itself. */
  #missing(node: SchemaNode, object: JsonObject): JsonObject {
    const { values, zeros, nulls } = gapsOf(node);
    let out = withDeclared(object, object, values);
    if (this.#native) {
      const rules = rulesOf(node.shape.definition);
      for (let i = 0; i < rules.length; i++) {
        const rule = rules[i]!;
        const value = ruleValue(rule, out, object, this.#kind);
        if (value !== undefined) out = withField(out, object, rule.field, value);
      }
    }
    // A declared zero of a native kind only says that Go writes it: a recorded default goes first.
    out = withDeclared(out, object, zeros);
    for (let i = 0; i < nulls.length; i++)
      if (fieldOf(out, nulls[i]!) === undefined) out = withField(out, object, nulls[i]!, null);
    return out;
  }

  #items(node: SchemaNode, items: Json[]): Json {
    const element = node.shape.list?.element;
    if (element === undefined || !hasDefaults(element)) return items;
    let out: Json[] | undefined;
    for (let i = 0; i < items.length; i++) {
      const filled = this.value(element, items[i]!);
      if (filled === items[i]) continue;
      out ??= [...items];
      out[i] = filled;
    }
    return out ?? items;
  }
}

/** Sets a field in a copy of what was sent, made when the first one is set. */
function withField(out: JsonObject, sent: JsonObject, name: string, value: Json): JsonObject {
  const copy = out === sent ? { ...sent } : out;
  setField(copy, name, value);
  return copy;
}

function withDeclared(out: JsonObject, sent: JsonObject, fields: readonly Declared[]): JsonObject {
  for (let i = 0; i < fields.length; i++) {
    const [name, type] = fields[i]!;
    const value = fieldOf(out, name);
    if (value === undefined || (value === null && !type.nullable))
      out = withField(out, sent, name, type.default!);
  }
  return out;
}

type Declared = readonly [name: string, type: SchemaNode];

/** What an object of a shape may lack. */
interface Gaps {
  /** Fields that declare a default that is no zero. */
  readonly values: readonly Declared[];
  readonly zeros: readonly Declared[];
  /** Lists and maps that Go writes as null when there are none, as Role.rules. */
  readonly nulls: readonly string[];
}

const gaps = new WeakMap<object, Gaps>();

/** Found once for each shape. */
function gapsOf({ shape }: SchemaNode): Gaps {
  const known = gaps.get(shape);
  if (known !== undefined) return known;
  const fields = [...(shape.map?.fields ?? [])];
  const declared = fields.filter(([, type]) => type.default !== undefined);
  const found = {
    values: declared.filter(([, type]) => !isZero(type.default!)),
    // What Go leaves out of JSON when it is zero is not there in the end.
    zeros: declared.filter(([, type]) => isZero(type.default!) && type.go !== 'omit'),
    nulls: fields.filter(([, type]) => isWrittenNull(type)).map(([name]) => name),
  };
  gaps.set(shape, found);
  return found;
}

function isZero(value: Json): boolean {
  return value === '' || value === 0 || value === false;
}

function isWrittenNull({ go, shape, default: declared }: SchemaNode): boolean {
  if (go !== 'always' || declared !== undefined) return false;
  if (shape.list !== undefined || isTime(shape)) return true;
  return shape.map?.element !== undefined && shape.map.fields.size === 0;
}

/**
 * Whether anything at or below a node has a default; most of a schema has none and need not be
 * walked.
 */
const known = new WeakMap<object, boolean>();

function hasDefaults(node: SchemaNode): boolean {
  const { shape } = node;
  const answer = known.get(shape);
  if (answer !== undefined) return answer;
  known.set(shape, true);
  if (rulesOf(shape.definition).length > 0) return true;
  const inner = [
    ...(shape.map?.fields.values() ?? []),
    ...(shape.map?.element ? [shape.map.element] : []),
    ...(shape.list ? [shape.list.element] : []),
  ];
  const has = inner.some(
    (one) => one.default !== undefined || isWrittenNull(one) || hasDefaults(one),
  );
  known.set(shape, has);
  return has;
}
