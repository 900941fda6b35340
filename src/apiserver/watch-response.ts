/**
 * A watch as bytes: each event is framed once per form and shared by all who watch; bookmarks, time
 * limits, errors.
 */
import { fraction } from '../base/random.ts';
import type { ObjectEvent } from '../client/transport.ts';
import { stringifyJson } from '../kube/json.ts';
import type { KubeObject } from '../kube/object.ts';
import { apiVersionOf } from '../kube/resource.ts';
import { ApiError, type Status } from '../kube/status.ts';
import type { Item, WatchEvent, WatchStream } from './backend.ts';
import { type Call, kindOf } from './handlers/call.ts';
import type { TimedWatch } from './handlers/query.ts';
import { joinPieces } from './json-bytes.ts';
import { mediaTypeOf, type Negotiated } from './negotiate.ts';
import { protobufEvent, protobufItem, protobufObject } from './protobuf-response.ts';
import { includeObjectOf, partial, tableParts, wireStatus } from './respond.ts';
import type { ApiResponse } from './types.ts';

/** Without ?timeoutSeconds a watch lasts this long, and up to twice as long. */
const minTimeoutMs = 30 * 60_000;
const bookmarkEveryMs = 60_000;
/** Small, since every connection holds a piece of its own, encrypted. */
const watchPieceBytes = 64 * 1024;
/** A greater batch is somebody's initial state: framed, but not kept for others. */
const sharedBatchMax = 128;

/**
 * Starts a watch at the backend and answers with its events as they come.
 * @throws ApiError what the backend refuses; a resourceVersion that is too old or from the future
 * is an ERROR event instead
 */
export async function respondWatch(
  call: Call,
  form: Negotiated,
  timed: TimedWatch,
): Promise<ApiResponse> {
  if (form.convert?.kind === 'Table') includeObjectOf(call.info.query);
  const { clock, random } = call.parts;
  const asked = timed.timeoutSeconds ?? 0;
  const timeoutMs = asked > 0 ? asked * 1000 : minTimeoutMs * (1 + fraction(random));
  const ended = new AbortController();
  const end = (): void => ended.abort();
  call.context.signal.addEventListener('abort', end, { once: true });
  if (call.context.signal.aborted) end();
  const timer = clock.after(timeoutMs, end);
  const cleanUp = (): void => {
    timer.cancel();
    call.context.signal.removeEventListener('abort', end);
    end();
  };
  let stream: WatchStream;
  try {
    const context = { ...call.context, signal: ended.signal };
    stream = await call.backend.watch(context, timed.request);
  } catch (error) {
    if (!(error instanceof ApiError) || (error.code !== 410 && error.code !== 504)) {
      cleanUp();
      throw error;
    }
    stream = only([{ type: 'ERROR', status: error.status }]);
  }
  const frames = new Frames(call, form, timed);
  const media = mediaTypeOf(form.encoding);
  const contentType = form.encoding === 'json' ? media : `${media};stream=watch`;
  const headers = { 'content-type': contentType };
  const follow = { stream, signal: ended.signal, call, cleanUp };
  if (call.request.wantsEvents && form.encoding === 'json' && form.convert === undefined) {
    const events = followed(frames, (batch) => [frames.events(batch)], follow);
    return { status: 200, headers, body: Buffer.alloc(0), events, endless: true };
  }
  if (call.request.webSocket === true) {
    const body = followed(frames, (batch) => frames.messages(batch), follow);
    const messages = form.encoding === 'protobuf' ? 'binary' : 'text';
    return { status: 200, headers, body, messages, endless: true };
  }
  const { frames: cache } = call.parts;
  const join = cache.join.bind(cache);
  const body = followed(
    frames,
    (batch) => joinPieces(frames.batch(batch), watchPieceBytes, join),
    follow,
  );
  return { status: 200, headers, body, endless: true };
}

async function* only(events: readonly WatchEvent[]): AsyncGenerator<readonly WatchEvent[]> {
  yield events;
}

