/** What becomes known of one request on its way through the server, and who is told. */
import type { Decision } from './auth/authorizer.ts';
import type { User } from './backend.ts';
import type { Flow } from './fairness/flows.ts';
import type { Call } from './handlers/call.ts';
import type { RequestInfo } from './request.ts';
import type { ApiRequest, ApiResponse } from './types.ts';

/** Filled in as the request gets on: what is absent at the end was never reached. */
export interface Trace {
  /** An observer may put one in its place whose body it reads along. */
  request: ApiRequest;
  readonly auditId: string;
  /** Monotonic, milliseconds. */
  readonly startedAt: number;
  info: RequestInfo | undefined;
  /** Who sent it. */
  login: User | undefined;
  /** As whom it is served: someone else than `login` when that is being impersonated. */
  user: User | undefined;
  flow: Flow | undefined;
  decision: Decision | undefined;
  /** What admission wants to be remembered of it; the first value of a key stays. */
  annotations: Map<string, string> | undefined;
  /** The resource that was found for it. */
  call: Call | undefined;
}

/** Told of every request, in passing: nothing here may wait. */
export interface Observer {
  begin?(trace: Trace): void;
  /** `info` and `login` are known; nothing has been read of the body. */
  identified?(trace: Trace): void;
  /** The answer's head is settled; its body may still have to be sent. */
  answered(trace: Trace, response: ApiResponse): void;
}

/** Streams of open end: counted apart, and outside the limits of requests in flight. */
export function isLongRunning({ verb, target }: RequestInfo): boolean {
  return verb === 'watch' || (target !== undefined && streams.has(target.subresource));
}

const streams: ReadonlySet<string> = new Set([
  'attach',
  'exec',
  'log',
  'logs',
  'portforward',
  'proxy',
]);
