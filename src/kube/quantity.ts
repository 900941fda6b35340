/**
 * Amounts such as 100m, 1.5Gi and 1e3: parsed, compared and added exactly, written in Kubernetes'
 * canonical form.
 */

/** What the text was written in, and so what the sum is written in: 12Mi, 12M or 12e6. */
export type QuantityFormat = 'BinarySI' | 'DecimalSI' | 'DecimalExponent';

/**
 * mantissa × 10^exponent; the exponent is -9 at least: smaller parts are rounded away from zero.
 */
export interface Quantity {
  readonly mantissa: bigint;
  readonly exponent: number;
  readonly format: QuantityFormat;
  /** The text itself, where Kubernetes keeps it as it was written. */
  readonly text?: string;
}

export class QuantityError extends Error {
  override readonly name = 'QuantityError';
}

const grammar = /^([+-]?)0*(\d*)(?:\.(\d*))?([eEinumkKMGTP]*[-+]?\d*)$/;
const decimalSuffixes = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'] as const;
const binarySuffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'] as const;
const nano = -9;
/** The largest amount in binary format, as in Kubernetes. */
const binaryCap = 2n ** 63n - 1n;
/**
 * Larger exponents (1e1001) are refused here: Kubernetes takes them, at the price of gigantic
 * numbers.
 */
const maxExponent = 1000;
/** Longer texts are refused: exact arithmetic on them is not free. */
const maxLength = 1000;

export const zeroQuantity: Quantity = { mantissa: 0n, exponent: 0, format: 'DecimalSI', text: '0' };

/** @throws QuantityError in Kubernetes' words */
export function parseQuantity(input: string | number | bigint): Quantity {
  const text = String(input);
  if (text === '0') return zeroQuantity;
  const match = text.length > maxLength ? null : grammar.exec(text);
  if (match === null || text === '')
    throw new QuantityError(
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    );
  const [, sign, whole, fraction = '', suffix] = match;
  const scale = parseSuffix(suffix!);
  if (scale === undefined) throw new QuantityError("unable to parse quantity's suffix");
  const digits = `${whole === '' ? '0' : whole}${fraction}`;
  const magnitude = BigInt(digits);
  const signed = sign === '-' ? -magnitude : magnitude;
  const exact = {
    mantissa: signed * 2n ** BigInt(scale.two),
    exponent: scale.ten - fraction.length,
  };
  if (keepsText({ digits, fraction, scale, exponent: exact.exponent }))
    return { ...exact, format: scale.format, text };
  return bounded(exact, scale.format);
}

interface SuffixScale {
  readonly format: QuantityFormat;
  /** Powers of two and ten that the suffix stands for. */
  readonly two: number;
  readonly ten: number;
}

function parseSuffix(suffix: string): SuffixScale | undefined {
  const decimal = decimalSuffixes.indexOf(suffix as 'k');
  if (decimal >= 0) return { format: 'DecimalSI', two: 0, ten: decimal * 3 + nano };
  const binary = binarySuffixes.indexOf(suffix as 'Ki');
  if (binary > 0) return { format: 'BinarySI', two: binary * 10, ten: 0 };
  if (!/^[eE][-+]?\d+$/.test(suffix)) return undefined;
  const ten = Number(suffix.slice(1));
  if (Math.abs(ten) > maxExponent) return undefined;
  return { format: 'DecimalExponent', two: 0, ten };
}

/** Kubernetes' test for "already canonical"; it lets some through that are not (1.500, 007, +1). */
function keepsText(number: {
  digits: string;
  fraction: string;
  scale: SuffixScale;
  exponent: number;
}): boolean {
  const { digits, fraction, scale, exponent } = number;
  if (scale.format === 'BinarySI') {
    const room = 14 - digits.length - Math.floor((scale.two * 3) / 10);
    return fraction === '' && room >= 0 && (BigInt(digits) & 7n) !== 0n;
  }
  if (digits.length > 18 || exponent < nano) return false;
  return exponent % 3 === 0 && !digits.endsWith('000') && !digits.startsWith('0');
}

