/**
 * Keeps a cache equal to a collection: list and watch, resumed, relisted by difference, never
 * flushed.
 */
import { Backoff } from '../base/backoff.ts';
import { type Clock, sleep, type Timer } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import { type Logger, silentLogger } from '../base/log.ts';
import { fraction, type Random } from '../base/random.ts';
import { jsonExcess } from '../kube/json-weight.ts';
import type { KubeObject } from '../kube/object.ts';
import { ApiError } from '../kube/status.ts';
import { Cache, type Indexers, keyOf } from './cache.ts';
import { headOf, isLater } from './object-head.ts';
import type { Answer, RestClient, Target } from './rest.ts';
import { NoRoomError, type Room } from './room.ts';
import { AnswerTooLongError } from './transport.ts';
import { type WatchedEvent, watch } from './watch.ts';

export interface InformerOptions<T> {
  readonly client: RestClient;
  /** The collection: `pathOf({group, version, resource, namespace?})`. */
  readonly target: Target;
  readonly clock: Clock;
  readonly random: Random;
  readonly log?: Logger;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly indexers?: Indexers<T>;
  /**
   * What is cached of an object (slim it here); undefined keeps it out. Must not keep `object`
   * itself if it is to save memory.
   */
  readonly transform?: (object: KubeObject) => T | undefined;
  /** First and longest wait after a failure, milliseconds. */
  readonly backoff?: { readonly firstMs: number; readonly maxMs: number };
  /**
   * Silence on the stream after which the connection is taken for dead; servers send a bookmark
   * every minute.
   */
  readonly idleMs?: number;
  /**
   * What the cache counts against. When there is none left, what is known stays as it is, nothing
   * is added, and what the server has is only counted, until it fits.
   */
  readonly room?: Room;
}

/**
 * `old` undefined: new; `now` undefined: gone. An object made anew under its old name comes as
 * gone, then new.
 */
export type ChangeListener<T> = (key: string, old: T | undefined, now: T | undefined) => void;

const defaultBackoff = { firstMs: 100, maxMs: 10_000 };

/** A stream that the server ends sooner is no stream: do not spin. */
const briefMs = 1000;

/**
 * WatchList that brings no event for this long is one that the server does not know: list instead.
 */
const initialEventsMs = 20_000;

/** Objects in one page of a list; fewer when they are too long together. */
const pageSizeMax = 500;
const pageSizeMin = 10;

/** What an entry costs beside the bytes of its object, or when only a part of it is kept. */
const entryBytes = 512;

export class Informer<T = KubeObject> {
  readonly cache: Cache<T>;
  readonly #options: InformerOptions<T>;
  readonly #log: Logger;
  readonly #backoff: Backoff;
  readonly #listeners = new Set<ChangeListener<T>>();
  readonly #syncWaiters = new Set<() => void>();
  readonly #stopped = new AbortController();
  #round = new AbortController();
  #idle: Timer | undefined;
  #running: Promise<void> | undefined;
  #resourceVersion = '';
  #watchListRefused = false;
  #pagingExpired = false;
  #pageSize = pageSizeMax;
  /** Bytes of what the server has, while that is only counted; undefined: it is kept. */
  #counted: number | undefined;
  /** Bytes that the cache has taken of the room. */
  #held = 0;
  #connected = false;
  #synced = false;
  #restarted = false;
  /** Streams ended by 410 since the last live event. */
  #expirations = 0;
  #lastError: unknown;
  #seenAt: number | undefined;

  constructor(options: InformerOptions<T>) {
    this.#options = options;
    this.#log = options.log ?? silentLogger;
    this.#backoff = new Backoff(options.backoff ?? defaultBackoff, options.random);
    this.cache = new Cache<T>(options.indexers);
  }

  /**
   * Whether the whole collection has been seen since start. Stays true while the connection is
   * lost.
   */
  get synced(): boolean {
    return this.#synced;
  }

  /** Whether a watch is open now, so that the cache is at most one network delay old. */
  get connected(): boolean {
    return this.#connected;
  }

