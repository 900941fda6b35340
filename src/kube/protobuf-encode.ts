/** JSON values into protobuf messages, byte for byte as Go's generated code writes them. */
import { encodeJson } from './json.ts';
import type { Json, JsonObject } from './object.ts';
import { isObject } from './object.ts';
import type { MessageField, MessageType, ScalarType } from './protobuf-table.ts';
import type { WireWriter } from './protobuf-wire.ts';
import { canonicalQuantity } from './quantity.ts';
import { parseMoment } from './time.ts';

/** The value does not fit the message: protobuf cannot carry it. */
export class EncodeError extends Error {
  override readonly name = 'EncodeError';
}

export interface EncodeContext {
  /** Called for every field that the message has no place for; absent: nobody asks. */
  readonly unknown: ((path: string) => void) | undefined;
  path: string[];
}

/** Writes a message's fields, last first. @throws EncodeError */
export function encodeMessage(
  type: MessageType,
  value: Json | undefined,
  writer: WireWriter,
  context: EncodeContext,
): void {
  if (type.special !== undefined) {
    encodeSpecial(type, value ?? null, writer, context);
    return;
  }
  const object = requireObject(value ?? {}, context);
  if (context.unknown !== undefined) reportUnknown(type, object, context);
  encodeFields(type, object, writer, context);
}

function encodeFields(
  type: MessageType,
  object: JsonObject,
  writer: WireWriter,
  context: EncodeContext,
): void {
  for (let i = type.onWire.length - 1; i >= 0; i--) {
    const field = type.onWire[i]!;
    if (field.inline) {
      const inner = field.type as MessageType;
      writer.messageField(field.number, () => encodeFields(inner, object, writer, context));
      continue;
    }
    const value = Object.hasOwn(object, field.name) ? object[field.name] : undefined;
    context.path.push(field.name);
    encodeField(field, value ?? undefined, writer, context);
    context.path.pop();
  }
}

function encodeField(
  field: MessageField,
  value: Json | undefined,
  writer: WireWriter,
  context: EncodeContext,
): void {
  const { number, type } = field;
  if (field.repeated) {
    const list = value ?? [];
    if (!Array.isArray(list)) throw wrongType('a list', list, context);
    for (let i = list.length - 1; i >= 0; i--) encodeOne(number, type, list[i], writer, context);
  } else if (field.map) {
    encodeMap(field, requireObject(value ?? {}, context), writer, context);
  } else if (value !== undefined || !(field.pointer || type === 'y')) {
    encodeOne(number, type, value, writer, context);
  }
}

function encodeMap(
  field: MessageField,
  map: JsonObject,
  writer: WireWriter,
  context: EncodeContext,
): void {
  const keys = Object.keys(map).sort(byBytes);
  for (let i = keys.length - 1; i >= 0; i--) {
    const key = keys[i]!;
    context.path.push(key);
    writer.messageField(field.number, () => {
      const value = map[key] ?? undefined;
      if (field.type !== 'y' || value !== undefined)
        encodeOne(2, field.type, value, writer, context);
      writer.stringField(1, key);
    });
    context.path.pop();
  }
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a, 'utf8'), Buffer.from(b, 'utf8'));
}

function encodeOne(
  number: number,
  type: ScalarType | MessageType,
  value: Json | undefined,
  writer: WireWriter,
  context: EncodeContext,
): void {
  switch (type) {
    case 's':
      writer.stringField(number, requireString(value ?? '', context));
      break;
    case 'y':
      writer.bytesField(number, Buffer.from(requireString(value ?? '', context), 'base64'));
      break;
    case 'b':
      if (value !== undefined && typeof value !== 'boolean')
        throw wrongType('a boolean', value, context);
      writer.varintField(number, value ? 1 : 0);
      break;
    case 'i':
      writer.varintField(number, requireInteger(value ?? 0, context));
      break;
    case 'd':
      if (value !== undefined && typeof value !== 'number' && typeof value !== 'bigint')
        throw wrongType('a number', value, context);
      writer.doubleField(number, Number(value ?? 0));
      break;
    default:
      writer.messageField(number, () => encodeMessage(type, value ?? undefined, writer, context));
  }
}

