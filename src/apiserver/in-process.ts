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
  const open = new Set<AbortController>();
  return {
    async request(request) {
      if (closed.signal.aborted) throw new TransportError('the transport is closed');
      if (request.signal === undefined) {
        return answer(await handler(apiRequest(request, user, closed.signal)));
      }
      if (request.signal.aborted) throw new TransportError('the request was aborted');
      const { signal, release } = joined(request.signal, open);
      try {
        const response = await handler(apiRequest(request, user, signal));
        const { body, events } = response;
        if (events !== undefined)
          return answer({ ...response, events: untilDone(events, release) });
        if (!Buffer.isBuffer(body)) return answer({ ...response, body: untilDone(body, release) });
        release();
        return answer(response);
      } catch (error) {
        release();
        throw error;
      }
    },
    close() {
      closed.abort();
      for (const controller of open) controller.abort();
      return Promise.resolve();
    },
  };
}

/**
 * A signal that follows `given` and can be aborted by `open`. AbortSignal.any would keep it, and
 * all that listens to it, alive for as long as nobody aborts.
 */
function joined(given: AbortSignal, open: Set<AbortController>) {
  const controller = new AbortController();
  const onAbort = (): void => {
    open.delete(controller);
    controller.abort(given.reason);
  };
  given.addEventListener('abort', onAbort, { once: true });
  open.add(controller);
  const release = (): void => {
    open.delete(controller);
    given.removeEventListener('abort', onAbort);
  };
  return { signal: controller.signal, release };
}

async function* untilDone<T>(
  items: AsyncIterable<T>,
  done: () => void,
): AsyncGenerator<T, void, undefined> {
  try {
    yield* items;
  } finally {
    done();
  }
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
