/**
 * JSON as kube-apiserver reads and writes it: exact 64-bit integers, duplicate fields seen, depth
 * bounded.
 */

import { duplicateFields, JsonReader, JsonSyntaxError } from './json-syntax.ts';
import type { Json, JsonObject } from './object.ts';
import { isObject } from './object.ts';
import { ApiError } from './status.ts';

/** Deeper nesting is refused: far above any real object, far below what our recursions bear. */
export const maxJsonDepth = 1000;

/**
 * Finds number tokens that a double may not hold. May also match inside strings: that only costs
 * time.
 */
const wideNumber = /(?:^|[[:,\s])-?(?:\d{16}|\d[\d.]*[eE]\+?\d{3})/;

/**
 * 400: the text is no JSON. `detail` is Go's own message, without kube-apiserver's words around it.
 */
export class MalformedJsonError extends ApiError {
  readonly detail: string;

  constructor(detail: string, message: string) {
    super('BadRequest', message);
    this.detail = detail;
  }
}

export interface ParseJsonOptions {
  /** 'report': list fields that are named twice in `problems` (the last one wins in any case). */
  readonly duplicates?: 'report';
  /** The kind that the body should hold: anything but an object is refused, and it is named. */
  readonly kind?: string;
  /**
   * What is named twice and is an object both times is put together, as Go's decoder does for its
   * structs.
   */
  readonly joinDuplicates?: boolean;
  /** Longest text to read, bytes (UTF-16 units for a string); absent: no limit here. */
  readonly maxBytes?: number;
}

export interface ParsedJson {
  readonly value: Json;
  /**
   * `duplicate field "spec.replicas"` …, as strict decoding reports them; empty unless asked for.
   */
  readonly problems: string[];
}

/**
 * Parses JSON. Integers of 64 bits that a double cannot hold become bigint; all other numbers are
 * numbers. `__proto__` is an ordinary own field of the result.
 * @throws MalformedJsonError (400)
 * @throws ApiError RequestEntityTooLarge (413) above `maxBytes`
 */
export function parseJson(input: Buffer | string, options: ParseJsonOptions = {}): ParsedJson {
  if (options.maxBytes !== undefined && input.length > options.maxBytes)
    throw new ApiError(
      'RequestEntityTooLarge',
      `Request entity too large: limit is ${options.maxBytes}`,
    );
  const text = typeof input === 'string' ? input : input.toString('utf8');
  const value = asObject(parseText(text, options), text, options);
  const repeats = options.duplicates === 'report' && mayRepeatFields(text, value);
  // Only of a text that is whole: the search for duplicates relies on it.
  const problems = repeats ? duplicateFields(text) : [];
  if (problems.length === 0 || !options.joinDuplicates) return { value, problems };
  const joined = new JsonReader(text, maxJsonDepth, { joinDuplicates: true }).read();
  return { value: asObject(joined, text, options), problems };
}

/** False when the text surely names no field twice: it names no more than the value has. */
function mayRepeatFields(text: string, value: Json): boolean {
  if (spacedColon.test(text)) return true;
  let named = 0;
  for (let at = text.indexOf('":'); at >= 0; at = text.indexOf('":', at + 2)) named++;
  return named !== fieldsIn(value);
}

const spacedColon = /"[ \t\r\n]+:/;

function fieldsIn(value: Json): number {
  if (typeof value !== 'object' || value === null) return 0;
  let count = 0;
  if (Array.isArray(value)) for (const item of value) count += fieldsIn(item);
  else for (const field in value) count += 1 + fieldsIn(value[field]!);
  return count;
}

/**
 * Where a kind is expected, only an object will do; null counts as an empty one, as in Go. For JSON
 * that came as YAML `body` is the YAML.
 */
export function asObject(value: Json, body: Buffer | string, options: ParseJsonOptions): Json {
  if (options.kind === undefined || isObject(value)) return value;
  if (value === null) return {};
  const head =
    'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';
  const detail = `json: cannot unmarshal ${goKind(value)} into Go value of type ${head}`;
  throw malformed(detail, body, options);
}

function parseText(text: string, options: ParseJsonOptions): Json {
  try {
    if (shallow(text) && !wideNumber.test(text)) {
      const value = JSON.parse(text) as Json;
      if (!text.includes('\\') || !namesBackslash(value)) return value;
    }
  } catch {
    // The reader below says what is wrong with it.
  }
  try {
    return new JsonReader(text, maxJsonDepth).read();
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw malformed(error.message, text, options);
    throw error;
  }
}

/**
 * Whether a field's name holds a backslash, as every name does that V8's JSON.parse (13.6) may have
 * got wrong: it compares the text of a name with escapes, not what it stands for, with a name that
 * it has seen at the same place. Where a backslash was named before, it reads a line feed, which is
 * written with one, as that.
 */
function namesBackslash(value: Json): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return value.some(namesBackslash);
  for (const name in value) if (name.includes('\\') || namesBackslash(value[name]!)) return true;
  return false;
}

function malformed(
  detail: string,
  text: Buffer | string,
  options: ParseJsonOptions,
): MalformedJsonError {
  const message =
    options.kind === undefined
      ? detail
      : `the object provided is unrecognized (must be of type ${options.kind}): ` +
        `couldn't get version/kind; json parse error: ${detail} (${summaryOf(text)})`;
  return new MalformedJsonError(detail, message);
}

/** The start of a body as kube-apiserver quotes it in a refusal. */
export function summaryOf(body: Buffer | string): string {
  const bytes = typeof body === 'string' ? Buffer.from(body.slice(0, 31), 'utf8') : body;
  if (bytes.length === 0) return '<empty>';
  const head = bytes.subarray(0, 30);
  const shown = bytes[0] === 0x7b ? head.toString('utf8') : head.toString('hex');
  return bytes.length > 30 ? `${shown} ...` : shown;
}

