/** A watch stream: frames cut at byte level, objects parsed only when somebody asks. */
import { encodeJson } from '../kube/json.ts';
import { type JsonObject, type KubeObject, objectAt, valueAt } from '../kube/object.ts';
import { ApiError, type Status } from '../kube/status.ts';
import { LineSplitter, lineLimitBytes } from './lines.ts';
import { headOf, type ObjectHead } from './object-head.ts';
import type { CallOptions, Query, RestClient, Target } from './rest.ts';
import type { ObjectEvent } from './transport.ts';

export interface WatchCallOptions extends CallOptions {
  readonly resourceVersion?: string;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  /** The state as ADDED events, then a bookmark that says so; the server may refuse it (422). */
  readonly sendInitialEvents?: boolean;
  /** The server ends the stream after it. */
  readonly timeoutSeconds?: number;
  /** The server has accepted the watch; events may be long in coming. */
  readonly onOpen?: () => void;
}

export type ChangeType = 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';

export interface WatchedEvent {
  readonly type: ChangeType;
  /** The object's JSON, a view into the received chunk; none from a server in this process. */
  readonly bytes?: Buffer;
  /** Which object it is about, without parsing it; undefined when only parsing tells. */
  head(): ObjectHead | undefined;
  /** Parsed on first use and shared: never change it. */
  object(): KubeObject;
}

/** An event as it was received; the object's JSON is a view into the received chunk. */
class ReceivedEvent implements WatchedEvent {
  readonly type: ChangeType;
  readonly bytes: Buffer;
  readonly #parse: (bytes: Buffer) => unknown;
  #object: KubeObject | undefined;

  constructor(type: ChangeType, bytes: Buffer, parse: (bytes: Buffer) => unknown) {
    this.type = type;
    this.bytes = bytes;
    this.#parse = parse;
  }

  head(): ObjectHead | undefined {
    return headOf(this.bytes);
  }

  object(): KubeObject {
    this.#object ??= this.#parse(this.bytes) as KubeObject;
    return this.#object;
  }
}

/**
 * Batches of events until the server ends the stream or the signal is aborted; leaving the loop
 * ends the watch.
 * @throws ApiError for an ERROR event or a refusal (410: relist), TransportError when the
 * connection breaks.
 */
export async function* watch(
  client: RestClient,
  target: Target,
  options: WatchCallOptions = {},
): AsyncGenerator<readonly WatchedEvent[]> {
  const query: Query = {
    ...options.query,
    watch: true,
    allowWatchBookmarks: true,
    resourceVersion: options.resourceVersion,
    labelSelector: options.labelSelector,
    fieldSelector: options.fieldSelector,
    timeoutSeconds: options.timeoutSeconds,
    sendInitialEvents: options.sendInitialEvents ? true : undefined,
    resourceVersionMatch: options.sendInitialEvents ? 'NotOlderThan' : undefined,
  };
  const response = await client.open(target, { ...options, query, wantsEvents: true });
  options.onOpen?.();
  if (response.events !== undefined) {
    for await (const events of response.events) yield events.map(handedOver);
    return;
  }
  const splitter = new LineSplitter(lineLimitBytes, response.held);
  try {
    for await (const chunk of response.body) {
      const lines = splitter.push(chunk);
      if (lines.length > 0) yield lines.map((line) => eventOf(line, client.parse));
    }
  } finally {
    splitter.end();
  }
}

/** An event of a server in this process: nothing to parse, so nothing is saved by its head. */
function handedOver(event: ObjectEvent): WatchedEvent {
  if (event.type === 'ERROR') throw ApiError.fromStatus(event.status);
  const { type, object } = event;
  return { type, object, head: () => undefined };
}

/** One frame. @throws ApiError for an ERROR event, or for a frame that is none. */
export function eventOf(line: Buffer, parse: (bytes: Buffer) => unknown): WatchedEvent {
  for (const { type, prefix } of prefixes) {
    if (line.length <= prefix.length || line.compare(prefix, 0, prefix.length, 0, prefix.length)) {
      continue;
    }
    const end = line.lastIndexOf(closingBrace);
    if (end > prefix.length)
      return new ReceivedEvent(type, line.subarray(prefix.length, end), parse);
  }
  return oddEventOf(line, parse);
}

const closingBrace = 0x7d;

const prefixes = (['MODIFIED', 'ADDED', 'DELETED', 'BOOKMARK'] as const).map((type) => ({
  type,
  prefix: Buffer.from(`{"type":"${type}","object":`),
}));

const changeTypes: ReadonlySet<string> = new Set(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK']);

/** Frames in an unusual layout, ERROR events, and what is no frame at all. */
function oddEventOf(line: Buffer, parse: (bytes: Buffer) => unknown): WatchedEvent {
  let frame: unknown;
  try {
    frame = parse(line);
  } catch (cause) {
    throw new ApiError('InternalError', 'a watch frame is no JSON', { cause });
  }
  const type = valueAt(frame, 'type');
  const object = objectAt(frame, 'object');
  if (type === 'ERROR') throw watchError(object);
  if (typeof type !== 'string' || !changeTypes.has(type) || object === undefined) {
    throw new ApiError('InternalError', 'a watch frame has an unknown type or no object');
  }
  return new ReceivedEvent(type as ChangeType, encodeJson(object), parse);
}

function watchError(status: JsonObject | undefined): ApiError {
  if (status?.['kind'] === 'Status' && typeof status['code'] === 'number') {
    return ApiError.fromStatus(status as unknown as Status);
  }
  return new ApiError('InternalError', 'the watch ended with an error that is no Status');
}
