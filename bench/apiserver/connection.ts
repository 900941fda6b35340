/**
 * A keep-alive HTTP/1.1 connection over TLS that costs a load generator as little as it can: one
 * request at a time, bodies counted and only on demand kept.
 */
import { connect, type TLSSocket } from 'node:tls';

/** How one side is reached. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
  readonly ca: string;
  readonly clientCertificate?: { readonly cert: string; readonly key: string };
  readonly token?: string;
}

export interface Answer {
  readonly status: number;
  /** Of the body. */
  readonly size: number;
  /** Undefined unless it was asked for. */
  readonly body: Buffer | undefined;
}

type State = 'head' | 'body' | 'chunk-size' | 'chunk' | 'chunk-end' | 'trailer';

const headEnd = Buffer.from('\r\n\r\n');
const newline = 0x0a;

export class Connection {
  readonly #socket: TLSSocket;
  readonly #headers: string;
  #state: State = 'head';
  #pending: Buffer = Buffer.alloc(0);
  #chunkSize = '';
  #left = 0;
  #status = 0;
  #size = 0;
  #kept: Buffer[] | undefined;
  #onBody: ((bytes: Buffer) => void) | undefined;
  #settle: { resolve(answer: Answer): void; reject(error: Error): void } | undefined;
  #failure: Error | undefined;

  private constructor(socket: TLSSocket, headers: string) {
    this.#socket = socket;
    this.#headers = headers;
    socket.on('data', (bytes: Buffer) => this.#take(bytes));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the server closed the connection')));
  }

  static open({ host, port, ca, clientCertificate, token }: Endpoint): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port, ca, ...clientCertificate, ALPNProtocols: ['http/1.1'] });
      socket.setNoDelay(true);
      socket.once('error', reject);
      socket.once('secureConnect', () => {
        const authorization = token === undefined ? '' : `authorization: Bearer ${token}\r\n`;
        resolve(new Connection(socket, `host: ${host}:${port}\r\n${authorization}`));
      });
    });
  }

  /** `body`: JSON, or under `contentType`. @throws Error when the connection breaks */
  exchange(
    line: string,
    {
      body = '',
      contentType = 'application/json',
      keep = false,
    }: { body?: string; contentType?: string; keep?: boolean } = {},
  ): Promise<Answer> {
    const content =
      body === ''
        ? ''
        : `content-type: ${contentType}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n`;
    this.#kept = keep ? [] : undefined;
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) reject(this.#failure);
      this.#settle = { resolve, reject };
      const head = `${line} HTTP/1.1\r\n${this.#headers}accept: application/json\r\n${content}\r\n`;
      this.#socket.write(head + body);
    });
  }

  /** Asks for a stream; resolves once the first bytes of the answer are here. */
  async stream(line: string, onBody: (bytes: Buffer) => void): Promise<void> {
    this.#onBody = onBody;
    const { status } = await this.exchange(line);
    if (status !== 200) throw new Error(`${line} was answered with ${status}`);
  }

  close(): void {
    this.#settle = undefined;
    this.#socket.destroy();
  }

  #fail(error: Error): void {
    this.#failure = error;
    this.#settle?.reject(error);
    this.#settle = undefined;
  }

  #take(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      switch (this.#state) {
        case 'head':
          at = this.#takeHead(bytes, at);
          break;
        case 'body':
        case 'chunk':
          at = this.#takeBody(bytes, at);
          break;
        case 'chunk-size':
          at = this.#takeChunkSize(bytes, at);
          break;
        case 'chunk-end':
        case 'trailer':
          if (bytes[at++] !== newline) break;
          if (this.#state === 'chunk-end') this.#state = 'chunk-size';
          else this.#done();
      }
    }
  }

  #takeHead(bytes: Buffer, from: number): number {
    const rest = bytes.subarray(from);
    const head = this.#pending.length === 0 ? rest : Buffer.concat([this.#pending, rest]);
    const end = head.indexOf(headEnd);
    if (end < 0) {
      this.#pending = head;
      return bytes.length;
    }
    const text = head.toString('latin1', 0, end);
    const next = bytes.length - (head.length - end - headEnd.length);
    this.#pending = Buffer.alloc(0);
    this.#status = Number(text.slice(9, 12));
    this.#size = 0;
    if (/\r\ntransfer-encoding: chunked/i.test(text)) {
      this.#state = 'chunk-size';
      // A stream has no end to wait for.
      if (this.#onBody !== undefined) this.#answer();
    } else {
      this.#left = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1] ?? 0);
      if (this.#left === 0) this.#done();
      else this.#state = 'body';
    }
    return next;
  }

  #takeBody(bytes: Buffer, from: number): number {
    const to = Math.min(bytes.length, from + this.#left);
    this.#left -= to - from;
    this.#size += to - from;
    if (this.#onBody !== undefined) this.#onBody(bytes.subarray(from, to));
    else if (this.#kept !== undefined) this.#kept.push(bytes.subarray(from, to));
    if (this.#left === 0) {
      if (this.#state === 'chunk') this.#state = 'chunk-end';
      else this.#done();
    }
    return to;
  }

  #takeChunkSize(bytes: Buffer, from: number): number {
    const end = bytes.indexOf(newline, from);
    this.#chunkSize += bytes.toString('latin1', from, end < 0 ? bytes.length : end);
    if (end < 0) return bytes.length;
    this.#left = Number.parseInt(this.#chunkSize, 16);
    this.#chunkSize = '';
    this.#state = this.#left === 0 ? 'trailer' : 'chunk';
    return end + 1;
  }

  #done(): void {
    this.#state = 'head';
    this.#answer();
  }

  #answer(): void {
    const settle = this.#settle;
    this.#settle = undefined;
    const body = this.#kept && Buffer.concat(this.#kept);
    settle?.resolve({ status: this.#status, size: this.#size, body });
  }
}