function encodeSpecial(
  type: MessageType,
  value: Json,
  writer: WireWriter,
  context: EncodeContext,
): void {
  switch (type.special!) {
    case 'Time':
    case 'MicroTime':
      encodeTime(type.special === 'MicroTime', value, writer, context);
      break;
    case 'Quantity':
      writer.stringField(1, quantityText(value, context));
      break;
    case 'IntOrString':
      encodeIntOrString(value, writer, context);
      break;
    case 'Raw':
      if (value !== null) writer.bytesField(1, encodeJson(value));
      break;
    case 'Strings':
      if (value !== null && !Array.isArray(value)) throw wrongType('a list', value, context);
      for (const item of (value ?? []).toReversed())
        writer.stringField(1, requireString(item, context));
      break;
    default:
      encodeSchemaOr(type, value, writer, context);
      break;
  }
}

function encodeTime(micro: boolean, value: Json, writer: WireWriter, context: EncodeContext): void {
  if (value === null) return;
  const moment = parseMoment(requireString(value, context));
  if (moment === undefined) throw wrongType('a time in RFC 3339', value, context);
  writer.varintField(2, micro ? moment.micros * 1000 : 0);
  writer.varintField(1, moment.seconds);
}

function quantityText(value: Json, context: EncodeContext): string {
  if (value === null) return '0';
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'bigint')
    throw wrongType('a quantity', value, context);
  try {
    return canonicalQuantity(value);
  } catch (error) {
    throw new EncodeError(`${context.path.join('.')}: ${(error as Error).message}`);
  }
}

function encodeIntOrString(value: Json, writer: WireWriter, context: EncodeContext): void {
  const isString = typeof value === 'string';
  writer.stringField(3, isString ? value : '');
  writer.varintField(2, isString ? 0 : requireInteger(value ?? 0, context));
  writer.varintField(1, isString ? 1 : 0);
}

/** JSONSchemaPropsOrBool, …OrArray, …OrStringArray: two fields of which the JSON form shows one. */
function encodeSchemaOr(
  type: MessageType,
  value: Json,
  writer: WireWriter,
  context: EncodeContext,
): void {
  const [first, second] = type.fields as [MessageField, MessageField];
  if (type.special === 'SchemaOrBool') {
    if (isObject(value)) encodeOne(second.number, second.type, value, writer, context);
    const allows = isObject(value) || value === true;
    writer.varintField(first.number, allows ? 1 : 0);
  } else if (Array.isArray(value)) encodeField(second, value, writer, context);
  else if (value !== null) encodeOne(first.number, first.type, value, writer, context);
}

function reportUnknown(type: MessageType, object: JsonObject, context: EncodeContext): void {
  const known = namesOf(type);
  for (const key of Object.keys(object))
    if (!known.has(key) && object[key] !== undefined)
      context.unknown?.([...context.path, key].join('.'));
}

const names = new WeakMap<MessageType, ReadonlySet<string>>();

function namesOf(type: MessageType): ReadonlySet<string> {
  let known = names.get(type);
  if (known === undefined) {
    const found = type.fields.flatMap((field) =>
      field.inline ? [...namesOf(field.type as MessageType)] : [field.name],
    );
    known = new Set(found);
    names.set(type, known);
  }
  return known;
}

function requireObject(value: Json, context: EncodeContext): JsonObject {
  if (!isObject(value)) throw wrongType('an object', value, context);
  return value;
}

function requireString(value: Json, context: EncodeContext): string {
  if (typeof value !== 'string') throw wrongType('a string', value, context);
  return value;
}

function requireInteger(value: Json, context: EncodeContext): number | bigint {
  if (typeof value === 'bigint' || Number.isInteger(value)) return value as number | bigint;
  throw wrongType('an integer', value, context);
}

function wrongType(wanted: string, value: Json, context: EncodeContext): EncodeError {
  const place = context.path.join('.') || 'the object';
  return new EncodeError(
    `${place} must be ${wanted}, not ${Array.isArray(value) ? 'a list' : typeof value}`,
  );
}
