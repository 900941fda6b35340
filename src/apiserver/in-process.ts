/** A client's transport into a handler of this process: no socket, no timer, the same bytes. */
import {
  type Transport,
  TransportError,
  type TransportRequest,
  type TransportResponse,
} from '../client/transport.ts';
import type { User } from './backend.ts';
import type { ApiHandler, ApiResponse } from './types.ts';

/**
 * Requests go straight to `handler` as `user`, who is not authenticated again.
 * Time limits of requests are not kept: what answers in this process answers by itself.
 */
export function inProcessTransport(handler: ApiHandler, user: User): Transport {
  const closed = new AbortController();
  return {
    async request(request) {
      if (closed.signal.aborted) throw new TransportError('the transport is closed');
      if (request.signal?.aborted) throw new TransportError('the request was aborted');
      const signal =
        request.signal === undefined
          ? closed.signal
          : AbortSignal.any([request.signal, closed.signal]);
      return answer(await handler(apiRequest(request, user, signal)));
    },
    close() {
      closed.abort();
      return Promise.resolve();
    },
  };
}

function apiRequest(request: TransportRequest, user: User, signal: AbortSignal) {
  return {
    method: request.method,
    path: request.path,
    headers: request.headers ?? {},
    body: request.body,
    signal,
    user,
    ...(request.wantsEvents && { wantsEvents: true }),
  };
}

function answer({ status, headers, body, object, events }: ApiResponse): TransportResponse {
  return {
    status,
    headers,
    object,
    events,
    body: Buffer.isBuffer(body) ? once(body) : body,
    bytes: () => (Buffer.isBuffer(body) ? Promise.resolve(body) : collect(body)),
  };
}

async function* once(body: Buffer): AsyncGenerator<Buffer, void, undefined> {
  if (body.length > 0) yield body;
}

async function collect(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
}
