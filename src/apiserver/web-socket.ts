/**
 * A watch over a WebSocket, as pages in a browser follow objects: one event is one message (RFC
 * 6455). What a client says but pings and a farewell is read and dropped.
 */
import { createHash } from 'node:crypto';
import type { Duplex } from 'node:stream';

type Headers = Readonly<Record<string, string>>;

/** Of the token that stands where a page can put one: among the protocols that it offers. */
const bearerPrefix = 'base64url.bearer.authorization.k8s.io.';
const acceptGuid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

const opcodes = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
export const closeCodes = { normal: 1000, protocolError: 1002 } as const;

export function isWebSocket({ upgrade, connection }: Headers): boolean {
  return upgrade?.toLowerCase() === 'websocket' && /\bupgrade\b/i.test(connection ?? '');
}

/**
 * The request's headers with the bearer token that its WebSocket protocols carry, and without the
 * protocol that carried it; one that cannot be read becomes a token that nobody has.
 */
export function withBearer(headers: Headers): Headers {
  const offered = protocolsIn(headers);
  const bearers = offered.filter((each) => each.startsWith(bearerPrefix));
  if (bearers.length === 0 || headers['authorization'] !== undefined) return headers;
  const others = offered.filter((each) => !each.startsWith(bearerPrefix));
  const encoded = bearers[0]!.slice(bearerPrefix.length);
  const readable = bearers.length === 1 && others.length > 0 && /^[\w-]+$/.test(encoded);
  const token = readable ? Buffer.from(encoded, 'base64url').toString('utf8') : '!';
  const { 'sec-websocket-protocol': _, ...rest } = headers;
  return {
    ...rest,
    authorization: `Bearer ${token}`,
    ...(others.length > 0 && { 'sec-websocket-protocol': others.join(', ') }),
  };
}

function protocolsIn(headers: Headers): string[] {
  const offered = headers['sec-websocket-protocol'] ?? '';
  return offered
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
}

/** What a request for a watch is answered with: 101, or why there is no connection. */
export interface Handshake {
  readonly status: 101 | 400 | 403;
  readonly headers: Headers;
  readonly body: string;
}

/** As kube-apiserver answers: a page says where it comes from, and offers one protocol or none. */
export function handshake(headers: Headers): Handshake {
  const refused = (status: 400 | 403, body = '', more: Headers = {}): Handshake => ({
    status,
    headers: more,
    body,
  });
  if (headers['sec-websocket-version'] !== '13')
    return refused(400, 'missing or bad WebSocket Version', { 'sec-websocket-version': '13' });
  const key = headers['sec-websocket-key'] ?? '';
  if (key === '') return refused(400, 'mismatch challenge/response');
  if (!URL.canParse(headers['origin'] ?? '')) return refused(403);
  const protocols = protocolsIn(headers);
  if (protocols.length > 1) return refused(400);
  const accept = createHash('sha1').update(`${key}${acceptGuid}`).digest('base64');
  return {
    status: 101,
    headers: {
      Upgrade: 'websocket',
      Connection: 'Upgrade',
      'Sec-WebSocket-Accept': accept,
      ...(protocols.length === 1 && { 'Sec-WebSocket-Protocol': protocols[0]! }),
    },
    body: '',
  };
}

export function messageFrame(kind: 'text' | 'binary', payload: Buffer): Buffer {
  return Buffer.concat([frameHead(opcodes[kind], payload.length), payload]);
}

export function closeFrame(code: number): Buffer {
  const frame = Buffer.from([0x80 | opcodes.close, 2, 0, 0]);
  frame.writeUInt16BE(code, 2);
  return frame;
}

function frameHead(opcode: number, length: number): Buffer {
  const first = 0x80 | opcode;
  if (length < 126) return Buffer.from([first, length]);
  const long = length > 0xffff;
  const head = Buffer.alloc(long ? 10 : 4);
  head[0] = first;
  head[1] = long ? 127 : 126;
  if (long) head.writeBigUInt64BE(BigInt(length), 2);
  else head.writeUInt16BE(length, 2);
  return head;
}

/** What came of bytes that a client sent. */
export interface Heard {
  /** Answers to pings. */
  readonly pongs: readonly Buffer[];
  /** The connection is to be closed with this code. */
  readonly close?: number;
}

/** Reads what a client sends: payloads are passed over as they come, whatever their length. */
export class ClientFrames {
  #pending = Buffer.alloc(0);
  /** Bytes of a payload that nobody wants and that are still to come. */
  #skip = 0;

  read(chunk: Buffer): Heard {
    const pongs: Buffer[] = [];
    const skipped = Math.min(this.#skip, chunk.length);
    this.#skip -= skipped;
    this.#pending = Buffer.concat([this.#pending, chunk.subarray(skipped)]);
    while (this.#skip === 0 && this.#pending.length >= 2) {
      const opcode = this.#pending[0]! & 0x0f;
      const masked = this.#pending[1]! >= 0x80;
      const short = this.#pending[1]! & 0x7f;
      if (!masked) return { pongs, close: closeCodes.protocolError };
      if (opcode === opcodes.close || short === 127) return { pongs, close: closeCodes.normal };
      const control = opcode >= 8;
      if (control && short > 125) return { pongs, close: closeCodes.protocolError };
      const head = short === 126 ? 8 : 6;
      const wanted = control ? head + short : head;
      if (this.#pending.length < wanted) break;
      const length = short === 126 ? this.#pending.readUInt16BE(2) : short;
      if (opcode === opcodes.ping) pongs.push(this.#pong(length));
      const frame = Math.min(head + length, this.#pending.length);
      this.#skip = head + length - frame;
      this.#pending = this.#pending.subarray(frame);
    }
    return { pongs };
  }

  #pong(length: number): Buffer {
    const mask = this.#pending.subarray(2, 6);
    const payload = Buffer.from(this.#pending.subarray(6, 6 + length));
    for (let i = 0; i < payload.length; i++) payload[i]! ^= mask[i % 4]!;
    return Buffer.concat([frameHead(opcodes.pong, length), payload]);
  }
}

export interface Watching {
  readonly socket: Duplex;
  /** What the client sent after its request head. */
  readonly head: Buffer;
  /** One event each. */
  readonly events: AsyncIterable<Buffer>;
  readonly kind: 'text' | 'binary';
  /** False when the client takes nothing and is gone. */
  readonly taken: () => Promise<boolean>;
}

/** Sends events until there are no more, or the client has gone or said farewell. */
export async function sendEvents(watching: Watching): Promise<void> {
  const { socket, events, kind, taken } = watching;
  const frames = new ClientFrames();
  const iterator = events[Symbol.asyncIterator]();
  let code: number | undefined;
  const hear = (chunk: Buffer): void => {
    if (code !== undefined) return;
    const heard = frames.read(chunk);
    for (const pong of heard.pongs) socket.write(pong);
    if (heard.close === undefined) return;
    code = heard.close;
    farewell();
  };
  const farewell = (): void => {
    if (socket.writable) socket.end(closeFrame(code ?? closeCodes.normal));
  };
  socket.on('data', hear);
  if (watching.head.length > 0) hear(watching.head);
  try {
    for (;;) {
      const next = await iterator.next();
      if (next.done === true || code !== undefined || !socket.writable) break;
      if (!socket.write(messageFrame(kind, next.value)) && !(await taken())) break;
    }
  } finally {
    await iterator.return?.();
    farewell();
  }
}
