/**
 * A real API server over HTTPS: bounded sockets for calls, others for streams, so that watches
 * never starve writes.
 */
import type { Duplex } from 'node:stream';
import { getCACertificates } from 'node:tls';
import type { Dispatcher } from 'undici';
import { Budget } from '../base/budget.ts';
import type { Clock, Timer } from '../base/clock.ts';
import { type AnswerHeaders, errorOf } from './answer-error.ts';
import { Exchange } from './tls-exchange.ts';
import {
  type Transport,
  TransportError,
  type TransportRequest,
  type TransportResponse,
  type UpgradedConnection,
} from './transport.ts';
import { Pool, proxyAgent } from './undici.ts';

export interface TlsTransportOptions {
  /**
   * `https://host:port`, with a path prefix if the server stands behind one; `http:` for a local
   * proxy.
   */
  readonly server: string;
  /** PEM of the authorities to trust; absent: those of the system. */
  readonly ca?: string;
  readonly insecureSkipTLSVerify?: boolean;
  /** Name to expect in the certificate instead of the host. */
  readonly tlsServerName?: string;
  /** PEM. */
  readonly clientCertificate?: { readonly cert: string; readonly key: string };
  /** Asked before every request, so that a renewed token counts at once. */
  readonly token?: () => string | undefined;
  readonly basic?: { readonly username: string; readonly password: string };
  /** `http://` or `https://` proxy that takes CONNECT. */
  readonly proxyURL?: string;
  readonly clock: Clock;
  /** Sockets for calls. */
  readonly connections?: number;
  /** Sockets for watches, logs and upgrades. */
  readonly streams?: number;
  readonly connectTimeoutMs?: number;
  /** What answers may hold together until they are read. */
  readonly answers?: Budget;
}

/** Long enough for every answer that is no stream, bytes. */
const answersMax = 256 * 1024 * 1024;

/** An answer that is read whole has this many times as long as its head. */
const bodyFactor = 4;

const streamQuery = /[?&](?:watch|follow)=(?:true|1)(?:&|$)/;

export class TlsTransport implements Transport {
  readonly #options: TlsTransportOptions;
  readonly #origin: string;
  readonly #prefix: string;
  readonly #basic: string | undefined;
  readonly #streaming = new Set<Exchange>();
  readonly #held: Budget;
  #calls: Dispatcher;
  #streams: Dispatcher;
  #closed = false;

  /** @throws TypeError when a URL is none. */
  constructor(options: TlsTransportOptions) {
    const url = new URL(options.server);
    this.#options = options;
    this.#held = options.answers ?? new Budget({ most: answersMax });
    this.#origin = url.origin;
    this.#prefix = url.pathname.replace(/\/+$/, '');
    this.#basic =
      options.basic === undefined
        ? undefined
        : `Basic ${Buffer.from(`${options.basic.username}:${options.basic.password}`).toString('base64')}`;
    this.#calls = this.#dispatcher(options.connections ?? 32, 60_000);
    this.#streams = this.#dispatcher(options.streams ?? 512, 0);
  }

