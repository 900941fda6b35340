/** delete and deletecollection, with options from the body or the query string. */

import { goKind, MalformedJsonError } from '../../kube/json.ts';
import { isObject, type Json, type JsonObject, valueAt } from '../../kube/object.ts';
import { quoteGo } from '../../kube/quote.ts';
import { groupResource, parseApiVersion } from '../../kube/resource.ts';
import { badRequest, conflict, type Status, type StatusCause } from '../../kube/status.ts';
import { invalidValue } from '../../kube/validate-meta.ts';
import type { DeleteOptions, Item, Preconditions } from '../backend.ts';
import { negotiate } from '../negotiate.ts';
import { isTrue } from '../request.ts';
import { offerOf, respondItem, respondList, respondStatus } from '../respond.ts';
import type { ApiResponse } from '../types.ts';
import { decodeValue, readBody } from './body.ts';
import { type Call, refOf } from './call.ts';
import { dryRunCauses, integerOf, invalidOptions, listRequest } from './query.ts';

const unsafe = 'ignoreStoreReadErrorWithClusterBreakingPotential';

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
  if (options.ignoreReadError) await refuseReadable(call);
  const { item, gone } = await call.backend.delete(call.context, refOf(call), options);
  if (gone && !answersWithObject.has(groupResource(call.type)))
    return respondStatus(deletedStatus(call, item), form);
  return respondItem(call, form, { item, status: 200 });
}

export async function handleDeleteCollection(call: Call): Promise<ApiResponse> {
  const form = negotiate(call.request.headers.accept, offerOf(call));
  const request = listRequest(call.info.query, call);
  const options = await deleteOptions(call);
  if (options.ignoreReadError)
    throw invalidOptions('DeleteOptions', [
      invalidValue(
        unsafe,
        true,
        'is not allowed with DELETECOLLECTION, try again after removing the option',
      ),
    ]);
  const list = await call.backend.deleteCollection(call.context, request, options);
  return respondList(call, form, list);
}

/** What is served can be read: the option is for objects that cannot. @throws ApiError 404, 409 */
async function refuseReadable(call: Call): Promise<never> {
  const ref = refOf(call);
  await call.backend.get(call.context, ref);
  const why = 'unsafe deletion is not allowed because the object is decodable from storage';
  throw conflict(call.type, ref.name, `StorageError: invalid object, AdditionalErrorMsg: ${why}`);
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
      `no kind ${quoteGo(String(sent))} is registered for version ${quoteGo(version)} ` +
        'in scheme "pkg/runtime/scheme.go:111"',
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
  readonly ignoreReadError: boolean;
  readonly preconditions?: Preconditions;
}

function fromQuery(query: URLSearchParams): DeleteOptions {
  const orphan = query.get('orphanDependents');
  return checked({
    dryRun: query.getAll('dryRun'),
    grace: integerOf(query, 'gracePeriodSeconds'),
    policy: query.get('propagationPolicy') ?? undefined,
    orphan: orphan === null ? undefined : orphan !== '0' && orphan.toLowerCase() !== 'false',
    ignoreReadError: isTrue(query, unsafe),
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
    ignoreReadError: booleanField(body, unsafe) ?? false,
    ...(isObject(body.preconditions) && { preconditions: preconditionsOf(body) }),
  });
}

function preconditionsOf(body: JsonObject): Preconditions {
  const uid = stringField(body, 'preconditions', 'uid');
  const resourceVersion = stringField(body, 'preconditions', 'resourceVersion');
  return {
    ...(uid !== undefined && { uid }),
    ...(resourceVersion !== undefined && { resourceVersion }),
  };
}

/** What cannot stand beside the option that deletes what cannot be read. */
function unsafeCauses({ policy, orphan, grace, preconditions }: Raw): StatusCause[] {
  const beside = {
    propagationPolicy: policy,
    orphanDependents: orphan,
    gracePeriodSeconds: grace,
    preconditions,
  };
  return Object.entries(beside)
    .filter(([, value]) => value !== undefined)
    .map(([field]) => invalidValue(unsafe, true, `cannot be set together with .${field}`));
}

function checked(raw: Raw): DeleteOptions {
  const { policy, orphan, grace, preconditions = {} } = raw;
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
  if (raw.ignoreReadError) causes.push(...unsafeCauses(raw));
  if (causes.length > 0) throw invalidOptions('DeleteOptions', causes);
  const chosen = policy ?? (orphan === undefined ? undefined : orphan ? 'Orphan' : 'Background');
  return {
    dryRun: raw.dryRun.length > 0,
    preconditions,
    ...(raw.ignoreReadError && { ignoreReadError: true }),
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
