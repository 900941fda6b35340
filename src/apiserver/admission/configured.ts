/**
 * What is configured in objects of one resource, read from the registry's own memory: a change
 * counts for the very next request, and one that matches nothing costs two comparisons.
 */
import type { ResourceType } from '../../kube/resource.ts';
import type { Collections, LiveCollection, Resource } from '../registry/collections.ts';
import type { StoredItem } from '../registry/item.ts';
import type { Attributes } from './attributes.ts';

export interface ConfiguredOptions<T> {
  readonly collections: Collections;
  readonly resource: Resource;
  readonly read: (item: StoredItem) => readonly T[];
  /** What in principle concerns writes of this kind, without a look at the object. */
  readonly concerns: (entry: T, attributes: Attributes) => boolean;
}

export class Configured<T> {
  readonly #options: ConfiguredOptions<T>;
  #live: LiveCollection | undefined;
  #readAt = -1;
  #entries: readonly T[] = [];
  #ofItem = new Map<string, { readonly revision: number; readonly entries: readonly T[] }>();
  /** By type, then by operation and subresource. */
  #matching = new WeakMap<ResourceType, Map<string, readonly T[]>>();

  constructor(options: ConfiguredOptions<T>) {
    this.#options = options;
  }

  /** Resolves when `entries` can be asked. */
  async load(): Promise<void> {
    this.#live ??= await this.#options.collections.load(this.#options.resource);
  }

  get loaded(): boolean {
    return this.#live !== undefined;
  }

  /** All of them: objects by name, entries of one object in its own order. */
  get entries(): readonly T[] {
    const live = this.#live!;
    if (live.items.changedAt !== this.#readAt) this.#read(live);
    return this.#entries;
  }

  /** Those that concern writes of this type, subresource and operation. */
  matching(attributes: Attributes): readonly T[] {
    const { entries } = this;
    if (entries.length === 0) return entries;
    const { type, subresource, operation } = attributes;
    let ofType = this.#matching.get(type);
    if (ofType === undefined) {
      ofType = new Map();
      this.#matching.set(type, ofType);
    }
    const key = subresource === '' ? operation : `${operation} ${subresource}`;
    let found = ofType.get(key);
    if (found === undefined) {
      found = entries.filter((entry) => this.#options.concerns(entry, attributes));
      ofType.set(key, found);
    }
    return found;
  }

  /** Other types are served now. */
  forget(): void {
    this.#matching = new WeakMap();
  }

  #read(live: LiveCollection): void {
    const before = this.#ofItem;
    this.#ofItem = new Map();
    const all: T[] = [];
    live.items.visit('', (key, item) => {
      const known = before.get(key);
      const entries = known?.revision === item.revision ? known.entries : this.#options.read(item);
      this.#ofItem.set(key, { revision: item.revision, entries });
      all.push(...entries);
    });
    this.#entries = all;
    this.forget();
    this.#readAt = live.items.changedAt;
  }
}
