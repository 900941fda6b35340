/** `'%s is %d'.format([name, 3])` */
import { plainDecimal } from './standard.ts';
import { formatTimestamp } from './time.ts';
import {
  type CelList,
  CelMap,
  Duration,
  EvaluationError,
  isList,
  Timestamp,
  TypeValue,
  typeName,
  Uint,
  type Value,
} from './values.ts';

const clause = /%(?:\.(\d*))?([%a-zA-Z])|%/g;

/** @throws EvaluationError when the text asks for what the arguments are not */
export function format(text: string, args: CelList): string {
  let next = 0;
  return text.replace(clause, (whole, precision: string | undefined, verb: string | undefined) => {
    if (verb === '%') return '%';
    if (verb === undefined) throw new EvaluationError('unexpected end of string');
    if (!'sdfeboxX'.includes(verb))
      throw new EvaluationError(
        `could not parse formatting clause: unrecognized formatting clause "${whole.at(-1)}"`,
      );
    if (next >= args.length) throw new EvaluationError(`index ${next} out of range`);
    const digits = precision === undefined ? 6 : Number(precision);
    return clauseText(verb, args[next++]!, digits);
  });
}

function clauseText(verb: string, value: Value, precision: number): string {
  switch (verb) {
    case 's':
      return shown(value);
    case 'd':
      return number(value, 'decimal clause can only be used on numbers', plain);
    case 'f':
      return number(value, 'fixed-point clause can only be used on numbers', (n) =>
        finite(n, () => Number(n).toFixed(precision)),
      );
    case 'e':
      return number(value, 'scientific clause can only be used on numbers', (n) =>
        finite(n, () => scientific(Number(n), precision)),
      );
    case 'b':
      if (typeof value === 'boolean') return value ? '1' : '0';
      return integer(value, 'only ints, uints, and bools can be formatted as binary', 2);
    case 'o':
      return integer(value, 'octal clause can only be used on ints and uints', 8);
    default:
      return hex(value, verb === 'X');
  }
}

type Numeric = bigint | number;

function number(value: Value, why: string, write: (n: Numeric) => string): string {
  if (typeof value === 'bigint' || typeof value === 'number') return write(value);
  if (value instanceof Uint) return write(value.value);
  throw new EvaluationError(`error during formatting: ${why}, was given ${typeName(value)}`);
}

function finite(n: Numeric, write: () => string): string {
  if (typeof n === 'bigint' || Number.isFinite(n)) return write();
  return Number.isNaN(n) ? 'NaN' : n > 0 ? 'Infinity' : '-Infinity';
}

function plain(n: Numeric): string {
  return finite(n, () => (typeof n === 'bigint' ? String(n) : plainDecimal(n)));
}

function integer(value: Value, why: string, base: number): string {
  if (typeof value === 'bigint') return value.toString(base);
  if (value instanceof Uint) return value.value.toString(base);
  throw new EvaluationError(`error during formatting: ${why}, was given ${typeName(value)}`);
}

function hex(value: Value, upper: boolean): string {
  const why = 'only ints, uints, bytes, and strings can be formatted as hex';
  const text =
    typeof value === 'string' || value instanceof Uint8Array
      ? Buffer.from(value as string).toString('hex')
      : integer(value, why, 16);
  return upper ? text.toUpperCase() : text;
}

/** What %s makes of an element. */
function quoted(value: Value): string {
  return typeof value === 'string' ? JSON.stringify(value) : shown(value);
}

const raised = '⁰¹²³⁴⁵⁶⁷⁸⁹';

/** 1.234500×10⁰³ */
function scientific(n: number, precision: number): string {
  const [digits, exponent = '+0'] = n.toExponential(precision).split('e');
  const power = exponent.slice(1).padStart(2, '0');
  const sign = exponent.startsWith('-') ? '⁻' : '';
  return `${digits}×10${sign}${[...power].map((digit) => raised[Number(digit)]).join('')}`;
}

/** What %s makes of a value. */
function shown(value: Value): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'bigint' || typeof value === 'number') return plain(value);
  if (value instanceof Uint) return String(value.value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
  if (value instanceof Duration) return `${plainDecimal(Number(value.nanos) / 1e9)}s`;
  if (value instanceof Timestamp) return formatTimestamp(value.nanos);
  if (value instanceof TypeValue) return value.type.name;
  if (isList(value)) return `[${value.map(quoted).join(', ')}]`;
  if (value instanceof CelMap) {
    const entries = [...value.keys()].map((key) => [quoted(key), quoted(value.get(key)!)]);
    entries.sort(([a], [b]) => (a! < b! ? -1 : 1));
    return `{${entries.map(([key, item]) => `${key}:${item}`).join(', ')}}`;
  }
  const why = 'string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists';
  throw new EvaluationError(
    `error during formatting: ${why}, types, durations, and timestamps, was given ${typeName(value)}`,
  );
}
