/** The member's own administrator, who speaks to it directly and so behind our back. */
import { Agent, request } from 'undici';

/** An answer of a member. */
export interface MemberAnswer {
  readonly status: number;
  /** The parsed JSON, or the text if it is none. */
  readonly body: unknown;
}

/** A request to a member. */
export interface MemberRequest {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path and query, such as `/api/v1/nodes?limit=1`. */
  readonly path: string;
  readonly body?: unknown;
  /** Default: JSON, for a PATCH a JSON merge patch. */
  readonly contentType?: string;
}

/** Speaks to one member with a token; keeps its connections open. */
export class MemberClient {
  readonly #agent: Agent;
  readonly #server: string;
  readonly #token: string;

  constructor(options: { server: string; caPem: string; token: string }) {
    this.#server = options.server;
    this.#token = options.token;
    this.#agent = new Agent({ connect: { ca: options.caPem, timeout: 60_000 }, pipelining: 1 });
  }

  /** Any status is an answer; only a broken connection throws. */
  async send({ method = 'GET', path, body, contentType }: MemberRequest): Promise<MemberAnswer> {
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const response = await request(`${this.#server}${path}`, {
      dispatcher: this.#agent,
      method,
      headers: {
        authorization: `Bearer ${this.#token}`,
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': contentType ?? type }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      headersTimeout: 120_000,
      bodyTimeout: 120_000,
    });
    const text = await response.body.text();
    return { status: response.statusCode, body: parsed(text) };
  }

  /** As send, but throws unless the status is 2xx. */
  async must(message: MemberRequest): Promise<unknown> {
    const { status, body } = await this.send(message);
    if (status >= 200 && status < 300) return body;
    const said = JSON.stringify(body).slice(0, 500);
    throw new Error(`${message.method ?? 'GET'} ${message.path}: ${status} ${said}`);
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
