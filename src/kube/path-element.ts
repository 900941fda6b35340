/** One step of a field path, as FieldsV1 writes it: `f:name`, `k:{"name":"x"}`, `v:"x"`, `i:0`. */
import { parseJson, stringifyJson } from './json.ts';
import { isObject, type Json, type JsonObject } from './object.ts';
import { quoteGo } from './quote.ts';

export function fieldElement(name: string): string {
  return fieldElements.get(name, (text) => `f:${text}`);
}

/** The element of a set, named by its value. */
export function valueElement(value: Json): string {
  return `v:${goJson(value)}`;
}

/** The element of a keyed list; `keys` are sorted by name here. */
export function keyElement(keys: readonly (readonly [string, Json])[]): string {
  if (keys.length === 1) return singleKeyElement(keys[0]![0], keys[0]![1]);
  const sorted = [...keys].sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
  return `k:{${sorted.map(([name, value]) => `${JSON.stringify(name)}:${goJson(value)}`).join(',')}}`;
}

/** The element of a list that is keyed by one field. */
export function singleKeyElement(name: string, value: Json): string {
  if (typeof value !== 'string') return `k:{${JSON.stringify(name)}:${goJson(value)}}`;
  const write = (text: string): string => `k:{${JSON.stringify(name)}:${goJson(text)}}`;
  return name === 'name' ? nameElements.get(value, write) : write(value);
}

const plainText = /^[\w ./:@-]*$/;

/** JSON as Go writes it: <, > and & are escaped. */
function goJson(value: Json): string {
  if (typeof value === 'string' && plainText.test(value)) return `"${value}"`;
  const text = stringifyJson(value);
  if (typeof value !== 'string' && typeof value !== 'object') return text;
  return text.replace(/[<>&\u2028\u2029]/g, escapeUnit);
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** Elements recur in all objects of a kind; reading one costs much more than finding it here. */
class Memo<T> {
  readonly #most = 5_000;
  readonly #known = new Map<string, T>();

  get(text: string, read: (text: string) => T): T {
    let value = this.#known.get(text);
    if (value === undefined) {
      value = read(text);
      if (this.#known.size >= this.#most) this.#known.clear();
      if (text.length <= 200) this.#known.set(text, value);
    }
    return value;
  }
}

const fieldElements = new Memo<string>();
/** Most keyed lists are keyed by name. */
const nameElements = new Memo<string>();
const normalized = new Memo<string>();
const keyFields = new Memo<readonly (readonly [string, Json])[]>();

function keysOf(element: string): readonly (readonly [string, Json])[] {
  return keyFields.get(element, (text) => {
    const keys = parseJson(text.slice(2)).value;
    if (!isObject(keys)) throw new SyntaxError(`not an object: ${text}`);
    return Object.entries(keys);
  });
}

/**
 * The same element in the one form that we compare by; undefined for kinds of elements that nobody
 * knows yet.
 * @throws SyntaxError for a malformed element
 */
export function normalizeElement(text: string): string | undefined {
  if (text.length < 2) throw new SyntaxError('key must be 2 characters long:');
  if (text[1] !== ':') throw new SyntaxError(`missing colon: ${text}`);
  switch (text[0]) {
    case 'f':
      return text;
    case 'k':
      return normalized.get(text, () => keyElement(keysOf(text)));
    case 'v':
      return valueElement(parseJson(text.slice(2)).value);
    case 'i':
      if (!/^i:[+-]?\d+$/.test(text)) throw new SyntaxError(`not an index: ${text}`);
      return `i:${Number(text.slice(2))}`;
    default:
      return undefined;
  }
}

/** As conflicts show it: `.spec`, `[name="x"]`, `[="x"]`, `[0]`. */
export function describeElement(element: string): string {
  const rest = element.slice(2);
  switch (element[0]) {
    case 'f':
      return `.${rest}`;
    case 'k': {
      const keys = keysOf(element);
      return `[${keys.map(([name, value]) => `${name}=${describeValue(value)}`).join(',')}]`;
    }
    case 'v':
      return `[=${describeValue(parseJson(rest).value)}]`;
    default:
      return `[${rest}]`;
  }
}

export function describePath(path: readonly string[]): string {
  return path.map(describeElement).join('');
}

/** A value as structured-merge-diff prints it. */
export function describeValue(value: Json): string {
  if (typeof value === 'string') return quoteGo(value);
  if (Array.isArray(value)) return `[${value.map(describeValue).join(',')}]`;
  if (isObject(value))
    return Object.keys(value)
      .sort()
      .map((key) => `${key}=${describeValue(value[key]!)}`)
      .join('');
  return String(value);
}

const ranks: Readonly<Record<string, number>> = { f: 0, k: 1, v: 2, i: 3 };

/** The order in which kube-apiserver writes elements: fields, keys, values, indexes. */
export function compareElements(a: string, b: string): number {
  if (a === b) return 0;
  if (a[0] !== b[0]) return ranks[a[0]!]! - ranks[b[0]!]!;
  switch (a[0]) {
    case 'f':
      return a < b ? -1 : 1;
    case 'i':
      return Number(a.slice(2)) - Number(b.slice(2));
    case 'v':
      return compareValues(parseJson(a.slice(2)).value, parseJson(b.slice(2)).value);
    default:
      return compareKeys(keysOf(a), keysOf(b));
  }
}

type Entries = readonly (readonly [string, Json])[];

function compareKeys(left: Entries, right: Entries): number {
  for (let i = 0; i < left.length && i < right.length; i++) {
    const a = left[i]!;
    const b = right[i]!;
    if (a[0] !== b[0]) return a[0] < b[0] ? -1 : 1;
    const order = compareValues(a[1], b[1]);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

const kinds = ['number', 'string', 'boolean', 'list', 'map', 'null'];

function kindOf(value: Json): number {
  if (value === null) return 5;
  if (Array.isArray(value)) return 3;
  if (typeof value === 'object') return 4;
  return typeof value === 'bigint' ? 0 : kinds.indexOf(typeof value);
}

/** A total order of values: numbers, strings, booleans, lists, maps, null. */
function compareValues(a: Json, b: Json): number {
  const kind = kindOf(a);
  if (kind !== kindOf(b)) return kind - kindOf(b);
  if (kind === 3) {
    const [left, right] = [a as Json[], b as Json[]];
    for (let i = 0; i < left.length && i < right.length; i++) {
      const order = compareValues(left[i]!, right[i]!);
      if (order !== 0) return order;
    }
    return left.length - right.length;
  }
  if (kind === 4) return compareKeys(sorted(a as JsonObject), sorted(b as JsonObject));
  if (kind === 5 || a === b) return 0;
  return a! < b! ? -1 : 1;
}

function sorted(value: JsonObject): Entries {
  return Object.entries(value).sort((a, b) => (a[0] < b[0] ? -1 : 1));
}
