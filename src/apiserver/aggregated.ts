/**
 * Groups that an APIService gives to a server of its own: requests are passed on as they are, once
 * they are authorised.
 */
import {
  TransportError,
  type TransportRequest,
  type TransportResponse,
} from '../client/transport.ts';
import { readBody } from './handlers/body.ts';
import type { ApiRequest, ApiResponse } from './types.ts';

/** Sends a request to the group's server. @throws TransportError when it is not reached */
export type Forward = (request: TransportRequest) => Promise<TransportResponse>;

/** Who serves a group in this version instead of us; 'unavailable': nobody at this moment. */
export type Aggregated = (group: string, version: string) => Forward | 'unavailable' | undefined;

/** What belongs to the client's connection or tells who the client is. Answers come plain. */
const kept: ReadonlySet<string> = new Set([
  ...['connection', 'content-length', 'host', 'http2-settings', 'keep-alive', 'te'],
  ...['proxy-connection', 'trailer', 'transfer-encoding', 'upgrade', 'authorization', 'cookie'],
  'accept-encoding',
]);

export async function serveAggregated(
  forward: Forward | 'unavailable',
  request: ApiRequest,
): Promise<ApiResponse> {
  if (forward === 'unavailable') return unavailable('service unavailable');
  const body = await readBody(request);
  const { method, path, signal } = request;
  const headers = Object.fromEntries(
    Object.entries(request.headers).filter(([name]) => travels(name)),
  );
  let answer: TransportResponse;
  try {
    answer = await forward({
      ...{ method, path, signal, headers },
      ...(body.length > 0 && { body }),
    });
  } catch (error) {
    if (!(error instanceof TransportError)) throw error;
    return unavailable(`error trying to reach service: ${error.message}`);
  }
  return {
    status: answer.status,
    headers: Object.fromEntries(
      Object.entries(answer.headers).flatMap(([name, value]) =>
        value === undefined || !travels(name) ? [] : [[name, value]],
      ),
    ),
    body: answer.body,
    endless: true,
  };
}

function travels(name: string): boolean {
  if (name.startsWith(':') || kept.has(name)) return false;
  return !name.startsWith('impersonate-') && !name.startsWith('x-remote-');
}

/** As kube-aggregator says it, which is no Status. */
function unavailable(why: string): ApiResponse {
  const headers = {
    'content-type': 'text/plain; charset=utf-8',
    'x-content-type-options': 'nosniff',
  };
  return { status: 503, headers, body: Buffer.from(`${why}\n`) };
}
