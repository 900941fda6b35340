/**
 * How a client reaches an API server: over TLS, in this process, or through a fault that wraps
 * either.
 */
import type { Duplex } from 'node:stream';
import type { Budget } from '../base/budget.ts';
import type { KubeObject } from '../kube/object.ts';
import type { Status } from '../kube/status.ts';

export interface TransportRequest {
  readonly method: string;
  /** Absolute path with its query string. */
  readonly path: string;
  /** Names in lower case; several values of one header are joined by a newline. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  /** Ends the request, and the body stream after the head has come. */
  readonly signal?: AbortSignal;
  /** Longest wait for the response head, in milliseconds. */
  readonly timeoutMs?: number;
  /** Called when the request leaves for a member, after it has waited for its turn. */
  readonly onSent?: () => void;
  /**
   * Meant for what stands behind the API server and takes as long as that takes: no place among the
   * server's own calls.
   */
  readonly proxied?: true;
  /** A watch may be answered with `events`. */
  readonly wantsEvents?: boolean;
}

/** An event of a watch that was never bytes. */
export type ObjectEvent =
  | {
      readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
      /** Shared with the server: never change it. */
      object(): KubeObject;
    }
  | { readonly type: 'ERROR'; readonly status: Status };

export interface TransportResponse {
  readonly status: number;
  /** Names in lower case; several values of one header are a list. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Read once, either as a stream … */
  readonly body: AsyncIterable<Buffer>;
  /** … or whole. */
  bytes(): Promise<Buffer>;
  /** What of the body waits to be read counts against it. */
  readonly held?: Budget | undefined;
  /** The body's object where the server in this process has it parsed: never change it. */
  readonly object?: (() => KubeObject) | undefined;
  /** Instead of a body, from a server in this process, for a request that wanted it. */
  readonly events?: AsyncIterable<readonly ObjectEvent[]> | undefined;
}

export interface UpgradedConnection {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly stream: Duplex;
}

export interface Transport {
  /** @throws TransportError when no response head arrived. */
  request(request: TransportRequest): Promise<TransportResponse>;
  /** exec, attach and port-forward: the connection after `101 Switching Protocols`. */
  upgrade?(request: TransportRequest): Promise<UpgradedConnection>;
  /** Breaks every open stream, so that its reader connects anew. */
  resetStreams?(): void;
  close(): Promise<void>;
}

/**
 * No answer: refused, cut off, timed out, or a certificate that does not verify. Says nothing about
 * the write's outcome.
 */
export class TransportError extends Error {
  override readonly name = 'TransportError';
}

/** There is no room for the answer, or for what else the server sends meanwhile. */
export class AnswerTooLongError extends TransportError {}
