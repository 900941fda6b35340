/**
 * A request and a response without a socket: what the TLS front end and the in-process transport
 * both speak.
 */
import type { Duplex } from 'node:stream';
import type { ObjectEvent } from '../client/transport.ts';
import type { KubeObject } from '../kube/object.ts';
import type { ClientCertificate } from './auth/client-certificate.ts';
import type { User } from './backend.ts';

export interface ApiRequest {
  readonly method: string;
  /** Absolute path with its query string. */
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: AsyncIterable<Buffer> | Buffer | undefined;
  /** Counts what the body takes beside its bytes until the request is over. @throws Overload */
  readonly hold?: (bytes: number) => void;
  readonly signal: AbortSignal;
  /** Subject of the verified client certificate, if one was shown. */
  readonly certificate?: Omit<ClientCertificate, 'notAfter'>;
  /** Where the connection comes from; absent in this process. */
  readonly remoteAddress?: string;
  /** Set by the in-process transport only: the user is known and not authenticated again. */
  readonly user?: User;
  /** Set by the in-process transport only: a watch may answer with `events` instead of bytes. */
  readonly wantsEvents?: boolean;
  /** It asks for a WebSocket: a watch answers with its events one by one, not by batches. */
  readonly webSocket?: boolean;
}

export interface ApiResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** A stream may be endless (watch); it ends when the request's signal is aborted. */
  readonly body: Buffer | AsyncIterable<Buffer>;
  /**
   * What `body` streams, in memory that may be used again: for a reader that is done with a piece
   * before it asks for the next one.
   */
  readonly pieces?: (allocate: (size: number) => Buffer) => Iterable<Buffer>;
  /**
   * A watch: sent as it comes, never compressed, ended and not waited for when the server stops.
   */
  readonly endless?: boolean;
  /** Each buffer of the body is an event by itself, as the request's WebSocket wants it. */
  readonly messages?: 'text' | 'binary';
  /** What the body says, where it is at hand in parsed form: shared, never to be changed. */
  readonly object?: () => KubeObject;
  /** A watch's events as objects, when the request wanted them; the body is empty then. */
  readonly events?: AsyncIterable<readonly ObjectEvent[]>;
  /** With status 101: the far end of a connection that the front end joins to the client's. */
  readonly upgraded?: Duplex;
}

export type ApiHandler = (request: ApiRequest) => Promise<ApiResponse>;
