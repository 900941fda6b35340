/** Reads which types a member serves, when it comes and whenever its CRDs or APIServices change. */

import { OpenapiDocument } from '../apiserver/catalog/documents.ts';
import type { AggregatedDiscovery, DiscoveredGroup, MemberTypes } from '../apiserver/catalog.ts';
import { Backoff } from '../base/backoff.ts';
import type { Clock, Timer } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import { type Logger, silentLogger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { Informer } from '../client/informer.ts';
import type { RestClient } from '../client/rest.ts';
import type { Room } from '../client/room.ts';
import { isObject, valueAt } from '../kube/object.ts';
import { ApiError } from '../kube/status.ts';

export interface CatalogReaderOptions {
  readonly client: RestClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log?: Logger;
  readonly room?: Room;
  /** Shared by all members: equal documents are held once and fetched once. */
  readonly documents: OpenapiDocuments;
  /** Called when something has changed; a rejection is tried again. */
  readonly onTypes: (types: MemberTypes) => Promise<void> | void;
}

/**
 * When to look after a CRD or APIService has changed, milliseconds: its documents follow with a
 * delay.
 */
const looksMs = [50, 500, 1500, 4000, 10_000];

/** Even without a hint, as aggregated servers change by themselves. */
const everyMs = 600_000;

const discoveryAccept = ['v2', 'v2beta1']
  .map((v) => `application/json;g=apidiscovery.k8s.io;v=${v};as=APIGroupDiscoveryList`)
  .concat('application/json')
  .join(',');

/** Documents fetched at one time. */
const fetches = 4;

export class CatalogReader {
  readonly #options: CatalogReaderOptions;
  readonly #log: Logger;
  readonly #backoff: Backoff;
  readonly #watchers: readonly Informer<object>[];
  readonly #abort = new AbortController();
  #timers: Timer[] = [];
  #running = false;
  #again = false;
  /** What was handed over last, to tell whether anything is new. */
  #handed = '';
  #documents: MemberTypes['openapiV3'] = new Map();

  constructor(options: CatalogReaderOptions) {
    const { client, clock, random, room } = options;
    this.#options = options;
    this.#log = options.log ?? silentLogger;
    this.#backoff = new Backoff({ firstMs: 500, maxMs: 30_000 }, random);
    this.#watchers = [
      '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
      '/apis/apiregistration.k8s.io/v1/apiservices',
    ].map(
      (target) =>
        new Informer<object>({
          client,
          target,
          clock,
          random,
          transform: () => noted,
          ...(room && { room }),
        }),
    );
    for (const watcher of this.#watchers) {
      watcher.onChange(() => {
        if (watcher.synced) this.#lookSoon();
      });
    }
  }

  /** Begins: reads at once, then follows. */
  start(): void {
    for (const watcher of this.#watchers) watcher.start();
    this.#schedule([0]);
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    this.#cancel();
    await Promise.all(this.#watchers.map((watcher) => watcher.stop()));
    this.#options.documents.exchange(this.#documents, new Map());
    this.#documents = new Map();
  }

  /** The member is back: look now, whatever the backoff had in mind. */
  restart(): void {
    for (const watcher of this.#watchers) watcher.restart();
    this.#backoff.reset();
    this.#schedule([0]);
  }

  #lookSoon(): void {
    this.#schedule(looksMs);
  }

  #schedule(delays: readonly number[]): void {
    if (this.#abort.signal.aborted) return;
    this.#cancel();
    this.#timers = delays.map((delay) => this.#options.clock.after(delay, () => this.#look()));
  }

  #cancel(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers = [];
  }

  #look(): void {
    if (this.#running) {
      this.#again = true;
      return;
    }
    this.#running = true;
    void this.#read();
  }

  async #read(): Promise<void> {
    try {
      await this.#readOnce();
      this.#backoff.reset();
      this.#timers.push(this.#options.clock.after(everyMs, () => this.#look()));
    } catch (error) {
      if (!this.#abort.signal.aborted) {
        this.#log.debug('could not read the types of a member', { error: messageOf(error) });
        this.#timers.push(this.#options.clock.after(this.#backoff.next(), () => this.#look()));
      }
    }
    this.#running = false;
    if (!this.#again || this.#abort.signal.aborted) return;
    this.#again = false;
    this.#look();
  }

  async #readOnce(): Promise<void> {
    const { client, onTypes } = this.#options;
    const signal = this.#abort.signal;
    const [version, discovery] = await Promise.all([
      client.get('/version', { signal }),
      readDiscovery(client, signal),
    ]);
    const gitVersion = String(valueAt(version.object(), 'gitVersion') ?? '').slice(0, 64);
    const documents = await this.#readV3();
    const state = JSON.stringify([
      gitVersion,
      discovery,
      [...documents].map(([path, { hash }]) => [path, hash]),
    ]);
    if (state === this.#handed || signal.aborted) return;
    await onTypes({ version: gitVersion, discovery, openapiV3: documents });
    // Stopped meanwhile: what stop() has given back must not be taken again.
    if (signal.aborted) return;
    this.#options.documents.exchange(this.#documents, documents);
    this.#documents = documents;
    this.#handed = state;
  }

  async #readV3(): Promise<MemberTypes['openapiV3']> {
    const { client, documents } = this.#options;
    const signal = this.#abort.signal;
    const root = await client.get('/openapi/v3', { signal });
    const paths = valueAt(root.object(), 'paths');
    const found = new Map<string, OpenapiDocument>();
    const wanted = Object.entries(isObject(paths) ? paths : {}).flatMap(([path, entry]) => {
      const url = valueAt(entry, 'serverRelativeURL');
      return typeof url === 'string' && url.startsWith('/openapi/v3/') ? [{ path, url }] : [];
    });
    let next = 0;
    const fetchSome = async (): Promise<void> => {
      for (let item = wanted[next++]; item !== undefined; item = wanted[next++]) {
        const { path, url } = item;
        const hash = new URL(url, 'http://member').searchParams.get('hash') ?? '';
        const known = this.#documents.get(path);
        const document =
          hash !== '' && known?.hash === hash
            ? known
            : await documents.get(`${path}#${hash}`, hash !== '', () =>
                fetchV3(client, { url, hash }, signal),
              );
        if (document !== undefined) found.set(path, document);
      }
    };
    await Promise.all(Array.from({ length: fetches }, fetchSome));
    // In the order of their paths, whatever came first over the wire.
    return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}

