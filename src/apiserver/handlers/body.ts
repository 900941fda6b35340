/**
 * Request bodies: read with a limit, decoded by media type, and checked against the path they came
 * by.
 */

import { boundedBytes } from '../../base/bounded-bytes.ts';
import { goKind, type ParsedJson, parseJson, summaryOf } from '../../kube/json.ts';
import { jsonExcess } from '../../kube/json-weight.ts';
import { isObject, type Json, type JsonObject, type KubeObject } from '../../kube/object.ts';
import { decodeProtobuf, hasProtobuf } from '../../kube/protobuf.ts';
import { quoteGo } from '../../kube/quote.ts';
import { apiVersionOf, type GroupVersionKind, parseApiVersion } from '../../kube/resource.ts';
import { ApiError, badRequest } from '../../kube/status.ts';
import { parseYaml } from '../../kube/yaml.ts';
import type { WriteBody } from '../backend.ts';
import { Overload } from '../fairness/seats.ts';
import type { ApiRequest } from '../types.ts';

/** kube-apiserver's own limit, in bytes. */
export const bodyMax = 3 * 1024 * 1024;

/** Smaller bodies take little, whatever they are made of; bytes. */
const weighedMin = 64 * 1024;

const accepted = 'application/json, application/yaml, application/vnd.kubernetes.protobuf';

function tooLarge(limit: number): ApiError {
  return new ApiError('RequestEntityTooLarge', `Request entity too large: limit is ${limit}`);
}

/**
 * The whole body; empty when there is none.
 * @throws ApiError 413 above `limit` bytes, 400 when it is cut off; Overload
 */
export async function readBody(request: ApiRequest, limit = bodyMax): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > limit) throw tooLarge(limit);
  const { body } = request;
  if (body === undefined) return Buffer.alloc(0);
  if (Buffer.isBuffer(body)) {
    if (body.length > limit) throw tooLarge(limit);
    return body;
  }
  try {
    const bytes = await boundedBytes(body, limit, () => tooLarge(limit));
    if (bytes.length > weighedMin) request.hold?.(jsonExcess(bytes));
    return bytes;
  } catch (error) {
    if (error instanceof ApiError || error instanceof Overload) throw error;
    throw new ApiError('BadRequest', 'unexpected EOF', { cause: error });
  }
}

/** A media type without its parameters, in lower case. */
export function mediaTypeOfHeader(contentType: string | undefined): string {
  return (contentType ?? '').split(';', 1)[0]!.trim().toLowerCase();
}