/**
 * Whether the nesting surely stays within maxJsonDepth: counts brackets, since almost all texts
 * have few.
 */
function shallow(text: string): boolean {
  if (text.length <= maxJsonDepth) return true;
  return brackets(text, '{') + brackets(text, '[') <= maxJsonDepth || depthOf(text) <= maxJsonDepth;
}

/** How often the bracket stands in the text, counted no further than needed. */
function brackets(text: string, bracket: string): number {
  let count = 0;
  let at = text.indexOf(bracket);
  while (at >= 0 && count <= maxJsonDepth) {
    count++;
    at = text.indexOf(bracket, at + 1);
  }
  return count;
}

function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (inString) {
      if (code === 0x5c) at++;
      else if (code === 0x22) inString = false;
    } else if (code === 0x22) inString = true;
    else if (code === 0x7b || code === 0x5b) {
      depth++;
      if (depth > deepest) deepest = depth;
    } else if (code === 0x7d || code === 0x5d) depth--;
  }
  return deepest;
}

/** Node 22 and later: a value that JSON.stringify writes as it stands. */
const { rawJSON } = JSON as unknown as { rawJSON(text: string): object };

function writeBigint(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? rawJSON(value.toString()) : value;
}

/** Compact JSON text; bigint is written exactly, undefined fields are left out. */
export function stringifyJson(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return JSON.stringify(value, writeBigint);
  }
}

/** Compact JSON as UTF-8 bytes. */
export function encodeJson(value: unknown): Buffer {
  return Buffer.from(stringifyJson(value), 'utf8');
}

/**
 * An object's canonical bytes: apiVersion, kind, metadata first and no metadata.resourceVersion, so
 * that spliceResourceVersion can add it without parsing. The object itself is not changed.
 */
export function encodeObject(object: {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: object;
}): Buffer {
  const { apiVersion = '', kind = '', metadata = {}, ...rest } = object;
  const { resourceVersion: _dropped, ...others } = metadata as JsonObject;
  const head = `{"apiVersion":${JSON.stringify(apiVersion)},"kind":${JSON.stringify(kind)}`;
  const tail = stringifyJson(rest);
  const meta = `,"metadata":${stringifyJson(others)}`;
  return keptBytes(tail === '{}' ? `${head}${meta}}` : `${head}${meta},${tail.slice(1)}`);
}

/** UTF-8 in memory of its own: a piece of Node's shared pool keeps all of it (64 KiB) alive. */
function keptBytes(text: string): Buffer {
  const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text));
  bytes.write(text);
  return bytes;
}

const metadataStart = Buffer.from('"metadata":{', 'utf8');

/**
 * Bytes of encodeObject with metadata.resourceVersion put in.
 * The first `"metadata":{` is the object's own: before it stand only two strings, whose quotes are
 * escaped.
 */
export function spliceResourceVersion(bytes: Buffer, resourceVersion: string | number): Buffer {
  const found = bytes.indexOf(metadataStart);
  if (found < 0) throw new Error('the bytes are not those of encodeObject: they have no metadata');
  const at = found + metadataStart.length;
  const comma = bytes[at] === 0x7d ? '' : ',';
  const field = `"resourceVersion":"${resourceVersion}"${comma}`;
  const out = Buffer.allocUnsafeSlow(bytes.length + field.length);
  bytes.copy(out, 0, 0, at);
  out.write(field, at, 'latin1');
  bytes.copy(out, at + field.length, at);
  return out;
}

/**
 * Equality of JSON values: field order is of no matter, 1 and 1n are equal, undefined fields count
 * as absent.
 */
export function deepEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) {
    const numeric = typeof a === 'bigint' || typeof b === 'bigint';
    // As they are written: a large double and the integer that its text is read back as are equal.
    return numeric && isNumeric(a) && isNumeric(b) && String(a) === String(b);
  }
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false;
    for (let i = 0; i < a.length; i++) if (!deepEqual(a[i], b[i])) return false;
    return true;
  }
  return !Array.isArray(b) && equalFields(a as JsonObject, b as JsonObject);
}

function isNumeric(value: unknown): boolean {
  return typeof value === 'bigint' || typeof value === 'number';
}

function equalFields(a: JsonObject, b: JsonObject): boolean {
  let fields = 0;
  for (const key of Object.keys(a)) {
    if (a[key] === undefined) continue;
    if (!Object.hasOwn(b, key) || !deepEqual(a[key], b[key])) return false;
    fields++;
  }
  for (const key of Object.keys(b)) if (b[key] !== undefined) fields--;
  return fields === 0;
}

/** A copy that shares nothing with the original. */
export function deepClone<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(deepClone) as T;
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    const field = deepClone((value as Record<string, unknown>)[key]);
    if (key === '__proto__') setField(copy as JsonObject, key, field as Json);
    else copy[key] = field;
  }
  return copy as T;
}

/**
 * Sets an own field, also when it is called `__proto__`; use it wherever the name comes from input.
 */
export function setField(object: JsonObject, key: string, value: Json): void {
  if (key !== '__proto__') {
    object[key] = value;
    return;
  }
  Object.defineProperty(object, key, {
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  });
}

/** A parsed value that must be an object. @throws ApiError (400) in the words of Go's decoder */
export function requireObject(value: Json, into: string): JsonObject {
  if (isObject(value)) return value;
  throw new ApiError('BadRequest', `json: cannot unmarshal ${goKind(value)} into ${into}`);
}

/** What Go's decoder calls a JSON value of the wrong type. */
export function goKind(value: Json): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'bigint') return 'number';
  return typeof value;
}
