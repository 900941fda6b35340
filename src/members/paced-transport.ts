/** A member's transport with its pace, its breaker and, for users, their identity. */
import { retryAfterOf } from '../client/answer-error.ts';
import type {
  Transport,
  TransportRequest,
  TransportResponse,
  UpgradedConnection,
} from '../client/transport.ts';
import { TransportError } from '../client/transport.ts';
import type { Pace } from './pace.ts';
import type { UserIdentity } from './port.ts';

export interface PacedOptions {
  readonly inner: () => Transport;
  readonly pace: Pace;
  /** What every answer, or its absence, tells the prober. */
  readonly note: (answered: boolean) => void;
  /** Requests appear as coming from this user. */
  readonly user?: { readonly identity: UserIdentity; readonly prefix: string };
}

const streamQuery = /[?&](?:watch|follow)=(?:true|1)(?:&|$)/;

export class PacedTransport implements Transport {
  readonly #options: PacedOptions;
  readonly #identity: Readonly<Record<string, string>> | undefined;

  constructor(options: PacedOptions) {
    this.#options = options;
    this.#identity =
      options.user === undefined
        ? undefined
        : impersonation(options.user.identity, options.user.prefix);
  }

  async request(request: TransportRequest): Promise<TransportResponse> {
    const { inner, pace, note } = this.#options;
    const outgoing = this.#withIdentity(request);
    // Streams last: they have sockets of their own and take no call's place.
    if (request.proxied || streamQuery.test(request.path)) return inner().request(outgoing);
    const wait = pace.enter();
    if (wait !== undefined) await wait;
    let status: number | undefined;
    let retryAfter: number | undefined;
    try {
      if (request.signal?.aborted) throw new TransportError('the request was aborted');
      request.onSent?.();
      const response = await inner().request(outgoing);
      status = response.status;
      if (status === 429) retryAfter = retryAfterOf(response.headers);
      note(true);
      return response;
    } catch (error) {
      if (error instanceof TransportError && !request.signal?.aborted) note(false);
      throw error;
    } finally {
      pace.leave(status, retryAfter);
    }
  }

  upgrade(request: TransportRequest): Promise<UpgradedConnection> {
    const inner = this.#options.inner();
    if (inner.upgrade === undefined) {
      throw new TransportError('this connection cannot be upgraded');
    }
    return inner.upgrade(this.#withIdentity(request));
  }

  /** The connection belongs to the member, not to whoever uses it. */
  async close(): Promise<void> {}

  #withIdentity(request: TransportRequest): TransportRequest {
    if (this.#identity === undefined) return request;
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(request.headers ?? {})) {
      // Whatever a user sends along, who it is is ours to say.
      if (name === 'authorization' || name.startsWith('impersonate-')) continue;
      headers[name] = value;
    }
    return { ...request, headers: Object.assign(headers, this.#identity) };
  }
}

/**
 * Headers that name a user in the member: `PREFIX:NAME` and `PREFIX:GROUP`, never a plain or system
 * name.
 */
export function impersonation(
  { name, groups }: UserIdentity,
  prefix: string,
): Record<string, string> {
  const headers: Record<string, string> = {
    'impersonate-user': `${prefix}:${headerSafe(name)}`,
  };
  if (groups.length > 0) {
    headers['impersonate-group'] = groups
      .map((group) => `${prefix}:${headerSafe(group)}`)
      .join('\n');
  }
  return headers;
}

/**
 * Percent-encodes what a header value cannot carry, and the percent sign, so that no two names
 * meet.
 */
function headerSafe(name: string): string {
  return name.replaceAll(/[^\x21-\x7e]|%/gu, (character) =>
    Buffer.from(character, 'utf8').toString('hex').replaceAll(/../g, '%$&'),
  );
}
