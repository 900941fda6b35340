/** delete and deletecollection, with options from the body or the query string. */

import { goKind, MalformedJsonError } from '../../kube/json.ts';
import { isObject, type Json, type JsonObject, valueAt } from '../../kube/object.ts';
import { quoteGo } from '../../kube/quote.ts';
import { groupResource, parseApiVersion } from '../../kube/resource.ts';
import { badRequest, type Status, type StatusCause } from '../../kube/status.ts';
import type { DeleteOptions, Item } from '../backend.ts';
import { negotiate } from '../negotiate.ts';
import { offerOf, respondItem, respondList, respondStatus } from '../respond.ts';
import type { ApiResponse } from '../types.ts';
import { decodeValue, readBody } from './body.ts';
import { type Call, refOf } from './call.ts';
import { dryRunCauses, integerOf, invalidOptions, listRequest } from './query.ts';

const policies: readonly string[] = ['Foreground', 'Background', 'Orphan'];

/** kube-apiserver answers these deletions with the object; all others with a Status. */
const answersWithObject: ReadonlySet<string> = new Set([
  'namespaces',
  'persistentvolumeclaims',
  'persistentvolumes',
  'pods',
  'podtemplates',
  'resourcequotas',
  'serviceaccounts',
  'services',
  'csidrivers.storage.k8s.io',
  'csinodes.storage.k8s.io',
  'storageclasses.storage.k8s.io',
  'volumeattachments.storage.k8s.io',
  'volumeattributesclasses.storage.k8s.io',
  'deviceclasses.resource.k8s.io',
  'resourceclaims.resource.k8s.io',
  'resourceclaimtemplates.resource.k8s.io',
  'resourceslices.resource.k8s.io',
]);

export async function handleDelete(call: Call): Promise<ApiResponse> {
  const form = negotiate(call.request.headers.accept, offerOf(call));
  const options = await deleteOptions(call);
  const { item, gone } = await call.backend.delete(call.context, refOf(call), options);
  if (gone && !answersWithObject.has(groupResource(call.type)))
    return respondStatus(deletedStatus(call, item), form);
  return respondItem(call, form, { item, status: 200 });
}

export async function handleDeleteCollection(call: Call): Promise<ApiResponse> {
  const form = negotiate(call.request.headers.accept, offerOf(call));
  const request = listRequest(call.info.query, call);
  const options = await deleteOptions(call);
  const list = await call.backend.deleteCollection(call.context, request, options);
  return respondList(call, form, list);
}

/** kube-apiserver's Success carries no code in its body. */
function deletedStatus({ type }: Call, item: Item): Omit<Status, 'code'> {
  const group = type.group === '' ? {} : { group: type.group };
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: { name: item.name, ...group, kind: type.resource, uid: item.uid },
  };
}

async function deleteOptions(call: Call): Promise<DeleteOptions> {
  const bytes = await readBody(call.request);
  if (bytes.length === 0) return fromQuery(call.info.query);
  const kind = 'DeleteOptions';
  const contentType = call.request.headers['content-type'];
  const { value } = decodeOptions(bytes, contentType, kind);
  if (!isObject(value)) throw badRequest('decoded object cannot be converted to DeleteOptions');
  const sent = value.kind ?? '';
  if (sent !== '' && sent !== kind) {
    const { version } = parseApiVersion(String(value.apiVersion ?? ''));
    throw badRequest(
      `no kind ${quoteGo(String(sent))} is registered for version ${quoteGo(version)}`,
    );
  }
  return fromBody(value);
}

function decodeOptions(bytes: Buffer, contentType: string | undefined, kind: string) {
  try {
    return decodeValue(bytes, contentType, { apiVersion: 'v1', kind });
  } catch (error) {
    if (!(error instanceof MalformedJsonError)) throw error;
    throw badRequest(`couldn't get version/kind; json parse error: ${error.detail}`);
  }
}

interface Raw {
  readonly dryRun: readonly string[];
  readonly grace: number | undefined;
  readonly policy: string | undefined;
  readonly orphan: boolean | undefined;
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
}

function fromQuery(query: URLSearchParams): DeleteOptions {
  const orphan = query.get('orphanDependents');
  return checked({
    dryRun: query.getAll('dryRun'),
    grace: integerOf(query, 'gracePeriodSeconds'),
    policy: query.get('propagationPolicy') ?? undefined,
    orphan: orphan === null ? undefined : orphan !== '0' && orphan.toLowerCase() !== 'false',
    uid: query.get('preconditions.uid') ?? undefined,
    resourceVersion: query.get('preconditions.resourceVersion') ?? undefined,
  });
}

function fromBody(body: JsonObject): DeleteOptions {
  const dryRun = body.dryRun ?? [];
  if (!Array.isArray(dryRun) || !dryRun.every((value) => typeof value === 'string'))
    throw mistyped(dryRun, 'dryRun', '[]string');
  return checked({
    dryRun,
    grace: numberField(body, 'gracePeriodSeconds'),
    policy: stringField(body, 'propagationPolicy'),
    orphan: booleanField(body, 'orphanDependents'),
    uid: stringField(body, 'preconditions', 'uid'),
    resourceVersion: stringField(body, 'preconditions', 'resourceVersion'),
  });
}

function checked(raw: Raw): DeleteOptions {
  const { policy, orphan, grace, uid, resourceVersion } = raw;
  const causes: StatusCause[] = [];
  const field = 'propagationPolicy';
  if (orphan !== undefined && policy !== undefined)
    causes.push({
      reason: 'FieldValueInvalid',
      message: `Invalid value: ${quoteGo(policy)}: orphanDependents and deletionPropagation cannot be both set`,
      field,
    });
  if (policy !== undefined && !policies.includes(policy))
    causes.push({
      reason: 'FieldValueNotSupported',
      message: `Unsupported value: ${quoteGo(policy)}: supported values: "Foreground", "Background", "Orphan", "nil"`,
      field,
    });
  causes.push(...dryRunCauses(raw.dryRun));
  if (causes.length > 0) throw invalidOptions('DeleteOptions', causes);
  const chosen = policy ?? (orphan === undefined ? undefined : orphan ? 'Orphan' : 'Background');
  return {
    dryRun: raw.dryRun.length > 0,
    preconditions: {
      ...(uid !== undefined && { uid }),
      ...(resourceVersion !== undefined && { resourceVersion }),
    },
    ...(grace !== undefined && { gracePeriodSeconds: grace }),
    ...(chosen !== undefined && {
      propagationPolicy: chosen as NonNullable<DeleteOptions['propagationPolicy']>,
    }),
  };
}

function mistyped(found: Json, field: string, type: string): Error {
  const why = `cannot unmarshal ${goKind(found)} into Go struct field DeleteOptions.${field}`;
  return badRequest(`json: ${why} of type ${type}`);
}

function stringField(body: JsonObject, ...path: readonly string[]): string | undefined {
  const value = valueAt(body, ...path) ?? undefined;
  if (value === undefined || typeof value === 'string') return value;
  throw mistyped(value, path.join('.'), 'string');
}

function booleanField(body: JsonObject, field: string): boolean | undefined {
  const value = valueAt(body, field) ?? undefined;
  if (value === undefined || typeof value === 'boolean') return value;
  throw mistyped(value, field, 'bool');
}

function numberField(body: JsonObject, field: string): number | undefined {
  const value = valueAt(body, field) ?? undefined;
  if (value === undefined || (typeof value === 'number' && Number.isInteger(value))) return value;
  throw mistyped(value, field, 'int64');
}