const noted = {};

const openBrace = 0x7b;

async function fetchV3(
  client: RestClient,
  { url, hash }: { url: string; hash: string },
  signal: AbortSignal,
): Promise<OpenapiDocument | undefined> {
  try {
    const { bytes } = await client.get(url, { signal });
    // Of a group that goes just now, a real kube-apiserver answers 200 and nothing.
    return bytes[0] === openBrace ? new OpenapiDocument(hash, bytes) : undefined;
  } catch (error) {
    // An aggregated server that is down takes nothing but its own types with it.
    if (error instanceof ApiError && (error.code === 404 || error.code === 503)) return undefined;
    throw error;
  }
}

/**
 * /api and /apis as one list of groups. @throws ApiError when the server knows no aggregated
 * discovery.
 */
export async function readDiscovery(
  client: RestClient,
  signal?: AbortSignal,
): Promise<AggregatedDiscovery> {
  const headers = { accept: discoveryAccept };
  const answers = await Promise.all(
    ['/api', '/apis'].map((path) => client.get(path, { headers, signal })),
  );
  const items = answers.flatMap((answer) => {
    const list = answer.object<{ kind?: string; items?: DiscoveredGroup[] }>();
    if (list.kind !== 'APIGroupDiscoveryList') {
      throw new ApiError(
        'NotAcceptable',
        'the cluster serves no aggregated discovery (Kubernetes 1.27 and later do)',
      );
    }
    return list.items ?? [];
  });
  return { items };
}

/** OpenAPI documents by path and hash; members of one Kubernetes version share them. */
export class OpenapiDocuments {
  readonly #known = new Map<string, { readonly document: OpenapiDocument; users: number }>();
  readonly #pending = new Map<string, Promise<OpenapiDocument | undefined>>();

  /** How many different documents are held. */
  get size(): number {
    return this.#known.size;
  }

  /** The document under `key`, fetched unless somebody holds it or is fetching it. */
  async get(
    key: string,
    shareable: boolean,
    fetch: () => Promise<OpenapiDocument | undefined>,
  ): Promise<OpenapiDocument | undefined> {
    if (!shareable) return fetch();
    const known = this.#known.get(key);
    if (known !== undefined) return known.document;
    const pending = this.#pending.get(key);
    if (pending !== undefined) {
      // The other member may have failed for reasons of its own.
      const shared = await pending.catch(() => undefined);
      if (shared !== undefined) return shared;
    }
    const fetching = fetch();
    this.#pending.set(key, fetching);
    try {
      const document = await fetching;
      if (document !== undefined) this.#known.set(key, { document, users: 0 });
      return document;
    } finally {
      if (this.#pending.get(key) === fetching) this.#pending.delete(key);
    }
  }

  /** A member's documents take the place of those it had; what nobody has any more is forgotten. */
  exchange(before: MemberTypes['openapiV3'], now: MemberTypes['openapiV3']): void {
    this.#count(now, 1);
    this.#count(before, -1);
    for (const [key, { users }] of this.#known) if (users <= 0) this.#known.delete(key);
  }

  #count(documents: MemberTypes['openapiV3'], by: number): void {
    for (const [path, { hash }] of documents) {
      const known = this.#known.get(`${path}#${hash}`);
      if (known !== undefined) known.users += by;
    }
  }
}
