/**
 * Lists: at the newest revision from memory, at older ones from memory as long as nothing changed,
 * else from the store.
 */
import { ApiError, badRequest, type StatusCause } from '../../kube/status.ts';
import { CompactedError, FutureRevisionError, type Store } from '../../store/store.ts';
import type { ListRequest, ListResult } from '../backend.ts';
import type { Collections, LiveCollection } from './collections.ts';
import { type ContinueToken, decodeContinue, encodeContinue } from './continue-token.ts';
import { itemOfEntry, type StoredItem } from './item.ts';
import { revisionOf, servedVersion } from './revision.ts';
import { Selection } from './selection.ts';
import type { TypeBook } from './type-facts.ts';
import { formOf } from './versions.ts';

const storePageKeys = 1000;

/** What a list reads: which state, and from where on. */
interface Reading {
  /** The state to serve, and what its resourceVersion says. */
  readonly revision: number;
  readonly start: string;
  readonly left: number | undefined;
}

interface Page {
  readonly items: readonly StoredItem[];
  /** Key of the first one that follows. */
  readonly next: string | undefined;
  /** Items that follow, when that is known. */
  readonly left: number | undefined;
}

export interface StoredList extends ListResult {
  readonly items: readonly StoredItem[];
}

export class Lists {
  readonly #store: Store;
  readonly #collections: Collections;
  readonly #types: TypeBook;

  constructor(store: Store, collections: Collections, types: TypeBook) {
    this.#store = store;
    this.#types = types;
    this.#collections = collections;
  }

