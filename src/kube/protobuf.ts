/**
 * Kubernetes objects in protobuf: request bodies in, responses out, by the table that Go's types
 * were recorded in.
 */
import { summaryOf } from './json.ts';
import type { Json, JsonObject } from './object.ts';
import { isObject } from './object.ts';
import type { DecodeContext } from './protobuf-decode.ts';
import { decodeMessage, UnknownFieldError } from './protobuf-decode.ts';
import { EncodeError, encodeMessage } from './protobuf-encode.ts';
import type { MessageType } from './protobuf-table.ts';
import { protobufTable } from './protobuf-table.ts';
import { WireError, WireReader, WireWriter, wireBytes } from './protobuf-wire.ts';
import { quoteGo } from './quote.ts';
import { ApiError, badRequest } from './status.ts';

export const protobufMediaType = 'application/vnd.kubernetes.protobuf';

const magic = Buffer.from('k8s\0', 'latin1');

export interface DecodeProtobufOptions {
  /** What the body is when its envelope does not say. */
  readonly default?: { readonly apiVersion: string; readonly kind: string };
  /** Longest body to read, bytes. */
  readonly maxBytes?: number;
}

/** Whether the bytes start as every Kubernetes protobuf body does. */
export function isProtobuf(bytes: Buffer): boolean {
  return bytes.length >= magic.length && bytes.subarray(0, magic.length).equals(magic);
}

/** The kinds that protobuf can carry: apiVersion → kinds. */
export function protobufKinds(): ReadonlyMap<string, ReadonlySet<string>> {
  kindNames ??= new Map(
    [...protobufTable().kinds].map(([apiVersion, kinds]) => [apiVersion, new Set(kinds.keys())]),
  );
  return kindNames;
}

let kindNames: ReadonlyMap<string, ReadonlySet<string>> | undefined;

/** Whether protobuf can carry objects of this kind. */
export function hasProtobuf(apiVersion: string, kind: string): boolean {
  return messageFor(apiVersion, kind) !== undefined;
}

function messageFor(apiVersion: string, kind: string): MessageType | undefined {
  const { kinds } = protobufTable();
  const found = kinds.get(apiVersion)?.get(kind);
  if (found !== undefined) return found;
  // DeleteOptions and their like are registered in every group, also in those that the table does
  // not know.
  return optionKinds.has(kind) ? kinds.get('v1')?.get(kind) : undefined;
}

const optionKinds: ReadonlySet<string> = new Set([
  'DeleteOptions',
  'CreateOptions',
  'UpdateOptions',
  'PatchOptions',
  'GetOptions',
  'ListOptions',
]);

/**
 * A request body as the object that the same request in JSON would have carried.
 * @throws ApiError 400 for bytes that are no such message; 413 above `maxBytes`; 415 for a kind or
 * a field that the table does not know, so that a newer client's data is never lost in silence
 */
export function decodeProtobuf(bytes: Buffer, options: DecodeProtobufOptions = {}): JsonObject {
  if (options.maxBytes !== undefined && bytes.length > options.maxBytes)
    throw new ApiError(
      'RequestEntityTooLarge',
      `Request entity too large: limit is ${options.maxBytes}`,
    );
  const context: DecodeContext = { depth: 0, nested: (inner) => decodeAt(inner, {}, context) };
  return decodeAt(bytes, options, context);
}

function decodeAt(
  bytes: Buffer,
  options: DecodeProtobufOptions,
  context: DecodeContext,
): JsonObject {
  const wanted = options.default;
  if (!isProtobuf(bytes)) {
    const why =
      'provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]';
    throw refusal(bytes.length === 0 ? 'empty data' : why, bytes, wanted?.kind);
  }
  if (bytes.length === magic.length) throw refusal('empty body', bytes, wanted?.kind);
  try {
    const envelope = readEnvelope(bytes);
    const kind = envelope.kind || (wanted?.kind ?? '');
    const apiVersion = envelope.apiVersion || (wanted?.apiVersion ?? '');
    const type = messageFor(apiVersion, kind);
    if (type === undefined) throw unknownKind(apiVersion, kind);
    const { start, end } = envelope;
    const decoded = decodeMessage(type, new WireReader(bytes, start), end, context);
    return { apiVersion, kind, ...(isObject(decoded) ? decoded : {}) };
  } catch (error) {
    if (error instanceof UnknownFieldError) throw unknownField(error.message);
    if (error instanceof WireError) throw refusal(error.message, bytes, wanted?.kind);
    throw error;
  }
}

interface Envelope {
  apiVersion: string;
  kind: string;
  /** Where the object's message stands. */
  start: number;
  end: number;
}

