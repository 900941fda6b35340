/**
 * The catalog in the store: a record per type set, OpenAPI documents by digest, the version each
 * resource is stored in.
 */
import { gunzipSync, gzipSync } from 'node:zlib';
import type { Operation, Store } from '../../store/store.ts';
import { sanitize } from './discovered.ts';
import type { Documents } from './documents.ts';
import type { TypeSet } from './union.ts';

const setsPrefix = '/catalog/sets/';
const documentsPrefix = '/catalog/documents/';
const storedVersionsKey = '/catalog/stored-versions';

/** 'deployments.apps' → 'v1'. */
export type StoredVersions = ReadonlyMap<string, string>;

interface SetRecord {
  readonly name: string;
  readonly version: string;
  readonly groups: TypeSet['groups'];
  readonly documents: Readonly<Record<string, string>>;
}

export class CatalogPersistence {
  readonly #store: Store;
  readonly #documents: Documents;
  /** Digests that are in the store. */
  readonly #saved = new Set<string>();

  constructor(store: Store, documents: Documents) {
    this.#store = store;
    this.#documents = documents;
  }

  async load(): Promise<{ sets: TypeSet[]; storedVersions: Map<string, string> }> {
    const [sets, documents, versions] = await Promise.all([
      this.#store.range({ prefix: setsPrefix }),
      this.#store.range({ prefix: documentsPrefix }),
      this.#store.get(storedVersionsKey),
    ]);
    for (const { key, value } of documents.entries) {
      const digest = key.slice(documentsPrefix.length);
      this.#documents.restore(digest, value);
      this.#saved.add(digest);
    }
    const stored = versions === undefined ? {} : JSON.parse(versions.value.toString('utf8'));
    return {
      sets: sets.entries.map(({ value }) => setOf(JSON.parse(gunzipSync(value).toString('utf8')))),
      storedVersions: new Map(Object.entries(stored as Record<string, string>)),
    };
  }

  /** Writes what changed in one commit; `gone`: sets to forget, `wanted`: documents that stay. */
  async save(changes: {
    readonly set?: TypeSet | undefined;
    readonly gone: readonly string[];
    readonly wanted?: ReadonlySet<string>;
    readonly storedVersions: StoredVersions;
  }): Promise<void> {
    const operations: Operation[] = changes.gone.map((name) => ({ delete: setsPrefix + name }));
    if (changes.set !== undefined) {
      operations.push({ put: setsPrefix + changes.set.name, value: recordOf(changes.set) });
      for (const digest of digestsOf([changes.set])) this.#saveDocument(digest, operations);
    }
    const { wanted = this.#saved } = changes;
    const forgotten = [...this.#saved].filter((digest) => !wanted.has(digest));
    for (const digest of forgotten) operations.push({ delete: documentsPrefix + digest });
    const versions = Object.fromEntries(changes.storedVersions);
    operations.push({ put: storedVersionsKey, value: Buffer.from(JSON.stringify(versions)) });
    await this.#store.commit(operations);
    for (const digest of forgotten) this.#saved.delete(digest);
  }

  #saveDocument(digest: string, operations: Operation[]): void {
    const packed = this.#documents.packed(digest);
    if (packed === undefined || this.#saved.has(digest)) return;
    this.#saved.add(digest);
    operations.push({ put: documentsPrefix + digest, value: packed });
  }
}

/** Every document that these sets refer to. */
export function digestsOf(sets: Iterable<TypeSet>): Set<string> {
  const digests = new Set<string>();
  for (const { documents } of sets) for (const digest of documents.values()) digests.add(digest);
  return digests;
}

function recordOf(set: TypeSet): Buffer {
  const { name, version, groups } = set;
  const documents = Object.fromEntries(set.documents);
  const record: SetRecord = {
    name,
    version,
    groups,
    documents,
  };
  return gzipSync(JSON.stringify(record));
}

function setOf({ name, version, groups, documents }: SetRecord): TypeSet {
  return {
    name,
    version,
    groups: sanitize({ items: groups }, () => false).items,
    documents: new Map(Object.entries(documents)),
  };
}
