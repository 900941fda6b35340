/** One line per request for who looks into a server: no bodies, no query, no credential. */
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Observer, Trace } from './trace.ts';
import type { ApiResponse } from './types.ts';

/** Longest text of a client's own that is logged. */
const textMax = 200;

export class RequestLog implements Observer {
  readonly #log: Logger;
  readonly #clock: Clock;

  constructor(log: Logger, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  answered({ request, info, user, login, flow, auditId, startedAt }: Trace, answer: ApiResponse) {
    // What the federation asks itself is not said: it would be most of the log.
    if (request.user !== undefined) return;
    this.#log.debug('request', {
      auditId,
      method: request.method,
      path: (info?.path ?? request.path.split('?', 1)[0] ?? '').slice(0, textMax),
      verb: info?.verb,
      status: answer.status,
      ms: Math.round((this.#clock.monotonic() - startedAt) * 10) / 10,
      user: (user ?? login)?.name.slice(0, textMax),
      from: request.remoteAddress,
      agent: request.headers['user-agent']?.slice(0, textMax),
      priorityLevel: flow?.level,
    });
  }
}
