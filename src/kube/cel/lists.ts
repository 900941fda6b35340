/** Lists, optionals: Kubernetes' own functions and those of cel-go's extensions. */
import { compare, equals } from './compare.ts';
import type { Library } from './overload.ts';
import { int, standard } from './standard.ts';
import {
  type CelList,
  CelMap,
  Duration,
  EvaluationError,
  isList,
  none,
  Optional,
  Uint,
  type Value,
} from './values.ts';

const comparable = [
  'int',
  'uint',
  'double',
  'bool',
  'duration',
  'timestamp',
  'string',
  'bytes',
] as const;

function forEach(types: readonly string[], id: (type: string) => string, call: unknown): Library {
  return Object.fromEntries(types.map((type) => [id(type), call])) as Library;
}

function isSorted(list: CelList): boolean {
  return list.every((item, i) => i === 0 || !(compare(list[i - 1]!, item) > 0));
}

function extreme(name: string, sign: number) {
  return (list: CelList): Value => {
    if (list.length === 0) throw new EvaluationError(`${name} called on empty list`);
    return list.reduce((best, item) => (compare(item, best) * sign > 0 ? item : best));
  };
}

const add = standard[0] as Readonly<Record<string, (a: Value, b: Value) => Value>>;

function sum(type: string, zero: Value) {
  return (list: CelList): Value =>
    list.reduce((total, item) => add[`_+_(${type}, ${type}) -> ${type}`]!(total, item), zero);
}

function indexIn(list: CelList, item: Value): bigint {
  return BigInt(list.findIndex((other) => equals(other, item)));
}

function lastIndexIn(list: CelList, item: Value): bigint {
  return BigInt(list.findLastIndex((other) => equals(other, item)));
}

const kubernetes: Library = {
  ...forEach(comparable, (type) => `list(${type})#isSorted() -> bool`, isSorted),
  ...forEach(comparable, (type) => `list(${type})#max() -> ${type}`, extreme('max', 1)),
  ...forEach(comparable, (type) => `list(${type})#min() -> ${type}`, extreme('min', -1)),
  'list(int)#sum() -> int': sum('int', 0n),
  'list(uint)#sum() -> uint': sum('uint', new Uint(0n)),
  'list(double)#sum() -> double': sum('double', 0),
  'list(duration)#sum() -> duration': sum('duration', new Duration(0n)),
  'list(A)#indexOf(A) -> int': indexIn,
  'list(A)#lastIndexOf(A) -> int': lastIndexIn,
};

function slice(list: CelList, start: bigint, end: bigint): Value {
  const fail = (why: string): never => {
    throw new EvaluationError(`cannot slice(${start}, ${end}), ${why}`);
  };
  if (start < 0n || end < 0n) fail('negative indexes not supported');
  if (start > end) fail('start index must be less than or equal to end index');
  if (BigInt(list.length) < end) fail(`list is length ${list.length}`);
  return list.slice(Number(start), Number(end));
}

function flatten(list: CelList, depth = 1n): CelList {
  if (depth < 0n) throw new EvaluationError('level must be non-negative');
  return list.flatMap((item) =>
    isList(item) && depth > 0n ? (depth === 1n ? item : flatten(item, depth - 1n)) : [item],
  );
}

function sort(list: CelList): CelList {
  return sortBy(list, list);
}

function sortBy(list: CelList, keys: CelList): CelList {
  if (keys.some((key) => typeof key !== typeof keys[0]))
    throw new EvaluationError('list elements must have the same type');
  const order = [...list.keys()].sort((a, b) => compare(keys[a]!, keys[b]!));
  return order.map((i) => list[i]!);
}

const longestRange = 1_000_000n;

function range(n: bigint): CelList {
  if (n < 0n) return [];
  if (n > longestRange) throw new EvaluationError(`range size exceeds the limit: ${longestRange}`);
  return Array.from({ length: Number(n) }, (_, i) => int(BigInt(i)));
}

function distinct(list: CelList): CelList {
  const seen: Value[] = [];
  for (const item of list) if (!seen.some((other) => equals(item, other))) seen.push(item);
  return seen;
}

const extension: Library = {
  'list(A)#slice(int, int) -> list(A)': slice,
  'list(list(A))#flatten() -> list(A)': flatten,
  'list(dyn)#flatten(int) -> list(dyn)': flatten,
  ...forEach(comparable, (type) => `list(${type})#sort() -> list(${type})`, sort),
  ...forEach(
    comparable,
    (type) => `list(A)#@sortByAssociatedKeys(list(${type})) -> list(A)`,
    sortBy,
  ),
  'lists.range(int) -> list(int)': range,
  'list(A)#reverse() -> list(A)': (list: CelList) => list.toReversed(),
  'list(A)#distinct() -> list(A)': distinct,
};

/** Nothing, as optional.ofNonZeroValue sees it. */
function isZero(value: Value): boolean {
  if (value === null || value === false || value === '' || value === 0 || value === 0n) return true;
  if (isList(value) || value instanceof Uint8Array) return value.length === 0;
  if (value instanceof CelMap) return value.size === 0;
  if (value instanceof Uint) return value.value === 0n;
  return value instanceof Duration && value.nanos === 0n;
}

function present({ value }: Optional): Value {
  if (value === undefined) throw new EvaluationError('optional.none() dereference');
  return value;
}

function unwrap(list: CelList): CelList {
  return list.flatMap((item) => {
    if (!(item instanceof Optional)) throw new EvaluationError('value is not optional');
    return item.value === undefined ? [] : [item.value];
  });
}

function unevaluated(): never {
  throw new Error('evaluated by plan.ts');
}

const optional: Library = {
  'optional.of(A) -> optional(A)': (value: Value) => new Optional(value),
  'optional.ofNonZeroValue(A) -> optional(A)': (value: Value) =>
    isZero(value) ? none : new Optional(value),
  'optional.none() -> optional(A)': () => none,
  'optional(A)#value() -> A': present,
  'optional(A)#hasValue() -> bool': ({ value }: Optional) => value !== undefined,
  'optional(A)#or(optional(A)) -> optional(A)': unevaluated,
  'optional(A)#orValue(A) -> A': unevaluated,
  '_[?_](list(A), int) -> optional(A)': unevaluated,
  '_[?_](optional(list(A)), int) -> optional(A)': unevaluated,
  '_[?_](map(A, B), A) -> optional(B)': unevaluated,
  '_[?_](optional(map(A, B)), A) -> optional(B)': unevaluated,
  '_[_](optional(list(A)), int) -> optional(A)': unevaluated,
  '_[_](optional(map(A, B)), A) -> optional(B)': unevaluated,
  'list(A)#first() -> optional(A)': (list: CelList) =>
    list.length === 0 ? none : new Optional(list[0]!),
  'list(A)#last() -> optional(A)': (list: CelList) =>
    list.length === 0 ? none : new Optional(list.at(-1)!),
  'optional.unwrap(list(optional(A))) -> list(A)': unwrap,
  'list(optional(A))#unwrapOpt() -> list(A)': unwrap,
};

export const lists: readonly Library[] = [kubernetes, extension, optional];
