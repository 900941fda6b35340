/** Watches: what stands, what was missed, then every change as it is committed. */
import type { Clock, Timer } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { ResourceType } from '../../kube/resource.ts';
import { ApiError } from '../../kube/status.ts';
import { CompactedError, type Store } from '../../store/store.ts';
import type { WatchEvent, WatchRequest, WatchStream } from '../backend.ts';
import type { CommittedChange } from './collection.ts';
import type { Collections, LiveCollection } from './collections.ts';
import { itemOfEntry, type StoredItem } from './item.ts';
import { listForbidden } from './list.ts';
import { revisionOf, servedVersion } from './revision.ts';
import { Selection } from './selection.ts';
import type { TypeBook } from './type-facts.ts';
import { type Form, formOf, servedAs } from './versions.ts';
import { ChangeEvents, type Watcher } from './watchers.ts';

/** Items in one batch of initial events: lets others work between two of them. */
const initialBatchItems = 500;
const bookmarkEveryMs = 60_000;
const bookmarkTickMs = 10_000;

export interface WatchesOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly types: TypeBook;
  readonly collections: Collections;
}

export class Watches {
  readonly #options: WatchesOptions;
  #tick: Timer | undefined;

  constructor(options: WatchesOptions) {
    this.#options = options;
    this.#scheduleBookmarks();
  }

  close(): void {
    this.#tick?.cancel();
  }

  async watch(request: WatchRequest, signal: AbortSignal): Promise<WatchStream> {
    checkWatchRequest(request);
    const { collections, clock } = this.#options;
    const form = this.#formOf(request.type);
    const selection = new Selection(request, form());
    const live = await collections.load(request.type);
    const { resourceVersion = '', sendInitialEvents } = request;
    const from = resourceVersion === '' ? 0 : watchedRevision(resourceVersion);
    // An unset or zero version has always meant: first what stands, unless the client says
    // otherwise.
    const initial = sendInitialEvents ?? from === 0;
    if (initial && !(await this.#reached(from, signal, request.resourceVersion))) return nothing();
    // From here on nothing waits, so that the state, its revision and the watcher belong together.
    const state = initial ? standing(live, selection) : undefined;
    const now = collections.revision;
    const watcher = live.watchers.add({
      selection,
      after: initial || from === 0 ? now : from,
      bookmarks: request.allowWatchBookmarks,
      now: clock.monotonic(),
    });
    const close = (): void => watcher.events.close();
    signal.addEventListener('abort', close, { once: true });
    if (signal.aborted) close();
    const stream =
      state !== undefined
        ? startingWith(state, watcher, {
            end: sendInitialEvents === true && request.allowWatchBookmarks ? now : undefined,
          })
        : this.#resumed(live, watcher, { after: from === 0 ? now : from, through: now });
    const onEnd = (): void => signal.removeEventListener('abort', close);
    return delivered(stream, watcher, { form, onEnd });
  }

  /** The definition of a custom kind may change while it is watched. */
  #formOf(type: ResourceType): () => Form {
    const { types } = this.#options;
    const form = formOf(type, types);
    return form.facts.custom === undefined ? () => form : () => formOf(type, types);
  }

  /** False when the watch ended before the state was there. @throws ApiError 504 */
  async #reached(
    revision: number,
    signal: AbortSignal,
    asked: string | undefined,
  ): Promise<boolean> {
    try {
      await this.#options.collections.reach(revision, signal, asked);
      return true;
    } catch (error) {
      if (error instanceof ApiError || !signal.aborted) throw error;
      return false;
    }
  }

