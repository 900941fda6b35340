/** get, list and watch. */
import { negotiate } from '../negotiate.ts';
import { offerOf, respondItem, respondList } from '../respond.ts';
import type { ApiResponse } from '../types.ts';
import { respondWatch } from '../watch-response.ts';
import { type Call, refOf } from './call.ts';
import { listRequest, watchRequest } from './query.ts';

export async function handleGet(call: Call): Promise<ApiResponse> {
  const form = negotiate(call.request.headers.accept, offerOf(call));
  const resourceVersion = call.info.query.get('resourceVersion') ?? '';
  const options = resourceVersion === '' ? undefined : { resourceVersion };
  const item = await call.backend.get(call.context, refOf(call), options);
  return respondItem(call, form, { item, status: 200 });
}

export async function handleList(call: Call): Promise<ApiResponse> {
  const form = negotiate(call.request.headers.accept, { ...offerOf(call), watchable: true });
  const list = await call.backend.list(call.context, listRequest(call.info.query, call));
  return respondList(call, form, list);
}

export async function handleWatch(call: Call): Promise<ApiResponse> {
  const offer = { ...offerOf(call), stream: true, watchable: true };
  const form = negotiate(call.request.headers.accept, offer);
  return respondWatch(call, form, watchRequest(call.info.query, call));
}
