/**
 * The watches on one collection, indexed so that a change costs nothing for those that cannot want
 * it.
 */
import { Channel } from '../../base/channel.ts';
import type { WatchEvent } from '../backend.ts';
import type { CommittedChange } from './collection.ts';
import type { StoredItem } from './item.ts';
import { servedVersion } from './revision.ts';
import type { Selection } from './selection.ts';

/** Events that may wait for one reader; then its watch ends and the client resumes. */
const watchEventsMax = 16_384;

/** A change as watches tell it: each event is made once and shared by all of them. */
export class ChangeEvents {
  readonly change: CommittedChange;
  #added: readonly WatchEvent[] | undefined;
  #modified: readonly WatchEvent[] | undefined;
  #deleted: readonly WatchEvent[] | undefined;

  constructor(change: CommittedChange) {
    this.change = change;
  }

  /** What a watch with this selection is told; undefined: nothing. */
  for(selection: Selection): readonly WatchEvent[] | undefined {
    const { item, previous } = this.change;
    const now = item !== undefined && selection.matches(item);
    const before = previous !== undefined && selection.matches(previous);
    if (now && before) {
      this.#modified ??= [{ type: 'MODIFIED', item }];
      return this.#modified;
    }
    if (now) {
      this.#added ??= [{ type: 'ADDED', item }];
      return this.#added;
    }
    if (!before) return undefined;
    this.#deleted ??= [{ type: 'DELETED', item: previous.at(this.change.revision) }];
    return this.#deleted;
  }
}

export interface WatcherOptions {
  readonly selection: Selection;
  /** Changes at or below it are not delivered: the client knows them. */
  readonly after: number;
  readonly bookmarks: boolean;
  /** Monotonic milliseconds. */
  readonly now: number;
}

export class Watcher {
  readonly selection: Selection;
  readonly events: Channel<WatchEvent>;
  readonly bookmarks: boolean;
  readonly #after: number;
  /** Monotonic milliseconds of the last bookmark. */
  bookmarkedAt: number;
  /** Set while older changes are still being read for it: no bookmark may overtake them. */
  catchingUp = false;

  constructor(options: WatcherOptions, onClose: () => void) {
    this.selection = options.selection;
    this.bookmarks = options.bookmarks;
    this.bookmarkedAt = options.now;
    this.#after = options.after;
    this.events = new Channel(watchEventsMax, onClose);
  }

  offer(events: ChangeEvents): void {
    if (events.change.revision <= this.#after) return;
    const told = events.for(this.selection);
    if (told !== undefined) this.events.push(told);
  }

  bookmark(revision: number, now: number): void {
    this.bookmarkedAt = now;
    this.events.push([
      { type: 'BOOKMARK', resourceVersion: servedVersion(revision), initialEventsEnd: false },
    ]);
  }
}

export class Watchers {
  readonly #all = new Set<Watcher>();
  /** By what a change must have to concern them; each watcher is in one set. */
  readonly #buckets = new Map<string, Set<Watcher>>();

  get size(): number {
    return this.#all.size;
  }

  add(options: WatcherOptions): Watcher {
    const bucket = bucketOf(options.selection);
    const watcher: Watcher = new Watcher(options, () => this.#remove(bucket, watcher));
    this.#all.add(watcher);
    const set = this.#buckets.get(bucket);
    if (set === undefined) this.#buckets.set(bucket, new Set([watcher]));
    else set.add(watcher);
    return watcher;
  }

  dispatch(change: CommittedChange): void {
    if (this.#all.size === 0) return;
    const { item, previous } = change;
    const { namespace, name } = (item ?? previous)!;
    const events = new ChangeEvents(change);
    this.#offer('', events);
    if (namespace !== '') this.#offer(`n\0${namespace}`, events);
    this.#offer(`o\0${name}`, events);
    for (const label of labelBuckets(item, previous)) this.#offer(label, events);
  }

  [Symbol.iterator](): Iterator<Watcher> {
    return this.#all[Symbol.iterator]();
  }

  #offer(bucket: string, events: ChangeEvents): void {
    const set = this.#buckets.get(bucket);
    if (set !== undefined) for (const watcher of set) watcher.offer(events);
  }

  #remove(bucket: string, watcher: Watcher): void {
    this.#all.delete(watcher);
    const set = this.#buckets.get(bucket);
    set?.delete(watcher);
    if (set?.size === 0) this.#buckets.delete(bucket);
  }
}

function bucketOf({ name, labels, namespace }: Selection): string {
  if (name !== undefined) return `o\0${name}`;
  for (const { key, operator, values } of labels)
    if (operator === 'In' && values.length === 1) return `l\0${key}\0${values[0]}`;
  return namespace === '' ? '' : `n\0${namespace}`;
}

function labelBuckets(
  item: StoredItem | undefined,
  previous: StoredItem | undefined,
): ReadonlySet<string> {
  const buckets = new Set<string>();
  for (const labels of [item?.labels, previous?.labels])
    for (const key in labels) buckets.add(`l\0${key}\0${labels[key]}`);
  return buckets;
}
