/** create, update and patch. */
import { badRequest } from '../../kube/status.ts';
import type { PatchType } from '../backend.ts';
import { negotiate } from '../negotiate.ts';
import { offerOf, respondItem } from '../respond.ts';
import type { ApiResponse } from '../types.ts';
import {
  checkName,
  decodeObject,
  mediaTypeOfHeader,
  readBody,
  settleNamespace,
  unsupportedMediaType,
} from './body.ts';
import { type Call, kindOf, refOf, userAgentOf } from './call.ts';
import { writeOptions } from './query.ts';

export async function handleCreate(call: Call): Promise<ApiResponse> {
  const form = negotiate(call.request.headers.accept, offerOf(call));
  const bytes = await readBody(call.request);
  const userAgent = userAgentOf(call);
  const options = writeOptions(call.info.query, { kind: 'CreateOptions', userAgent });
  const body = decodeObject(bytes, call.request.headers['content-type'], kindOf(call));
  const ref = refOf(call);
  settleNamespace(body.object, ref.namespace);
  const { item } = await call.backend.create(call.context, ref, body, options);
  return respondItem(call, form, { item, status: 201 });
}

export async function handleUpdate(call: Call): Promise<ApiResponse> {
  const form = negotiate(call.request.headers.accept, offerOf(call));
  const bytes = await readBody(call.request);
  const userAgent = userAgentOf(call);
  const options = writeOptions(call.info.query, { kind: 'UpdateOptions', userAgent });
  const body = decodeObject(bytes, call.request.headers['content-type'], kindOf(call));
  const ref = refOf(call);
  settleNamespace(body.object, ref.namespace);
  checkName(body.object, ref.name);
  const { item, created } = await call.backend.update(call.context, ref, body, options);
  return respondItem(call, form, { item, status: created ? 201 : 200 });
}

const patchTypes: readonly PatchType[] = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];

export async function handlePatch(call: Call): Promise<ApiResponse> {
  const media = mediaTypeOfHeader(call.request.headers['content-type']);
  const type = patchTypes.find((known) => known === media);
  if (type === undefined) throw unsupportedMediaType(patchTypes.join(', '));
  const form = negotiate(call.request.headers.accept, offerOf(call));
  const body = await readBody(call.request);
  const options = writeOptions(call.info.query, {
    kind: 'PatchOptions',
    userAgent: userAgentOf(call),
    patch: type,
  });
  if (body.length === 0 && type !== 'application/apply-patch+yaml')
    throw badRequest('invalid JSON patch');
  const { item, created } = await call.backend.patch(
    call.context,
    refOf(call),
    { type, body },
    options,
  );
  return respondItem(call, form, { item, status: created ? 201 : 200 });
}
