/** How Go prints and converts decoded JSON: kube-apiserver's refusals of patches hold such text. */
import { isObject, type Json } from './object.ts';

/** A value as fmt's %v prints it: `map[metadata:map[labels:map[a:1 b:<nil>]]]`. */
export function goText(value: Json): string {
  if (value === null) return '<nil>';
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`;
  if (!isObject(value)) return String(value);
  const fields = Object.keys(value).sort();
  return `map[${fields.map((name) => `${name}:${goText(value[name]!)}`).join(' ')}]`;
}

/** The type that fmt's %T prints of a decoded value. */
export function goTypeOf(value: Json): string {
  if (value === null) return '<nil>';
  if (Array.isArray(value)) return '[]interface {}';
  if (isObject(value)) return 'map[string]interface {}';
  return kindOf(value);
}

/** A number as fmt's %.2f prints it: halves go to the even digit. */
export function fixedText(value: number, digits: number): string {
  const exact = value.toFixed(50);
  const end = exact.indexOf('.') + 1 + digits;
  const isTie = /^50*$/.test(exact.slice(end)) && /[02468]$/.test(exact.slice(0, end));
  return isTie ? exact.slice(0, end) : value.toFixed(digits);
}

/** Why the converter from maps to structs cannot put `found` into a Go field of type `wanted`. */
export function conversionProblem(found: Json, wanted: string): string {
  const kind = kindOf(found);
  if (wanted.startsWith('map[')) return `cannot restore map from ${kind}`;
  if (wanted.startsWith('[]')) return `cannot restore slice from ${kind}`;
  if (wanted.includes('.')) return `cannot restore struct from: ${kind}`;
  const convertible = kind.endsWith('64') && (wanted === 'string' || /^(int|float)/.test(wanted));
  return convertible ? `cannot convert ${kind} to ${wanted}` : `unrecognized type: ${wanted}`;
}

function kindOf(value: Json): string {
  if (Array.isArray(value)) return 'slice';
  if (isObject(value)) return 'map';
  if (typeof value === 'bigint') return 'int64';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64';
  return typeof value === 'boolean' ? 'bool' : 'string';
}
