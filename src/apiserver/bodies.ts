/** What bodies of requests may hold, from their first byte until the request is over. */
import { Budget } from '../base/budget.ts';
import type { User } from './backend.ts';
import { Overload } from './fairness/seats.ts';
import type { ApiRequest } from './types.ts';

/** What a chunk costs beside its bytes: a body can come byte by byte. */
const chunkBytes = 256;

/** One user may have this part of the whole. */
const userPart = 1 / 4;

interface Share {
  readonly budget: Budget;
  requests: number;
}

export class Bodies {
  readonly #pool: Budget;
  readonly #most: number;
  readonly #shares = new Map<string, Share>();

  /** `most`: bytes of all users together. */
  constructor(most: number) {
    this.#pool = new Budget({ most });
    this.#most = most * userPart;
  }

  /** Bytes of all users now. */
  get held(): number {
    return this.#pool.used;
  }

  /**
   * The same request; reading its body throws Overload when this user's bodies, or those of all,
   * hold too much.
   */
  counted(request: ApiRequest, user: User): ApiRequest {
    const { body, signal } = request;
    if (body === undefined || Buffer.isBuffer(body)) return request;
    const hold = this.#holder(user.name, signal);
    return { ...request, hold, body: counting(body, hold) };
  }

  /** What it is called with is held until the signal is aborted. */
  #holder(user: string, signal: AbortSignal): (bytes: number) => void {
    let share: Share | undefined;
    let held = 0;
    const release = (): void => {
      share!.budget.release(held);
      if (--share!.requests === 0) this.#shares.delete(user);
    };
    return (bytes) => {
      signal.throwIfAborted();
      if (share === undefined) {
        share = this.#shareOf(user);
        share.requests++;
        signal.addEventListener('abort', release, { once: true });
      }
      if (!share.budget.take(bytes)) throw new Overload();
      held += bytes;
    };
  }

  #shareOf(user: string): Share {
    let share = this.#shares.get(user);
    if (share === undefined) {
      share = { budget: new Budget({ most: this.#most, pool: this.#pool }), requests: 0 };
      this.#shares.set(user, share);
    }
    return share;
  }
}

async function* counting(
  body: AsyncIterable<Buffer>,
  hold: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  for await (const chunk of body) {
    hold(chunk.length + chunkBytes);
    yield chunk;
  }
}
