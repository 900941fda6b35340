/** Protobuf messages into JSON values, exactly as Go's JSON codec writes the decoded struct. */
import { maxJsonDepth, parseJson, setField } from './json.ts';
import type { Json, JsonObject } from './object.ts';
import { isObject } from './object.ts';
import type { MessageField, MessageType, ScalarType } from './protobuf-table.ts';
import type { WireReader } from './protobuf-wire.ts';
import { WireError, wireBytes, wireFixed64, wireVarint } from './protobuf-wire.ts';
import { canonicalQuantity } from './quantity.ts';
import { formatMicroMoment, formatMoment } from './time.ts';

/** The message holds a field that the table does not know: a newer client's. */
export class UnknownFieldError extends Error {
  override readonly name = 'UnknownFieldError';
}

/** What a decoder needs beside the bytes. */
export interface DecodeContext {
  /** Reads an object that a RawExtension holds in protobuf. */
  nested(bytes: Buffer): Json;
  depth: number;
}

const magic = Buffer.from('k8s\0', 'latin1');

/** Reads a message up to `end`. @throws WireError, UnknownFieldError, ApiError */
export function decodeMessage(
  type: MessageType,
  reader: WireReader,
  end: number,
  context: DecodeContext,
): Json {
  if (++context.depth > maxJsonDepth) throw new WireError('proto: message is nested too deeply');
  const value =
    type.special === undefined
      ? decodeStruct(type, reader, end, context)
      : decodeSpecial(type, reader, end, context);
  context.depth--;
  return value;
}

function decodeStruct(
  type: MessageType,
  reader: WireReader,
  end: number,
  context: DecodeContext,
): JsonObject {
  const slots = readSlots(type, reader, end, context);
  const object: JsonObject = {};
  for (const field of type.fields) emit(object, field, slots[field.slot]);
  return object;
}

function readSlots(
  type: MessageType,
  reader: WireReader,
  end: number,
  context: DecodeContext,
): (Json | undefined)[] {
  const slots: (Json | undefined)[] = new Array(type.fields.length).fill(undefined);
  while (reader.at < end) {
    const tag = reader.tag(end);
    const field = type.byNumber[tag >>> 3];
    if (field === undefined) throw new UnknownFieldError(`${type.name} has no field ${tag >>> 3}`);
    const { slot } = field;
    if (field.map) {
      let map = slots[slot] as JsonObject | undefined;
      if (map === undefined) slots[slot] = map = {};
      readEntry(map, field, reader, expectBytes(field, tag, reader, end), context);
    } else if (field.repeated) {
      const list = (slots[slot] as Json[] | undefined) ?? [];
      slots[slot] = list;
      readItems(list, field, { reader, tag, end, context });
    } else if (typeof field.type === 'string') {
      slots[slot] = readScalar(field.type, field.name, { reader, tag, end });
    } else {
      if (slots[slot] !== undefined)
        throw new WireError(`proto: field ${field.name} occurs more than once`);
      const stop = expectBytes(field, tag, reader, end);
      slots[slot] = decodeMessage(field.type, reader, stop, context);
    }
  }
  return slots;
}

interface Occurrence {
  readonly reader: WireReader;
  readonly tag: number;
  readonly end: number;
}

function expectBytes(field: MessageField, tag: number, reader: WireReader, end: number): number {
  if ((tag & 7) !== wireBytes) throw wrongWire(tag, field.name);
  return reader.delimited(end);
}

function wrongWire(tag: number, name: string): WireError {
  return new WireError(`proto: wrong wireType = ${tag & 7} for field ${name}`);
}

