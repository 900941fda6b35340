/** Values of expressions: JavaScript's own where they are exact, small classes for the rest. */
import type { Json, JsonObject } from '../object.ts';
import { parseField } from './time.ts';
import {
  boolType,
  bytesType,
  doubleType,
  durationType,
  dynType,
  formatType,
  intType,
  listOf,
  mapOf,
  nullType,
  optionalOf,
  stringType,
  type Type,
  timestampType,
  typeOf,
  uintType,
} from './types.ts';

/** An int is a bigint, a double a number. */
export type Value =
  | null
  | boolean
  | bigint
  | number
  | string
  | Uint8Array
  | Uint
  | Timestamp
  | Duration
  | TypeValue
  | Optional
  | Opaque
  | CelMap
  | CelList;

/** `relation`: a list that is a set or a map to its schema: equal in any order, added by union. */
export type CelList = readonly Value[] & {
  readonly relation?: 'set' | 'map';
  readonly mapKeys?: readonly string[];
};

/** Evaluation came to no value; `&&`, `||` and the macros may still do without it. */
export class EvaluationError extends Error {
  override readonly name = 'EvaluationError';
}

export class Uint {
  readonly value: bigint;
  constructor(value: bigint) {
    this.value = value;
  }
}

export class Timestamp {
  /** Since the Unix epoch. */
  readonly nanos: bigint;
  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

export class Duration {
  readonly nanos: bigint;
  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

export class TypeValue {
  readonly type: Type;
  constructor(type: Type) {
    this.type = type;
  }
}

export class Optional {
  readonly value: Value | undefined;
  constructor(value: Value | undefined) {
    this.value = value;
  }
}

export const none = new Optional(undefined);

/** A value of a library's own type, such as a quantity. */
export abstract class Opaque {
  abstract readonly type: Type;
  abstract equals(other: Opaque): boolean;
  /** For cost: elements or bytes, where it has any. */
  get size(): number {
    return 1;
  }
}

export abstract class CelMap {
  abstract readonly size: number;
  abstract get(key: Value): Value | undefined;
  abstract keys(): Iterable<Value>;
}

type Key = string | bigint | boolean;

/** Numbers that are equal are one key, whatever their types; undefined: nothing can be there. */
function keyOf(value: Value): Key | undefined {
  if (typeof value === 'string' || typeof value === 'bigint' || typeof value === 'boolean')
    return value;
  if (value instanceof Uint) return value.value;
  if (typeof value === 'number' && Number.isInteger(value)) return BigInt(value);
  return undefined;
}

export class LiteralMap extends CelMap {
  readonly #entries: Map<Key, { key: Value; value: Value }>;

  constructor(entries: Iterable<readonly [Value, Value]>) {
    super();
    this.#entries = new Map();
    for (const [key, value] of entries) {
      const at = keyOf(key);
      if (at === undefined)
        throw new EvaluationError(`unsupported key type: ${typeOfValue(key).name}`);
      this.#entries.set(at, { key, value });
    }
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: Value): Value | undefined {
    const at = keyOf(key);
    return at === undefined ? undefined : this.#entries.get(at)?.value;
  }

  *keys(): Iterable<Value> {
    for (const { key } of this.#entries.values()) yield key;
  }

  /** Adds an entry, and is this map. @throws EvaluationError when the key is there */
  insert(key: Value, value: Value): this {
    const at = keyOf(key);
    if (at === undefined)
      throw new EvaluationError(`unsupported key type: ${typeOfValue(key).name}`);
    if (this.#entries.has(at))
      throw new EvaluationError(`insert failed: key ${showKey(key)} already exists`);
    this.#entries.set(at, { key, value });
    return this;
  }
}

/** A JSON object, whose fields become values when they are first asked for. */
export class JsonMap extends CelMap {
  readonly type: Type;
  readonly #object: JsonObject;
  readonly #values = new Map<string, Value>();

  constructor(object: JsonObject, type: Type) {
    super();
    this.#object = object;
    this.type = type;
  }

  get size(): number {
    return Object.keys(this.#object).length;
  }

  get(key: Value): Value | undefined {
    if (typeof key !== 'string') return undefined;
    const known = this.#values.get(key);
    if (known !== undefined) return known;
    const field = this.type.fields?.get(key);
    if (field === undefined && this.type.fields !== undefined) return undefined;
    const name = field?.name ?? key;
    if (!Object.hasOwn(this.#object, name)) return undefined;
    const json = this.#object[name];
    // In objects a null is an absent field.
    if (json === undefined || (json === null && field !== undefined)) return undefined;
    const value = fromJson(json, field?.type ?? this.type.parameters[1] ?? dynType);
    this.#values.set(key, value);
    return value;
  }

  *keys(): Iterable<Value> {
    if (this.type.fields === undefined) {
      yield* Object.keys(this.#object);
      return;
    }
    for (const [name, field] of this.type.fields)
      if (field.alias !== true && this.get(name) !== undefined) yield name;
  }
}

/** A JSON value as its declared type says; without one, whole numbers are ints. */
export function fromJson(json: Json, type: Type): Value {
  if (json === null) return null;
  switch (typeof json) {
    case 'boolean':
    case 'bigint':
      return json;
    case 'number':
      if (type.kind === 'double' || !Number.isInteger(json)) return json;
      return BigInt(json);
    case 'string':
      return fromText(json, type);
    default:
  }
  if (!Array.isArray(json)) return new JsonMap(json, type);
  const element = type.kind === 'list' ? type.parameters[0]! : dynType;
  const items: Value[] = json.map((item) => fromJson(item, element));
  if (type.relation === undefined) return items;
  return Object.assign(items, { relation: type.relation, mapKeys: type.mapKeys ?? [] });
}

function fromText(text: string, { kind }: Type): Value {
  if (kind === 'bytes') return Buffer.from(text, 'base64');
  if (kind !== 'timestamp' && kind !== 'duration') return text;
  const nanos = parseField(kind, text);
  if (nanos === undefined) throw new EvaluationError(`invalid ${kind}: ${JSON.stringify(text)}`);
  return kind === 'timestamp' ? new Timestamp(nanos) : new Duration(nanos);
}

export function isList(value: Value): value is CelList {
  return Array.isArray(value);
}

/** The runtime type; elements of lists and maps are not looked at. */
export function typeOfValue(value: Value): Type {
  if (value === null) return nullType;
  switch (typeof value) {
    case 'boolean':
      return boolType;
    case 'bigint':
      return intType;
    case 'number':
      return doubleType;
    case 'string':
      return stringType;
    default:
  }
  if (isList(value)) return listOf(dynType);
  if (value instanceof CelMap) return mapOf(dynType, dynType);
  if (value instanceof Uint8Array) return bytesType;
  if (value instanceof Uint) return uintType;
  if (value instanceof Timestamp) return timestampType;
  if (value instanceof Duration) return durationType;
  if (value instanceof Optional) return optionalOf(dynType);
  if (value instanceof TypeValue) return typeOf(dynType);
  return value.type;
}

export function showKey(value: Value): string {
  return value instanceof Uint ? String(value.value) : String(value);
}

/** For messages: the name of a value's type. */
export function typeName(value: Value): string {
  return formatType({ ...typeOfValue(value), parameters: [] });
}
