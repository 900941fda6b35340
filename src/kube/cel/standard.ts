/** The functions and operators of the language itself. */
import { addLists, compare, equals } from './compare.ts';
import type { Library } from './overload.ts';
import { regexp } from './regexp.ts';
import {
  floorDivide,
  formatDuration,
  formatTimestamp,
  int64,
  inZone,
  parseNanos,
  timestamps,
} from './time.ts';
import {
  type CelList,
  type CelMap,
  Duration,
  EvaluationError,
  type Opaque,
  Timestamp,
  TypeValue,
  typeOfValue,
  Uint,
  type Value,
} from './values.ts';

export const uint64Max = 2n ** 64n - 1n;

function fail(message: string): never {
  throw new EvaluationError(message);
}

export function int(value: bigint): bigint {
  return value < int64.min || value > int64.max ? fail('integer overflow') : value;
}

function uint(value: bigint): Uint {
  return value < 0n || value > uint64Max ? fail('unsigned integer overflow') : new Uint(value);
}

function duration(nanos: bigint): Duration {
  return nanos < int64.min || nanos > int64.max ? fail('duration overflow') : new Duration(nanos);
}

function timestamp(nanos: bigint): Timestamp {
  const inside = nanos >= timestamps.min && nanos <= timestamps.max;
  return inside ? new Timestamp(nanos) : fail('timestamp overflow');
}

const nonZero = (value: bigint, why: string): bigint => (value === 0n ? fail(why) : value);

const arithmetic: Library = {
  '_+_(int, int) -> int': (a: bigint, b: bigint) => int(a + b),
  '_+_(uint, uint) -> uint': (a: Uint, b: Uint) => uint(a.value + b.value),
  '_+_(double, double) -> double': (a: number, b: number) => a + b,
  '_+_(string, string) -> string': (a: string, b: string) => a + b,
  '_+_(bytes, bytes) -> bytes': (a: Uint8Array, b: Uint8Array) => Buffer.concat([a, b]),
  '_+_(list(A), list(A)) -> list(A)': addLists,
  '_+_(duration, duration) -> duration': (a: Duration, b: Duration) => duration(a.nanos + b.nanos),
  '_+_(timestamp, duration) -> timestamp': (a: Timestamp, b: Duration) =>
    timestamp(a.nanos + b.nanos),
  '_+_(duration, timestamp) -> timestamp': (a: Duration, b: Timestamp) =>
    timestamp(a.nanos + b.nanos),
  '_-_(int, int) -> int': (a: bigint, b: bigint) => int(a - b),
  '_-_(uint, uint) -> uint': (a: Uint, b: Uint) => uint(a.value - b.value),
  '_-_(double, double) -> double': (a: number, b: number) => a - b,
  '_-_(duration, duration) -> duration': (a: Duration, b: Duration) => duration(a.nanos - b.nanos),
  '_-_(timestamp, duration) -> timestamp': (a: Timestamp, b: Duration) =>
    timestamp(a.nanos - b.nanos),
  '_-_(timestamp, timestamp) -> duration': (a: Timestamp, b: Timestamp) =>
    duration(a.nanos - b.nanos),
  '_*_(int, int) -> int': (a: bigint, b: bigint) => int(a * b),
  '_*_(uint, uint) -> uint': (a: Uint, b: Uint) => uint(a.value * b.value),
  '_*_(double, double) -> double': (a: number, b: number) => a * b,
  '_/_(int, int) -> int': (a: bigint, b: bigint) => int(a / nonZero(b, 'division by zero')),
  '_/_(uint, uint) -> uint': (a: Uint, b: Uint) =>
    uint(a.value / nonZero(b.value, 'division by zero')),
  '_/_(double, double) -> double': (a: number, b: number) => a / b,
  '_%_(int, int) -> int': (a: bigint, b: bigint) => a % nonZero(b, 'modulus by zero'),
  '_%_(uint, uint) -> uint': (a: Uint, b: Uint) =>
    uint(a.value % nonZero(b.value, 'modulus by zero')),
  '-_(int) -> int': (a: bigint) => int(-a),
  '-_(double) -> double': (a: number) => -a,
};

const ordered = ['bool', 'int', 'uint', 'double', 'string', 'bytes', 'timestamp', 'duration'];
const mixed = [
  'int, double',
  'int, uint',
  'uint, double',
  'uint, int',
  'double, int',
  'double, uint',
];

function relation(name: string, holds: (order: number) => boolean): Library {
  const call = (a: Value, b: Value): boolean => holds(compare(a, b));
  const pairs = [...ordered.map((type) => `${type}, ${type}`), ...mixed];
  return Object.fromEntries(pairs.map((pair) => [`${name}(${pair}) -> bool`, call]));
}