function readItems(
  list: Json[],
  field: MessageField,
  at: Occurrence & { readonly context: DecodeContext },
): void {
  const { reader, tag, end, context } = at;
  const { type } = field;
  if (typeof type !== 'string') {
    list.push(decodeMessage(type, reader, expectBytes(field, tag, reader, end), context));
  } else if (type !== 's' && type !== 'y' && (tag & 7) === wireBytes) {
    const stop = reader.delimited(end);
    const packed = { reader, tag: type === 'd' ? wireFixed64 : wireVarint, end: stop };
    while (reader.at < stop) list.push(readScalar(type, field.name, packed));
  } else list.push(readScalar(type, field.name, at));
}

function readScalar(type: ScalarType, name: string, { reader, tag, end }: Occurrence): Json {
  const wire = tag & 7;
  switch (type) {
    case 's':
      if (wire !== wireBytes) throw wrongWire(tag, name);
      return reader.string(end);
    case 'y':
      if (wire !== wireBytes) throw wrongWire(tag, name);
      return reader.take(end).toString('base64');
    case 'd':
      if (wire !== wireFixed64) throw wrongWire(tag, name);
      return finite(reader.double(end), name);
    case 'b':
      if (wire !== wireVarint) throw wrongWire(tag, name);
      return reader.varint(end) !== 0;
    case 'i':
      if (wire !== wireVarint) throw wrongWire(tag, name);
      return reader.varint(end);
  }
}

function finite(value: number, name: string): number {
  if (!Number.isFinite(value)) throw new WireError(`json: unsupported value in field ${name}`);
  return value;
}

function readEntry(
  map: JsonObject,
  field: MessageField,
  reader: WireReader,
  end: number,
  context: DecodeContext,
): void {
  let key = '';
  let value: Json | undefined;
  while (reader.at < end) {
    const tag = reader.tag(end);
    if (tag >>> 3 === 1) key = readScalar('s', field.name, { reader, tag, end }) as string;
    else if (tag >>> 3 !== 2)
      throw new UnknownFieldError(`an entry of ${field.name} has no field ${tag >>> 3}`);
    else if (typeof field.type === 'string')
      value = readScalar(field.type, field.name, { reader, tag, end });
    else value = decodeMessage(field.type, reader, expectBytes(field, tag, reader, end), context);
  }
  setField(map, key, value ?? zeroInMap(field.type));
}

/**
 * Go makes a map's lists of strings (ExtraValue) before it reads them, so that they are empty, not
 * null.
 */
function zeroInMap(type: ScalarType | MessageType): Json {
  return typeof type !== 'string' && type.special === 'Strings' ? [] : zeroOf(type);
}

/** Puts a field into the JSON object as Go's encoder would; undefined: it was not on the wire. */
function emit(object: JsonObject, field: MessageField, value: Json | undefined): void {
  if (field.inline) {
    const inner = value ?? zeroOf(field.type);
    if (isObject(inner)) for (const key of Object.keys(inner)) object[key] = inner[key]!;
    return;
  }
  const { name, omitEmpty } = field;
  if (field.repeated || field.map || field.pointer) {
    if (value !== undefined) object[name] = value;
    else if (!omitEmpty) object[name] = null;
  } else if (typeof field.type === 'string') {
    if (omitEmpty && (value === undefined || isEmpty(value))) return;
    object[name] = value ?? (field.type === 'y' ? null : zeroOf(field.type));
  } else {
    const present = value ?? zeroOf(field.type);
    if (field.omitZero && present === null) return;
    // A list of strings in a message of its own is a slice to Go: empty when it has no items.
    if (omitEmpty && present === null && field.type.special === 'Strings') return;
    object[name] = present;
  }
}

function isEmpty(value: Json): boolean {
  return value === '' || value === 0 || value === false;
}

/** The JSON of a Go zero value that is not a pointer. */
function zeroOf(type: ScalarType | MessageType): Json {
  switch (type) {
    case 's':
    case 'y':
      return '';
    case 'b':
      return false;
    case 'i':
    case 'd':
      return 0;
  }
  switch (type.special) {
    case undefined: {
      const object: JsonObject = {};
      for (const field of type.fields) emit(object, field, undefined);
      return object;
    }
    case 'Quantity':
      return '0';
    case 'IntOrString':
      return 0;
    case 'SchemaOrBool':
      return false;
    default:
      return null;
  }
}

