/** Follows the federation's CustomResourceDefinitions: what they describe is served at once. */
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Store } from '../../store/store.ts';
import type { Catalog } from '../catalog.ts';
import { type Collections, type LiveCollection, prefixOf } from '../registry/collections.ts';
import type { StoredItem } from '../registry/item.ts';
import { type CustomKind, isEstablished, readDefinition } from './custom-kind.ts';

const definitions = { group: 'apiextensions.k8s.io', resource: 'customresourcedefinitions' };
const prefix = prefixOf(definitions);

export interface ServedDefinitionsOptions {
  readonly store: Store;
  readonly catalog: Catalog;
  readonly collections: Collections;
  readonly logger: Logger;
}

export class ServedDefinitions {
  readonly #options: ServedDefinitionsOptions;
  #live: LiveCollection | undefined;
  #unsubscribe: (() => void) | undefined;
  #kinds = new Map<string, CustomKind>();

  constructor(options: ServedDefinitionsOptions) {
    this.#options = options;
  }

  /** Resolves when the kinds of all definitions are served. */
  async start(): Promise<void> {
    const { collections, store } = this.#options;
    this.#live = await collections.load(definitions);
    // The collections follow the same commits and have subscribed before.
    this.#unsubscribe = store.subscribe((changes) => {
      if (changes.some(({ key }) => key.startsWith(prefix))) void this.#refresh();
    });
    await this.#refresh();
  }

  stop(): void {
    this.#unsubscribe?.();
  }

  async #refresh(): Promise<void> {
    const kinds = new Map<string, CustomKind>();
    this.#live!.items.visit('', (key, item) => {
      const kind = this.#read(key, item);
      if (kind !== undefined) kinds.set(key, kind);
    });
    const before = this.#kinds;
    const same = kinds.size === before.size && [...kinds].every(([k, v]) => before.get(k) === v);
    if (same) return;
    this.#kinds = kinds;
    try {
      await this.#options.catalog.setCustom([...kinds.values()]);
    } catch (error) {
      this.#options.logger.error('custom kinds cannot be served', { error: messageOf(error) });
    }
  }

  #read(key: string, item: StoredItem): CustomKind | undefined {
    const known = this.#kinds.get(key);
    if (known?.revision === item.resourceVersion) return known;
    const definition = item.object();
    if (!isEstablished(definition)) return undefined;
    const kind = readDefinition(definition);
    return kind.versions.length === 0 ? undefined : kind;
  }
}
