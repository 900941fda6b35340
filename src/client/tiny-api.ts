/**
 * A few collections behind a Transport, with list, watch and writes, that misbehaves on request:
 * for tests of clients.
 */
import { isObject, type KubeObject } from '../kube/object.ts';
import type { Transport, TransportRequest, TransportResponse } from './transport.ts';
import { TransportError } from './transport.ts';

interface Logged {
  readonly revision: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly collection: string;
  readonly object: KubeObject;
}

interface OpenWatch {
  readonly collection: string;
  readonly push: (frame: object) => void;
  readonly end: (error?: Error) => void;
}

/**
 * Paths are taken as they are: what stands before the last '/' names the collection unless a list
 * was made there.
 */
export class TinyApi implements Transport {
  /** Requests in the order they came: 'GET /path?query'. */
  readonly requests: string[] = [];
  /** What happens to sendInitialEvents: served, refused with 422, or not understood. */
  watchList: 'served' | 'refused' | 'ignored' = 'served';
  /** While true no request gets an answer. */
  down = false;
  /** Answers before anything else is looked at. */
  intercept: ((request: TransportRequest) => TransportResponse | undefined) | undefined;
  /** Events at or below it are forgotten. */
  compacted = 0;
  #revision = 0;
  readonly #objects = new Map<string, Map<string, KubeObject>>();
  readonly #log: Logged[] = [];
  readonly #watches = new Set<OpenWatch>();
  readonly #collections: readonly string[];

  /** `collections`: their paths, such as '/api/v1/namespaces/default/configmaps'. */
  constructor(collections: readonly string[]) {
    this.#collections = collections;
    for (const path of collections) this.#objects.set(path, new Map());
  }

  get openWatches(): number {
    return this.#watches.size;
  }

  get revision(): number {
    return this.#revision;
  }

