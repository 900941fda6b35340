/**
 * Answers as bytes: objects, lists, Tables and errors in the negotiated form. Lists join their
 * items' bytes.
 */

import { stringifyJson } from '../kube/json.ts';
import type { JsonObject, KubeObject } from '../kube/object.ts';
import { hasProtobuf } from '../kube/protobuf.ts';
import { quoteGo } from '../kube/quote.ts';
import { apiVersionOf } from '../kube/resource.ts';
import { ApiError, badRequest, type Status } from '../kube/status.ts';
import { stringifyYaml } from '../kube/yaml.ts';
import type { Item, ListResult } from './backend.ts';
import { type Call, kindOf } from './handlers/call.ts';
import { JoinedList } from './joined-list.ts';
import { indentJson, joinPieces, metadataOf } from './json-bytes.ts';
import {
  type Encoding,
  mediaTypeOf,
  type Negotiated,
  negotiateAccept,
  type Offer,
  wantsPretty,
} from './negotiate.ts';
import { protobufItem, protobufList, protobufObject } from './protobuf-response.ts';
import type { ApiResponse } from './types.ts';

/** A list above this many bytes is streamed. */
const streamAboveBytes = 1024 * 1024;

export type IncludeObject = 'None' | 'Metadata' | 'Object';

/** What this endpoint can answer with: a type that can only be created (a review) is no Table. */
export function offerOf(call: Call): Offer {
  return {
    conversions: call.type.verbs.includes('get'),
    protobuf: hasProtobuf(apiVersionOf(kindOf(call)), kindOf(call).kind),
    stream: false,
  };
}

/** How kube-apiserver calls a kind in such refusals: by its package. */
function goType({ group, kind }: { readonly group: string; readonly kind: string }): string {
  return `*${group === '' ? 'core' : group.split('.', 1)[0]}.${kind}`;
}

interface Pretty {
  readonly info: { readonly query: URLSearchParams };
  readonly request: { readonly headers: Readonly<Record<string, string>> };
}

function pretty(call: Pretty, form: Negotiated): boolean {
  return form.pretty || wantsPretty(call.info.query, call.request.headers['user-agent']);
}

export function respondItem(
  call: Call,
  form: Negotiated,
  result: { readonly item: Item; readonly status: number },
): ApiResponse {
  const { item, status } = result;
  switch (form.convert?.kind) {
    case undefined:
      if (form.encoding === 'protobuf')
        return respondParts(form, status, protobufItem(item, undefined, call.parts.frames));
      return respondBytes(call, form, { status, parts: [item.bytes], object: () => item.object() });
    case 'PartialObjectMetadata':
      if (form.encoding === 'protobuf')
        return respondParts(
          form,
          status,
          protobufItem(item, form.convert.version, call.parts.frames),
        );
      return respondBytes(call, form, { status, parts: [...partial(item, form)] });
    case 'PartialObjectMetadataList':
      throw new ApiError(
        'NotAcceptable',
        `you requested PartialObjectMetadataList, but the requested object is not a list (${goType(kindOf(call))})`,
      );
    case 'Table': {
      const metadata = { resourceVersion: item.resourceVersion };
      const parts = [...tableParts(call, form, { items: [item], metadata, isList: false })];
      return respondBytes(call, form, { status, parts });
    }
  }
}

export function respondList(call: Call, form: Negotiated, list: ListResult): ApiResponse {
  const metadata = {
    resourceVersion: list.resourceVersion,
    ...(list.continue !== undefined && { continue: list.continue }),
    ...(list.remainingItemCount !== undefined && { remainingItemCount: list.remainingItemCount }),
  };
  if (form.convert === undefined && form.encoding !== 'protobuf')
    return respondWhole(call, form, { list, metadata });
  const parts = listParts(call, form, { list, metadata });
  if (form.encoding === 'protobuf') return respondParts(form, 200, [...parts]);
  return respondBytes(call, form, { status: 200, parts });
}

