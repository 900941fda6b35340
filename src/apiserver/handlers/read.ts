/** get, list and watch. */
import { negotiate } from '../negotiate.ts';
import { offerOf, respondItem, respondList } from '../respond.ts';
import type { ApiResponse } from '../types.ts';
import { respondWatch } from '../watch-response.ts';
import { type Call, refOf } from './call.ts';
import { listRequest, watchRequest } from './query.ts';

export async function handleGet(call: Call): Promise<ApiResponse> {
  const form = negotiate(call.request.headers.accept, offerOf(call));
  const item = await call.backend.get(call.context, refOf(call));
  return respondItem(call, form, { item, status: 200 });
}

export async function handleList(call: Call): Promise<ApiResponse> {
  const form = negotiate(call.request.headers.accept, offerOf(call));
  const list = await call.backend.list(call.context, listRequest(call.info.query, call));
  return respondList(call, form, list);
}

export async function handleWatch(call: Call): Promise<ApiResponse> {
  const form = negotiate(call.request.headers.accept, { ...offerOf(call), stream: true });
  return respondWatch(call, form, watchRequest(call.info.query, call));
}
