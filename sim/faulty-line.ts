/**
 * The line between the federation and one member, which may refuse, stall, lose answers or be slow.
 */
import { type Clock, sleep } from '../src/base/clock.ts';
import {
  type Transport,
  TransportError,
  type TransportRequest,
  type TransportResponse,
} from '../src/client/transport.ts';
import { orBroken } from '../src/sandbox/line.ts';
import type { Dice } from './dice.ts';

export type LineState =
  | { readonly kind: 'sound' }
  /** Connections are refused, those that stood are reset. */
  | { readonly kind: 'refusing' }
  /** Nothing comes through, and nobody is told. */
  | { readonly kind: 'silent' }
  /** Requests arrive and are carried out, their answers are lost. */
  | { readonly kind: 'deaf' }
  | { readonly kind: 'slow'; readonly ms: number }
  /** A part of the requests is answered by something that is overloaded. */
  | { readonly kind: 'busy'; readonly status: 429 | 500 | 503; readonly share: number };

export const sound: LineState = { kind: 'sound' };

/** Unless a request says how long it waits. */
const patienceMs = 30_000;

export class FaultyLine {
  readonly #clock: Clock;
  readonly #dice: Dice;
  #state: LineState = sound;
  /** Ends what stands on the line when it changes for the better or is reset. */
  #epoch = new AbortController();

  constructor(clock: Clock, dice: Dice) {
    this.#clock = clock;
    this.#dice = dice;
  }

  get state(): LineState {
    return this.#state;
  }

  set(state: LineState): void {
    const before = this.#state;
    this.#state = state;
    const broke = ['silent', 'deaf'].includes(before.kind) || state.kind === 'refusing';
    if (broke) this.reset();
  }

  /** Breaks every request and stream that is under way. */
  reset(): void {
    const epoch = this.#epoch;
    this.#epoch = new AbortController();
    epoch.abort(new TransportError('connection reset'));
  }

  through(inner: Transport): Transport {
    return {
      request: (request) => this.#request(request, inner),
      close: () => inner.close(),
    };
  }

  async #request(request: TransportRequest, inner: Transport): Promise<TransportResponse> {
    const { signal } = this.#epoch;
    const state = this.#state;
    if (state.kind === 'refusing') throw new TransportError('connection refused');
    if (state.kind === 'silent') return this.#stall(request, signal);
    if (state.kind === 'slow') await sleep(this.#clock, state.ms);
    if (state.kind === 'busy' && this.#dice.chance(state.share)) return overloaded(state.status);
    const response = await orBroken(inner.request(request), signal);
    if (this.#state.kind === 'slow') await sleep(this.#clock, this.#state.ms);
    if (this.#mute()) return this.#stall(request, signal);
    return {
      ...response,
      body: this.#stream(response.body, signal, request.signal),
      bytes: async () => {
        const bytes = await orBroken(response.bytes(), signal);
        return this.#mute() ? this.#stall(request, signal) : bytes;
      },
    };
  }

  #mute(): boolean {
    return this.#state.kind === 'silent' || this.#state.kind === 'deaf';
  }

  async *#stream(
    body: AsyncIterable<Buffer>,
    broken: AbortSignal,
    given: AbortSignal | undefined,
  ): AsyncGenerator<Buffer> {
    const chunks = body[Symbol.asyncIterator]();
    const wait = <T>(promise: Promise<T>): Promise<T> =>
      given === undefined ? orBroken(promise, broken) : orBroken(orBroken(promise, broken), given);
    try {
      for (;;) {
        const next = await wait(chunks.next());
        // What came while nothing came through is lost with the connection.
        if (this.#mute()) await wait(new Promise<never>(() => {}));
        if (this.#state.kind === 'slow') await sleep(this.#clock, this.#state.ms);
        if (next.done) return;
        yield next.value;
      }
    } finally {
      chunks.return?.()?.catch(() => {});
    }
  }

  /** No answer until the caller gives up or the line is reset. */
  #stall(request: TransportRequest, signal: AbortSignal): Promise<never> {
    const { timeoutMs = patienceMs } = request;
    const outcome = new Promise<never>((_, reject) => {
      const timer = this.#clock.after(timeoutMs, () => reject(new TransportError('timed out')));
      const giveUp = (): void => {
        timer.cancel();
        reject(new TransportError('the request was aborted'));
      };
      if (request.signal?.aborted) giveUp();
      else request.signal?.addEventListener('abort', giveUp, { once: true });
      signal.addEventListener('abort', () => timer.cancel(), { once: true });
    });
    return orBroken(outcome, signal);
  }
}

/** What something that is overloaded answers. */
export function overloaded(status: 429 | 500 | 503): TransportResponse {
  const reason = { 429: 'TooManyRequests', 500: 'InternalError', 503: 'ServiceUnavailable' }[
    status
  ];
  const body = Buffer.from(
    JSON.stringify({
      ...{ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure' },
      ...{ message: 'overloaded', reason, code: status },
    }),
  );
  return {
    status,
    headers: { 'content-type': 'application/json', 'retry-after': '1' },
    body: once(body),
    bytes: () => Promise.resolve(body),
  };
}

async function* once(body: Buffer): AsyncGenerator<Buffer> {
  yield body;
}