/** runtime.Unknown: typeMeta = 1, raw = 2, contentEncoding = 3, contentType = 4. */
function readEnvelope(bytes: Buffer): Envelope {
  const reader = new WireReader(bytes, magic.length);
  const envelope: Envelope = { apiVersion: '', kind: '', start: 0, end: 0 };
  while (reader.at < bytes.length) {
    const tag = reader.tag(bytes.length);
    if ((tag & 7) !== wireBytes)
      throw new WireError(`proto: wrong wireType = ${tag & 7} for field ${tag >>> 3} of Unknown`);
    const end = reader.delimited(bytes.length);
    const field = tag >>> 3;
    if (field === 1) readTypeMeta(reader, end, envelope);
    else if (field === 2) Object.assign(envelope, { start: reader.at, end });
    else if (field > 4) throw new UnknownFieldError(`runtime.Unknown has no field ${field}`);
    else if (field === 3 && end > reader.at)
      throw new WireError('the content encoding of the body is not supported');
    reader.at = end;
  }
  return envelope;
}

function readTypeMeta(reader: WireReader, end: number, envelope: Envelope): void {
  while (reader.at < end) {
    const tag = reader.tag(end);
    if (tag === 8 + wireBytes) envelope.apiVersion = reader.string(end);
    else if (tag === 16 + wireBytes) envelope.kind = reader.string(end);
    else throw new UnknownFieldError(`runtime.TypeMeta has no field ${tag >>> 3}`);
  }
}

function refusal(why: string, bytes: Buffer, kind: string | undefined): ApiError {
  if (kind === undefined) return badRequest(why);
  return badRequest(
    `the object provided is unrecognized (must be of type ${kind}): ${why} (${summaryOf(bytes)})`,
  );
}

function unknownKind(apiVersion: string, kind: string): ApiError {
  if (kind === '') return badRequest("Object 'Kind' is missing in the protobuf body");
  return new ApiError(
    'UnsupportedMediaType',
    `no protobuf form of kind ${quoteGo(kind)} in version ${quoteGo(apiVersion)} is known here: ` +
      'send the body as application/json or application/yaml',
  );
}

function unknownField(what: string): ApiError {
  return new ApiError(
    'UnsupportedMediaType',
    `the protobuf body holds a field that is unknown here and would be lost: ${what}. It comes from a ` +
      'newer client: send the body as application/json or application/yaml',
  );
}

export interface EncodeProtobufOptions {
  /**
   * 'drop': leave out fields that the message has no place for, as an older kube-apiserver does.
   */
  readonly unknown?: 'refuse' | 'drop';
}

/**
 * An object's protobuf body with its envelope, byte for byte as Go writes it.
 * @throws ApiError NotAcceptable (406) when protobuf cannot carry it
 */
export function encodeProtobuf(object: JsonObject, options: EncodeProtobufOptions = {}): Buffer {
  const type = { apiVersion: String(object.apiVersion), kind: String(object.kind) };
  return Buffer.concat(sealProtobuf(type, [encodeProtobufMessage(type, object, options)]));
}

/** What the envelope says of the message in it. */
export interface ProtobufKind {
  readonly apiVersion: string;
  readonly kind: string;
}

/**
 * The message alone, as it stands in a list. The object's own apiVersion and kind are not read.
 * @throws ApiError NotAcceptable (406) when protobuf cannot carry it
 */
export function encodeProtobufMessage(
  { apiVersion, kind }: ProtobufKind,
  object: JsonObject,
  options: EncodeProtobufOptions = {},
): Buffer {
  const type = messageFor(apiVersion, kind);
  if (type === undefined) throw notAcceptable(`kind ${kind} has no protobuf form`);
  const { apiVersion: _version, kind: _kind, ...fields } = object;
  const refuse = (path: string): void => {
    throw new EncodeError(`${path} has no place in ${type.name}`);
  };
  const writer = new WireWriter();
  try {
    const context = { unknown: options.unknown === 'drop' ? undefined : refuse, path: [] };
    encodeMessage(type, fields as Json, writer, context);
  } catch (error) {
    if (error instanceof EncodeError) throw notAcceptable(error.message);
    throw error;
  }
  return writer.finish();
}

/** contentEncoding and contentType of the envelope, which nobody uses. */
const envelopeTail = Buffer.from([0x1a, 0, 0x22, 0]);

/** The envelope around the parts of one message. */
export function sealProtobuf(
  { apiVersion, kind }: ProtobufKind,
  parts: readonly Buffer[],
): [Buffer, ...Buffer[]] {
  let size = 0;
  for (const part of parts) size += part.length;
  const head = new WireWriter();
  head.varint(size);
  head.tag(2, wireBytes);
  head.messageField(1, () => {
    head.stringField(2, kind);
    head.stringField(1, apiVersion);
  });
  head.raw(magic);
  return [head.finish(), ...parts, envelopeTail];
}

/** A field of bytes, a message or a text: what stands before its bytes. */
export function fieldHead(number: number, size: number): Buffer {
  const head = new WireWriter(16);
  head.varint(size);
  head.tag(number, wireBytes);
  return head.finish();
}

function notAcceptable(why: string): ApiError {
  return new ApiError('NotAcceptable', `the object cannot be written as protobuf: ${why}`);
}
