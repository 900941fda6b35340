/** Everything of one resource in memory, in key order: what "most recent" is served from. */
import type { LabelSelector } from '../../kube/selector.ts';
import { OrderedMap } from '../../store/ordered-map.ts';
import { type Change, prefixEnd } from '../../store/store.ts';
import type { FieldReader, StoredItem } from './item.ts';
import type { Selection } from './selection.ts';

/**
 * Above this share of the collection, reading everything in order is quicker than sorting what an
 * index gave.
 */
const indexShareMax = 0.25;

/** One change of one object, after it was committed. */
export interface CommittedChange {
  readonly revision: number;
  readonly item: StoredItem | undefined;
  readonly previous: StoredItem | undefined;
}

export class Collection {
  /** '/registry/GROUP/RESOURCE/'. */
  readonly prefix: string;
  readonly readFields: FieldReader | undefined;
  /** By key below the prefix: 'NAMESPACE/NAME' or 'NAME'. */
  readonly #items = new OrderedMap<StoredItem>();
  readonly #perNamespace = new Map<string, number>();
  /** Keys by 'LABEL\0VALUE'. */
  readonly #byLabel = new Map<string, Set<string>>();
  #changedAt = 0;

  constructor(prefix: string, readFields: FieldReader | undefined) {
    this.prefix = prefix;
    this.readFields = readFields;
  }

  /**
   * Revision of the last change: from there on, the state here is that of every later revision,
   * too.
   */
  get changedAt(): number {
    return this.#changedAt;
  }

  /** Says that something may have changed up to this revision. */
  changedBy(revision: number): void {
    this.#changedAt = Math.max(this.#changedAt, revision);
  }

  get(key: string): StoredItem | undefined {
    return this.#items.get(key);
  }

  /** How many objects there are, in all namespaces ('') or in one. */
  count(namespace: string): number {
    return namespace === '' ? this.#items.size : (this.#perNamespace.get(namespace) ?? 0);
  }

  /** Visits everything in one namespace ('' = everything) in order. */
  visit(namespace: string, visit: (key: string, item: StoredItem) => void): void {
    const prefix = namespace === '' ? '' : `${namespace}/`;
    this.#items.scan(prefix, prefixEnd(prefix), (key, item) => {
      visit(key, item);
      return true;
    });
  }

  /** Takes a change in; `item` is its new state (undefined: removed). */
  apply(change: Pick<Change, 'key' | 'revision'>, item: StoredItem | undefined): CommittedChange {
    const key = change.key.slice(this.prefix.length);
    const previous = this.#items.get(key);
    this.#changedAt = Math.max(this.#changedAt, change.revision);
    if (item === undefined) this.#items.delete(key);
    else this.#items.set(key, item);
    this.#countNamespace(previous, -1);
    this.#countNamespace(item, 1);
    if (previous?.labels !== item?.labels) this.#reindex(key, previous, item);
    return { revision: change.revision, item, previous };
  }

  /**
   * Visits matching items in order from `start` (a key, inclusive; '' = from the first) until
   * `visit` says false.
   */
  select(
    selection: Selection,
    start: string,
    visit: (key: string, item: StoredItem) => boolean,
  ): void {
    if (selection.name !== undefined && selection.namespace !== '') {
      const key = `${selection.namespace}/${selection.name}`;
      const item = key < start ? undefined : this.#items.get(key);
      if (item !== undefined && selection.matches(item)) visit(key, item);
      return;
    }
    const prefix = selection.namespace === '' ? '' : `${selection.namespace}/`;
    const indexed = this.#indexed(selection.labels);
    if (indexed !== undefined) {
      for (const key of indexed) {
        if (key < start || !key.startsWith(prefix)) continue;
        const item = this.#items.get(key)!;
        if (selection.matches(item) && !visit(key, item)) return;
      }
      return;
    }
    const everything = selection.everything;
    this.#items.scan(start > prefix ? start : prefix, prefixEnd(prefix), (key, item) =>
      everything || selection.matches(item) ? visit(key, item) : true,
    );
  }

  /** Keys in order that can match, when an index knows few enough of them. */
  #indexed(labels: LabelSelector): string[] | undefined {
    let best: Set<string>[] | undefined;
    let fewest = this.#items.size * indexShareMax;
    for (const { key, operator, values } of labels) {
      if (operator !== 'In') continue;
      const sets = values.flatMap((value) => this.#byLabel.get(`${key}\0${value}`) ?? []);
      const size = sets.reduce((sum, set) => sum + set.size, 0);
      if (size > fewest) continue;
      fewest = size;
      best = sets;
    }
    if (best === undefined) return undefined;
    return best.flatMap((set) => [...set]).sort();
  }

  #countNamespace(item: StoredItem | undefined, by: 1 | -1): void {
    if (item === undefined || item.namespace === '') return;
    const count = (this.#perNamespace.get(item.namespace) ?? 0) + by;
    if (count === 0) this.#perNamespace.delete(item.namespace);
    else this.#perNamespace.set(item.namespace, count);
  }

  #reindex(key: string, previous: StoredItem | undefined, item: StoredItem | undefined): void {
    const before = previous?.labels ?? {};
    const after = item?.labels ?? {};
    for (const [label, value] of Object.entries(before)) {
      if (Object.hasOwn(after, label) && after[label] === value) continue;
      const name = `${label}\0${value}`;
      const set = this.#byLabel.get(name);
      set?.delete(key);
      if (set?.size === 0) this.#byLabel.delete(name);
    }
    for (const [label, value] of Object.entries(after)) {
      if (Object.hasOwn(before, label) && before[label] === value) continue;
      const name = `${label}\0${value}`;
      const set = this.#byLabel.get(name);
      if (set === undefined) this.#byLabel.set(name, new Set([key]));
      else set.add(key);
    }
  }
}
