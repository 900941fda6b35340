/** Streams to and from pods, nodes and services: handed to the backend as they are. */
import { badRequest } from '../../kube/status.ts';
import type { ApiResponse } from '../types.ts';
import { type Call, refOf } from './call.ts';

const connecting: ReadonlySet<string> = new Set(['attach', 'exec', 'log', 'portforward', 'proxy']);

export function isConnect(call: Call): boolean {
  return call.subresource !== undefined && connecting.has(call.subresource.name);
}

export async function handleConnect(call: Call): Promise<ApiResponse> {
  const { backend, request, target } = call;
  if (backend.connect === undefined)
    throw badRequest(`${target.resource}/${target.subresource} is not served here`);
  if (call.info.query.has('dryRun')) throw badRequest('dryRun is not supported');
  const response = await backend.connect(call.context, refOf(call), {
    method: request.method,
    rest: target.rest,
    headers: request.headers,
    body: bodyStream(request.body),
  });
  const { status, headers } = response;
  if ('upgraded' in response)
    return { status, headers, body: Buffer.alloc(0), upgraded: response.upgraded, endless: true };
  return { status, headers, body: response.body, endless: true };
}

async function* bodyStream(body: Call['request']['body']): AsyncGenerator<Buffer> {
  if (body === undefined) return;
  if (Buffer.isBuffer(body)) yield body;
  else yield* body;
}
