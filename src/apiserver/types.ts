/** A request and a response without a socket: what the TLS front end and the in-process transport both speak. */
import type { User } from './backend.ts';

export interface ApiRequest {
  readonly method: string;
  /** Absolute path with its query string. */
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: AsyncIterable<Buffer> | Buffer | undefined;
  readonly signal: AbortSignal;
  /** Subject of the verified client certificate, if one was shown. */
  readonly certificate?: { readonly commonName: string; readonly organizations: readonly string[] };
  /** Set by the in-process transport only: the user is known and not authenticated again. */
  readonly user?: User;
}

export interface ApiResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** A stream may be endless (watch); it ends when the request's signal is aborted. */
  readonly body: Buffer | AsyncIterable<Buffer>;
}

export type ApiHandler = (request: ApiRequest) => Promise<ApiResponse>;
