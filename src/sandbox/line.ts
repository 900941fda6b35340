/** The line to a sandbox member: up or down; going down breaks every request and stream on it. */
import {
  type Transport,
  TransportError,
  type TransportRequest,
  type TransportResponse,
} from '../client/transport.ts';

export class Line {
  /** Undefined while it is down. */
  #far: { readonly transport: Transport; readonly broken: AbortController } | undefined;
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  connect(transport: Transport): void {
    this.#far = { transport, broken: new AbortController() };
  }

  /** Whoever waits for an answer gets none, whatever became of the request. */
  cut(why: string): void {
    const far = this.#far;
    this.#far = undefined;
    far?.broken.abort(new TransportError(`${this.#name}: ${why}`));
  }

  /** Requests over this line, whatever is at its far end when each is sent. */
  transport(prepare: (request: TransportRequest) => TransportRequest = (same) => same): Transport {
    return {
      request: (request) => this.#request(prepare(request)),
      close: async () => {},
    };
  }

  async #request(request: TransportRequest): Promise<TransportResponse> {
    const far = this.#far;
    if (far === undefined) throw new TransportError(`${this.#name}: connection refused`);
    const { signal } = far.broken;
    const response = await orBroken(far.transport.request(request), signal);
    return {
      ...response,
      body: untilBroken(response.body, signal),
      bytes: () => orBroken(response.bytes(), signal),
    };
  }
}

/** The promise, or a rejection when the line breaks first. */
export function orBroken<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** The stream until it ends, or the line breaks. */
export async function* untilBroken(
  body: AsyncIterable<Buffer>,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  const chunks = body[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await orBroken(chunks.next(), signal);
      if (next.done) return;
      yield next.value;
    }
  } finally {
    // A broken stream has a read under way: its end is not waited for.
    chunks.return?.()?.catch(() => {});
  }
}
