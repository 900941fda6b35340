/** quantity(), semver() and format(). */
import { formatProblem } from '../formats.ts';
import { labelKeyProblems, labelValueProblems } from '../label-syntax.ts';
import { label1035Problems, labelProblems, subdomainProblems } from '../name-syntax.ts';
import {
  addQuantity,
  compareQuantity,
  formatQuantity,
  parseQuantity,
  type Quantity,
  QuantityError,
  quantityValue,
  subtractQuantity,
} from '../quantity.ts';
import { urls } from './network.ts';
import type { Library } from './overload.ts';
import { int64 } from './time.ts';
import { opaque, type Type } from './types.ts';
import { EvaluationError, none, Opaque, Optional } from './values.ts';

const quantityType = opaque('kubernetes.Quantity');
const semverType = opaque('kubernetes.Semver');
const formatType = opaque('kubernetes.NamedFormat');

class QuantityValue extends Opaque {
  readonly type: Type = quantityType;
  readonly of: Quantity;

  constructor(of: Quantity) {
    super();
    this.of = of;
  }

  override equals(other: QuantityValue): boolean {
    return compareQuantity(this.of, other.of) === 0;
  }

  override toString(): string {
    return formatQuantity(this.of);
  }
}

function quantity(text: string): QuantityValue {
  try {
    return new QuantityValue(parseQuantity(text));
  } catch (error) {
    if (error instanceof QuantityError) throw new EvaluationError(error.message);
    throw error;
  }
}

function succeeds(call: () => unknown): boolean {
  try {
    call();
    return true;
  } catch (error) {
    if (error instanceof EvaluationError) return false;
    throw error;
  }
}

function wholeNumber({ of }: QuantityValue): bigint | undefined {
  const value = quantityValue(of);
  const exact = compareQuantity(of, { mantissa: value, exponent: 0, format: 'DecimalSI' }) === 0;
  return exact && value >= int64.min && value <= int64.max ? value : undefined;
}

function asInteger(value: QuantityValue): bigint {
  const whole = wholeNumber(value);
  if (whole === undefined) throw new EvaluationError('cannot convert value to integer');
  return whole;
}

const fromInt = (value: bigint): Quantity => ({
  mantissa: value,
  exponent: 0,
  format: 'DecimalExponent',
});
const order = (a: QuantityValue, b: QuantityValue): number => compareQuantity(a.of, b.of);

export const quantities: Library = {
  'quantity(string) -> quantity': quantity,
  'isQuantity(string) -> bool': (text: string) => succeeds(() => quantity(text)),
  'sign(quantity) -> int': ({ of }: QuantityValue) =>
    of.mantissa === 0n ? 0n : of.mantissa < 0n ? -1n : 1n,
  'quantity#isGreaterThan(quantity) -> bool': (a: QuantityValue, b: QuantityValue) =>
    order(a, b) > 0,
  'quantity#isLessThan(quantity) -> bool': (a: QuantityValue, b: QuantityValue) => order(a, b) < 0,
  'quantity#compareTo(quantity) -> int': (a: QuantityValue, b: QuantityValue) =>
    BigInt(order(a, b)),
  'quantity#asApproximateFloat() -> double': ({ of }: QuantityValue) =>
    Number(`${of.mantissa}e${of.exponent}`),
  'quantity#asInteger() -> int': asInteger,
  'quantity#isInteger() -> bool': (value: QuantityValue) => wholeNumber(value) !== undefined,
  'quantity#add(quantity) -> quantity': (a: QuantityValue, b: QuantityValue) =>
    new QuantityValue(addQuantity(a.of, b.of)),
  'quantity#add(int) -> quantity': (a: QuantityValue, b: bigint) =>
    new QuantityValue(addQuantity(a.of, fromInt(b))),
  'quantity#sub(quantity) -> quantity': (a: QuantityValue, b: QuantityValue) =>
    new QuantityValue(subtractQuantity(a.of, b.of)),
  'quantity#sub(int) -> quantity': (a: QuantityValue, b: bigint) =>
    new QuantityValue(subtractQuantity(a.of, fromInt(b))),
};

class Semver extends Opaque {
  readonly type: Type = semverType;
  readonly numbers: readonly [bigint, bigint, bigint];
  readonly pre: readonly string[];
  readonly text: string;

  constructor(text: string, numbers: readonly [bigint, bigint, bigint], pre: readonly string[]) {
    super();
    this.text = text;
    this.numbers = numbers;
    this.pre = pre;
  }

  override equals(other: Semver): boolean {
    return compareSemver(this, other) === 0;
  }

  override toString(): string {
    return this.text;
  }
}

const number = '(0|[1-9]\\d*)';
const identifiers = '[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*';
const semverPattern = new RegExp(
  `^${number}\\.${number}\\.${number}(?:-(${identifiers}))?(?:\\+${identifiers})?$`,
);

function semver(text: string, normalize = false): Semver {
  const wanted = normalize ? normalized(text) : text;
  const found = semverPattern.exec(wanted);
  const pre = found?.[4]?.split('.') ?? [];
  if (found === null || pre.some((part) => /^0\d+$/.test(part)))
    throw new EvaluationError(whyNoSemver(wanted));
  const [major, minor, patch] = found.slice(1, 4).map(BigInt) as [bigint, bigint, bigint];
  return new Semver(wanted, [major, minor, patch], pre);
}

function whyNoSemver(text: string): string {
  if (text === '') return 'Version string empty';
  const parts = text.split('.');
  if (parts.length < 3) return 'No Major.Minor.Patch elements found';
  const zero = parts.findIndex((part, i) => i < 3 && /^0\d+$/.test(part));
  if (zero >= 0)
    return `${['Major', 'Minor', 'Patch'][zero]} number must not contain leading zeroes "${parts[zero]}"`;
  return `Invalid character(s) found in version ${JSON.stringify(text)}`;
}

