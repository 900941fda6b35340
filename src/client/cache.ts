/** Objects by key with secondary indexes; whoever fills it tells the differences. */
import type { ObjectMeta } from '../kube/object.ts';

/** 'namespace/name', or 'name' for cluster-scoped objects. */
export function keyOf(metadata: ObjectMeta): string {
  return metadata.namespace ? `${metadata.namespace}/${metadata.name}` : (metadata.name ?? '');
}

/** The inverse of keyOf. */
export function splitKey(key: string): { namespace: string; name: string } {
  const slash = key.indexOf('/');
  if (slash < 0) return { namespace: '', name: key };
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** Index name → the values under which an object is found. */
export type Indexers<T> = Readonly<Record<string, (value: T) => readonly string[]>>;

export interface CacheEntry<T> {
  readonly value: T;
  readonly uid: string;
  readonly resourceVersion: string;
  /** What it is taken to cost. */
  readonly bytes: number;
}

export class Cache<T> {
  readonly #entries = new Map<string, CacheEntry<T>>();
  readonly #indexers: Indexers<T>;
  readonly #indexes = new Map<string, Map<string, Set<string>>>();

  constructor(indexers: Indexers<T> = {}) {
    this.#indexers = indexers;
    for (const name of Object.keys(indexers)) this.#indexes.set(name, new Map());
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): T | undefined {
    return this.#entries.get(key)?.value;
  }

  entry(key: string): CacheEntry<T> | undefined {
    return this.#entries.get(key);
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  keys(): IterableIterator<string> {
    return this.#entries.keys();
  }

  *values(): Generator<T> {
    for (const entry of this.#entries.values()) yield entry.value;
  }

  *entries(): Generator<[string, T]> {
    for (const [key, entry] of this.#entries) yield [key, entry.value];
  }

  /** Keys of the objects that the index files under `value`, in insertion order. */
  keysBy(index: string, value: string): readonly string[] {
    return [...(this.#indexes.get(index)?.get(value) ?? [])];
  }

  /** Objects that the index files under `value`. */
  by(index: string, value: string): T[] {
    return this.keysBy(index, value).map((key) => this.#entries.get(key)!.value);
  }

  /** Stores an object and returns what stood there. */
  set(key: string, entry: CacheEntry<T>): CacheEntry<T> | undefined {
    const old = this.#entries.get(key);
    if (old !== undefined) this.#unindex(key, old.value);
    this.#entries.set(key, entry);
    for (const [name, values] of this.#indexed(entry.value)) {
      const index = this.#indexes.get(name)!;
      for (const value of values) {
        const keys = index.get(value);
        if (keys === undefined) index.set(value, new Set([key]));
        else keys.add(key);
      }
    }
    return old;
  }

  /** Removes an object and returns it. */
  delete(key: string): CacheEntry<T> | undefined {
    const old = this.#entries.get(key);
    if (old === undefined) return undefined;
    this.#unindex(key, old.value);
    this.#entries.delete(key);
    return old;
  }

  #indexed(value: T): [string, readonly string[]][] {
    return Object.entries(this.#indexers).map(([name, indexer]) => [name, indexer(value)]);
  }

  #unindex(key: string, value: T): void {
    for (const [name, values] of this.#indexed(value)) {
      const index = this.#indexes.get(name)!;
      for (const one of values) {
        const keys = index.get(one);
        keys?.delete(key);
        if (keys?.size === 0) index.delete(one);
      }
    }
  }
}
