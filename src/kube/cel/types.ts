/** The types of the Common Expression Language, and which fits where. */

export type TypeKind =
  | 'bool'
  | 'int'
  | 'uint'
  | 'double'
  | 'string'
  | 'bytes'
  | 'null'
  | 'timestamp'
  | 'duration'
  | 'dyn'
  | 'error'
  | 'list'
  | 'map'
  | 'type'
  | 'param'
  | 'opaque'
  | 'object';

export interface Type {
  readonly kind: TypeKind;
  /** As `type(x)` prints it: 'int', 'google.protobuf.Timestamp', 'kubernetes.Quantity'. */
  readonly name: string;
  /** The element of a list, key and value of a map, what an optional holds. */
  readonly parameters: readonly Type[];
  /** Fields of an object by their names in expressions. */
  readonly fields?: ReadonlyMap<string, Field>;
  /** How elements of a list are told apart: 'set' and 'map' lists are equal in any order. */
  readonly relation?: 'set' | 'map';
  readonly mapKeys?: readonly string[];
  /** The longest that a schema allows: elements, characters, bytes; for cost estimates. */
  readonly maxElements?: number;
}

export interface Field {
  readonly type: Type;
  /** The name in JSON, such as `in-time` of `in__dash__time`. */
  readonly name: string;
  /** A second name, such as `namespace` beside `__namespace__`. */
  readonly alias?: boolean;
}

function plain(kind: TypeKind, name: string = kind): Type {
  return { kind, name, parameters: [] };
}

export const boolType = plain('bool');
export const intType = plain('int');
export const uintType = plain('uint');
export const doubleType = plain('double');
export const stringType = plain('string');
export const bytesType = plain('bytes');
export const nullType = plain('null', 'null_type');
export const timestampType = plain('timestamp', 'google.protobuf.Timestamp');
export const durationType = plain('duration', 'google.protobuf.Duration');
export const dynType = plain('dyn');
export const errorType = plain('error', '!error!');

export function listOf(element: Type): Type {
  return { kind: 'list', name: 'list', parameters: [element] };
}

export function mapOf(key: Type, value: Type): Type {
  return { kind: 'map', name: 'map', parameters: [key, value] };
}

export function typeOf(type: Type): Type {
  return { kind: 'type', name: 'type', parameters: [type] };
}

export function optionalOf(type: Type): Type {
  return { kind: 'opaque', name: 'optional_type', parameters: [type] };
}

export function opaque(name: string, ...parameters: Type[]): Type {
  return { kind: 'opaque', name, parameters };
}

export function objectType(name: string, fields: ReadonlyMap<string, Field>): Type {
  return { kind: 'object', name, parameters: [], fields };
}

export function isOptional(type: Type): boolean {
  return type.kind === 'opaque' && type.name === 'optional_type';
}

export function isDyn(type: Type): boolean {
  return type.kind === 'dyn' || type.kind === 'error';
}

/** As messages name it: `map(string, int)`, `optional_type(int)`. */
export function formatType(type: Type): string {
  if (type.kind === 'null' || type.kind === 'timestamp' || type.kind === 'duration')
    return type.kind;
  if (type.parameters.length === 0) return type.name;
  return `${type.name}(${type.parameters.map(formatType).join(', ')})`;
}

export function isExact(a: Type, b: Type): boolean {
  if (a === b) return true;
  return (
    a.kind === b.kind &&
    a.name === b.name &&
    a.parameters.length === b.parameters.length &&
    a.parameters.every((parameter, i) => isExact(parameter, b.parameters[i]!))
  );
}

/** What type parameters stand for, so far. */
export class Substitution {
  #of: Map<string, Type>;

  constructor(of: ReadonlyMap<string, Type> = new Map()) {
    this.#of = new Map(of);
  }

  /** Whether every `b` may stand where `a` is wanted; what is learnt is kept only if all do. */
  assign(a: readonly Type[], b: readonly Type[]): boolean {
    if (a.length !== b.length) return false;
    const attempt = new Substitution(this.#of);
    if (!a.every((type, i) => attempt.#assign(type, b[i]!))) return false;
    this.#of = attempt.#of;
    return true;
  }

  apply(type: Type, openAsDyn = false): Type {
    if (type.kind === 'param') {
      const known = this.#of.get(type.name);
      if (known !== undefined) return this.apply(known, openAsDyn);
      return openAsDyn ? dynType : type;
    }
    if (type.parameters.length === 0) return type;
    const parameters = type.parameters.map((parameter) => this.apply(parameter, openAsDyn));
    return parameters.every((parameter, i) => parameter === type.parameters[i])
      ? type
      : { ...type, parameters };
  }

  #assign(a: Type, b: Type): boolean {
    if (b.kind === 'param') {
      const known = this.#of.has(b.name);
      if (this.#bind(b, a)) return true;
      if (known) return false;
    }
    if (a.kind === 'param') return this.#bind(a, b);
    if (isDyn(a) || isDyn(b)) return true;
    if (a.kind === 'null') return isNullable(b);
    if (b.kind === 'null') return isNullable(a);
    if (a.kind !== b.kind) return false;
    if (a.kind === 'type') return true;
    if (a.name !== b.name || a.parameters.length !== b.parameters.length) return false;
    return a.parameters.every((parameter, i) => this.#assign(parameter, b.parameters[i]!));
  }

  /** Takes `type` for what the parameter stands for, or a more general one that fits both. */
  #bind(parameter: Type, type: Type): boolean {
    if (isExact(parameter, type)) return true;
    const known = this.#of.get(parameter.name);
    if (known === undefined) {
      if (this.#occurs(parameter, type)) return false;
      this.#of.set(parameter.name, type);
      return true;
    }
    if (isExact(known, type)) return true;
    if (!this.#assign(type, known)) return false;
    const general = mostGeneral(type, known);
    if (!this.#occurs(parameter, general)) this.#of.set(parameter.name, general);
    return true;
  }

  #occurs(parameter: Type, type: Type): boolean {
    if (isExact(parameter, type)) return true;
    if (type.kind === 'param') {
      const known = this.#of.get(type.name);
      return known !== undefined && this.#occurs(parameter, known);
    }
    return type.parameters.some((inner) => this.#occurs(parameter, inner));
  }
}

function isNullable({ kind }: Type): boolean {
  return ['null', 'opaque', 'object', 'timestamp', 'duration'].includes(kind);
}

export function mostGeneral(a: Type, b: Type): Type {
  return isLessSpecific(a, b) ? a : b;
}

function isLessSpecific(a: Type, b: Type): boolean {
  if (a.kind === 'dyn' || a.kind === 'param') return true;
  if (b.kind === 'dyn' || b.kind === 'param' || a.kind !== b.kind) return false;
  if (a.kind === 'type') return true;
  if (a.name !== b.name || a.parameters.length !== b.parameters.length) return false;
  return a.parameters.every((parameter, i) => isLessSpecific(parameter, b.parameters[i]!));
}
