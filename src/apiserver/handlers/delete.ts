/** delete and deletecollection, with options from the body or the query string. */

import { MalformedJsonError } from '../../kube/json.ts';
import { isObject } from '../../kube/object.ts';
import { quoteGo } from '../../kube/quote.ts';
import { groupResource, parseApiVersion } from '../../kube/resource.ts';
import { badRequest, conflict, type Status } from '../../kube/status.ts';
import { invalidValue } from '../../kube/validate-meta.ts';
import type { DeleteOptions, Item } from '../backend.ts';
import { negotiate } from '../negotiate.ts';
import { offerOf, respondItem, respondList, respondStatus } from '../respond.ts';
import type { ApiResponse } from '../types.ts';
import { decodeValue, readBody } from './body.ts';
import { type Call, refOf } from './call.ts';
import { deleteOptionsOf, deleteOptionsOfQuery, unsafe } from './delete-options.ts';
import { invalidOptions, listRequest } from './query.ts';

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
  if (bytes.length === 0) return deleteOptionsOfQuery(call.info.query);
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
  return deleteOptionsOf(value);
}

function decodeOptions(bytes: Buffer, contentType: string | undefined, kind: string) {
  try {
    return decodeValue(bytes, contentType, { apiVersion: 'v1', kind });
  } catch (error) {
    if (!(error instanceof MalformedJsonError)) throw error;
    throw badRequest(`couldn't get version/kind; json parse error: ${error.detail}`);
  }
}
