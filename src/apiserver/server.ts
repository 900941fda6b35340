/** The TLS front end: HTTP/1.1 and HTTP/2 on one port, from sockets to ApiRequests and back. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  constants,
  createSecureServer,
  type Http2SecureServer,
  Http2ServerRequest,
  Http2ServerResponse,
  type ServerHttp2Session,
} from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { CertificateSorter, type ClientCertificate } from './auth/client-certificate.ts';
import { compressed } from './compression.ts';
import { Overdue, overdueStatus, type Unanswered } from './overdue.ts';
import { PiecePool } from './piece-pool.ts';
import { refusalOf } from './refusal.ts';
import { respondError } from './respond.ts';
import { SessionStreams } from './session-streams.ts';
import type { ApiHandler, ApiRequest, ApiResponse } from './types.ts';
import { answerUpgrade } from './upgrade.ts';

export interface ServerOptions {
  readonly handler: ApiHandler;
  readonly host: string;
  /** 0 = any free one. */
  readonly port: number;
  /** PEM. */
  readonly certificate: string;
  readonly key: string;
  /** Client certificates signed by these count; PEM. */
  readonly clientAuthorities: string;
  /** Front proxies' certificates are signed by these; PEM. */
  readonly frontProxyAuthorities?: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits?: Partial<ServerLimits>;
}

export interface ServerLimits {
  /** Requests at one time on one HTTP/2 connection. */
  readonly streamsPerConnection: number;
  /** Memory that one HTTP/2 connection may hold, MiB. */
  readonly sessionMemoryMiB: number;
  readonly headerBytes: number;
  readonly connections: number;
  /** A client that takes nothing of its response for so long is dropped. */
  readonly stallMs: number;
  /** An idle connection is kept so long. */
  readonly keepAliveMs: number;
  /** A TLS handshake, and the head of a request, may take so long each. */
  readonly headMs: number;
  /** A request with its body and answer may take so long, but for streams of open end. */
  readonly requestMs: number;
}

const defaultLimits: ServerLimits = {
  streamsPerConnection: 1000,
  sessionMemoryMiB: 128,
  headerBytes: 64 * 1024,
  connections: 10_000,
  stallMs: 30_000,
  keepAliveMs: 120_000,
  headMs: 15_000,
  requestMs: 60_000,
};

/** Node's default of 64 KiB makes every upload wait for window updates. */
const streamWindowBytes = 1024 * 1024;
const connectionWindowBytes = 8 * 1024 * 1024;

/** Kept for the next long answers: 5 MiB. */
const pooledPieces = 32;

/** A client that was cut off has this long to hear why, milliseconds. */
const closeMs = 1000;

type Incoming = IncomingMessage | Http2ServerRequest;
type Outgoing = ServerResponse | Http2ServerResponse;

/** Who is at the other end of a connection. */
interface Peer {
  readonly certificate?: ClientCertificate;
  readonly remoteAddress?: string;
}

interface Active extends Unanswered {
  readonly controller: AbortController;
  endless: boolean;
}

export class ApiServer {
  readonly #options: ServerOptions;
  readonly #limits: ServerLimits;
  readonly #authorities: string[];
  readonly #certificates: CertificateSorter;
  readonly #server: Http2SecureServer;
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #peers = new WeakMap<object, Peer>();
  readonly #active = new Set<Active>();
  /** Watches on connections that were upgraded. */
  readonly #watches = new Set<AbortController>();
  /** Of the session whose socket is about to be told of. */
  #paired: SessionStreams | undefined;
  readonly #overdue: Overdue;
  readonly #pool = new PiecePool(pooledPieces);
  #stopping = false;
  #idle: (() => void) | undefined;

