/**
 * Connections that change their protocol (exec, attach, port-forward): joined to the far end, byte
 * for byte.
 */
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { badRequest } from '../kube/status.ts';
import { respondError } from './respond.ts';
import type { ApiHandler, ApiRequest, ApiResponse } from './types.ts';

export interface UpgradeSocket {
  readonly socket: Duplex;
  /** What the client sent after its request head. */
  readonly head: Buffer;
}

/**
 * Answers a request that came with an Upgrade header: 101 and a joined connection, or an ordinary
 * response.
 */
export async function answerUpgrade(
  handler: ApiHandler,
  request: ApiRequest,
  { socket, head }: UpgradeSocket,
): Promise<void> {
  const response = await handler({ ...request, body: undefined });
  if (response.upgraded === undefined) {
    await refuse(socket, response.endless === true ? await notUpgraded(response) : response);
    return;
  }
  const far = response.upgraded;
  socket.write(headOf(response));
  if (head.length > 0) far.write(head);
  far.on('error', () => socket.destroy());
  far.once('close', () => socket.destroy());
  socket.once('close', () => far.destroy());
  far.pipe(socket);
  socket.pipe(far);
}

/** A stream of open end that is no upgrade (a watch) cannot be sent over such a connection. */
async function notUpgraded({ body }: ApiResponse): Promise<ApiResponse> {
  if (!Buffer.isBuffer(body)) await body[Symbol.asyncIterator]().return?.();
  return respondError(badRequest('this request cannot be upgraded').status, {});
}

async function refuse(socket: Duplex, response: ApiResponse): Promise<void> {
  const chunks: Buffer[] = [];
  if (Buffer.isBuffer(response.body)) chunks.push(response.body);
  else for await (const chunk of response.body) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const headers = {
    ...response.headers,
    'content-length': String(body.length),
    connection: 'close',
  };
  socket.write(headOf({ ...response, headers }));
  socket.end(body);
}

function headOf({ status, headers }: ApiResponse): string {
  const lines = [
    `HTTP/1.1 ${status} ${status === 101 ? 'Switching Protocols' : STATUS_CODES[status]}`,
  ];
  for (const [name, value] of Object.entries(headers))
    for (const each of typeof value === 'string' ? [value] : value)
      lines.push(`${name}: ${each.replace(/[\r\n]/g, ' ')}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}