  /** Writes an object behind everybody's back, as another client would. */
  put(collection: string, object: KubeObject): KubeObject {
    const objects = this.#objects.get(collection)!;
    const name = object.metadata.name!;
    const old = objects.get(name);
    const stored = structuredClone(object);
    stored.metadata.uid = old?.metadata.uid ?? `uid-${this.#revision + 1}`;
    stored.metadata.resourceVersion = String(++this.#revision);
    objects.set(name, stored);
    this.#publish(old === undefined ? 'ADDED' : 'MODIFIED', collection, stored);
    return stored;
  }

  remove(collection: string, name: string): KubeObject | undefined {
    const old = this.#objects.get(collection)!.get(name);
    if (old === undefined) return undefined;
    this.#objects.get(collection)!.delete(name);
    const last = structuredClone(old);
    last.metadata.resourceVersion = String(++this.#revision);
    this.#publish('DELETED', collection, last);
    return last;
  }

  get(collection: string, name: string): KubeObject | undefined {
    return this.#objects.get(collection)?.get(name);
  }

  /** Ends every open watch, with an error or as after timeoutSeconds. */
  breakWatches(error?: Error): void {
    for (const watch of [...this.#watches]) watch.end(error);
  }

  /** Sends a frame to every open watch as it stands. */
  inject(frame: object): void {
    for (const watch of [...this.#watches]) watch.push(frame);
  }

  async request(request: TransportRequest): Promise<TransportResponse> {
    this.requests.push(`${request.method} ${request.path}`);
    await Promise.resolve();
    if (request.signal?.aborted) throw new TransportError('aborted');
    const special = this.intercept?.(request);
    if (special !== undefined) return special;
    if (this.down) throw new TransportError('connection refused');
    const url = new URL(request.path, 'http://tiny');
    const collection = this.#collections.find((path) => path === url.pathname);
    if (collection !== undefined) {
      if (request.method === 'POST') return this.#create(collection, request);
      if (url.searchParams.get('watch') === 'true') return this.#watch(collection, url, request);
      return this.#list(collection, url);
    }
    return this.#single(url.pathname, request);
  }

  async close(): Promise<void> {
    this.breakWatches();
  }

  #list(collection: string, url: URL): TransportResponse {
    const all = [...this.#objects.get(collection)!.values()].sort((a, b) =>
      a.metadata.name! < b.metadata.name! ? -1 : 1,
    );
    const limit = Number(url.searchParams.get('limit') ?? 0) || all.length;
    const start = Number(url.searchParams.get('continue') ?? 0);
    const more = start + limit < all.length;
    const metadata = {
      resourceVersion: String(this.#revision),
      ...(more ? { continue: String(start + limit) } : {}),
    };
    const items = all.slice(start, start + limit);
    return answer(200, { kind: 'List', apiVersion: 'v1', metadata, items });
  }

  #watch(collection: string, url: URL, request: TransportRequest): TransportResponse {
    const initial = url.searchParams.get('sendInitialEvents') === 'true';
    if (initial && this.watchList === 'refused') return failure(422, 'Invalid');
    const queue: Buffer[] = [];
    let wake: (() => void) | undefined;
    let ended: { error: Error | undefined } | undefined;
    const open: OpenWatch = {
      collection,
      push: (frame) => {
        queue.push(Buffer.from(`${JSON.stringify(frame)}\n`));
        wake?.();
      },
      end: (error) => {
        ended ??= { error };
        this.#watches.delete(open);
        wake?.();
      },
    };
    this.#watches.add(open);
    request.signal?.addEventListener('abort', () => open.end(new TransportError('aborted')), {
      once: true,
    });
    this.#firstEvents(open, url, initial);
    return {
      status: 200,
      headers: {},
      bytes: () => Promise.reject(new Error('a watch has no end')),
      body: (async function* () {
        try {
          for (;;) {
            while (queue.length > 0) yield queue.shift()!;
            if (ended !== undefined) {
              if (ended.error !== undefined) throw ended.error;
              return;
            }
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
          }
        } finally {
          open.end();
        }
      })(),
    };
  }

  #firstEvents(open: OpenWatch, url: URL, initial: boolean): void {
    const from = url.searchParams.get('resourceVersion') ?? '';
    if (from === '') {
      const objects = this.#objects.get(open.collection)!.values();
      for (const object of objects) open.push({ type: 'ADDED', object });
      if (initial && this.watchList === 'served') {
        open.push(bookmark(this.#revision, { 'k8s.io/initial-events-end': 'true' }));
      }
      return;
    }
    if (Number(from) < this.compacted) {
      open.push({ type: 'ERROR', object: statusOf(410, 'Expired') });
      open.end();
      return;
    }
    for (const event of this.#log) {
      if (event.collection === open.collection && event.revision > Number(from)) {
        open.push({ type: event.type, object: event.object });
      }
    }
  }

  #create(collection: string, request: TransportRequest): TransportResponse {
    const object = JSON.parse(request.body!.toString()) as KubeObject;
    if (this.#objects.get(collection)!.has(object.metadata.name!)) {
      return failure(409, 'AlreadyExists');
    }
    return answer(201, this.put(collection, object));
  }

  #single(path: string, request: TransportRequest): TransportResponse {
    const plain = path.replace(/\/status$/, '');
    const slash = plain.lastIndexOf('/');
    const collection = plain.slice(0, slash);
    const name = decodeURIComponent(plain.slice(slash + 1));
    const object = this.#objects.get(collection)?.get(name);
    if (object === undefined) return failure(404, 'NotFound');
    if (request.method === 'GET') return answer(200, object);
    if (request.method === 'DELETE') return answer(200, this.#delete(collection, object));
    const body = JSON.parse(request.body!.toString()) as KubeObject;
    const expected = body.metadata?.resourceVersion;
    if (expected !== undefined && expected !== object.metadata.resourceVersion) {
      return failure(409, 'Conflict');
    }
    const next = request.method === 'PUT' ? body : (merge(object, body) as KubeObject);
    const stored = this.put(collection, next);
    const { deletionTimestamp, finalizers = [] } = stored.metadata;
    if (deletionTimestamp !== undefined && finalizers.length === 0) this.remove(collection, name);
    return answer(200, stored);
  }

  #delete(collection: string, object: KubeObject): KubeObject {
    const { name, finalizers = [], deletionTimestamp } = object.metadata;
    if (finalizers.length === 0) return this.remove(collection, name!)!;
    if (deletionTimestamp !== undefined) return object;
    const metadata = { ...object.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' };
    return this.put(collection, { ...object, metadata });
  }

  #publish(type: Logged['type'], collection: string, object: KubeObject): void {
    this.#log.push({ revision: this.#revision, type, collection, object });
    for (const watch of [...this.#watches]) {
      if (watch.collection === collection) watch.push({ type, object });
    }
  }
}

/** RFC 7386. */
function merge(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result: Record<string, unknown> = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merge(result[key], value);
  }
  return result;
}

export function bookmark(revision: number, annotations?: Record<string, string>): object {
  return {
    type: 'BOOKMARK',
    object: { metadata: { resourceVersion: String(revision), annotations } },
  };
}

function statusOf(code: number, reason: string): object {
  return { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message: reason };
}

/** An answer with a Status body. */
export function failure(code: number, reason: string): TransportResponse {
  return answer(code, statusOf(code, reason));
}

export function answer(status: number, object: object): TransportResponse {
  const bytes = Buffer.from(JSON.stringify(object));
  return {
    status,
    headers: { 'content-type': 'application/json' },
    bytes: () => Promise.resolve(bytes),
    body: (async function* () {
      yield bytes;
    })(),
  };
}
