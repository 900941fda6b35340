/** The strings, regex and sets libraries that Kubernetes adds. */
import { letterEscapes } from '../quote.ts';
import { equals } from './compare.ts';
import { format } from './format-string.ts';
import type { Library } from './overload.ts';
import { regexp } from './regexp.ts';
import { type CelList, EvaluationError, type Value } from './values.ts';

function outOfRange(index: bigint): never {
  throw new EvaluationError(`index out of range: ${index}`);
}

/** Characters are code points. Plain text needs no splitting. */
function runes(text: string): readonly string[] | string {
  return /[\ud800-\udbff]/.test(text) ? [...text] : text;
}

const join = (part: readonly string[] | string): string =>
  typeof part === 'string' ? part : part.join('');

function charAt(text: string, index: bigint): string {
  const all = runes(text);
  if (index < 0n || index > all.length) outOfRange(index);
  return all[Number(index)] ?? '';
}

function indexOf(text: string, part: string, offset = 0n): bigint {
  if (offset < 0n) outOfRange(offset);
  const all = runes(text);
  if (part === '') return offset > all.length ? BigInt(all.length) : offset;
  if (offset >= all.length) return -1n;
  if (typeof all === 'string') return BigInt(all.indexOf(part, Number(offset)));
  const found = text.indexOf(part, all.slice(0, Number(offset)).join('').length);
  return found < 0 ? -1n : BigInt([...text.slice(0, found)].length);
}

function lastIndexOf(text: string, part: string, offset?: bigint): bigint {
  const all = runes(text);
  if (offset !== undefined && offset < 0n) outOfRange(offset);
  if (part === '') return offset === undefined || offset > all.length ? BigInt(all.length) : offset;
  if (offset !== undefined && offset >= all.length) return -1n;
  const from = offset === undefined ? undefined : join(all.slice(0, Number(offset))).length;
  const found = text.lastIndexOf(part, from);
  return found < 0 ? -1n : BigInt(runes(text.slice(0, found)).length);
}

function substring(text: string, start: bigint, end?: bigint): string {
  const all = runes(text);
  if (end !== undefined && start > end)
    throw new EvaluationError(`invalid substring range. start: ${start}, end: ${end}`);
  if (start < 0n || start > all.length) outOfRange(start);
  if (end !== undefined && end > all.length) outOfRange(end);
  return join(all.slice(Number(start), end === undefined ? undefined : Number(end)));
}

function replace(text: string, old: string, by: string, limit = -1n): string {
  if (limit < 0n) return text.replaceAll(old, () => by);
  const parts = old === '' ? ['', ...text] : text.split(old);
  let out = parts[0]!;
  for (let i = 1; i < parts.length; i++) out += (i <= Number(limit) ? by : old) + parts[i]!;
  return old === '' && limit >= parts.length ? out + by : out;
}

function split(text: string, separator: string, limit = -1n): string[] {
  if (limit === 0n) return [];
  const parts = separator === '' ? [...text] : text.split(separator);
  if (limit < 0n || parts.length <= limit) return parts;
  const kept = parts.slice(0, Number(limit) - 1);
  return [...kept, parts.slice(Number(limit) - 1).join(separator)];
}

function joined(list: CelList, separator = ''): string {
  if (!list.every((item) => typeof item === 'string'))
    throw new EvaluationError('join: invalid input');
  return list.join(separator);
}

export const strings: Library = {
  'string#charAt(int) -> string': charAt,
  'string#indexOf(string) -> int': indexOf,
  'string#indexOf(string, int) -> int': indexOf,
  'string#lastIndexOf(string) -> int': lastIndexOf,
  'string#lastIndexOf(string, int) -> int': lastIndexOf,
  'string#lowerAscii() -> string': (a: string) =>
    a.replace(/[A-Z]+/g, (part) => part.toLowerCase()),
  'string#upperAscii() -> string': (a: string) =>
    a.replace(/[a-z]+/g, (part) => part.toUpperCase()),
  'string#replace(string, string) -> string': replace,
  'string#replace(string, string, int) -> string': replace,
  'string#split(string) -> list(string)': split,
  'string#split(string, int) -> list(string)': split,
  'string#substring(int) -> string': substring,
  'string#substring(int, int) -> string': substring,
  'string#trim() -> string': (a: string) =>
    a.replace(/^[\s\u0085]+|[\s\u0085]+$/g, (part) => part.replace(/[^\ufeff]/g, '')),
  'string#format(list(dyn)) -> string': format,
  'strings.quote(string) -> string': (a: string) =>
    `"${a.toWellFormed().replace(/["\\\p{Cc}]/gu, (sign) => letterEscapes[sign] ?? sign)}"`,
  'list(string)#join() -> string': joined,
  'list(string)#join(string) -> string': joined,
};

function find(text: string, pattern: string): string {
  return regexp(pattern).exec(text)?.[0] ?? '';
}

function findAll(text: string, pattern: string, limit = -1n): string[] {
  const found: string[] = [];
  const all = regexp(pattern);
  for (const [match] of text.matchAll(new RegExp(all.source, `${all.flags}g`))) {
    if (limit >= 0n && found.length >= limit) break;
    found.push(match);
  }
  return found;
}

export const regex: Library = {
  'string#find(string) -> string': find,
  'string#findAll(string) -> list(string)': findAll,
  'string#findAll(string, int) -> list(string)': findAll,
};

function containsAll(list: CelList, sub: CelList): boolean {
  return sub.every((item) => list.some((other) => equals(item, other)));
}

export const sets: Library = {
  'sets.contains(list(A), list(A)) -> bool': containsAll,
  'sets.equivalent(list(A), list(A)) -> bool': (a: CelList, b: CelList) =>
    containsAll(a, b) && containsAll(b, a),
  'sets.intersects(list(A), list(A)) -> bool': (a: CelList, b: CelList) =>
    a.some((item: Value) => b.some((other) => equals(item, other))),
};