/** @throws ApiError 415 */
export function unsupportedMediaType(types: string): ApiError {
  return new ApiError(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${types}`,
  );
}

/**
 * A body as a JSON value, whatever it was sent as.
 * @throws ApiError 400 when malformed, 415 for an unknown media type
 */
export function decodeValue(
  bytes: Buffer,
  contentType: string | undefined,
  { apiVersion, kind }: { readonly apiVersion: string; readonly kind: string },
): ParsedJson {
  switch (mediaTypeOfHeader(contentType)) {
    case '':
    case 'application/json':
      return parseJson(bytes, {
        duplicates: 'report',
        joinDuplicates: hasProtobuf(apiVersion, kind),
        kind,
      });
    case 'application/yaml':
      return parseYaml(bytes, { duplicates: 'report', kind });
    case 'application/vnd.kubernetes.protobuf':
      return { value: decodeProtobuf(bytes, { default: { apiVersion, kind } }), problems: [] };
    default:
      throw unsupportedMediaType(accepted);
  }
}

/**
 * The object in a write's body. What the body leaves out of apiVersion and kind is taken from the
 * path.
 * @throws ApiError 400, 415
 */
export function decodeObject(
  bytes: Buffer,
  contentType: string | undefined,
  expected: GroupVersionKind,
): WriteBody {
  const defaults = { apiVersion: apiVersionOf(expected), kind: expected.kind };
  const { value: sent, problems } = decodeValue(bytes, contentType, defaults);
  const value = sent === null ? {} : sent;
  if (!isObject(value)) throw unrecognized(bytes, expected.kind, goInto(value));
  checkKind(value, { expected, bytes });
  if (value.metadata === undefined || value.metadata === null) value.metadata = {};
  if (!isObject(value.metadata))
    throw mistyped(value, value.metadata, `${expected.kind}.metadata of type v1.ObjectMeta`);
  for (const field of ['name', 'namespace', 'generateName', 'uid', 'resourceVersion']) {
    const text = value.metadata[field];
    if (text === null) delete value.metadata[field];
    else if (text !== undefined && typeof text !== 'string')
      throw mistyped(value, text, `ObjectMeta.metadata.${field} of type string`);
  }
  return { object: ordered(value), problems };
}

/** apiVersion, kind and metadata first, as canonical bytes have them. */
function ordered(value: JsonObject): KubeObject {
  const { apiVersion, kind, metadata, ...rest } = value;
  return { apiVersion, kind, metadata, ...rest } as unknown as KubeObject;
}

interface Expectation {
  readonly expected: GroupVersionKind;
  readonly bytes: Buffer;
}

function checkKind(value: JsonObject, { expected, bytes }: Expectation): void {
  for (const field of ['apiVersion', 'kind']) {
    const text = value[field] ?? '';
    if (typeof text === 'string') continue;
    const why = `cannot unmarshal ${goKind(text)} into Go struct field .${field} of type string`;
    throw unrecognized(bytes, expected.kind, why);
  }
  if (!value.kind) value.kind = expected.kind;
  if (!value.apiVersion) value.apiVersion = apiVersionOf(expected);
  const apiVersion = value.apiVersion as string;
  if (value.kind === expected.kind && apiVersion === apiVersionOf(expected)) return;
  const isBuiltIn = hasProtobuf(apiVersionOf(expected), expected.kind);
  if (isBuiltIn && !hasProtobuf(apiVersion, value.kind as string)) {
    const named = `no kind ${quoteGo(value.kind as string)} is registered for version`;
    const why = `${named} ${quoteGo(apiVersion)} in scheme "pkg/runtime/scheme.go:111"`;
    throw unfit(value, expected.kind, why);
  }
  if (value.kind !== expected.kind) {
    const { version } = parseApiVersion(apiVersion);
    const wanted = `${expected.group === '' ? 'core' : expected.group.split('.', 1)[0]}.${expected.kind}`;
    const why = `converting (${version}.${value.kind}) to (${wanted}): unknown conversion`;
    throw unfit(value, expected.kind, why);
  }
  const found = `the API version in the data (${apiVersion})`;
  throw badRequest(`${found} does not match the expected API version (${apiVersionOf(expected)})`);
}

function goInto(value: Json): string {
  const fields =
    'APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\""';
  return `cannot unmarshal ${goKind(value)} into Go value of type struct { ${fields} }`;
}

function unrecognized(bytes: Buffer, kind: string, why: string): ApiError {
  return badRequest(
    `the object provided is unrecognized (must be of type ${kind}): ` +
      `couldn't get version/kind; json parse error: json: ${why} (${summaryOf(bytes)})`,
  );
}

function unfit({ kind, apiVersion }: JsonObject, expected: string, why: string): ApiError {
  const { version } = parseApiVersion(String(apiVersion));
  const what = `${String(kind)} in version ${quoteGo(version)}`;
  return badRequest(`${what} cannot be handled as a ${expected}: ${why}`);
}

function mistyped(value: JsonObject, found: Json, field: string): ApiError {
  const why = `json: cannot unmarshal ${goKind(found)} into Go struct field ${field}`;
  return unfit(value, String(value.kind), why);
}

/**
 * Fills in the namespace of the path.
 * @throws ApiError 400 when the object names another one
 */
export function settleNamespace(object: KubeObject, namespace: string): void {
  const sent = object.metadata.namespace ?? '';
  if (sent === namespace) {
    if (sent === '') delete object.metadata.namespace;
    return;
  }
  if (namespace === '') delete object.metadata.namespace;
  else if (sent === '') object.metadata.namespace = namespace;
  else
    throw badRequest(
      'the namespace of the provided object does not match the namespace sent on the request',
    );
}

/** @throws ApiError 400 when an update's object is not the one in the path */
export function checkName(object: KubeObject, name: string): void {
  const sent = object.metadata.name ?? '';
  if (sent === '')
    throw badRequest(
      `the name of the object (${name} based on URL) was undeterminable: name must be provided`,
    );
  if (sent !== name)
    throw badRequest(
      `the name of the object (${sent}) does not match the name on the URL (${name})`,
    );
}
