/** What stands in a store, followed commit by commit, to be looked at without asking anybody. */
import type { KubeObject } from '../src/kube/object.ts';
import type { Change, Store } from '../src/store/store.ts';

interface Kept {
  readonly bytes: Buffer;
  readonly revision: number;
  object: KubeObject | undefined;
}

export type CommitListener = (changes: readonly Change[], mirror: Mirror) => void;

export class Mirror {
  readonly #kept = new Map<string, Kept>();
  readonly #listeners: CommitListener[] = [];
  #detach: (() => void) | undefined;

  onCommit(listener: CommitListener): void {
    this.#listeners.push(listener);
  }

  /** As it is now, following nothing. */
  copy(): Mirror {
    const copy = new Mirror();
    for (const [key, kept] of this.#kept) copy.#kept.set(key, kept);
    return copy;
  }

  /** Follows another store from now on: the one before was lost in a crash. */
  async attach(store: Store): Promise<void> {
    this.#detach?.();
    this.#kept.clear();
    const { entries } = await store.range({ prefix: '/registry/' });
    for (const { key, value, modRevision } of entries) {
      this.#kept.set(key, { bytes: value, revision: modRevision, object: undefined });
    }
    this.#detach = store.subscribe((changes) => {
      for (const { key, entry } of changes) {
        if (entry === undefined) this.#kept.delete(key);
        else {
          const { value, modRevision } = entry;
          this.#kept.set(key, { bytes: value, revision: modRevision, object: undefined });
        }
      }
      for (const listener of this.#listeners) listener(changes, this);
    });
  }

  get(key: string): KubeObject | undefined {
    const kept = this.#kept.get(key);
    if (kept === undefined) return undefined;
    kept.object ??= JSON.parse(kept.bytes.toString('utf8')) as KubeObject;
    return kept.object;
  }

  bytes(key: string): Buffer | undefined {
    return this.#kept.get(key)?.bytes;
  }

  /** Keys and objects under a prefix, in order. */
  under(prefix: string): (readonly [string, KubeObject])[] {
    const keys = [...this.#kept.keys()].filter((key) => key.startsWith(prefix)).sort();
    return keys.map((key) => [key, this.get(key)!] as const);
  }
}

/** The key of an object in the stores of federation and members alike. */
export function storeKey(target: {
  readonly group: string;
  readonly resource: string;
  readonly namespace?: string | undefined;
  readonly name: string;
}): string {
  const { group, resource, namespace, name } = target;
  const below = namespace ? `${namespace}/${name}` : name;
  return `/registry/${group === '' ? 'core' : group}/${resource}/${below}`;
}