  /** Live events after those that the client missed. */
  #resumed(
    live: LiveCollection,
    watcher: Watcher,
    { after, through }: { after: number; through: number },
  ): WatchStream {
    if (after >= live.items.changedAt || after >= through) return watcher.events;
    const recent = live.recent.after(after);
    if (recent !== undefined) {
      const missed = recent.flatMap(
        (change) => new ChangeEvents(change).for(watcher.selection) ?? [],
      );
      return missed.length === 0 ? watcher.events : chained([missed], watcher);
    }
    return this.#replayed(live, watcher, { after, through: live.items.changedAt });
  }

  /** Reads what was missed from the store, up to where the watcher began to listen. */
  async *#replayed(
    live: LiveCollection,
    watcher: Watcher,
    { after, through }: { after: number; through: number },
  ): AsyncGenerator<readonly WatchEvent[]> {
    watcher.catchingUp = true;
    const { prefix, readFields } = live.items;
    const history = this.#options.store.watch({ prefix, after });
    try {
      if (after < this.#options.store.compacted) throw new CompactedError(after);
      // The last change may be a guess (a load sees no deletions): then live events end the
      // waiting.
      for await (const changes of through > after ? history : []) {
        const events: WatchEvent[] = [];
        for (const { revision, entry, previous } of changes) {
          if (revision > through) break;
          const change: CommittedChange = {
            revision,
            item: entry && itemOfEntry(entry, { readFields }),
            previous: previous && itemOfEntry(previous, { readFields }),
          };
          events.push(...(new ChangeEvents(change).for(watcher.selection) ?? []));
        }
        if (events.length > 0) yield events;
        if (changes.at(-1)!.revision >= through) break;
      }
    } catch (error) {
      if (!(error instanceof CompactedError)) throw error;
      yield [expiredEvent(after, this.#options.store.compacted)];
      return;
    } finally {
      history.close();
    }
    watcher.catchingUp = false;
    yield* watcher.events;
  }

  #scheduleBookmarks(): void {
    const { clock, collections } = this.#options;
    this.#tick = clock.after(bookmarkTickMs, () => {
      const now = clock.monotonic();
      for (const { watchers } of collections.open)
        for (const watcher of watchers)
          if (
            watcher.bookmarks &&
            !watcher.catchingUp &&
            now - watcher.bookmarkedAt >= bookmarkEveryMs
          )
            watcher.bookmark(collections.revision, now);
      this.#scheduleBookmarks();
    });
  }
}

/** kube-apiserver has no better word for it in a watch than 500. */
function watchedRevision(resourceVersion: string): number {
  try {
    return revisionOf(resourceVersion);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const unexpected = new ApiError('InternalError', error.message);
    unexpected.status.reason = '';
    throw unexpected;
  }
}

async function* nothing(): AsyncGenerator<readonly WatchEvent[]> {}

function standing(live: LiveCollection, selection: Selection): StoredItem[] {
  const items: StoredItem[] = [];
  live.items.select(selection, '', (_key, item) => {
    items.push(item);
    return true;
  });
  return items;
}

async function* startingWith(
  state: readonly StoredItem[],
  watcher: Watcher,
  { end }: { end: number | undefined },
): AsyncGenerator<readonly WatchEvent[]> {
  for (let at = 0; at < state.length; at += initialBatchItems)
    yield state.slice(at, at + initialBatchItems).map((item) => ({ type: 'ADDED', item }));
  if (end !== undefined)
    yield [{ type: 'BOOKMARK', resourceVersion: servedVersion(end), initialEventsEnd: true }];
  yield* watcher.events;
}

async function* chained(
  first: Iterable<readonly WatchEvent[]>,
  watcher: Watcher,
): AsyncGenerator<readonly WatchEvent[]> {
  yield* first;
  yield* watcher.events;
}

async function* delivered(
  stream: WatchStream,
  watcher: Watcher,
  { form, onEnd }: { form: () => Form; onEnd: () => void },
): AsyncGenerator<readonly WatchEvent[]> {
  try {
    for await (const events of stream) yield servedEvents(events, form());
  } finally {
    watcher.events.close();
    onEnd();
  }
}

function servedEvents(events: readonly WatchEvent[], form: Form): readonly WatchEvent[] {
  const isServed = (event: WatchEvent): boolean =>
    !('item' in event) || servedAs(event.item as StoredItem, form) === event.item;
  if (events.every(isServed)) return events;
  return events.map((event) =>
    'item' in event ? { ...event, item: servedAs(event.item as StoredItem, form) } : event,
  );
}

function expiredEvent(after: number, compacted: number): WatchEvent {
  const texts = [servedVersion(after), servedVersion(compacted)];
  const message = `too old resource version: ${texts[0]} (${texts[1]})`;
  return { type: 'ERROR', status: new ApiError('Expired', message).status };
}

function checkWatchRequest(request: WatchRequest): void {
  const { sendInitialEvents, resourceVersionMatch: match } = request;
  if (sendInitialEvents !== undefined && match !== 'NotOlderThan')
    throw listForbidden(
      'resourceVersionMatch',
      'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
    );
  if (sendInitialEvents === undefined && match !== undefined)
    throw listForbidden(
      'resourceVersionMatch',
      'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
    );
}