  private constructor(options: ServerOptions) {
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    const { clientAuthorities: users, frontProxyAuthorities: frontProxies } = options;
    this.#authorities = frontProxies === undefined ? [users] : [users, frontProxies];
    this.#certificates = new CertificateSorter({ users, ...(frontProxies && { frontProxies }) });
    this.#overdue = new Overdue(options.clock, this.#limits.requestMs);
    this.#server = createSecureServer({
      allowHTTP1: true,
      key: options.key,
      cert: options.certificate,
      ca: this.#authorities,
      requestCert: true,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
      maxSessionMemory: this.#limits.sessionMemoryMiB,
      maxHeaderSize: this.#limits.headerBytes,
      keepAliveTimeout: this.#limits.keepAliveMs,
      handshakeTimeout: this.#limits.headMs,
      headersTimeout: this.#limits.headMs,
      // Slow bodies are found by Overdue, for both protocols alike.
      requestTimeout: Math.max(2 * this.#limits.requestMs, this.#limits.headMs),
      connectionsCheckingInterval: Math.ceil(this.#limits.headMs / 5),
      settings: {
        maxConcurrentStreams: this.#limits.streamsPerConnection,
        initialWindowSize: streamWindowBytes,
        maxHeaderListSize: this.#limits.headerBytes,
        enablePush: false,
      },
      // A client that opens and resets streams faster than this is cut off (CVE-2023-44487).
      streamResetBurst: 1000,
      streamResetRate: 100,
    } as Parameters<typeof createSecureServer>[0]);
    this.#server.maxConnections = this.#limits.connections;
    this.#listenTo(this.#server);
  }