function normalized(text: string): string {
  const bare = text.startsWith('v') ? text.slice(1) : text;
  const [major = '', minor, ...rest] = bare.split('.');
  const parts = [major, minor, rest.length === 0 ? undefined : rest.join('.')];
  const clean = parts
    .filter((part) => part !== undefined)
    .map((part) =>
      part.length > 1 ? part.replace(/^0+(?=\d)/, '').replace(/^(?=\D)/, '0') : part,
    );
  while (clean.length < 3) clean.push('0');
  return clean.join('.');
}

function compareSemver(a: Semver, b: Semver): number {
  for (let i = 0; i < 3; i++)
    if (a.numbers[i] !== b.numbers[i]) return a.numbers[i]! < b.numbers[i]! ? -1 : 1;
  if (a.pre.length === 0 || b.pre.length === 0)
    return Math.sign((b.pre.length === 0 ? 0 : 1) - (a.pre.length === 0 ? 0 : 1));
  for (let i = 0; i < Math.min(a.pre.length, b.pre.length); i++) {
    const difference = compareIdentifiers(a.pre[i]!, b.pre[i]!);
    if (difference !== 0) return difference;
  }
  return Math.sign(a.pre.length - b.pre.length);
}

function compareIdentifiers(a: string, b: string): number {
  if (a === b) return 0;
  const [x, y] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (x !== y) return x ? -1 : 1;
  if (x) return BigInt(a) < BigInt(b) ? -1 : 1;
  return a < b ? -1 : 1;
}

export const semvers: Library = {
  'semver(string) -> semver': semver,
  'semver(string, bool) -> semver': semver,
  'isSemver(string) -> bool': (text: string) => succeeds(() => semver(text)),
  'isSemver(string, bool) -> bool': (text: string, normalize: boolean) =>
    succeeds(() => semver(text, normalize)),
  'semver#isGreaterThan(semver) -> bool': (a: Semver, b: Semver) => compareSemver(a, b) > 0,
  'semver#isLessThan(semver) -> bool': (a: Semver, b: Semver) => compareSemver(a, b) < 0,
  'semver#compareTo(semver) -> int': (a: Semver, b: Semver) => BigInt(compareSemver(a, b)),
  'semver#major() -> int': ({ numbers }: Semver) => numbers[0],
  'semver#minor() -> int': ({ numbers }: Semver) => numbers[1],
  'semver#patch() -> int': ({ numbers }: Semver) => numbers[2],
};

/** A named format: what is wrong with a text, and how long its pattern counts for cost. */
export class Format extends Opaque {
  readonly type: Type = formatType;
  readonly name: string;
  readonly problems: (text: string) => readonly string[];
  readonly patternSize: number;

  constructor(name: string, patternSize: number, problems: (text: string) => readonly string[]) {
    super();
    this.name = name;
    this.patternSize = patternSize;
    this.problems = problems;
  }

  override equals(other: Format): boolean {
    return this.name === other.name;
  }
}

/** A prefix of a name may end in a dash. */
const masked = (text: string): string =>
  text.length > 1 && text.endsWith('-') ? `${text.slice(0, -2)}a` : text;
const openApi =
  (format: string, problem: string) =>
  (text: string): string[] =>
    formatProblem(format, text) === undefined ? [] : [problem];

function uriProblems(text: string): string[] {
  try {
    (urls['url(string) -> url'] as (text: string) => unknown)(text);
    return [];
  } catch (error) {
    if (!(error instanceof EvaluationError)) throw error;
    return [error.message.replace('URL parse error during conversion from string: ', '')];
  }
}

export const namedFormats: Readonly<Record<string, Format>> = {
  dns1123Label: new Format('DNS1123Label', 30, labelProblems),
  dns1123Subdomain: new Format('DNS1123Subdomain', 60, subdomainProblems),
  dns1035Label: new Format('DNS1035Label', 30, label1035Problems),
  qualifiedName: new Format('QualifiedName', 60, labelKeyProblems),
  dns1123LabelPrefix: new Format('DNS1123LabelPrefix', 30, (text) => labelProblems(masked(text))),
  dns1123SubdomainPrefix: new Format('DNS1123SubdomainPrefix', 60, (text) =>
    subdomainProblems(masked(text)),
  ),
  dns1035LabelPrefix: new Format('DNS1035LabelPrefix', 30, (text) =>
    label1035Problems(masked(text)),
  ),
  labelValue: new Format('LabelValue', 40, labelValueProblems),
  uri: new Format('URI', 1103, uriProblems),
  uuid: new Format('uuid', 70, openApi('uuid', 'does not match the UUID format')),
  byte: new Format('byte', 84, openApi('byte', 'invalid base64')),
  date: new Format('date', 71, openApi('date', 'invalid date')),
  datetime: new Format('datetime', 71, openApi('datetime', 'invalid datetime')),
};

function validate(format: Format, text: string): Optional {
  const problems = format.problems(text);
  return problems.length === 0 ? none : new Optional([...problems]);
}

export const formats: Library = {
  ...Object.fromEntries(
    Object.entries(namedFormats).map(([name, format]) => [
      `format.${name}() -> format`,
      () => format,
    ]),
  ),
  'format#validate(string) -> optional(list(string))': validate,
  'format.named(string) -> optional(format)': (name: string) =>
    Object.hasOwn(namedFormats, name) ? new Optional(namedFormats[name]!) : none,
};
