/** The string and number formats of OpenAPI that kube-apiserver checks on custom objects. */
import { isIP, isIPv4, isIPv6 } from 'node:net';
import type { Json } from './object.ts';

const host =
  /^(?=.{1,253}$)[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$/;
const dateTime =
  /^\d{4}-(0[1-9]|1[0-2])-([0-2]\d|3[01])[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:?\d\d)$/;
const uuid = (version: string): RegExp =>
  new RegExp(`^[0-9a-f]{8}-?[0-9a-f]{4}-?${version}[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$`, 'i');
const matches =
  (pattern: RegExp) =>
  (value: string): boolean =>
    pattern.test(value);

/** Formats not named here are not checked, as in kube-apiserver. */
const formats: Readonly<Record<string, (value: string) => boolean>> = {
  'date-time': matches(dateTime),
  datetime: matches(dateTime),
  date: matches(/^\d{4}-(0[1-9]|1[0-2])-([0-2]\d|3[01])$/),
  duration: matches(/^-?(\d+(\.\d*)?\s*[a-zµ]+\s*)+$|^0$/),
  ipv4: isIPv4,
  ipv6: isIPv6,
  cidr: isCidr,
  mac: matches(/^([0-9a-f]{2}[:-]){5}([0-9a-f]{2}[:-]?){1,3}$|^([0-9a-f]{4}\.){2}[0-9a-f]{4}$/i),
  hostname: matches(host),
  uri: (value) => URL.canParse(value),
  email: matches(/^[^\s@<>]+@[^\s@<>]+$/),
  // Not empty, unlike what Kubernetes' own types take.
  byte: matches(/^(?!$)([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/),
  uuid: matches(uuid('[0-9a-f]')),
  uuid3: matches(uuid('3')),
  uuid4: matches(uuid('4')),
  uuid5: matches(uuid('5')),
  hexcolor: matches(/^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$/),
  bsonobjectid: matches(/^[0-9a-fA-F]{24}$/),
};

function isCidr(value: string): boolean {
  const [address, bits, more] = value.split('/');
  if (address === undefined || bits === undefined || more !== undefined) return false;
  const family = isIP(address);
  return family !== 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128);
}

/** Whether text of this format is checked. */
export function isTextFormat(format: string | undefined): format is string {
  return format !== undefined && (format === 'password' || Object.hasOwn(formats, format));
}

/**
 * 'type': not of this format; 'range': too large for it; undefined: fine, or a format that nobody
 * checks.
 */
export function formatProblem(format: string, value: Json): 'type' | 'range' | undefined {
  if (typeof value === 'string') {
    const check = Object.hasOwn(formats, format) ? formats[format] : undefined;
    return check === undefined || check(value) ? undefined : 'type';
  }
  if (format !== 'int32') return undefined;
  const fits = typeof value === 'number' && value >= -(2 ** 31) && value < 2 ** 31;
  return fits ? undefined : 'range';
}
