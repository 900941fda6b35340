/**
 * Who depends on whom among the federation's own objects, kept up to date from the store's commits:
 * an index from an owner's uid to its dependents.
 */
import { itemOfEntry } from '../apiserver/registry/item.ts';
import type { KubeObject, OwnerReference } from '../kube/object.ts';
import type { Change, Entry, Store } from '../store/store.ts';

export const foreground = 'foregroundDeletion';
export const orphan = 'orphan';

/** What is remembered of an object that owns or is owned in a way that matters. */
export interface Node {
  readonly uid: string;
  readonly owners: readonly OwnerReference[];
  /** Being deleted: 'foreground' waits for its dependents, 'orphan' for their release. */
  readonly deleting: 'foreground' | 'orphan' | 'otherwise' | undefined;
}

/** Nothing is collected here: nobody owns events, records are kept by their own rules. */
const skipped = ['/registry/core/events/', '/registry/events.k8s.io/', '/registry/records.'];
/** Bytes without which an object has no part in this; most objects are passed over so. */
const signs = ['"ownerReferences":[', `"${foreground}"`, `"${orphan}"`].map((text) =>
  Buffer.from(text),
);
const pageKeys = 500;
/** So many uids of owners that went are remembered. */
const goneMax = 1000;
const root = '/registry/';

export class Dependents {
  /** By key in the store. */
  readonly #nodes = new Map<string, Node>();
  /** Keys of dependents by the uid of an owner. */
  readonly #byOwner = new Map<string, Set<string>>();
  /** Keys of owners that wait for their dependents, by uid. */
  readonly #waiting = new Map<string, string>();
  readonly #gone = new Set<string>();
  readonly #look: (key: string) => void;
  readonly #store: Store;
  #loading: Set<string> | undefined;
  #unsubscribe: (() => void) | undefined;

  /** `look` is told the keys of objects that may have something to be done about. */
  constructor(store: Store, look: (key: string) => void) {
    this.#store = store;
    this.#look = look;
  }

  /** Reads everything once, then follows every commit. */
  async start(): Promise<void> {
    const seen = new Set<string>();
    this.#loading = seen;
    this.#unsubscribe = this.#store.subscribe((changes) => {
      for (const change of changes) this.#take(change);
    });
    let start: string | undefined;
    for (;;) {
      const page = await this.#store.range({
        prefix: root,
        limit: pageKeys,
        ...(start === undefined ? {} : { start }),
      });
      for (const entry of page.entries) if (!seen.has(entry.key)) this.#put(entry);
      if (!page.more) break;
      start = `${page.entries.at(-1)!.key}\u0001`;
    }
    this.#loading = undefined;
  }

  stop(): void {
    this.#unsubscribe?.();
  }

  /** Keys of the objects that name an owner with this uid. */
  of(uid: string): readonly string[] {
    return [...(this.#byOwner.get(uid) ?? [])];
  }

  /** Whether an owner with this uid was seen to go, lately. */
  wentLately(uid: string): boolean {
    return this.#gone.has(uid);
  }

  get(key: string): Node | undefined {
    return this.#nodes.get(key);
  }

  #take({ key, entry, previous }: Change): void {
    if (!key.startsWith(root)) return;
    this.#loading?.add(key);
    if (entry !== undefined) this.#put(entry);
    else this.#set(key, undefined);
    if (entry !== undefined || previous === undefined || this.#byOwner.size === 0) return;
    const { uid } = itemOfEntry(previous, {});
    if (!this.#byOwner.has(uid)) return;
    this.#gone.add(uid);
    if (this.#gone.size > goneMax) this.#gone.delete(this.#gone.values().next().value!);
    for (const dependent of this.of(uid)) this.#look(dependent);
  }

  #put(entry: Entry): void {
    const { key, value } = entry;
    if (skipped.some((prefix) => key.startsWith(prefix))) return;
    const concerned = signs.some((sign) => value.includes(sign));
    if (!concerned && !this.#nodes.has(key)) return;
    this.#set(key, nodeOf(itemOfEntry(entry, {}).object()));
  }

  #set(key: string, now: Node | undefined): void {
    const old = this.#nodes.get(key);
    if (now === undefined) this.#nodes.delete(key);
    else this.#nodes.set(key, now);
    this.#reindex(key, old, now);
    if (now === undefined) return;
    const owned = now.owners.length > 0 && !sameOwners(old, now);
    const began = now.deleting !== undefined && now.deleting !== old?.deleting;
    if (owned || began) this.#look(key);
    if (began && now.deleting === 'foreground')
      for (const dependent of this.of(now.uid)) this.#look(dependent);
  }

  #reindex(key: string, old: Node | undefined, now: Node | undefined): void {
    if (old?.deleting === 'foreground') this.#waiting.delete(old.uid);
    if (now?.deleting === 'foreground') this.#waiting.set(now.uid, key);
    if (sameOwners(old, now)) return;
    for (const { uid } of old?.owners ?? []) {
      const keys = this.#byOwner.get(uid);
      keys?.delete(key);
      if (keys?.size === 0) this.#byOwner.delete(uid);
    }
    for (const { uid } of now?.owners ?? []) {
      const keys = this.#byOwner.get(uid);
      if (keys === undefined) this.#byOwner.set(uid, new Set([key]));
      else keys.add(key);
    }
    // An owner that waited for this one may wait no longer.
    for (const { uid } of old?.owners ?? []) {
      const owner = this.#waiting.get(uid);
      if (owner !== undefined) this.#look(owner);
    }
  }
}

function nodeOf({ metadata }: KubeObject): Node | undefined {
  const { uid = '', ownerReferences: owners = [], finalizers = [], deletionTimestamp } = metadata;
  const deleting =
    deletionTimestamp === undefined
      ? undefined
      : finalizers.includes(orphan)
        ? 'orphan'
        : finalizers.includes(foreground)
          ? 'foreground'
          : 'otherwise';
  const matters = owners.length > 0 || deleting === 'foreground' || deleting === 'orphan';
  return matters ? { uid, owners, deleting } : undefined;
}

function sameOwners(old: Node | undefined, now: Node | undefined): boolean {
  const [a, b] = [old?.owners ?? [], now?.owners ?? []];
  return (
    a.length === b.length &&
    a.every((owner, i) => {
      const other = b[i]!;
      return owner.uid === other.uid && owner.blockOwnerDeletion === other.blockOwnerDeletion;
    })
  );
}