interface Followed {
  readonly stream: WatchStream;
  readonly signal: AbortSignal;
  readonly call: Call;
  readonly cleanUp: () => void;
}

/**
 * Events and bookmark ticks in one stream. The next batch is asked for only when the last one was
 * taken.
 */
async function* followed<T>(
  frames: Frames,
  form: (events: readonly WatchEvent[]) => Iterable<T>,
  { stream, signal, call, cleanUp }: Followed,
): AsyncGenerator<T, void, undefined> {
  const { clock, random } = call.parts;
  const iterator = stream[Symbol.asyncIterator]();
  let wake = (): void => {};
  let arrived: IteratorResult<readonly WatchEvent[]> | undefined;
  let failure: { readonly error: unknown } | undefined;
  let due = false;
  const ask = (): void => {
    iterator.next().then(
      (result) => {
        arrived = result;
        wake();
      },
      (error: unknown) => {
        failure = { error };
        wake();
      },
    );
  };
  const startTick = () =>
    clock.after(bookmarkEveryMs * (0.9 + 0.2 * fraction(random)), () => {
      due = true;
      wake();
    });
  let tick = startTick();
  const onEnd = (): void => wake();
  signal.addEventListener('abort', onEnd, { once: true });
  ask();
  try {
    while (!signal.aborted) {
      if (arrived !== undefined) {
        if (arrived.done) return;
        const batch = arrived.value;
        arrived = undefined;
        yield* form(batch);
        ask();
      } else if (failure !== undefined) {
        if (failure.error instanceof ApiError)
          yield* form([{ type: 'ERROR', status: failure.error.status }]);
        return;
      } else if (due) {
        due = false;
        const bookmark = frames.periodicBookmark();
        if (bookmark !== undefined) yield* form([bookmark]);
        tick = startTick();
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    tick.cancel();
    signal.removeEventListener('abort', onEnd);
    cleanUp();
    iterator.return?.()?.then(undefined, () => {});
  }
}

const newline = Buffer.from('}\n');

type Bookmark = Extract<WatchEvent, { type: 'BOOKMARK' }>;

/** The frames of one watch. */
class Frames {
  readonly #call: Call;
  readonly #form: Negotiated;
  readonly #bookmarks: boolean;
  readonly #key: string;
  #resourceVersion: string;
  #first = true;
  #bookmarked = false;
  #periodic: Bookmark | undefined;

  constructor(call: Call, form: Negotiated, { request }: TimedWatch) {
    this.#call = call;
    this.#form = form;
    this.#bookmarks = request.allowWatchBookmarks;
    const from = request.resourceVersion ?? '';
    this.#resourceVersion = from === '0' ? '' : from;
    const { query } = call.info;
    const table =
      form.convert?.kind === 'Table' ? `${includeObjectOf(query)} ${query.get('noHeaders')}` : '';
    this.#key = `${form.encoding} ${form.convert?.kind ?? ''} ${form.convert?.version ?? ''} ${table}`;
  }

  *batch(events: readonly WatchEvent[]): Generator<Buffer> {
    const share = events.length <= sharedBatchMax;
    for (const event of events) {
      if (event.type === 'ERROR') yield this.error(event.status);
      else if (event.type === 'BOOKMARK') {
        if (this.#passed(event)) yield this.#bookmark(event.initialEventsEnd);
      } else {
        this.#resourceVersion = event.item.resourceVersion;
        yield this.#item(event, share);
      }
    }
  }

  /** Each event by itself: what carries it says how long it is. */
  *messages(events: readonly WatchEvent[]): Generator<Buffer> {
    const lengthBytes = this.#form.encoding === 'protobuf' ? 4 : 0;
    for (const frame of this.batch(events)) yield frame.subarray(lengthBytes);
  }

  error(status: Status): Buffer {
    if (this.#form.encoding === 'protobuf')
      return protobufEvent('ERROR', protobufObject(wireStatus(status)));
    return Buffer.from(`{"type":"ERROR","object":${stringifyJson(wireStatus(status))}}\n`);
  }

  /** Undefined when bookmarks are not wanted, or one went out since the last tick. */
  periodicBookmark(): Bookmark | undefined {
    const recent = this.#bookmarked;
    this.#bookmarked = false;
    if (!this.#bookmarks || recent || this.#resourceVersion === '') return undefined;
    const resourceVersion = this.#resourceVersion;
    this.#periodic = { type: 'BOOKMARK', resourceVersion, initialEventsEnd: false };
    return this.#periodic;
  }

  /** A batch as objects, for a reader in this process. */
  events(batch: readonly WatchEvent[]): ObjectEvent[] {
    const events: ObjectEvent[] = [];
    for (const event of batch) {
      if (event.type === 'ERROR') events.push(event);
      else if (event.type === 'BOOKMARK') {
        if (!this.#passed(event)) continue;
        const object = this.#bookmarkObject(event.initialEventsEnd);
        events.push({ type: 'BOOKMARK', object: () => object });
      } else {
        this.#resourceVersion = event.item.resourceVersion;
        events.push({ type: event.type, object: () => event.item.object() });
      }
    }
    return events;
  }

  /** Takes note of a bookmark; false when the client wants none. */
  #passed(bookmark: Bookmark): boolean {
    // The next periodic one is due whether or not this one was such.
    this.#bookmarked = this.#bookmarks && bookmark !== this.#periodic;
    this.#resourceVersion = bookmark.resourceVersion;
    return this.#bookmarks;
  }

  #item(event: Extract<WatchEvent, { item: Item }>, share: boolean): Buffer {
    const table = this.#form.convert?.kind === 'Table';
    const headers = this.#first && table;
    this.#first = false;
    const key = `${event.type} ${this.#key}${headers ? ' headers' : ''}`;
    const { frames } = this.#call.parts;
    const known = frames.find(event.item, key);
    if (known !== undefined) return known;
    const frame = this.#frame(event.type, event.item, headers);
    if (share) frames.keep(event.item, key, frame);
    return frame;
  }

  #frame(type: string, item: Item, headers: boolean): Buffer {
    const { encoding, convert } = this.#form;
    if (encoding === 'protobuf')
      return protobufEvent(type, protobufItem(item, convert?.version, this.#call.parts.frames));
    const head = Buffer.from(`{"type":"${type}","object":`);
    return Buffer.concat([head, ...this.#object(item, headers), newline]);
  }

  #object(item: Item, headers: boolean): Iterable<Buffer> {
    switch (this.#form.convert?.kind) {
      case 'Table': {
        const metadata = { resourceVersion: item.resourceVersion };
        const content = { items: [item], metadata, isList: false, headers };
        return tableParts(this.#call, this.#form, content);
      }
      case 'PartialObjectMetadata':
      case 'PartialObjectMetadataList':
        return partial(item, this.#form);
      default:
        return [item.bytes];
    }
  }

  #bookmarkObject(initialEventsEnd: boolean): KubeObject {
    const { kind } = kindOf(this.#call);
    const metadata = {
      resourceVersion: this.#resourceVersion,
      ...(initialEventsEnd && { annotations: { 'k8s.io/initial-events-end': 'true' } }),
    };
    const apiVersion = apiVersionOf(kindOf(this.#call));
    return { apiVersion, kind, metadata };
  }

  #bookmark(initialEventsEnd: boolean): Buffer {
    const object = this.#bookmarkObject(initialEventsEnd);
    const item: Item = {
      namespace: '',
      name: '',
      uid: '',
      resourceVersion: this.#resourceVersion,
      labels: {},
      bytes: Buffer.from(stringifyJson(object)),
      object: () => object,
    };
    const headers = this.#first && this.#form.convert?.kind === 'Table';
    this.#first = false;
    return this.#frame('BOOKMARK', item, headers);
  }
}
