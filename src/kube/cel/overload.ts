/** Functions as they are declared: `string#split(string, int) -> list(string)`, `#` after
 * what it is called on. */
import {
  boolType,
  bytesType,
  doubleType,
  durationType,
  dynType,
  intType,
  listOf,
  mapOf,
  nullType,
  opaque,
  optionalOf,
  stringType,
  type Type,
  timestampType,
  typeOf,
  uintType,
} from './types.ts';
import type { Value } from './values.ts';

export interface Overload {
  /** The declaration itself. */
  readonly id: string;
  readonly name: string;
  readonly member: boolean;
  /** With the receiver first. */
  readonly parameters: readonly Type[];
  readonly result: Type;
  /** Names of its type parameters. */
  readonly generics: readonly string[];
  /** @throws EvaluationError */
  readonly call: (...args: never[]) => Value;
}

/** Declarations with what they do. `A`, `B` are any types. */
export type Library = Readonly<Record<string, (...args: never[]) => Value>>;

const named: Readonly<Record<string, Type>> = {
  bool: boolType,
  int: intType,
  uint: uintType,
  double: doubleType,
  string: stringType,
  bytes: bytesType,
  null: nullType,
  dyn: dynType,
  timestamp: timestampType,
  duration: durationType,
  quantity: opaque('kubernetes.Quantity'),
  url: opaque('kubernetes.URL'),
  semver: opaque('kubernetes.Semver'),
  format: opaque('kubernetes.NamedFormat'),
  ip: opaque('net.IP'),
  cidr: opaque('net.CIDR'),
};

/** Further names for types, for libraries that bring their own. */
export type TypeNames = Readonly<Record<string, Type>>;

/** A type as declarations write it. */
export function parseType(text: string, more: TypeNames = {}): Type {
  const { type, rest } = readType(text.trim(), more);
  if (rest.trim() !== '') throw new Error(`no type: ${text}`);
  return type;
}

function readType(text: string, more: TypeNames): { type: Type; rest: string } {
  const name = /^[A-Za-z][\w.]*/.exec(text)?.[0] ?? '';
  let rest = text.slice(name.length);
  const inner: Type[] = [];
  if (['list', 'map', 'optional', 'type'].includes(name) && rest.startsWith('(')) {
    while (rest.startsWith('(') || rest.startsWith(',')) {
      const read = readType(rest.slice(1).trimStart(), more);
      inner.push(read.type);
      rest = read.rest;
    }
    rest = rest.slice(1);
  }
  const [a, b] = inner;
  if (name === 'list') return { type: listOf(a!), rest };
  if (name === 'map') return { type: mapOf(a!, b!), rest };
  if (name === 'optional') return { type: optionalOf(a!), rest };
  if (name === 'type') return { type: typeOf(a!), rest };
  if (/^[A-Z]$/.test(name)) return { type: { kind: 'param', name, parameters: [] }, rest };
  const type = more[name] ?? named[name];
  if (type === undefined) throw new Error(`no type: ${text}`);
  return { type, rest };
}

function typesIn(text: string, more: TypeNames): Type[] {
  const types: Type[] = [];
  let rest = text.trim();
  while (rest !== '') {
    const read = readType(rest, more);
    types.push(read.type);
    rest = read.rest.replace(/^\s*,\s*/, '');
  }
  return types;
}

const declaration = /^(?:(.+)#)?([^\s#(]+)\((.*)\) -> (.+)$/;

function overloadOf(id: string, call: Overload['call'], more: TypeNames): Overload {
  const found = declaration.exec(id);
  if (found === null) throw new Error(`no declaration: ${id}`);
  const [, receiver, name, parameters] = found;
  const result = parseType(found[4]!, more);
  const types = [
    ...(receiver === undefined ? [] : [parseType(receiver, more)]),
    ...typesIn(parameters!, more),
  ];
  const generics = new Set<string>();
  for (const type of [...types, result]) collect(type, generics);
  return {
    id,
    name: name!,
    member: receiver !== undefined,
    parameters: types,
    result,
    generics: [...generics],
    call,
  };
}

function collect(type: Type, generics: Set<string>): void {
  if (type.kind === 'param') generics.add(type.name);
  for (const inner of type.parameters) collect(inner, generics);
}

/** Functions by name, overloads in the order of their declaration. */
export type Functions = ReadonlyMap<string, readonly Overload[]>;

export function functionsOf(libraries: readonly Library[], more: TypeNames = {}): Functions {
  const functions = new Map<string, Overload[]>();
  for (const library of libraries)
    for (const [id, call] of Object.entries(library)) {
      const overload = overloadOf(id, call, more);
      functions.set(overload.name, [...(functions.get(overload.name) ?? []), overload]);
    }
  return functions;
}
