/**
 * Connections that change their protocol: exec, attach and port-forward are joined to the far end,
 * byte for byte; a watch goes on over a WebSocket.
 */
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ApiHandler, ApiRequest, ApiResponse } from './types.ts';
import { handshake, isWebSocket, sendEvents, withBearer } from './web-socket.ts';

export interface UpgradeSocket {
  readonly socket: Duplex;
  /** What the client sent after its request head. */
  readonly head: Buffer;
  /** Waits until what was written is taken; false when the client takes nothing or has gone. */
  readonly taken: () => Promise<boolean>;
  /** Told when the answer is a watch: it is not waited for when the server stops. */
  readonly watching: () => void;
}

/**
 * Answers a request that came with an Upgrade header: 101 and a joined connection, a watch over a
 * WebSocket, or an ordinary response.
 */
export async function answerUpgrade(
  handler: ApiHandler,
  request: ApiRequest,
  { socket, head, taken, watching }: UpgradeSocket,
): Promise<void> {
  const webSocket = isWebSocket(request.headers);
  const headers = webSocket ? withBearer(request.headers) : request.headers;
  const response = await handler({ ...request, headers, body: undefined, webSocket });
  const far = response.upgraded;
  if (far === undefined) {
    if (response.endless !== true) return refuse(socket, response);
    watching();
    return webSocket && response.messages !== undefined
      ? watchOver({ ...response, messages: response.messages }, headers, { socket, head, taken })
      : stream(socket, response, taken);
  }
  socket.write(headOf(response));
  if (head.length > 0) far.write(head);
  far.on('error', () => socket.destroy());
  far.once('close', () => socket.destroy());
  socket.once('close', () => far.destroy());
  far.pipe(socket);
  socket.pipe(far);
}

type Watched = ApiResponse & { readonly messages: 'text' | 'binary' };

async function watchOver(
  { body, messages }: Watched,
  headers: Readonly<Record<string, string>>,
  { socket, head, taken }: Pick<UpgradeSocket, 'socket' | 'head' | 'taken'>,
): Promise<void> {
  const events = Buffer.isBuffer(body) ? single(body) : body;
  const answer = handshake(headers);
  if (answer.status !== 101) {
    await events[Symbol.asyncIterator]().return?.();
    return refuse(socket, { ...answer, body: Buffer.from(answer.body) });
  }
  socket.write(headOf({ ...answer, body: Buffer.alloc(0) }));
  await sendEvents({ socket, head, events, kind: messages, taken });
}

/** A stream that wants no upgrade: sent as it comes; its end is the connection's. */
async function stream(
  socket: Duplex,
  response: ApiResponse,
  taken: () => Promise<boolean>,
): Promise<void> {
  const headers = { ...response.headers, connection: 'close' };
  socket.write(headOf({ ...response, headers }));
  const chunks = Buffer.isBuffer(response.body) ? single(response.body) : response.body;
  for await (const chunk of chunks)
    if (!socket.writable || (!socket.write(chunk) && !(await taken()))) return;
  socket.end();
}

async function* single(body: Buffer): AsyncGenerator<Buffer> {
  yield body;
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