const logic: Library = {
  '_?_:_(bool, A, A) -> A': never,
  '_&&_(bool, bool) -> bool': never,
  '_||_(bool, bool) -> bool': never,
  '@not_strictly_false(bool) -> bool': never,
  '!_(bool) -> bool': (a: boolean) => !a,
  '_==_(A, A) -> bool': equals,
  '_!=_(A, A) -> bool': (a: Value, b: Value) => !equals(a, b),
  ...relation('_<_', (order) => order < 0),
  ...relation('_<=_', (order) => order <= 0),
  ...relation('_>_', (order) => order > 0),
  ...relation('_>=_', (order) => order >= 0),
};

/** The evaluator does these itself: they need not evaluate all arguments. */
function never(): never {
  throw new Error('evaluated by plan.ts');
}

const collections: Library = {
  '_[_](list(A), int) -> A': never,
  '_[_](map(A, B), A) -> B': never,
  '@in(A, list(A)) -> bool': (item: Value, list: CelList) =>
    list.some((other) => equals(item, other)),
  '@in(A, map(A, B)) -> bool': (key: Value, map: CelMap) => map.get(key) !== undefined,
  'size(string) -> int': (a: string) => BigInt(characters(a)),
  'size(bytes) -> int': (a: Uint8Array) => BigInt(a.length),
  'size(list(A)) -> int': (a: CelList) => BigInt(a.length),
  'size(map(A, B)) -> int': (a: CelMap) => BigInt(a.size),
  'string#size() -> int': (a: string) => BigInt(characters(a)),
  'bytes#size() -> int': (a: Uint8Array) => BigInt(a.length),
  'list(A)#size() -> int': (a: CelList) => BigInt(a.length),
  'map(A, B)#size() -> int': (a: CelMap) => BigInt(a.size),
  'cel.@mapInsert(map(A, B), A, B) -> map(A, B)': never,
  'cel.@mapInsert(map(A, B), map(A, B)) -> map(A, B)': never,
};

/** Length in code points. */
export function characters(text: string): number {
  let count = text.length;
  for (let i = 0; i < text.length - 1; i++) {
    const code = text.charCodeAt(i);
    if (code >= 0xd800 && code < 0xdc00) {
      count--;
      i++;
    }
  }
  return count;
}

const strings: Library = {
  'string#contains(string) -> bool': (a: string, b: string) => a.includes(b),
  'string#startsWith(string) -> bool': (a: string, b: string) => a.startsWith(b),
  'string#endsWith(string) -> bool': (a: string, b: string) => a.endsWith(b),
  'string#matches(string) -> bool': (a: string, b: string) => regexp(b).test(a),
  'matches(string, string) -> bool': (a: string, b: string) => regexp(b).test(a),
};

function conversionError(from: string, to: string): never {
  return fail(`type conversion error from '${from}' to '${to}'`);
}

function intOfText(text: string): bigint {
  if (!/^[+-]?\d+$/.test(text)) conversionError('string', 'int');
  const value = BigInt(text.replace('+', ''));
  return value < int64.min || value > int64.max ? conversionError('string', 'int') : value;
}

function intOfDouble(value: number): bigint {
  if (!Number.isFinite(value) || value <= -(2 ** 63) || value >= 2 ** 63) fail('integer overflow');
  return BigInt(Math.trunc(value));
}

function uintOfText(text: string): Uint {
  const value = /^\d+$/.test(text) ? BigInt(text) : -1n;
  return value < 0n || value > uint64Max ? conversionError('string', 'uint') : new Uint(value);
}

function uintOfDouble(value: number): Uint {
  if (!(value >= 0) || value >= 2 ** 64) fail('unsigned integer overflow');
  return new Uint(BigInt(Math.trunc(value)));
}

function doubleOfText(text: string): number {
  const known = /^[+-]?(inf|infinity|nan)$/i.test(text);
  if (known) {
    const infinite = text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
    return /nan$/i.test(text) ? Number.NaN : infinite;
  }
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)) conversionError('string', 'double');
  return Number(text);
}

function boolOfText(text: string): boolean {
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text)) return true;
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(text)) return false;
  return conversionError('string', 'bool');
}

/** As Go writes a float64: shortest, with an exponent of two digits when it is far from 1. */
export function doubleText(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  const [digits, exponent = '0'] = value.toExponential().split('e');
  const power = Number(exponent);
  if (power < -4 || power >= 21) {
    const sign = power < 0 ? '-' : '+';
    return `${digits}e${sign}${String(Math.abs(power)).padStart(2, '0')}`;
  }
  return Object.is(value, -0) ? '-0' : plainDecimal(value);
}

