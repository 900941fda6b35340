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
    return { ...request, body: this.#count(body, user.name, signal) };
  }

  async *#count(
    body: AsyncIterable<Buffer>,
    user: string,
    signal: AbortSignal,
  ): AsyncGenerator<Buffer> {
    signal.throwIfAborted();
    const share = this.#shareOf(user);
    let held = 0;
    share.requests++;
    const release = (): void => {
      share.budget.release(held);
      if (--share.requests === 0) this.#shares.delete(user);
    };
    signal.addEventListener('abort', release, { once: true });
    for await (const chunk of body) {
      signal.throwIfAborted();
      const bytes = chunk.length + chunkBytes;
      if (!share.budget.take(bytes)) throw new Overload();
      held += bytes;
      yield chunk;
    }
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
