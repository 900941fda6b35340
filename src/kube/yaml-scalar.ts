/**
 * What Go's YAML library makes of a scalar: YAML 1.1 with its own exceptions (yes is true, 12:30:45
 * is text).
 */
import type { Json } from './object.ts';

const words = new Map<string, Json>();
for (const word of ['y', 'Y', 'yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON'])
  words.set(word, true);
for (const word of ['n', 'N', 'no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF'])
  words.set(word, false);
for (const word of ['', '~', 'null', 'Null', 'NULL']) words.set(word, null);
for (const word of ['.nan', '.NaN', '.NAN']) words.set(word, Number.NaN);
for (const sign of ['', '+'])
  for (const word of ['.inf', '.Inf', '.INF']) words.set(sign + word, Number.POSITIVE_INFINITY);
for (const word of ['-.inf', '-.Inf', '-.INF']) words.set(word, Number.NEGATIVE_INFINITY);

const numberStart = /^[-+0-9]/;
const dotFloat = /^\.[0-9]+(?:[eE][-+]?[0-9]+)?$/;
const float = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;
const date =
  /^\d{4}-\d{1,2}-\d{1,2}(?:[Tt ]\d{1,2}:\d{1,2}:\d{1,2}(?:\.\d+)?(?:Z|[-+]\d\d:\d\d)?)?$/;
const integer = /^([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))$/;
const maxUint64 = 2n ** 64n;
const minInt64 = -(2n ** 63n);

/**
 * A plain scalar's value: null, boolean, number, bigint, or the text itself. NaN and infinities are
 * numbers here.
 */
export function resolvePlain(text: string): Json {
  const word = words.get(text);
  if (word !== undefined) return word;
  if (text.startsWith('.')) return dotFloat.test(text) ? (finite(text) ?? text) : text;
  if (!numberStart.test(text)) return text;
  const plain = text.includes('_') ? text.replaceAll('_', '') : text;
  const whole = resolveInteger(plain);
  if (whole !== undefined) return whole;
  return float.test(plain) ? (finite(plain) ?? text) : text;
}

/**
 * In decimal, 0x, 0b, 0o or a leading 0 (octal); undefined when it is none or does not fit 64 bits.
 */
function resolveInteger(text: string): number | bigint | undefined {
  const match = integer.exec(text);
  if (match === null) return undefined;
  const [, sign, hex, binary, octal, decimal] = match;
  let value: bigint;
  if (hex !== undefined) value = BigInt(`0x${hex}`);
  else if (binary !== undefined) value = BigInt(`0b${binary}`);
  else if (octal !== undefined) value = BigInt(`0o${octal}`);
  else value = BigInt(decimal!);
  if (sign === '-') value = -value;
  // Unsigned integers have no sign in Go.
  if (value < minInt64 || value >= (sign === '' ? maxUint64 : -minInt64)) return undefined;
  const number = Number(value);
  // Above 63 bits it is a float to whatever reads the JSON next.
  return Number.isSafeInteger(number) || value >= -minInt64 ? number : value;
}

/** Undefined for what a double cannot hold (1e400): that stays text. */
function finite(text: string): number | undefined {
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}

const prefix = 'tag:yaml.org,2002:';

export class YamlTagError extends Error {
  override readonly name = 'YamlTagError';
}

/** A scalar with an explicit tag. @throws YamlTagError in Go's words */
export function resolveTagged(tag: string, text: string): Json {
  const short = tag.startsWith(prefix) ? tag.slice(prefix.length) : '';
  switch (short) {
    case 'str':
      return text;
    case 'binary':
      if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(strip(text)))
        throw new YamlTagError('!!binary value contains invalid base64 data');
      return Buffer.from(text, 'base64').toString('utf8');
    case 'timestamp':
      if (!date.test(text)) throw cannot(resolvePlain(text), text, short);
      return text;
    case 'bool':
    case 'int':
    case 'float':
    case 'null': {
      const value = resolvePlain(text);
      const kind = kindOf(value, text);
      if (kind !== short && !(short === 'float' && kind === 'int'))
        throw cannot(value, text, short);
      return value;
    }
    default:
      return text;
  }
}

function strip(text: string): string {
  return text.replace(/[\r\n]/g, '');
}

function cannot(value: Json, text: string, tag: string): YamlTagError {
  return new YamlTagError(`cannot decode !!${kindOf(value, text)} \`${text}\` as a !!${tag}`);
}

function kindOf(value: Json, text: string): string {
  if (value === null) return 'null';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'bigint') return 'int';
  if (typeof value !== 'number') return 'str';
  return resolveInteger(text.replaceAll('_', '')) === undefined ? 'float' : 'int';
}
