/**
 * Decodes native kinds as Go decodes JSON into structs: wrong types are refused in Go's words,
 * nulls are zero values.
 */
import { goKind, setField } from './json.ts';
import { isObject, type Json, type JsonObject } from './object.ts';
import { canonicalQuantity, QuantityError } from './quantity.ts';
import { quoteGo } from './quote.ts';
import type { SchemaNode } from './schema.ts';
import { formatMicroMoment, formatMoment, parseMoment } from './time.ts';
import { fieldNode } from './typed.ts';

/** Paths of unknown fields are collected here; undefined: nobody asks. */
export type Unknowns = string[] | undefined;

/** What Go's decoder says; the caller puts the kind before it. */
export class GoTypeError extends Error {
  override readonly name = 'GoTypeError';
  /** The value that does not fit, and the Go type of its place; absent for text of a wrong form. */
  readonly misfit: { readonly found: Json; readonly wanted: string } | undefined;

  constructor(message: string, misfit?: { readonly found: Json; readonly wanted: string }) {
    super(message);
    this.misfit = misfit;
  }
}

const quantityPattern = /^[+-]?[0-9.]+([eEinumkKMGTP]*[-+]?[0-9]*)$/;
const quantityText =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const timePattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;
const base64Pattern = /^[A-Za-z0-9+/\r\n]*={0,2}[\r\n]*$/;

interface Place {
  /** The Go struct that holds the field. */
  readonly struct: string;
  /** The path without list indexes and map keys, as Go tells it. */
  readonly goPath: string;
  /** The path as warnings show it. */
  readonly path: string;
}

export class NativeDecoder {
  readonly #unknowns: Unknowns;

  constructor(unknowns: Unknowns) {
    this.#unknowns = unknowns;
  }

  /** The whole object; itself when nothing had to change. @throws GoTypeError */
  root(node: SchemaNode, kind: string, object: JsonObject): JsonObject {
    return this.#struct(node, object, { struct: kind, goPath: '', path: '' });
  }

  /** The metadata of a custom object. @throws GoTypeError */
  metadata(node: SchemaNode, value: Json, path: string): Json {
    if (value === null) return {};
    if (!isObject(value))
      throw new GoTypeError(
        `json: cannot unmarshal ${goKind(value)} into Go value of type v1.ObjectMeta`,
      );
    return this.#struct(node, value, { struct: 'ObjectMeta', goPath: '', path });
  }

  #value(node: SchemaNode, value: Json, at: Place): Json {
    const { map, list, scalar, definition } = node.shape;
    if (scalar === 'any' && map !== undefined) return value;
    if (list !== undefined) return this.#list(node, value, at);
    if (map === undefined) return this.#scalar(node, value, at);
    if (!isObject(value)) throw mismatch(value, at, goType(node));
    if (map.fields.size > 0)
      return this.#struct(node, value, { ...at, struct: shortName(definition) ?? at.struct });
    return map.element === undefined || map.preservesUnknown ? value : this.#map(node, value, at);
  }

  #struct(node: SchemaNode, object: JsonObject, at: Place): JsonObject {
    const map = node.shape.map!;
    let out: JsonObject | undefined;
    for (const name of Object.keys(object)) {
      const value = object[name]!;
      const type = fieldNode(map, name);
      const path = at.path === '' ? name : `${at.path}.${name}`;
      let after: Json | undefined;
      if (value === undefined || type === undefined) {
        if (value !== undefined) this.#unknowns?.push(path);
      } else if (value !== null) {
        const { scalar, format } = type.shape;
        if (typeof value === 'string' && value !== '' && scalar === 'string' && !format) continue;
        const goPath = at.goPath === '' ? name : `${at.goPath}.${name}`;
        after = this.#value(type, value, { struct: at.struct, goPath, path });
        if (type.go === 'omit' && isEmpty(type, after)) after = undefined;
      }
      if (after === value) continue;
      out ??= { ...object };
      if (after === undefined) delete out[name];
      else setField(out, name, after);
    }
    return out ?? object;
  }

  #map(node: SchemaNode, object: JsonObject, at: Place): JsonObject {
    const element = node.shape.map!.element!;
    let out: JsonObject | undefined;
    for (const name of Object.keys(object)) {
      const value = object[name]!;
      const after =
        value === null
          ? zeroOf(element)
          : this.#value(element, value, { ...at, path: `${at.path}.${name}` });
      if (after === value) continue;
      out ??= { ...object };
      setField(out, name, after);
    }
    return out ?? object;
  }

  #list(node: SchemaNode, value: Json, at: Place): Json {
    if (!Array.isArray(value)) throw mismatch(value, at, goType(node));
    const element = node.shape.list!.element;
    let out: Json[] | undefined;
    for (let i = 0; i < value.length; i++) {
      const item = value[i]!;
      const after =
        item === null
          ? zeroOf(element)
          : this.#value(element, item, { ...at, path: `${at.path}[${i}]` });
      if (after === item) continue;
      out ??= [...value];
      out[i] = after;
    }
    return out ?? value;
  }

  #scalar(node: SchemaNode, value: Json, at: Place): Json {
    const { scalar, format, definition } = node.shape;
    switch (scalar) {
      case 'string':
        if (typeof value !== 'string') throw mismatch(value, at, goType(node));
        checkString(format, value);
        return format === 'date-time' ? canonicalTime(value, definition) : value;
      case 'boolean':
        if (typeof value !== 'boolean') throw mismatch(value, at, 'bool');
        return value;
      case 'integer':
        if (!isInteger(value, format)) throw mismatch(value, at, goType(node));
        return value;
      case 'number':
        if (!isNumber(value)) throw mismatch(value, at, goType(node));
        return value;
      case 'int-or-string':
        if (definition?.endsWith('.Quantity')) return quantity(value);
        if (typeof value === 'string' || isInteger(value, 'int32')) return value;
        throw mismatch(value, at, 'int32');
      default:
        return value;
    }
  }
}