  /** The collection's resourceVersion that the cache stands at. */
  get resourceVersion(): string {
    return this.#resourceVersion;
  }

  /** Why the last try failed; undefined while all is well. */
  get lastError(): unknown {
    return this.#lastError;
  }

  /** Monotonic time of the last list or event, milliseconds; undefined before the first. */
  get seenAt(): number | undefined {
    return this.#seenAt;
  }

  /**
   * Listeners run synchronously, in order of registration, after the cache has changed; they must
   * not throw.
   */
  onChange(listener: ChangeListener<T>): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves when synced; rejects when the signal is aborted first. */
  whenSynced(signal?: AbortSignal): Promise<void> {
    if (this.#synced) return Promise.resolve();
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const onAbort = (): void => {
        this.#syncWaiters.delete(done);
        reject(signal?.reason);
      };
      const done = (): void => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      };
      this.#syncWaiters.add(done);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /**
   * The object in a write's answer, which the watch tells of as well: parsed once for both, and
   * known before its event comes. Listeners are not told of it: whoever wrote knows. For informers
   * that keep whole objects.
   */
  learn(answer: Answer): KubeObject {
    const head = headOf(answer.bytes);
    const known = head && this.cache.entry(head.key);
    if (known?.uid === head?.uid && known?.resourceVersion === head?.resourceVersion && known)
      return known.value as unknown as KubeObject;
    const object = answer.object();
    // What the watch has passed may be gone already.
    if (
      this.#synced &&
      head !== undefined &&
      isLater(head.resourceVersion, this.#resourceVersion)
    ) {
      const { uid, resourceVersion } = head;
      const bytes = entryBytes + answer.bytes.length;
      // Without room it is only not known early.
      if (this.#counted === undefined && this.#hold(bytes - (known?.bytes ?? 0)))
        this.cache.set(head.key, { value: object as unknown as T, uid, resourceVersion, bytes });
    }
    return object;
  }

  /** Ends the watch; the cache stays as it is. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#round.abort();
    await this.#running;
    const { room } = this.#options;
    room?.release(this.#held);
    room?.settle(this);
    this.#held = 0;
  }

  /** Drops the connection and tries again at once: for a member that has just come back. */
  restart(): void {
    this.#restarted = true;
    this.#backoff.reset();
    this.#round.abort();
  }

  async #run(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      this.#round = new AbortController();
      this.#restarted = false;
      const startedAt = this.#options.clock.monotonic();
      let brief = false;
      try {
        await this.#listAndWatch(this.#round.signal);
        this.#lastError = undefined;
        brief = this.#options.clock.monotonic() - startedAt < briefMs;
      } catch (error) {
        this.#noteFailure(error);
      }
      this.#connected = false;
      this.#idle?.cancel();
      if (this.#stopped.signal.aborted) return;
      if (this.#restarted) continue;
      await this.#pause(brief || this.#expirations > 1);
    }
  }

  /** A stream that ended well, or expired once, is taken up at once; anything else waits. */
  async #pause(suspicious: boolean): Promise<void> {
    const waits = suspicious || this.#lastError !== undefined;
    const next = waits ? this.#backoff.next() : fraction(this.#options.random) * 20;
    // To be told everything again, only to count it, is not worth a hurry.
    const { maxMs } = this.#options.backoff ?? defaultBackoff;
    const delay = this.#lastError instanceof NoRoomError ? maxMs : next;
    this.#round = new AbortController();
    try {
      await sleep(this.#options.clock, delay, this.#round.signal);
    } catch {
      // stop() or restart() woke us; the loop looks.
    }
  }

  #noteFailure(error: unknown): void {
    if (this.#stopped.signal.aborted || this.#restarted) return;
    if (error instanceof ApiError && error.code === 410) {
      this.#resourceVersion = '';
      this.#lastError = undefined;
      this.#expirations++;
      return;
    }
    this.#lastError = error;
    if (error instanceof NoRoomError) {
      this.#counted = 0;
      this.#resourceVersion = '';
    }
    if (error instanceof AnswerTooLongError)
      this.#pageSize = Math.max(pageSizeMin, Math.floor(this.#pageSize / 4));
    this.#log.debug('informer lost its stream', { error: messageOf(error) });
  }

  async #listAndWatch(signal: AbortSignal): Promise<void> {
    if (this.#counted !== undefined) this.#counted = 0;
    if (this.#resourceVersion === '') {
      if (!this.#watchListRefused) {
        try {
          await this.#follow(signal, true);
          return;
        } catch (error) {
          if (!this.#refusesWatchList(error)) throw error;
          this.#watchListRefused = true;
        }
      }
      if (!(await this.#list(signal))) return;
    }
    await this.#follow(signal, false);
  }

  #refusesWatchList(error: unknown): boolean {
    if (error instanceof WatchListSilence) return true;
    return error instanceof ApiError && (error.code === 400 || error.code === 422);
  }

  /** @returns whether the cache has it all */
  async #list(signal: AbortSignal): Promise<boolean> {
    const { client, target, labelSelector, fieldSelector } = this.#options;
    const unseen = new Set(this.cache.keys());
    let resourceVersion = '';
    const limit = this.#pagingExpired ? 0 : this.#pageSize;
    try {
      for await (const page of client.pages(target, {
        labelSelector,
        fieldSelector,
        limit,
        signal,
      })) {
        const each = Math.ceil(page.bytes / Math.max(1, page.items.length));
        for (const object of page.items) {
          unseen.delete(keyOf(object.metadata));
          this.#put(object, each);
        }
        resourceVersion = page.resourceVersion;
      }
      this.#pagingExpired = false;
    } catch (error) {
      // Pages that expire under a large collection: the next try asks for all at once.
      if (error instanceof ApiError && error.code === 410) this.#pagingExpired = true;
      throw error;
    }
    return this.#finishSnapshot(unseen, resourceVersion);
  }

  async #follow(signal: AbortSignal, sendInitialEvents: boolean): Promise<void> {
    const { client, target, labelSelector, fieldSelector, random } = this.#options;
    const unseen = sendInitialEvents ? new Set(this.cache.keys()) : undefined;
    const round = new AbortController();
    const silence = new WatchListSilence('no answer to sendInitialEvents');
    const onAbort = (): void => round.abort(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    let state: Set<string> | undefined = unseen;
    const listen = (): void => {
      this.#idle?.cancel();
      const ms = state === undefined ? (this.#options.idleMs ?? 150_000) : initialEventsMs;
      this.#idle = this.#options.clock.after(ms, () =>
        round.abort(state === undefined ? new Error('the watch fell silent') : silence),
      );
    };
    try {
      listen();
      const stream = watch(client, target, {
        labelSelector,
        fieldSelector,
        sendInitialEvents,
        signal: round.signal,
        onOpen: () => {
          this.#connected = true;
        },
        timeoutSeconds: 300 + Math.floor(fraction(random) * 300),
        ...(sendInitialEvents ? {} : { resourceVersion: this.#resourceVersion }),
      });
      for await (const events of stream) {
        listen();
        for (const event of events) {
          if (!this.#take(event, state)) continue;
          if (!this.#finishSnapshot(state!, this.#resourceVersion)) return;
          state = undefined;
          listen();
        }
      }
      if (state !== undefined && !round.signal.aborted) throw silence;
    } catch (error) {
      throw round.signal.aborted && !signal.aborted ? round.signal.reason : error;
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#idle?.cancel();
    }
  }

  /** Applies one event; true when it ends the initial events. */
  #take(event: WatchedEvent, unseen: Set<string> | undefined): boolean {
    this.#seenAt = this.#options.clock.monotonic();
    if (unseen === undefined) this.#noteProgress();
    if (unseen === undefined && this.#knows(event)) return false;
    const object = event.object();
    if (event.type === 'BOOKMARK') {
      const ends = object.metadata.annotations?.['k8s.io/initial-events-end'] === 'true';
      if (unseen === undefined || ends) this.#advance(object);
      return ends && unseen !== undefined;
    }
    if (event.type === 'DELETED') this.#drop(keyOf(object.metadata));
    else {
      unseen?.delete(keyOf(object.metadata));
      this.#put(object, event.bytes === undefined ? 0 : this.#costOf(event.bytes));
    }
    // Before the end of the initial events their numbers are no point to resume from.
    if (unseen === undefined) this.#advance(object);
    return false;
  }

  /** Whether an event tells nothing new, or nothing but that an object is gone. */
  #knows(event: WatchedEvent): boolean {
    const { type } = event;
    const head = type === 'BOOKMARK' ? undefined : event.head();
    const known = head && this.cache.entry(head.key);
    if (known === undefined || known.uid !== head!.uid) return false;
    if (type === 'DELETED') this.#drop(head!.key);
    else if (isLater(head!.resourceVersion, known.resourceVersion)) return false;
    this.#resourceVersion = head!.resourceVersion;
    return true;
  }

  #noteProgress(): void {
    this.#expirations = 0;
    this.#backoff.reset();
  }

  #advance(object: KubeObject): void {
    if (object.metadata.resourceVersion) this.#resourceVersion = object.metadata.resourceVersion;
  }

  /** @returns whether the cache has it all: not when it was only counted */
  #finishSnapshot(unseen: ReadonlySet<string>, resourceVersion: string): boolean {
    for (const key of unseen) this.#drop(key);
    if (this.#counted !== undefined) {
      // It fits, now that what is gone has made room: next time it is kept.
      this.#counted = undefined;
      this.#resourceVersion = '';
      return false;
    }
    this.#options.room?.settle(this);
    this.#resourceVersion = resourceVersion;
    this.#seenAt = this.#options.clock.monotonic();
    if (this.#expirations === 0) this.#backoff.reset();
    this.#lastError = undefined;
    if (this.#synced) return true;
    this.#synced = true;
    for (const done of this.#syncWaiters) done();
    this.#syncWaiters.clear();
    return true;
  }

  /** Only where many are kept is it worth a look at each byte. */
  #costOf(bytes: Buffer): number {
    const { room, transform } = this.#options;
    if (room === undefined || transform !== undefined) return bytes.length;
    if (room.used < room.most / 32) return bytes.length;
    return bytes.length + jsonExcess(bytes);
  }

  #put(object: KubeObject, length: number): void {
    const { transform, room } = this.#options;
    const bytes = entryBytes + (transform === undefined ? length : 0);
    if (this.#counted !== undefined) {
      this.#counted += bytes;
      if (this.#counted > room!.most) throw room!.crowd(this);
      return;
    }
    const { metadata } = object;
    const key = keyOf(metadata);
    const uid = metadata.uid ?? '';
    const resourceVersion = metadata.resourceVersion ?? '';
    const known = this.cache.entry(key);
    if (known !== undefined && known.uid === uid && known.resourceVersion === resourceVersion) {
      return;
    }
    const value = transform === undefined ? (object as unknown as T) : transform(object);
    if (value === undefined || (known !== undefined && known.uid !== uid)) this.#drop(key);
    if (value === undefined) return;
    if (!this.#hold(bytes - (this.cache.entry(key)?.bytes ?? 0))) throw room!.crowd(this);
    const old = this.cache.set(key, { value, uid, resourceVersion, bytes });
    this.#tell(key, old?.value, value);
  }

  #drop(key: string): void {
    const old = this.cache.delete(key);
    if (old === undefined) return;
    this.#hold(-old.bytes);
    this.#tell(key, old.value, undefined);
  }

  /** @returns whether there is room for so much more (or less) */
  #hold(bytes: number): boolean {
    const { room } = this.#options;
    if (room === undefined || this.#stopped.signal.aborted) return true;
    if (bytes > 0 && !room.take(bytes)) return false;
    if (bytes < 0) room.release(-bytes);
    this.#held += bytes;
    return true;
  }

  #tell(key: string, old: T | undefined, now: T | undefined): void {
    for (const listener of this.#listeners) listener(key, old, now);
  }
}

/** The server neither refused nor answered sendInitialEvents. */
class WatchListSilence extends Error {
  override readonly name = 'WatchListSilence';
}