  async request(request: TransportRequest): Promise<TransportResponse> {
    const streams = streamQuery.test(request.path);
    const exchange = new Exchange(this.#held);
    this.#bind(exchange, request);
    if (streams) {
      this.#streaming.add(exchange);
      const { onDone } = exchange;
      exchange.onDone = () => {
        onDone();
        this.#streaming.delete(exchange);
      };
    }
    this.#dispatch(streams ? this.#streams : this.#calls, request, exchange);
    return exchange.head;
  }

  /** @throws ApiError when the server answers anything but 101. */
  upgrade(request: TransportRequest): Promise<UpgradedConnection> {
    const protocol = request.headers?.['upgrade'];
    if (protocol === undefined) throw new TypeError('an upgrade needs an upgrade header');
    const { promise, resolve, reject } = Promise.withResolvers<UpgradedConnection>();
    const exchange = new Exchange(this.#held);
    this.#bind(exchange, request);
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart: (controller) => exchange.onRequestStart(controller),
      onRequestUpgrade: (_controller, status, headers, stream: Duplex) => {
        resolve({ status, headers: headers as AnswerHeaders, stream });
        exchange.onResponseEnd();
      },
      onResponseStart: (controller, status, headers) =>
        exchange.onResponseStart(controller, status, headers),
      onResponseData: (controller, chunk) => exchange.onResponseData(controller, chunk),
      onResponseEnd: () => exchange.onResponseEnd(),
      onResponseError: (controller, error) => exchange.onResponseError(controller, error),
    };
    exchange.head
      .then(async (head) => {
        reject(errorOf(head.status, head.headers, await head.bytes()));
      })
      .catch(reject);
    this.#dispatch(this.#streams, request, handler, protocol);
    return promise;
  }

  /**
   * Breaks every open stream, so that its reader connects anew: after a silence, or with a new
   * credential.
   */
  resetStreams(): void {
    for (const exchange of [...this.#streaming]) {
      exchange.fail(new TransportError('the connection is being renewed'));
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const gone = new TransportError('the connection was closed');
    await Promise.all([this.#calls.destroy(gone), this.#streams.destroy(gone)]);
  }

  /** Couples an exchange to the request's signal and time limit. */
  #bind(exchange: Exchange, request: TransportRequest): void {
    const { signal, timeoutMs } = request;
    let timer: Timer | undefined;
    if (timeoutMs !== undefined)
      timer = this.#options.clock.after(timeoutMs, () => {
        const late = new TransportError(`no answer within ${timeoutMs} ms`);
        if (exchange.status === 0) exchange.fail(late);
        else timer = this.#limitBody(exchange, timeoutMs);
      });
    const onAbort = (): void => {
      exchange.fail(new TransportError('the request was aborted', { cause: signal?.reason }));
    };
    exchange.onDone = () => {
      timer?.cancel();
      signal?.removeEventListener('abort', onAbort);
    };
    exchange.head.catch(() => {});
    if (signal?.aborted) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
  }

  /** The head has come in time, but not yet the whole: one that drips must come to an end. */
  #limitBody(exchange: Exchange, timeoutMs: number): Timer | undefined {
    if (exchange.streaming || exchange.ended) return undefined;
    return this.#options.clock.after((bodyFactor - 1) * timeoutMs, () => {
      if (!exchange.streaming) exchange.fail(new TransportError('the answer does not end'));
    });
  }

  #dispatch(
    dispatcher: Dispatcher,
    request: TransportRequest,
    handler: Dispatcher.DispatchHandler,
    upgrade?: string,
  ): void {
    const headers: Record<string, string | string[]> = { ...request.headers };
    for (const name in request.headers) {
      const value = request.headers[name]!;
      if (value.includes('\n')) headers[name] = value.split('\n');
    }
    if (upgrade !== undefined) {
      delete headers['upgrade'];
      delete headers['connection'];
    }
    if (headers['authorization'] === undefined) {
      const token = this.#options.token?.();
      if (token !== undefined) headers['authorization'] = `Bearer ${token}`;
      else if (this.#basic !== undefined) headers['authorization'] = this.#basic;
    }
    try {
      if (this.#closed) throw new TransportError('the connection was closed');
      dispatcher.dispatch(
        {
          origin: this.#origin,
          path: this.#prefix + request.path,
          method: request.method,
          headers,
          body: request.body ?? null,
          // A DELETE with a body would close the connection after it.
          reset: false,
          ...(upgrade === undefined ? {} : { upgrade }),
        },
        handler,
      );
    } catch (error) {
      handler.onResponseError?.(null as never, error as Error);
    }
  }

  #dispatcher(connections: number, bodyTimeout: number): Dispatcher {
    const options = this.#options;
    const tls = {
      ca: options.ca ?? systemAuthorities(),
      rejectUnauthorized: !options.insecureSkipTLSVerify,
      timeout: options.connectTimeoutMs ?? 10_000,
      ...(options.tlsServerName === undefined ? {} : { servername: options.tlsServerName }),
      ...options.clientCertificate,
    };
    const shared = {
      connections,
      bodyTimeout,
      headersTimeout: 0,
      allowH2: false,
      keepAliveTimeout: 30_000,
      maxHeaderSize: 64 * 1024,
    };
    if (options.proxyURL !== undefined) {
      return proxyAgent({ ...shared, uri: options.proxyURL, requestTls: tls });
    }
    return new Pool(this.#origin, { ...shared, connect: tls });
  }
}

let authorities: string[] | undefined;

function systemAuthorities(): string[] {
  authorities ??= [...new Set([...getCACertificates('default'), ...getCACertificates('system')])];
  return authorities;
}