  async list(request: ListRequest, signal: AbortSignal): Promise<StoredList> {
    checkListRequest(request);
    const selection = new Selection(request, formOf(request.type, this.#types));
    const live = await this.#collections.load(request.type);
    const reading = await this.#reading(request, signal);
    const limit = request.limit === undefined || request.limit === 0 ? undefined : request.limit;
    const current =
      reading.revision >= live.items.changedAt && reading.revision <= this.#collections.revision;
    const page = current
      ? this.#fromMemory(live, selection, { ...reading, limit })
      : await this.#fromStore(live, selection, { ...reading, limit });
    const { next, left } = page;
    const resourceVersion = servedVersion(reading.revision);
    if (next === undefined) return { items: page.items, resourceVersion };
    const token = { revision: reading.revision, start: next, left };
    return {
      items: page.items,
      resourceVersion,
      continue: encodeContinue(token),
      ...(left === undefined ? {} : { remainingItemCount: left }),
    };
  }

  async #reading(request: ListRequest, signal: AbortSignal): Promise<Reading> {
    if (request.continue !== undefined && request.continue !== '') {
      const token = decodeContinue(request.continue);
      const { start, left } = token;
      if (token.revision === undefined)
        return { revision: this.#collections.revision, start, left: undefined };
      if (token.revision > this.#collections.revision)
        throw badRequest('invalid continue token: continue key is not valid: from the future');
      // Even when nothing changed since: pages end as they do in kube-apiserver.
      if (token.revision < this.#store.compacted) throw expiredList(start);
      return { revision: token.revision, start, left };
    }
    const { resourceVersion = '' } = request;
    if (resourceVersion !== '') {
      const revision = askedRevision(resourceVersion);
      await this.#collections.reach(revision, signal, resourceVersion);
      if (request.resourceVersionMatch === 'Exact') return { revision, start: '', left: undefined };
    }
    return { revision: this.#collections.revision, start: '', left: undefined };
  }

  #fromMemory(
    live: LiveCollection,
    selection: Selection,
    { start, limit, left }: Reading & { limit: number | undefined },
  ): Page {
    const items: StoredItem[] = [];
    let next: string | undefined;
    live.items.select(selection, start, (key, item) => {
      if (items.length === limit) {
        next = key;
        return false;
      }
      items.push(item);
      return true;
    });
    if (next === undefined || !selection.everything) return { items, next, left: undefined };
    const { namespace } = selection;
    const total =
      start === '' ? live.items.count(namespace) : (left ?? countFrom(live, selection, start));
    return { items, next, left: total - items.length };
  }

  async #fromStore(
    live: LiveCollection,
    selection: Selection,
    { revision, start, limit, left }: Reading & { limit: number | undefined },
  ): Promise<Page> {
    const { prefix, readFields } = live.items;
    const within = selection.namespace === '' ? prefix : `${prefix}${selection.namespace}/`;
    const items: StoredItem[] = [];
    let total = left;
    let from = start === '' ? within : `${prefix}${start}`;
    for (;;) {
      const page = await this.#range(
        { prefix: within, start: from, limit: pageLimit(limit, selection), revision },
        { start: start === '' ? undefined : start, first: items.length === 0 },
      );
      if (total === undefined && items.length === 0 && start === '') total = page.count;
      for (const entry of page.entries) {
        const item = itemOfEntry(entry, { readFields });
        if (!selection.matches(item)) continue;
        if (items.length === limit) {
          const known = selection.everything && total !== undefined;
          const next = entry.key.slice(prefix.length);
          return { items, next, left: known ? total! - items.length : undefined };
        }
        items.push(item);
      }
      if (!page.more) return { items, next: undefined, left: undefined };
      from = `${page.entries.at(-1)!.key}\u0001`;
    }
  }

  async #range(
    request: { prefix: string; start: string; limit: number; revision: number },
    position: { start: string | undefined; first: boolean },
  ): ReturnType<Store['range']> {
    try {
      return await this.#store.range(request);
    } catch (error) {
      if (error instanceof CompactedError) throw expiredList(position.start);
      if (error instanceof FutureRevisionError) throw badRequest(error.message);
      throw error;
    }
  }
}

/** Counted one by one: only for a list that goes on after it has expired. */
function countFrom(live: LiveCollection, selection: Selection, start: string): number {
  let count = 0;
  live.items.select(selection, start, () => ++count > 0);
  return count;
}

function pageLimit(limit: number | undefined, selection: Selection): number {
  return limit !== undefined && selection.everything
    ? Math.min(limit + 1, storePageKeys)
    : storePageKeys;
}

/**
 * 410; on a continued list with a token that goes on in the newest state, as the conformance tests
 * ask for.
 */
function expiredList(start: string | undefined): ApiError {
  if (start === undefined)
    return new ApiError('Expired', 'The resourceVersion for the provided list is too old.');
  const message =
    'The provided continue parameter is too old to display a consistent list result. You can start ' +
    'a new list without the continue parameter, or use the continue token in this response to ' +
    'retrieve the remainder of the results. Continuing with the provided token results in an ' +
    'inconsistent list - objects that were created, modified, or deleted between the time the first ' +
    'chunk was returned and now may show up in the list.';
  const token: ContinueToken = { revision: undefined, start, left: undefined };
  return new ApiError('Expired', message, { continueToken: encodeContinue(token) });
}

function askedRevision(resourceVersion: string): number {
  try {
    return revisionOf(resourceVersion);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    throw badRequest(`invalid resource version: ${error.message}`);
  }
}

function checkListRequest(request: ListRequest): void {
  const { resourceVersion = '', resourceVersionMatch: match } = request;
  const continued = request.continue !== undefined && request.continue !== '';
  if (match !== undefined) {
    const field = 'resourceVersionMatch';
    if (continued)
      throw listForbidden(field, 'resourceVersionMatch is forbidden when continue is provided');
    if (resourceVersion === '')
      throw listForbidden(
        field,
        'resourceVersionMatch is forbidden unless resourceVersion is provided',
      );
    if (match === 'Exact' && resourceVersion === '0')
      throw listForbidden(
        field,
        'resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
      );
  }
  if (continued && resourceVersion !== '' && resourceVersion !== '0')
    throw badRequest('specifying resource version is not allowed when using continue');
}

/** 422 as for ListOptions that contradict themselves. */
export function listForbidden(field: string, why: string): ApiError {
  const cause: StatusCause = { reason: 'FieldValueForbidden', message: `Forbidden: ${why}`, field };
  return new ApiError(
    'Invalid',
    `ListOptions.meta.k8s.io "" is invalid: ${field}: Forbidden: ${why}`,
    {
      details: { group: 'meta.k8s.io', kind: 'ListOptions', causes: [cause] },
    },
  );
}
