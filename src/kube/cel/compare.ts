/** Equality and order of values. */
import {
  type CelList,
  CelMap,
  Duration,
  EvaluationError,
  isList,
  Opaque,
  Optional,
  Timestamp,
  TypeValue,
  Uint,
  type Value,
} from './values.ts';

type Number = bigint | number | Uint;

function isNumber(value: Value): value is Number {
  return typeof value === 'bigint' || typeof value === 'number' || value instanceof Uint;
}

/** Values of different types are unequal, but for numbers. */
export function equals(a: Value, b: Value): boolean {
  if (a === b) return true;
  if (a === null || b === null) return false;
  if (isNumber(a)) return isNumber(b) && compareNumbers(a, b) === 0;
  if (typeof a !== 'object' || typeof b !== 'object') return false;
  if (isList(a)) return isList(b) && equalLists(a, b);
  if (a instanceof CelMap) return b instanceof CelMap && equalMaps(a, b);
  if (a instanceof Uint8Array) return b instanceof Uint8Array && Buffer.compare(a, b) === 0;
  if (a instanceof Timestamp) return b instanceof Timestamp && a.nanos === b.nanos;
  if (a instanceof Duration) return b instanceof Duration && a.nanos === b.nanos;
  if (a instanceof TypeValue) return b instanceof TypeValue && a.type.name === b.type.name;
  if (a instanceof Optional) return b instanceof Optional && equalOptionals(a, b);
  return a instanceof Opaque && b instanceof Opaque && sameOpaque(a, b);
}

function sameOpaque(a: Opaque, b: Opaque): boolean {
  return a.constructor === b.constructor && a.equals(b);
}

function equalOptionals(a: Optional, b: Optional): boolean {
  if (a.value === undefined || b.value === undefined) return a.value === b.value;
  return equals(a.value, b.value);
}

function equalLists(a: CelList, b: CelList): boolean {
  if (a.length !== b.length) return false;
  const related = a.relation === undefined ? b : a;
  if (related.relation === undefined) return a.every((item, i) => equals(item, b[i]!));
  const rest = [...b];
  return a.every((item) => {
    const at = rest.findIndex((other) => equals(item, other));
    if (at < 0) return false;
    rest.splice(at, 1);
    return true;
  });
}

function equalMaps(a: CelMap, b: CelMap): boolean {
  if (a.size !== b.size) return false;
  for (const key of a.keys()) {
    const other = b.get(key);
    if (other === undefined || !equals(a.get(key)!, other)) return false;
  }
  return true;
}

/** Concatenation; of sets the union, of lists of maps the second one's elements win by key. */
export function addLists(a: CelList, b: CelList): CelList {
  const { relation, mapKeys = [] } = a;
  if (relation === undefined) return [...a, ...b];
  const all = [...a];
  for (const item of b) {
    const at = all.findIndex((other) =>
      relation === 'set' ? equals(item, other) : sameKeys(item, other, mapKeys),
    );
    if (at < 0) all.push(item);
    else all[at] = item;
  }
  return Object.assign(all, { relation, mapKeys });
}

function sameKeys(a: Value, b: Value, keys: readonly string[]): boolean {
  if (!(a instanceof CelMap) || !(b instanceof CelMap)) return false;
  return keys.every((key) => equals(a.get(key) ?? null, b.get(key) ?? null));
}

/** NaN when one of them is. */
function compareNumbers(a: Number, b: Number): number {
  const [x, y] = [a instanceof Uint ? a.value : a, b instanceof Uint ? b.value : b];
  // JavaScript compares a bigint with a number exactly.
  if (x < y) return -1;
  if (x > y) return 1;
  // biome-ignore lint/suspicious/noDoubleEquals: equal across bigint and number
  return x == y ? 0 : Number.NaN;
}

/** Negative, zero, positive; NaN when neither holds. @throws EvaluationError for other pairs */
export function compare(a: Value, b: Value): number {
  if (isNumber(a) && isNumber(b)) return compareNumbers(a, b);
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b);
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b);
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b);
  const bothTimes = a instanceof Timestamp && b instanceof Timestamp;
  if (bothTimes || (a instanceof Duration && b instanceof Duration))
    return a.nanos < (b as Timestamp).nanos ? -1 : a.nanos > (b as Timestamp).nanos ? 1 : 0;
  throw new EvaluationError('no such overload');
}

/** In the order of code points, as Go compares bytes of UTF-8. */
function compareText(a: string, b: string): number {
  if (a === b) return 0;
  const most = Math.min(a.length, b.length);
  for (let i = 0; i < most; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x === y) continue;
    const surrogates = x >= 0xd800 && x <= 0xdfff ? 1 : 0;
    const others = y >= 0xd800 && y <= 0xdfff ? 1 : 0;
    return surrogates === others ? x - y : surrogates - others || x - y;
  }
  return a.length - b.length;
}