function bounded(amount: { mantissa: bigint; exponent: number }, format: QuantityFormat): Quantity {
  let { mantissa, exponent } = amount;
  if (exponent < nano) {
    const divisor = 10n ** BigInt(nano - exponent);
    const remainder = mantissa % divisor;
    mantissa /= divisor;
    if (remainder !== 0n) mantissa += remainder < 0n ? -1n : 1n;
    exponent = nano;
  }
  if (format !== 'BinarySI') return { mantissa, exponent, format };
  const magnitude = { mantissa: mantissa < 0n ? -mantissa : mantissa, exponent, format };
  if (compareQuantity(magnitude, { ...zeroQuantity, mantissa: binaryCap }) > 0)
    return { mantissa: mantissa < 0n ? -binaryCap : binaryCap, exponent: 0, format };
  const small =
    mantissa !== 0n && compareQuantity(magnitude, { ...zeroQuantity, mantissa: 1n }) < 0;
  return { mantissa, exponent, format: small ? 'DecimalSI' : format };
}

/** Negative, zero or positive as a is less than, equal to or greater than b. */
export function compareQuantity(a: Quantity, b: Quantity): number {
  const [left, right] = aligned(a, b);
  return left < right ? -1 : left > right ? 1 : 0;
}

function aligned(a: Quantity, b: Quantity): [bigint, bigint, number] {
  const exponent = Math.min(a.exponent, b.exponent);
  return [atExponent(a, exponent), atExponent(b, exponent), exponent];
}

function atExponent(quantity: Quantity, exponent: number): bigint {
  return quantity.mantissa * 10n ** BigInt(quantity.exponent - exponent);
}

/** The sum, in a's format unless a is zero. */
export function addQuantity(a: Quantity, b: Quantity): Quantity {
  const [left, right, exponent] = aligned(a, b);
  return { mantissa: left + right, exponent, format: a.mantissa === 0n ? b.format : a.format };
}

export function subtractQuantity(a: Quantity, b: Quantity): Quantity {
  const { text: _text, ...rest } = b;
  return addQuantity(a, { ...rest, mantissa: -b.mantissa });
}

/** The quantity times an integer. */
export function multiplyQuantity(quantity: Quantity, by: bigint): Quantity {
  const { mantissa, exponent, format } = quantity;
  return { mantissa: mantissa * by, exponent, format };
}

/** In whole units, rounded away from zero: bytes of a memory quantity. */
export function quantityValue(quantity: Quantity): bigint {
  return scaledValue(quantity, 0);
}

/** In thousandths, rounded away from zero: millicores of a CPU quantity. */
export function quantityMilliValue(quantity: Quantity): bigint {
  return scaledValue(quantity, -3);
}

function scaledValue(quantity: Quantity, scale: number): bigint {
  if (quantity.exponent >= scale) return atExponent(quantity, scale);
  const divisor = 10n ** BigInt(scale - quantity.exponent);
  const remainder = quantity.mantissa % divisor;
  const value = quantity.mantissa / divisor;
  if (remainder === 0n) return value;
  return remainder < 0n ? value - 1n : value + 1n;
}

/** The canonical text, or the text it was parsed from where Kubernetes keeps that. */
export function formatQuantity(quantity: Quantity): string {
  if (quantity.text !== undefined) return quantity.text;
  if (quantity.mantissa === 0n) return '0';
  if (quantity.format === 'BinarySI') {
    const binary = formatBinary(quantity);
    if (binary !== undefined) return binary;
  }
  return formatDecimal(quantity);
}

/** `text` in canonical form: what a Kubernetes server stores. @throws QuantityError */
export function canonicalQuantity(text: string | number | bigint): string {
  return formatQuantity(parseQuantity(text));
}

/** Undefined for small amounts and fractions: they are written in decimal. */
function formatBinary(quantity: Quantity): string | undefined {
  let value = quantityValue(quantity);
  if (compareQuantity(quantity, { ...zeroQuantity, mantissa: value }) !== 0) return undefined;
  if (value > -1024n && value < 1024n) return undefined;
  let power = 0;
  while (value % 1024n === 0n && power < binarySuffixes.length - 1) {
    value /= 1024n;
    power++;
  }
  return `${value}${binarySuffixes[power]}`;
}

function formatDecimal({ mantissa, exponent, format }: Quantity): string {
  let digits = mantissa;
  let power = exponent;
  while (digits % 10n === 0n) {
    digits /= 10n;
    power++;
  }
  // 10^18 is the largest that has a letter; Kubernetes loses the rest, we do not.
  const top = format === 'DecimalExponent' ? Number.POSITIVE_INFINITY : 18;
  const target = Math.min(Math.floor(power / 3) * 3, top);
  digits *= 10n ** BigInt(power - target);
  if (format === 'DecimalExponent') return target === 0 ? `${digits}` : `${digits}e${target}`;
  return `${digits}${decimalSuffixes[(target - nano) / 3]}`;
}