function decodeSpecial(
  type: MessageType,
  reader: WireReader,
  end: number,
  context: DecodeContext,
): Json {
  switch (type.special!) {
    case 'Time':
    case 'MicroTime':
      return decodeTime(type.special === 'MicroTime', reader, end);
    case 'Quantity': {
      const { 1: text } = readPlain(type.name, ' s', reader, end);
      return text === undefined ? '0' : canonical(text as string);
    }
    case 'IntOrString': {
      const {
        1: isString = 0,
        2: number = 0,
        3: text = '',
      } = readPlain(type.name, ' iis', reader, end);
      return isString === 0 ? number : text;
    }
    case 'Raw': {
      const { 1: raw } = readPlain(type.name, ' r', reader, end);
      return raw === undefined ? null : decodeRaw(raw as unknown as Buffer, context);
    }
    case 'Strings':
      return decodeStrings(type, reader, end);
    case 'SchemaOrBool': {
      const [allows = false, schema] = readSlots(type, reader, end, context);
      return schema ?? allows;
    }
    case 'SchemaOrArray':
    case 'SchemaOrStrings': {
      const [schema, list] = readSlots(type, reader, end, context);
      return list ?? schema ?? null;
    }
  }
}

/**
 * Reads a small message whose fields have these types, by number: s string, i integer, r bytes as
 * they are.
 */
function readPlain(
  name: string,
  types: string,
  reader: WireReader,
  end: number,
): Record<number, Json | undefined> {
  const values: Record<number, Json | undefined> = {};
  while (reader.at < end) {
    const tag = reader.tag(end);
    const number = tag >>> 3;
    const expected = types[number];
    if (expected === 'r') {
      if ((tag & 7) !== wireBytes) throw wrongWire(tag, 'raw');
      values[number] = reader.take(end) as unknown as Json;
    } else if (expected === 's' || expected === 'i')
      values[number] = readScalar(expected, `${number}`, { reader, tag, end });
    else throw new UnknownFieldError(`${name} has no field ${number}`);
  }
  return values;
}

const zeroTimeSeconds = -62135596800;
const maxTimeSeconds = 253402300799;

function decodeTime(micro: boolean, reader: WireReader, end: number): Json {
  if (reader.at >= end) return null;
  const { 1: seconds = 0, 2: nanos = 0 } = readPlain('a time', ' ii', reader, end);
  if (typeof seconds !== 'number' || seconds < zeroTimeSeconds || seconds > maxTimeSeconds)
    throw new WireError('Time.MarshalJSON: year outside of range [0,9999]');
  const micros = Math.floor(Number(nanos) / 1000);
  if (micros < 0 || micros > 999_999) throw new WireError('a time has more than a second of nanos');
  if (seconds === zeroTimeSeconds && micros === 0) return null;
  return micro ? formatMicroMoment({ seconds, micros }) : formatMoment({ seconds, micros });
}

function canonical(text: string): string {
  try {
    return canonicalQuantity(text);
  } catch (error) {
    throw new WireError((error as Error).message);
  }
}

function decodeRaw(raw: Buffer, context: DecodeContext): Json {
  if (raw.length === 0) return null;
  if (raw.length >= magic.length && raw.subarray(0, magic.length).equals(magic))
    return context.nested(raw);
  return parseJson(raw).value;
}

function decodeStrings(type: MessageType, reader: WireReader, end: number): Json {
  const items: Json[] = [];
  while (reader.at < end) {
    const tag = reader.tag(end);
    if (tag >>> 3 !== 1) throw new UnknownFieldError(`${type.name} has no field ${tag >>> 3}`);
    items.push(readScalar('s', 'items', { reader, tag, end }));
  }
  return items.length === 0 ? null : items;
}
