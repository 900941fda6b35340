/** What calls cost in the units of kube-apiserver's budget. */
import { Format } from './amounts.ts';
import { characters } from './standard.ts';
import { CelMap, isList, Opaque, Optional, type Value } from './values.ts';

/** One unit for ten characters that are gone through. */
export const traversal = 0.1;
/** One unit for four characters of a pattern. */
export const patternLength = 0.25;
export const listCost = 10;
export const mapCost = 30;
export const structCost = 40;

/** Elements, characters or bytes; 1 for what has none. */
export function sizeOf(value: Value): number {
  if (typeof value === 'string') return characters(value);
  if (isList(value) || value instanceof Uint8Array) return value.length;
  if (value instanceof CelMap || value instanceof Opaque) return value.size;
  if (value instanceof Optional && value.value !== undefined) return sizeOf(value.value);
  return 1;
}

type Cost = (args: readonly Value[], result: Value, overload: string) => number;

const through =
  (times: number): Cost =>
  ([text]) =>
    Math.ceil(sizeOf(text!) * times * traversal);
const ofSecond: Cost = ([, text]) => Math.ceil(sizeOf(text!) * traversal);
const elements: Cost = ([list]) => walk(list!);
const ofSmaller: Cost = ([a, b]) => Math.ceil(Math.min(sizeOf(a!), sizeOf(b!)) * traversal);
const equality: Cost = (args, result, overload) =>
  args[0] instanceof Opaque ? 1 : ofSmaller(args, result, overload);
const ordering: Cost = (args, result, overload) =>
  typeof args[0] === 'string' || args[0] instanceof Uint8Array
    ? ofSmaller(args, result, overload)
    : 1;
const matching: Cost = ([text, pattern]) => matchCost(sizeOf(text!), sizeOf(pattern!));
const allocating = (n: number): number => Math.floor(n) + 1 + listCost;
const resultList: Cost = (_, result) => allocating(sizeOf(result));
const pairwise = (times: number): Cost => {
  return ([a, b]) => 1 + Math.floor(sizeOf(a!) * sizeOf(b!) * times);
};
const selfCompare =
  (index: number): Cost =>
  (args) => {
    const list = args[index]!;
    if (!isList(list) || list.length === 0) return allocating(0);
    const text = typeof list[0] === 'string' || list[0] instanceof Uint8Array;
    return allocating(list.length * list.length * (text ? 2 + traversal : 2));
  };

function matchCost(text: number, pattern: number): number {
  return Math.ceil((1 + text) * traversal) * Math.ceil(pattern * patternLength);
}

/** All values below, one unit each, text by its length. */
function walk(value: Value): number {
  if (typeof value === 'string') return Math.floor(Buffer.byteLength(value) * traversal);
  if (value instanceof Uint8Array) return Math.floor(value.length * traversal);
  if (isList(value)) return value.reduce<number>((sum, item) => sum + walk(item), 0);
  if (!(value instanceof CelMap)) return 1;
  let sum = 0;
  for (const key of value.keys()) sum += walk(key) + walk(value.get(key)!);
  return sum;
}

function addition([a, b]: readonly Value[]): number {
  const text = typeof a === 'string' || a instanceof Uint8Array;
  return text ? Math.ceil((sizeOf(a) + sizeOf(b!)) * traversal) : 1;
}

function conversion([value]: readonly Value[]): number {
  const text = typeof value === 'string' || value instanceof Uint8Array;
  return text ? Math.ceil(sizeOf(value) * traversal) : 1;
}

function containsIp([cidr, other]: readonly Value[]): number {
  const own = Math.ceil(sizeOf(cidr!) * 2 * traversal);
  return typeof other === 'string' ? own + Math.ceil(sizeOf(other) * traversal) : own;
}

function containsCidr(args: readonly Value[]): number {
  return containsIp(args) + Math.ceil(sizeOf(args[0]!) * traversal) + 1;
}

function flattening([list, depth]: readonly Value[]): number {
  return allocating(sizeOf(list!) * (typeof depth === 'bigint' ? Math.max(Number(depth), 0) : 1));
}

function validation([format, text]: readonly Value[]): number {
  return format instanceof Format ? matchCost(sizeOf(text!), format.patternSize) : 1;
}

function selectorCost(length: number): number {
  const requirements = Math.ceil(length / 2);
  return listCost + Math.ceil(length * traversal) + requirements * (listCost + structCost);
}

/** By function; what is not here costs 1. */
const costs: Readonly<Record<string, Cost>> = {
  '_==_': equality,
  '_!=_': ofSmaller,
  '_<_': ordering,
  '_<=_': ordering,
  '_>_': ordering,
  '_>=_': ordering,
  '_+_': addition,
  // Two questions to an authorizer are all that one expression may ask.
  check: () => 350_000,
  fieldSelector: ([, text]) => selectorCost(sizeOf(text!)),
  labelSelector: ([, text]) => selectorCost(sizeOf(text!)),
  '@in': ([, collection]) => (isList(collection!) ? collection.length : 1),
  startsWith: ofSecond,
  endsWith: ofSecond,
  contains: ([text, part]) =>
    Math.ceil(sizeOf(text!) * traversal) * Math.ceil(sizeOf(part!) * traversal),
  matches: matching,
  find: matching,
  findAll: matching,
  format: through(1),
  'strings.quote': through(1),
  url: through(1),
  lowerAscii: through(1),
  upperAscii: through(1),
  substring: through(1),
  trim: through(1),
  replace: through(2),
  split: through(2),
  join: (_, result) => Math.ceil(sizeOf(result) * 2 * traversal),
  isSorted: elements,
  sum: elements,
  max: elements,
  min: elements,
  indexOf: elements,
  lastIndexOf: elements,
  cidr: through(1),
  isIP: through(1),
  isCIDR: through(1),
  ip: ([value]) => (typeof value === 'string' ? Math.ceil(sizeOf(value) * traversal) : 1),
  'ip.isCanonical': through(2),
  containsIP: containsIp,
  containsCIDR: containsCidr,
  quantity: through(1),
  isQuantity: through(1),
  semver: through(1),
  isSemver: through(1),
  validate: validation,
  'sets.contains': pairwise(1),
  'sets.intersects': pairwise(1),
  'sets.equivalent': pairwise(2),
  slice: resultList,
  flatten: flattening,
  'lists.range': resultList,
  reverse: resultList,
  distinct: selfCompare(0),
  sort: selfCompare(0),
  '@sortByAssociatedKeys': selfCompare(1),
};

const texts: ReadonlySet<string> = new Set(['string(bytes) -> string', 'bytes(string) -> bytes']);

/** Units for one call, after it was made. */
export function costOf(
  name: string,
  overload: string,
  args: readonly Value[],
  result: Value,
): number {
  if (texts.has(overload)) return conversion(args);
  return costs[name]?.(args, result, overload) ?? 1;
}
