/** Commits one object's change, and words what the store refuses. */
import { encodeObject } from '../../kube/json.ts';
import type { KubeObject } from '../../kube/object.ts';
import type { ResourceType } from '../../kube/resource.ts';
import { ApiError, conflict } from '../../kube/status.ts';
import { type Operation, type Store, StoreFullError } from '../../store/store.ts';
import type { Collections, LiveCollection } from './collections.ts';
import { itemOfEntry, type StoredItem } from './item.ts';

export class Commits {
  readonly #store: Store;
  readonly #collections: Collections;

  constructor(store: Store, collections: Collections) {
    this.#store = store;
    this.#collections = collections;
  }

  /**
   * The operation that writes an object; `object` carries no resourceVersion and is never changed
   * again.
   */
  put(key: string, object: KubeObject, expect: number | undefined): Operation & { put: string } {
    const value = encodeObject(object);
    this.#collections.announce(value, object);
    return { put: key, value, expect };
  }

  /** Commits a put (and what goes with it) and gives the new item. @throws PreconditionError */
  async write(
    live: LiveCollection,
    put: Operation & { put: string },
    others: readonly Operation[] = [],
  ): Promise<StoredItem> {
    const revision = await this.run([put, ...others]);
    const item = live.items.get(put.put.slice(live.items.prefix.length));
    if (item?.revision === revision) return item;
    // Another write was quicker than this promise: what was written is still what we answer.
    const entry = {
      key: put.put,
      value: (put as { value: Buffer }).value,
      createRevision: revision,
      modRevision: revision,
    };
    return itemOfEntry(entry, { readFields: live.items.readFields });
  }

  /** @throws PreconditionError; ApiError when the disk is full */
  async run(operations: readonly Operation[]): Promise<number> {
    try {
      return await this.#store.commit(operations);
    } catch (cause) {
      if (!(cause instanceof StoreFullError)) throw cause;
      const message =
        'the disk of the federation is full: nothing was written; free some space and try again';
      throw new ApiError('InternalError', message, { code: 507, cause });
    }
  }
}

/** 409: somebody else was quicker. */
export function modified(type: ResourceType, name: string): ApiError {
  const why =
    'the object has been modified; please apply your changes to the latest version and try again';
  return conflict(type, name, why);
}