/** The objects as they are, in JSON or what is made from it. */
function respondWhole(
  call: Call,
  form: Negotiated,
  { list, metadata }: { list: ListResult; metadata: JsonObject },
): ApiResponse {
  const { type } = call;
  const bare = hasProtobuf(apiVersionOf(type), type.kind);
  // A list of custom objects says that it is the last page, too.
  const meta = bare ? metadata : { continue: '', ...metadata };
  const head = listHead(type.listKind, apiVersionOf(type), meta);
  const objects = list.items.map(({ bytes }) => bytes);
  const joined = new JoinedList(head, objects, { bare });
  if (joined.length <= streamAboveBytes || form.encoding === 'yaml' || pretty(call, form))
    return respondBytes(call, form, { status: 200, parts: [joined.whole()] });
  const length = String(joined.length);
  const headers = { 'content-type': mediaTypeOf(form.encoding), 'content-length': length };
  const pieces = (allocate?: (size: number) => Buffer) => joined.pieces(undefined, allocate);
  return { status: 200, headers, body: streamed(pieces()), pieces };
}

function listParts(
  call: Call,
  form: Negotiated,
  { list, metadata }: { list: ListResult; metadata: JsonObject },
): Iterable<Buffer> {
  const { type } = call;
  const { items } = list;
  const protobuf = {
    items,
    metadata,
    kind: { apiVersion: apiVersionOf(type), kind: type.listKind },
  };
  switch (form.convert?.kind) {
    case undefined:
      return protobufList(protobuf, undefined, call.parts.frames);
    case 'PartialObjectMetadata':
      throw new ApiError(
        'NotAcceptable',
        `you requested PartialObjectMetadata, but the requested object is a list (${goType({ ...type, kind: type.listKind })})`,
      );
    case 'PartialObjectMetadataList': {
      const { version } = form.convert;
      if (form.encoding === 'protobuf') return protobufList(protobuf, version, call.parts.frames);
      const apiVersion = `meta.k8s.io/${version}`;
      const head = listHead('PartialObjectMetadataList', apiVersion, metadata);
      return joined(
        head,
        list.items.map((item) => partial(item, form)),
      );
    }
    case 'Table':
      return tableParts(call, form, { items: list.items, metadata, isList: true });
  }
}

function listHead(kind: string, apiVersion: string, metadata: object): Buffer {
  const start = stringifyJson({ kind, apiVersion, metadata });
  return Buffer.from(`${start.slice(0, -1)},"items":[`);
}

const comma = Buffer.from(',');
const listTail = Buffer.from(']}');
const objectTail = Buffer.from('}');

function* joined(head: Buffer, entries: Iterable<Iterable<Buffer>>): Generator<Buffer> {
  yield head;
  let first = true;
  for (const entry of entries) {
    if (!first) yield comma;
    first = false;
    yield* entry;
  }
  yield listTail;
}

/** PartialObjectMetadata cut out of an item's bytes. */
export function partial(item: Item, form: Negotiated): [Buffer, Buffer, Buffer] {
  const head = `{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/${form.convert?.version ?? 'v1'}","metadata":`;
  return [Buffer.from(head), metadataOf(item.bytes), objectTail];
}

/**
 * What rows carry beside their cells.
 * @throws ApiError 400
 */
export function includeObjectOf(query: URLSearchParams): IncludeObject {
  const asked = query.get('includeObject') ?? '';
  if (asked === '') return 'Metadata';
  if (asked === 'None' || asked === 'Metadata' || asked === 'Object') return asked;
  throw badRequest(
    `Unable to convert to Table as requested: includeObject: Invalid value: ${quoteGo(asked)}: must be 'Metadata', 'Object', 'None', or empty`,
  );
}

export interface TableContent {
  readonly items: readonly Item[];
  readonly metadata: object;
  readonly isList: boolean;
  /** False in every watch event but the first. */
  readonly headers?: boolean;
}