/** What Go leaves out of JSON when it is no pointer. */
function isEmpty(node: SchemaNode, value: Json): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (!isObject(value)) return value === '' || value === 0 || value === false;
  return node.shape.map?.fields.size === 0 && Object.keys(value).length === 0;
}

/** As Go writes it: 0.5Gi is 512Mi. */
function quantity(value: Json): Json {
  if (typeof value === 'string' ? !quantityPattern.test(value) : !isNumber(value))
    throw new GoTypeError(quantityText);
  try {
    return canonicalQuantity(value as string | number | bigint);
  } catch (error) {
    throw error instanceof QuantityError ? new GoTypeError(error.message) : error;
  }
}

/** In UTC, whole seconds or microseconds. */
function canonicalTime(value: string, definition: string | undefined): string {
  const moment = parseMoment(value);
  if (moment === undefined) return value;
  return definition?.endsWith('.MicroTime') ? formatMicroMoment(moment) : formatMoment(moment);
}

function checkString(format: string | undefined, value: string): void {
  if (format === 'date-time' && !timePattern.test(value)) throw badTime(value);
  if (format === 'byte' && !isBase64(value))
    throw new GoTypeError(`illegal base64 data at input byte ${badByte(value)}`);
}

function badTime(value: string): GoTypeError {
  const layout = '2006-01-02T15:04:05Z07:00';
  const parts = ['2006', '-', '01', '-', '02', 'T', '15', ':', '04', ':', '05', 'Z07:00'];
  let rest = value;
  for (const part of parts) {
    const digits = /^\d+$/.test(part) ? new RegExp(`^\\d{${part.length}}`) : undefined;
    const fits = digits === undefined ? rest.startsWith(part) : digits.test(rest);
    if (!fits)
      return new GoTypeError(
        `parsing time ${quoteGo(value)} as ${quoteGo(layout)}: cannot parse ${quoteGo(rest)} as ${quoteGo(part)}`,
      );
    rest = rest.slice(part.length);
  }
  return new GoTypeError(`parsing time ${quoteGo(value)}: extra text: ${quoteGo(rest)}`);
}

function isBase64(value: string): boolean {
  return base64Pattern.test(value) && value.replace(/[\r\n]/g, '').length % 4 === 0;
}

function badByte(value: string): number {
  const wrong = value.search(/[^A-Za-z0-9+/\r\n]/);
  // Of a text that is cut off Go names the start of the last four bytes.
  return wrong < 0 ? value.length - (value.length % 4) : wrong;
}

function isNumber(value: Json): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

function isInteger(value: Json, format: string | undefined): boolean {
  if (typeof value === 'bigint') return format !== 'int32';
  if (typeof value !== 'number' || !Number.isInteger(value)) return false;
  return format !== 'int32' || (value >= -(2 ** 31) && value < 2 ** 31);
}

function mismatch(value: Json, at: Place, type: string): GoTypeError {
  const number = isNumber(value) && /^u?int/.test(type) ? ` ${value}` : '';
  return new GoTypeError(
    `json: cannot unmarshal ${goKind(value)}${number} into Go struct field ` +
      `${at.struct}.${at.goPath} of type ${type}`,
    { found: value, wanted: type },
  );
}

/** 'DeploymentSpec' of 'io.k8s.api.apps.v1.DeploymentSpec'. */
function shortName(definition: string | undefined): string | undefined {
  return definition?.slice(definition.lastIndexOf('.') + 1);
}

/** The Go type that a node was generated from, as near as OpenAPI tells. */
function goType(node: SchemaNode): string {
  const { map, list, scalar, format, definition } = node.shape;
  if (list !== undefined) return `[]${goType(list.element)}`;
  if (map !== undefined) {
    if (definition !== undefined) return definition.split('.').slice(-2).join('.');
    if (map.element === undefined) return 'interface {}';
    const element = goType(map.element);
    return element === 'resource.Quantity' ? 'v1.ResourceList' : `map[string]${element}`;
  }
  if (scalar === 'boolean') return 'bool';
  if (scalar === 'integer') return format === 'int32' ? 'int32' : 'int64';
  if (scalar === 'number') return 'float64';
  if (scalar === 'string') return format === 'byte' ? '[]uint8' : 'string';
  return definition?.split('.').slice(-2).join('.') ?? 'interface {}';
}

function zeroOf(node: SchemaNode): Json {
  const { map, list, scalar, definition } = node.shape;
  if (definition?.endsWith('.Quantity')) return '0';
  if (scalar === 'any' || list !== undefined) return null;
  if (map !== undefined) return map.fields.size > 0 ? {} : null;
  if (scalar === 'boolean') return false;
  return scalar === 'string' ? '' : 0;
}