  /** Serves on `host:port`. @throws when the address cannot be had */
  static async listen(options: ServerOptions): Promise<ApiServer> {
    const server = new ApiServer(options);
    await new Promise<void>((resolve, reject) => {
      server.#server.once('error', reject);
      server.#server.listen(options.port, options.host, () => {
        server.#server.off('error', reject);
        resolve();
      });
    });
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** New connections get this certificate. */
  setCertificate(certificate: string, key: string): void {
    this.#server.setSecureContext({ cert: certificate, key, ca: this.#authorities });
  }

  /**
   * Takes no new connections, ends watches, lets requests finish, and cuts off what is left after
   * `deadlineMs`.
   */
  async stop(deadlineMs: number): Promise<void> {
    this.#stopping = true;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const active of this.#active) if (active.endless) active.controller.abort();
    for (const watch of this.#watches) watch.abort();
    for (const session of this.#sessions) session.close();
    await new Promise<void>((resolve) => {
      if (this.#active.size === 0 && this.#watches.size === 0) {
        resolve();
        return;
      }
      const timer = this.#options.clock.after(deadlineMs, resolve);
      this.#idle = () => {
        timer.cancel();
        resolve();
      };
    });
    this.#overdue.stop();
    for (const active of this.#active) active.controller.abort();
    for (const session of this.#sessions) session.destroy();
    for (const socket of this.#sockets) socket.destroySoon();
    await closed;
  }

  #listenTo(server: Http2SecureServer): void {
    const { log } = this.#options;
    server.on('secureConnection', (socket: TLSSocket) => {
      this.#sockets.add(socket);
      // Node makes the session of a connection just before it tells of the connection.
      if (this.#paired !== undefined) this.#paired.socket = socket;
      this.#paired = undefined;
      socket.setKeepAlive(true, 30_000);
      socket.setNoDelay(true);
      socket.once('close', () => this.#sockets.delete(socket));
      socket.on('error', () => {});
    });
    server.on('session', (session) => {
      this.#sessions.add(session);
      const { clock } = this.#options;
      const streams = new SessionStreams(clock, () => {
        log.info('a client was cut off, it resets too many requests');
        session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM);
        // A session that nghttp2 has given up does not let go of its socket.
        clock.after(closeMs, () => streams.socket?.destroy());
      });
      this.#paired = streams;
      session.on('stream', (stream) => streams.add(stream));
      session.setTimeout(this.#limits.keepAliveMs, () => {
        if (streams.open === 0) session.close();
      });
      session.setLocalWindowSize(connectionWindowBytes);
      session.once('close', () => this.#sessions.delete(session));
      session.on('error', (error: Error) =>
        log.debug('an HTTP/2 session failed', { error: error.name }),
      );
    });
    server.on('error', (error) => log.error('the server socket failed', { error: error.name }));
    server.on('tlsClientError', (error) =>
      log.debug('a TLS handshake failed', { error: error.name }),
    );
    server.on('clientError', (error: Error, socket: Duplex) => {
      if (socket.writable) socket.end(refusalOf(error));
      else socket.destroy();
    });
    server.on('request', (request: Incoming, response: Outgoing) => {
      this.#serve(request, response).catch((error: unknown) => {
        log.error('a response failed', { error: error instanceof Error ? error.name : 'unknown' });
        destroy(response);
      });
    });
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      socket.on('error', () => {});
      const controller = new AbortController();
      socket.once('close', () => controller.abort(ended));
      const api = this.#requestOf(request, controller.signal);
      const taken = () => this.#settled(socket, (done) => socket.once('drain', done));
      const watching = (): void => {
        if (this.#stopping) controller.abort();
        this.#watches.add(controller);
      };
      const upgrade = { socket, head, taken, watching };
      answerUpgrade(this.#options.handler, api, upgrade)
        .catch(() => socket.destroy())
        .finally(() => {
          this.#watches.delete(controller);
          this.#noteIdle();
        });
    });
  }

  async #serve(incoming: Incoming, outgoing: Outgoing): Promise<void> {
    const active = this.#begin(incoming, outgoing);
    const { signal } = active.controller;
    incoming.on('error', () => {});
    outgoing.on('error', () => {});
    const request = this.#requestOf(incoming, signal);
    const response = await this.#options.handler(request);
    this.#overdue.remove(active);
    if (outgoing.destroyed || outgoing.writableEnded) return;
    active.endless = response.endless === true;
    if (this.#stopping && active.endless) active.controller.abort();
    const ready = response.endless
      ? response
      : await compressed(response, request.headers['accept-encoding']);
    if (outgoing.destroyed) return;
    await this.#write(outgoing, ready, incoming.httpVersionMajor);
  }

  #begin(incoming: Incoming, outgoing: Outgoing): Active {
    const active: Active = {
      controller: new AbortController(),
      endless: false,
      since: this.#options.clock.monotonic(),
      method: incoming.method ?? 'GET',
      path: incoming.url ?? '/',
      expire: () => {
        const { headers, body } = respondError(overdueStatus(), {});
        const length = String((body as Buffer).length);
        // The rest of its body, if it ever comes, belongs to nobody.
        const close = incoming.httpVersionMajor === 1 && { connection: 'close' };
        const head = { ...headers, 'content-length': length, ...close };
        (outgoing as unknown as Writable).writeHead(504, head);
        outgoing.end(body as Buffer);
        active.controller.abort(ended);
        this.#options.clock.after(closeMs, () => dropBody(incoming));
      },
    };
    this.#active.add(active);
    this.#overdue.add(active);
    outgoing.once('close', () => {
      active.controller.abort(ended);
      this.#active.delete(active);
      this.#overdue.remove(active);
      this.#noteIdle();
    });
    return active;
  }

  #noteIdle(): void {
    if (this.#active.size === 0 && this.#watches.size === 0) this.#idle?.();
  }

  #requestOf(incoming: Incoming, signal: AbortSignal): ApiRequest {
    const method = incoming.method ?? 'GET';
    return {
      method,
      path: incoming.url ?? '/',
      headers: headersOf(incoming),
      // Leaving a body unread must not tear down the connection before the answer is out.
      body:
        method === 'GET' || method === 'HEAD'
          ? undefined
          : incoming.iterator({ destroyOnReturn: false }),
      signal,
      ...this.#peerOf(incoming),
    };
  }

  /** Read once per connection. */
  #peerOf(incoming: Incoming): Peer {
    const session = incoming instanceof Http2ServerRequest ? incoming.stream.session : undefined;
    const socket = (session?.socket ?? incoming.socket) as TLSSocket | undefined;
    const key = session ?? socket;
    if (key === undefined || socket === undefined) return {};
    let known = this.#peers.get(key);
    if (known === undefined) {
      const certificate = this.#certificates.certificateOf(socket);
      const { remoteAddress } = socket;
      known = {
        ...(certificate === undefined ? {} : { certificate }),
        ...(remoteAddress === undefined ? {} : { remoteAddress }),
      };
      this.#peers.set(key, known);
    }
    const { certificate } = known;
    // A certificate that has run out since counts no more.
    if (certificate === undefined || certificate.notAfter >= this.#options.clock.now())
      return known;
    return known.remoteAddress === undefined ? {} : { remoteAddress: known.remoteAddress };
  }

  async #write(outgoing: Outgoing, response: ApiResponse, major: number): Promise<void> {
    const headers: Record<string, string | readonly string[]> = { ...response.headers };
    const { body } = response;
    if (Buffer.isBuffer(body)) headers['content-length'] = String(body.length);
    // What is left of a body that was too large is not worth reading.
    if (major === 1 && (this.#stopping || response.status === 413)) headers.connection = 'close';
    const writable = outgoing as unknown as Writable;
    writable.writeHead(response.status, headers);
    if (Buffer.isBuffer(body)) {
      outgoing.end(body);
      return;
    }
    if (response.pieces !== undefined) {
      await this.#writePieces(outgoing, response.pieces);
      return;
    }
    if (response.endless) writable.flushHeaders();
    for await (const chunk of body) {
      if (outgoing.destroyed) return;
      if (!writable.write(chunk) && !(await this.#drained(outgoing))) return;
      if (!response.endless) await new Promise((resolve) => setImmediate(resolve));
    }
    outgoing.end();
  }

  /** Each piece is sent before the next one is made. */
  async #writePieces(
    outgoing: Outgoing,
    pieces: NonNullable<ApiResponse['pieces']>,
  ): Promise<void> {
    for (const piece of pieces((size) => this.#pool.take(size))) {
      const taken = await this.#settled(outgoing, (done) => {
        (outgoing as unknown as Writable).write(piece, done);
      });
      // Of a connection that broke, nobody knows what still reads it.
      if (!taken) return;
      this.#pool.giveBack(piece);
    }
    outgoing.end();
  }

  #drained(outgoing: Outgoing): Promise<boolean> {
    return this.#settled(outgoing, (done) => outgoing.once('drain', done));
  }

  /**
   * Waits until the client has taken what was written; one that takes nothing is dropped. False: it
   * has gone.
   */
  #settled(outgoing: Outgoing | Duplex, whenTaken: (done: () => void) => void): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (taken: boolean): void => {
        timer.cancel();
        outgoing.off('close', onClose);
        resolve(taken);
      };
      const onClose = (): void => settle(false);
      const timer = this.#options.clock.after(this.#limits.stallMs, () => {
        this.#options.log.info('a client was dropped, it reads too slowly');
        destroy(outgoing);
        settle(false);
      });
      outgoing.once('close', onClose);
      whenTaken(() => settle(!outgoing.destroyed));
    });
  }
}