/** Without an exponent. */
export function plainDecimal(value: number): string {
  const text = String(value);
  if (!text.includes('e')) return text;
  const [head = '', exponent = '0'] = text.split('e');
  const negative = head.startsWith('-') ? '-' : '';
  const [whole = '', fraction = ''] = head.replace('-', '').split('.');
  const power = Number(exponent);
  if (power >= 0) return `${negative}${whole}${fraction.padEnd(power, '0')}`;
  return `${negative}0.${'0'.repeat(-power - 1)}${whole}${fraction}`;
}

function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return fail('invalid UTF-8 in bytes, cannot convert to string');
  }
}

function timeOf(kind: 'timestamp' | 'duration', text: string): bigint {
  const name = kind === 'timestamp' ? 'google.protobuf.Timestamp' : 'google.protobuf.Duration';
  return parseNanos(kind, text) ?? conversionError('string', name);
}

const seconds = 1_000_000_000n;

const conversions: Library = {
  'dyn(A) -> dyn': (a: Value) => a,
  'type(A) -> type(A)': (a: Value) => new TypeValue(typeOfValue(a)),
  'bool(bool) -> bool': (a: boolean) => a,
  'bool(string) -> bool': boolOfText,
  'bytes(bytes) -> bytes': (a: Uint8Array) => a,
  'bytes(string) -> bytes': (a: string) => Buffer.from(a, 'utf8'),
  'double(double) -> double': (a: number) => a,
  'double(int) -> double': (a: bigint) => Number(a),
  'double(uint) -> double': (a: Uint) => Number(a.value),
  'double(string) -> double': doubleOfText,
  'int(int) -> int': (a: bigint) => a,
  'int(double) -> int': intOfDouble,
  'int(uint) -> int': (a: Uint) => int(a.value),
  'int(string) -> int': intOfText,
  'int(timestamp) -> int': (a: Timestamp) => floorDivide(a.nanos, seconds)[0],
  'int(duration) -> int': (a: Duration) => a.nanos,
  'uint(uint) -> uint': (a: Uint) => a,
  'uint(double) -> uint': uintOfDouble,
  'uint(int) -> uint': (a: bigint) => uint(a),
  'uint(string) -> uint': uintOfText,
  'string(string) -> string': (a: string) => a,
  'string(bool) -> string': String,
  'string(bytes) -> string': utf8,
  'string(double) -> string': doubleText,
  'string(int) -> string': String,
  'string(uint) -> string': (a: Uint) => String(a.value),
  'string(timestamp) -> string': (a: Timestamp) => formatTimestamp(a.nanos),
  'string(duration) -> string': (a: Duration) => formatDuration(a.nanos),
  'string(ip) -> string': (a: Opaque) => String(a),
  'string(cidr) -> string': (a: Opaque) => String(a),
  'timestamp(timestamp) -> timestamp': (a: Timestamp) => a,
  'timestamp(int) -> timestamp': (a: bigint) => timestamp(a * seconds),
  'timestamp(string) -> timestamp': (a: string) => new Timestamp(timeOf('timestamp', a)),
  'duration(duration) -> duration': (a: Duration) => a,
  'duration(string) -> duration': (a: string) => new Duration(timeOf('duration', a)),
};

function part(name: string, read: (date: Date) => number): Library {
  const call = (a: Timestamp, zone = 'UTC'): bigint => {
    const date = inZone(a.nanos, zone);
    return date === undefined ? fail(`unknown time zone ${zone}`) : BigInt(read(date));
  };
  return { [`timestamp#${name}() -> int`]: call, [`timestamp#${name}(string) -> int`]: call };
}

function dayOfYear(date: Date): number {
  const start = Date.UTC(date.getUTCFullYear(), 0, 1);
  return Math.floor((date.getTime() - start) / 86_400_000);
}

const times: Library = {
  ...part('getFullYear', (date) => date.getUTCFullYear()),
  ...part('getMonth', (date) => date.getUTCMonth()),
  ...part('getDayOfYear', dayOfYear),
  ...part('getDayOfMonth', (date) => date.getUTCDate() - 1),
  ...part('getDate', (date) => date.getUTCDate()),
  ...part('getDayOfWeek', (date) => date.getUTCDay()),
  ...part('getHours', (date) => date.getUTCHours()),
  ...part('getMinutes', (date) => date.getUTCMinutes()),
  ...part('getSeconds', (date) => date.getUTCSeconds()),
  ...part('getMilliseconds', (date) => date.getUTCMilliseconds()),
  'duration#getHours() -> int': (a: Duration) => a.nanos / (3600n * seconds),
  'duration#getMinutes() -> int': (a: Duration) => a.nanos / (60n * seconds),
  'duration#getSeconds() -> int': (a: Duration) => a.nanos / seconds,
  'duration#getMilliseconds() -> int': (a: Duration) => a.nanos / 1_000_000n,
};

export const standard: readonly Library[] = [
  arithmetic,
  logic,
  collections,
  strings,
  conversions,
  times,
];
