/**
 * Typed calls over a transport: bytes or objects in, bytes and lazily parsed objects out, refusals
 * as ApiError.
 */
import { encodeJson, parseJson } from '../kube/json.ts';
import { jsonExcess } from '../kube/json-weight.ts';
import type { KubeObject } from '../kube/object.ts';
import { type PathParts, pathOf } from '../kube/resource.ts';
import { ApiError } from '../kube/status.ts';
import { type AnswerHeaders, errorOf, warningsOf } from './answer-error.ts';
import { AnswerTooLongError, type Transport, type TransportResponse } from './transport.ts';

export interface RestOptions {
  /** Its first word up to '/' is the default field manager in the server. */
  readonly userAgent: string;
  /** Longest wait for a response head, milliseconds, unless a call says otherwise. */
  readonly timeoutMs?: number;
  /**
   * Turns a body into an object; unless given, exactly: 64-bit integers that a double cannot hold
   * become bigint.
   */
  readonly parse?: (bytes: Buffer) => unknown;
}

/** Shorter answers take little, whatever they are made of; bytes. */
const weighedMin = 1024 * 1024;

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export interface CallOptions {
  readonly query?: Query;
  /** Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number;
  /** Called when a call to a member leaves for it, after it has waited for its turn. */
  readonly onSent?: () => void;
}

export interface OpenCallOptions extends CallOptions {
  /** A server in this process may answer with `events` instead of a body. */
  readonly wantsEvents?: boolean;
}

export interface WriteCallOptions extends CallOptions {
  readonly fieldManager?: string;
  readonly fieldValidation?: 'Ignore' | 'Warn' | 'Strict';
  readonly dryRun?: boolean;
}

export interface PatchCallOptions extends WriteCallOptions {
  /** Server-side apply only: take fields from other managers. */
  readonly force?: boolean;
}

export interface DeleteCallOptions extends CallOptions {
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  readonly gracePeriodSeconds?: number;
  readonly dryRun?: boolean;
}

export interface ListCallOptions extends CallOptions {
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  readonly resourceVersion?: string;
  readonly resourceVersionMatch?: 'Exact' | 'NotOlderThan';
  /** Items in one page; 0 asks for everything at once. 500 unless given. */
  readonly limit?: number;
}

export type PatchMediaType =
  | 'application/json-patch+json'
  | 'application/merge-patch+json'
  | 'application/strategic-merge-patch+json'
  | 'application/apply-patch+yaml';

/** JSON bytes, or an object to encode. */
export type Body = Buffer | object;

/** A path, or the parts that `pathOf` makes one of. */
export type Target = string | PathParts;

export interface Page<T = KubeObject> {
  readonly items: T[];
  readonly resourceVersion: string;
  readonly continue: string | undefined;
  readonly remainingItemCount: number | undefined;
  /** As it came. */
  readonly bytes: number;
}

/** A successful answer: 2xx. */
export class Answer {
  readonly status: number;
  readonly headers: AnswerHeaders;
  readonly bytes: Buffer;
  readonly #parse: (bytes: Buffer) => unknown;
  #object: unknown;

  constructor(
    head: { status: number; headers: AnswerHeaders; object?: (() => unknown) | undefined },
    bytes: Buffer,
    parse: (bytes: Buffer) => unknown,
  ) {
    this.status = head.status;
    this.headers = head.headers;
    this.bytes = bytes;
    this.#parse = head.object ?? parse;
  }

  /** The body, parsed on first use and shared. @throws ApiError when it is no JSON. */
  object<T = KubeObject>(): T {
    this.#object ??= parseBody(this.bytes, this.#parse);
    return this.#object as T;
  }

  /** Texts of the `Warning: 299` headers. */
  get warnings(): string[] {
    return warningsOf(this.headers);
  }
}

export class RestClient {
  readonly transport: Transport;
  readonly #options: RestOptions;
  readonly #timeoutMs: number;
  readonly #parse: (bytes: Buffer) => unknown;