export function* tableParts(
  call: Call,
  form: Negotiated,
  { items, metadata, isList, headers = true }: TableContent,
): Generator<Buffer> {
  const include = includeObjectOf(call.info.query);
  const shape = call.parts.tables.shapeOf(call.type, kindOf(call));
  const columns = headers && !/^(1|true)$/i.test(call.info.query.get('noHeaders') ?? '');
  const start = stringifyJson({
    kind: 'Table',
    apiVersion: `meta.k8s.io/${form.convert?.version ?? 'v1'}`,
    metadata,
    columnDefinitions: columns ? shape.columns : null,
  });
  yield Buffer.from(`${start.slice(0, -1)},"rows":[`);
  const objects = isList ? items.map((item) => item.object()) : undefined;
  const now = call.parts.clock.now();
  let first = true;
  for (const item of items) {
    if (!first) yield comma;
    first = false;
    const row = shape.row(item.object(), { now, among: objects });
    const conditions =
      row.conditions === undefined ? '' : `,"conditions":${stringifyJson(row.conditions)}`;
    yield Buffer.from(`{"cells":${stringifyJson(row.cells)}${conditions},"object":`);
    if (include === 'None') yield Buffer.from('null');
    else if (include === 'Object') yield item.bytes;
    else yield* partial(item, form);
    yield objectTail;
  }
  yield listTail;
}

/** Bytes that are no JSON. */
function respondParts(form: Negotiated, status: number, pieces: readonly Buffer[]): ApiResponse {
  const headers = { 'content-type': mediaTypeOf(form.encoding) };
  let size = 0;
  for (const piece of pieces) size += piece.length;
  if (size > streamAboveBytes) return { status, headers, body: streamed(joinPieces(pieces)) };
  return { status, headers, body: Buffer.concat(pieces, size) };
}

interface Content {
  readonly status: number;
  readonly parts: Iterable<Buffer>;
  /** The parsed form, when it is at hand. */
  readonly object?: () => KubeObject;
}

function respondBytes(call: Pretty, form: Negotiated, content: Content): ApiResponse {
  const headers = { 'content-type': mediaTypeOf(form.encoding) };
  const { status, parts } = content;
  if (form.encoding === 'yaml') {
    const value = content.object?.() ?? JSON.parse(Buffer.concat([...parts]).toString('utf8'));
    return { status, headers, body: Buffer.from(stringifyYaml(value)) };
  }
  const pieces = [...parts];
  let size = 0;
  for (const piece of pieces) size += piece.length;
  if (pretty(call, form)) return { status, headers, body: indentJson(Buffer.concat(pieces, size)) };
  if (size > streamAboveBytes) return { status, headers, body: streamed(joinPieces(pieces)) };
  const body = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces, size);
  return { status, headers, body, ...(content.object && { object: content.object }) };
}

async function* streamed(pieces: Iterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  yield* pieces;
}

/** A Status that is no failure, in the negotiated encoding. */
export function respondStatus(status: Omit<Status, 'code'>, form: Negotiated): ApiResponse {
  if (form.encoding === 'protobuf') return respondParts(form, 200, protobufObject(status));
  const headers = { 'content-type': mediaTypeOf(form.encoding) };
  const text = form.encoding === 'yaml' ? stringifyYaml(status) : stringifyJson(status);
  return { status: 200, headers, body: Buffer.from(text) };
}

/** Empty reasons, names and groups are left out, as kube-apiserver leaves them out. */
export function wireStatus<T extends Omit<Status, 'code'>>(given: T): T {
  const { reason, ...unreasoned } = given;
  const status = reason === '' ? (unreasoned as unknown as T) : given;
  if (status.details === undefined) return status;
  const kept = Object.entries(status.details).filter(([, value]) => value !== '');
  return { ...status, details: Object.fromEntries(kept) };
}

/** A failure as its Status, in JSON when the client accepts nothing that we have. */
export function respondError(
  status: Status,
  headers: Readonly<Record<string, string>>,
): ApiResponse {
  const offer = { conversions: false, protobuf: true, stream: false };
  const encoding = negotiateAccept(headers.accept, offer)?.encoding ?? 'json';
  const retryAfter = status.details?.retryAfterSeconds;
  return {
    status: status.code,
    headers: {
      'content-type': mediaTypeOf(encoding),
      ...(retryAfter !== undefined && retryAfter > 0 && { 'retry-after': String(retryAfter) }),
    },
    body: encodedStatus(wireStatus(status), encoding),
  };
}

function encodedStatus(status: Status, encoding: Encoding): Buffer {
  if (encoding === 'protobuf') return Buffer.concat(protobufObject(status));
  return Buffer.from(encoding === 'yaml' ? stringifyYaml(status) : stringifyJson(status));
}
