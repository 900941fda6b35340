/**
 * Keeps a collection in memory for every resource in use, and tells watches of each commit in
 * order.
 */
import { type Clock, sleep } from '../../base/clock.ts';
import type { KubeObject } from '../../kube/object.ts';
import { ApiError } from '../../kube/status.ts';
import type { Change, Store } from '../../store/store.ts';
import { Collection, type CommittedChange } from './collection.ts';
import { fieldReaderOf } from './field-labels.ts';
import { itemOfEntry } from './item.ts';
import { RecentChanges } from './recent-changes.ts';
import { servedVersion } from './revision.ts';
import { Watchers } from './watchers.ts';

/** As kube-apiserver: how long a read waits for a revision that is not there yet. */
const futureWaitMs = 3000;
const loadPageKeys = 2000;
const root = '/registry/';

export interface Resource {
  /** '' for the core group. */
  readonly group: string;
  readonly resource: string;
}

export function prefixOf({ group, resource }: Resource): string {
  return `${root}${group === '' ? 'core' : group}/${resource}/`;
}

/** The key of an object below its collection's prefix. */
export function keyBelow({ namespace, name }: { namespace: string; name: string }): string {
  return namespace === '' ? name : `${namespace}/${name}`;
}

/** A collection with those who watch it. */
export interface LiveCollection {
  readonly items: Collection;
  readonly watchers: Watchers;
  readonly recent: RecentChanges;
}

/** `prefix` is that of the collection. */
export type CommitListener = (prefix: string, change: CommittedChange) => void;

interface Waiter {
  readonly revision: number;
  readonly wake: () => void;
}

export class Collections {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #open = new Map<string, LiveCollection>();
  /** Changes that came while their collection was being loaded. */
  readonly #loading = new Map<string, { loaded: Promise<LiveCollection>; late: Change[] }>();
  /** Objects behind values that are being committed: saves parsing what was just encoded. */
  readonly #objects = new WeakMap<Buffer, KubeObject>();
  readonly #waiters = new Set<Waiter>();
  readonly #listeners = new Set<CommitListener>();
  readonly #unsubscribe: () => void;
  #revision: number;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
    this.#revision = store.revision;
    this.#unsubscribe = store.subscribe((changes, revision) => this.#take(changes, revision));
  }

  /** The newest revision that every open collection is the state of. */
  get revision(): number {
    return this.#revision;
  }

  close(): void {
    this.#unsubscribe();
    for (const { watchers } of this.#open.values())
      for (const watcher of [...watchers]) watcher.events.close();
  }

  /** Called with every change of a collection that is in memory, when it shows it. */
  onCommitted(listener: CommitListener): void {
    this.#listeners.add(listener);
  }

  /** The collections that are in memory. */
  get open(): Iterable<LiveCollection> {
    return this.#open.values();
  }

  /** The collection when it is in memory already. */
  find(resource: Resource): LiveCollection | undefined {
    return this.#open.get(prefixOf(resource));
  }

  /** The collection, loaded on first use. */
  async load(resource: Resource): Promise<LiveCollection> {
    const prefix = prefixOf(resource);
    const open = this.#open.get(prefix);
    if (open !== undefined) return open;
    let loading = this.#loading.get(prefix);
    if (loading === undefined) {
      const late: Change[] = [];
      loading = { late, loaded: this.#load(resource, prefix, late) };
      this.#loading.set(prefix, loading);
    }
    return await loading.loaded;
  }

  /** Tells which object a value encodes, before it is committed. */
  announce(value: Buffer, object: KubeObject): void {
    this.#objects.set(value, object);
  }

  /**
   * Resolves when the revision is there. `asked`: the served version that stands for it.
   * @throws ApiError 504 when it takes too long
   */
  async reach(
    revision: number,
    signal: AbortSignal,
    asked = servedVersion(revision),
  ): Promise<void> {
    if (revision <= this.#revision) return;
    const ended = new AbortController();
    const waiter: Waiter = { revision, wake: () => ended.abort() };
    this.#waiters.add(waiter);
    await sleep(this.#clock, futureWaitMs, AbortSignal.any([signal, ended.signal])).catch(() => {});
    this.#waiters.delete(waiter);
    signal.throwIfAborted();
    if (revision > this.#revision) throw tooLarge(asked, this.#revision);
  }

  async #load(resource: Resource, prefix: string, late: Change[]): Promise<LiveCollection> {
    try {
      const items = new Collection(prefix, fieldReaderOf(resource));
      let start: string | undefined;
      let revision: number | undefined;
      for (;;) {
        const page = await this.#store.range({
          prefix,
          limit: loadPageKeys,
          ...(start === undefined ? {} : { start }),
          ...(revision === undefined ? {} : { revision }),
        });
        revision = page.revision;
        for (const entry of page.entries) {
          const item = itemOfEntry(entry, { readFields: items.readFields });
          items.apply({ key: entry.key, revision: entry.modRevision }, item);
        }
        if (!page.more) break;
        start = `${page.entries.at(-1)!.key}\u0001`;
      }
      // Deletions leave no entry: for all we know the last one was the state's own revision.
      items.changedBy(revision);
      const live = { items, watchers: new Watchers(), recent: new RecentChanges(revision) };
      for (const change of late) if (change.revision > revision) this.#apply(live, change);
      this.#open.set(prefix, live);
      return live;
    } finally {
      this.#loading.delete(prefix);
    }
  }

  #take(changes: readonly Change[], revision: number): void {
    this.#revision = revision;
    for (const change of changes) {
      const prefix = collectionPrefix(change.key);
      const live = this.#open.get(prefix);
      if (live !== undefined) this.#apply(live, change);
      else this.#loading.get(prefix)?.late.push(change);
    }
    for (const waiter of this.#waiters) if (waiter.revision <= revision) waiter.wake();
  }

  #apply(live: LiveCollection, change: Change): void {
    const { entry } = change;
    const { readFields } = live.items;
    const item =
      entry === undefined
        ? undefined
        : itemOfEntry(entry, { object: this.#objects.get(entry.value), readFields });
    const committed = live.items.apply(change, item);
    live.recent.add(committed);
    for (const listener of this.#listeners) listener(live.items.prefix, committed);
    live.watchers.dispatch(committed);
  }
}

/** '/registry/GROUP/RESOURCE/' of a key; '' when it is none of ours. */
function collectionPrefix(key: string): string {
  if (!key.startsWith(root)) return '';
  const group = key.indexOf('/', root.length);
  const resource = key.indexOf('/', group + 1);
  return resource < 0 ? '' : key.slice(0, resource + 1);
}

function tooLarge(asked: string, current: number): ApiError {
  const message = `Too large resource version: ${asked}, current: ${servedVersion(current)}`;
  return new ApiError('Timeout', `Timeout: ${message}`, {
    details: {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    },
  });
}