  constructor(transport: Transport, options: RestOptions) {
    this.transport = transport;
    this.#options = options;
    this.#timeoutMs = options.timeoutMs ?? 30_000;
    this.#parse = options.parse ?? parseExactly;
  }

  /** The same server, its bodies parsed in another way. */
  parsing(parse: (bytes: Buffer) => unknown): RestClient {
    return new RestClient(this.transport, { ...this.#options, parse });
  }

  /** The same server through another transport (impersonation, faults). */
  over(transport: Transport): RestClient {
    return new RestClient(transport, this.#options);
  }

  /** One object. @throws ApiError, TransportError; so does every other call. */
  get(target: Target, options: CallOptions = {}): Promise<Answer> {
    return this.send('GET', target, undefined, options);
  }

  /** Like get, but undefined when it does not exist. */
  async find(target: Target, options: CallOptions = {}): Promise<Answer | undefined> {
    try {
      return await this.get(target, options);
    } catch (error) {
      if (error instanceof ApiError && error.code === 404) return undefined;
      throw error;
    }
  }

  /** POST to a collection, or to a subresource that creates (token, eviction, binding). */
  create(target: Target, body: Body, options: WriteCallOptions = {}): Promise<Answer> {
    return this.send('POST', target, body, { ...options, query: writeQuery(options) });
  }

  /** PUT. */
  update(target: Target, body: Body, options: WriteCallOptions = {}): Promise<Answer> {
    return this.send('PUT', target, body, { ...options, query: writeQuery(options) });
  }

  patch(
    target: Target,
    patch: { readonly type: PatchMediaType; readonly body: Body },
    options: PatchCallOptions = {},
  ): Promise<Answer> {
    const query = { ...writeQuery(options), force: options.force };
    const headers = { ...options.headers, 'content-type': patch.type };
    return this.send('PATCH', target, patch.body, { ...options, query, headers });
  }

  delete(target: Target, options: DeleteCallOptions = {}): Promise<Answer> {
    const body = {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      propagationPolicy: options.propagationPolicy,
      gracePeriodSeconds: options.gracePeriodSeconds,
      preconditions: options.preconditions,
      dryRun: options.dryRun ? ['All'] : undefined,
    };
    return this.send('DELETE', target, body, options);
  }

  /** Like delete, but a missing object is no error; says whether there was one. */
  async remove(target: Target, options: DeleteCallOptions = {}): Promise<boolean> {
    try {
      await this.delete(target, options);
      return true;
    } catch (error) {
      if (error instanceof ApiError && error.code === 404) return false;
      throw error;
    }
  }

  /** A collection page by page. A token that expires half-way ends it with ApiError 410. */
  async *pages(target: Target, options: ListCallOptions = {}): AsyncGenerator<Page> {
    let token: string | undefined;
    do {
      const page = await this.page(target, options, token);
      yield page;
      token = page.continue;
    } while (token !== undefined);
  }

  /** One page of a collection, from a continue token on. */
  async page(target: Target, options: ListCallOptions, token?: string): Promise<Page> {
    const limit = options.limit ?? 500;
    const query: Query = {
      ...options.query,
      labelSelector: options.labelSelector,
      fieldSelector: options.fieldSelector,
      limit: limit === 0 ? undefined : limit,
      continue: token,
      resourceVersion: token === undefined ? options.resourceVersion : undefined,
      resourceVersionMatch: token === undefined ? options.resourceVersionMatch : undefined,
    };
    const answer = await this.send('GET', target, undefined, { ...options, query });
    return pageOf(answer.object<ListBody>(), answer.bytes.length);
  }

  /** A whole collection. Prefer `pages` or an Informer where it may be large. */
  async list(
    target: Target,
    options: ListCallOptions = {},
  ): Promise<{ items: KubeObject[]; resourceVersion: string }> {
    const items: KubeObject[] = [];
    let resourceVersion = '';
    for await (const page of this.pages(target, options)) {
      for (const item of page.items) items.push(item);
      resourceVersion = page.resourceVersion;
    }
    return { items, resourceVersion };
  }

  /** Any call. @throws ApiError on every status but 2xx, TransportError when no answer came. */
  async send(
    method: string,
    target: Target,
    body?: Body,
    options: CallOptions = {},
  ): Promise<Answer> {
    const headers: Record<string, string> = {
      accept: 'application/json',
      'user-agent': this.#options.userAgent,
    };
    if (body !== undefined) headers['content-type'] = 'application/json';
    if (options.headers !== undefined) Object.assign(headers, options.headers);
    const response = await this.transport.request({
      method,
      path: pathWith(target, options.query),
      headers,
      timeoutMs: options.timeoutMs ?? this.#timeoutMs,
      ...(body === undefined ? {} : { body: Buffer.isBuffer(body) ? body : encodeJson(body) }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      ...(options.onSent && { onSent: options.onSent }),
    });
    const bytes = await response.bytes();
    if (
      bytes.length > weighedMin &&
      jsonExcess(bytes) > (response.held?.most ?? Number.POSITIVE_INFINITY)
    )
      throw new AnswerTooLongError('the answer takes too much memory');
    if (response.status >= 200 && response.status < 300) {
      return new Answer(response, bytes, this.#parse);
    }
    throw errorOf(response.status, response.headers, bytes);
  }

  /**
   * Opens an endless answer (watch, log): the response once the head is there.
   * @throws ApiError on every status but 2xx.
   */
  async open(target: Target, options: OpenCallOptions = {}): Promise<TransportResponse> {
    const response = await this.transport.request({
      method: 'GET',
      path: pathWith(target, options.query),
      headers: {
        accept: 'application/json',
        'user-agent': this.#options.userAgent,
        ...options.headers,
      },
      timeoutMs: options.timeoutMs ?? this.#timeoutMs,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      ...(options.wantsEvents && { wantsEvents: true }),
    });
    if (response.status >= 200 && response.status < 300) return response;
    throw errorOf(response.status, response.headers, await response.bytes());
  }

  /** What this client parses bodies with. */
  get parse(): (bytes: Buffer) => unknown {
    return this.#parse;
  }
}

interface ListBody {
  readonly kind?: string;
  readonly apiVersion?: string;
  readonly metadata?: {
    readonly resourceVersion?: string;
    readonly continue?: string;
    readonly remainingItemCount?: number;
  };
  readonly items?: KubeObject[] | null;
}

function pageOf(list: ListBody, bytes: number): Page {
  const items = list.items ?? [];
  const kind = list.kind?.endsWith('List') ? list.kind.slice(0, -4) : undefined;
  for (const item of items) {
    // Items of built-in lists come without their type; whoever gets one alone needs it.
    if (kind !== undefined && item.kind === undefined) item.kind = kind;
    if (list.apiVersion !== undefined && item.apiVersion === undefined) {
      item.apiVersion = list.apiVersion;
    }
  }
  return {
    items,
    resourceVersion: list.metadata?.resourceVersion ?? '',
    continue: list.metadata?.continue || undefined,
    remainingItemCount: list.metadata?.remainingItemCount,
    bytes,
  };
}

function writeQuery(options: WriteCallOptions): Query {
  return {
    ...options.query,
    fieldManager: options.fieldManager,
    fieldValidation: options.fieldValidation,
    dryRun: options.dryRun ? 'All' : undefined,
  };
}

/** The request path of a target with a query string. */
export function pathWith(target: Target, query: Query | undefined): string {
  const path = typeof target === 'string' ? target : pathOf(target);
  if (query === undefined) return path;
  let text = '';
  for (const name in query) {
    const value = query[name];
    if (value === undefined) continue;
    text += `${text === '' ? '' : '&'}${name}=${encodeURIComponent(String(value))}`;
  }
  if (text === '') return path;
  return `${path}${path.includes('?') ? '&' : '?'}${text}`;
}

function parseExactly(bytes: Buffer): unknown {
  return parseJson(bytes).value;
}

function parseBody(bytes: Buffer, parse: (bytes: Buffer) => unknown): unknown {
  try {
    return parse(bytes);
  } catch (cause) {
    throw new ApiError('InternalError', 'the server answered with something that is no JSON', {
      cause,
    });
  }
}