/**
 * What both kinds of response have, with signatures that can be called without telling them apart.
 */
interface Writable {
  writeHead(status: number, headers: Readonly<Record<string, string | readonly string[]>>): void;
  write(chunk: Buffer, done?: () => void): boolean;
  flushHeaders(): void;
}

/** Whoever still reads the request's body is told that nothing comes any more. */
function dropBody(incoming: Incoming): void {
  if (incoming instanceof Http2ServerRequest) incoming.stream.close(constants.NGHTTP2_NO_ERROR);
  else incoming.destroy();
}

function destroy(outgoing: Outgoing | Duplex): void {
  if (outgoing instanceof Http2ServerResponse) outgoing.stream?.destroy(new Error('cut off'));
  else outgoing.destroy();
}

/** Why a request's signal is aborted; made once, since every DOMException costs a stack trace. */
const ended = new Error('the request has ended');

/** Their values may hold commas of their own: names of groups do. */
const identityHeader = /^(?:impersonate|x-remote)-/;

/**
 * Lower-case names, one value each, without HTTP/2's pseudo headers. Several values of a header
 * that names users or groups are joined by newlines, of others by commas.
 */
function headersOf({ headers, rawHeaders }: Incoming): Record<string, string> {
  const out: Record<string, string> = Object.create(null);
  for (const name in headers) {
    if (name.startsWith(':')) continue;
    const value = headers[name];
    if (identityHeader.test(name)) out[name] = valuesIn(rawHeaders, name).join('\n');
    else if (typeof value === 'string') out[name] = value;
    else if (value !== undefined) out[name] = value.join(', ');
  }
  return out;
}

function valuesIn(rawHeaders: readonly string[], name: string): string[] {
  return rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1]!.toLowerCase() === name);
}
