/** A backend in a Map, just enough of one to test the handlers above it. */
import { randomUUID } from 'node:crypto';
import { Channel } from '../../base/channel.ts';
import { encodeObject, spliceResourceVersion } from '../../kube/json.ts';
import type { KubeObject } from '../../kube/object.ts';
import type { ResourceType } from '../../kube/resource.ts';
import { matchLabels } from '../../kube/selector.ts';
import { ApiError, alreadyExists, notFound } from '../../kube/status.ts';
import type {
  Backend,
  DeleteOptions,
  Item,
  ListRequest,
  ListResult,
  ObjectRef,
  PatchType,
  RequestContext,
  WatchEvent,
  WatchRequest,
  WatchStream,
  WriteBody,
  WriteOptions,
  WriteResult,
} from '../backend.ts';

export function resourceType(
  overrides: Partial<ResourceType> & Pick<ResourceType, 'kind' | 'resource'>,
): ResourceType {
  return {
    group: '',
    version: 'v1',
    singular: overrides.kind.toLowerCase(),
    listKind: `${overrides.kind}List`,
    namespaced: true,
    verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
    shortNames: [],
    categories: [],
    subresources: [],
    ...overrides,
  };
}

export class MemoryBackend implements Backend {
  readonly items = new Map<string, Item>();
  /** What was asked of it, newest last. */
  readonly calls: { readonly verb: string; readonly argument: unknown }[] = [];
  readonly watchers = new Set<Channel<WatchEvent>>();
  /** Thrown by the next call. */
  failure: unknown;
  #revision = 100;

  get revision(): string {
    return String(this.#revision);
  }

  /** The options of the last write or deletion. */
  get lastOptions(): Partial<WriteOptions & DeleteOptions> | undefined {
    const argument = this.calls.at(-1)?.argument as { options?: object } | undefined;
    return argument?.options;
  }

  #called(verb: string, argument: unknown): void {
    this.calls.push({ verb, argument });
    const { failure } = this;
    this.failure = undefined;
    if (failure !== undefined) throw failure;
  }

  put(object: KubeObject): Item {
    this.#revision++;
    const metadata = { ...object.metadata, uid: object.metadata.uid ?? randomUUID() };
    const item = itemOf({ ...object, metadata }, String(this.#revision));
    const key = `${item.namespace}/${item.name}`;
    const type = this.items.has(key) ? 'MODIFIED' : 'ADDED';
    this.items.set(key, item);
    this.emit([{ type, item }]);
    return item;
  }

  emit(events: readonly WatchEvent[]): void {
    for (const watcher of this.watchers) watcher.push(events);
  }

  async get(_context: RequestContext, ref: ObjectRef): Promise<Item> {
    this.#called('get', ref);
    const item = this.items.get(`${ref.namespace}/${ref.name}`);
    if (item === undefined) throw notFound(ref.type, ref.name);
    return item;
  }

  async list(_context: RequestContext, request: ListRequest): Promise<ListResult> {
    this.#called('list', request);
    const all = [...this.items.values()].filter((item) =>
      matchLabels(request.labelSelector, item.labels),
    );
    const items = request.limit === undefined ? all : all.slice(0, request.limit);
    return {
      items,
      resourceVersion: this.revision,
      ...(items.length < all.length && {
        continue: 'more',
        remainingItemCount: all.length - items.length,
      }),
    };
  }

  async watch(context: RequestContext, request: WatchRequest): Promise<WatchStream> {
    this.#called('watch', request);
    const channel = new Channel<WatchEvent>(1000, () => this.watchers.delete(channel));
    this.watchers.add(channel);
    context.signal.addEventListener('abort', () => channel.close(), { once: true });
    if (request.sendInitialEvents) {
      for (const item of this.items.values()) channel.push([{ type: 'ADDED', item }]);
      const resourceVersion = this.revision;
      channel.push([{ type: 'BOOKMARK', resourceVersion, initialEventsEnd: true }]);
    }
    return channel;
  }

  async create(
    context: RequestContext,
    ref: ObjectRef,
    body: WriteBody,
    options: WriteOptions,
  ): Promise<WriteResult> {
    this.#called('create', { ref, body, options });
    for (const problem of body.problems) context.warn(problem);
    if (this.items.has(`${ref.namespace}/${body.object.metadata.name}`))
      throw alreadyExists(ref.type, body.object.metadata.name!);
    return { item: this.put(body.object), created: true };
  }

  async update(
    _context: RequestContext,
    ref: ObjectRef,
    body: WriteBody,
    options: WriteOptions,
  ): Promise<WriteResult> {
    this.#called('update', { ref, body, options });
    return { item: this.put(body.object), created: false };
  }

  async patch(
    _context: RequestContext,
    ref: ObjectRef,
    patch: { type: PatchType; body: Buffer },
    options: WriteOptions,
  ): Promise<WriteResult> {
    this.#called('patch', { ref, patch, options });
    const item = this.items.get(`${ref.namespace}/${ref.name}`);
    if (item === undefined) throw notFound(ref.type, ref.name);
    return { item, created: false };
  }

  async delete(
    _context: RequestContext,
    ref: ObjectRef,
    options: DeleteOptions,
  ): Promise<{ item: Item; gone: boolean }> {
    this.#called('delete', { ref, options });
    const key = `${ref.namespace}/${ref.name}`;
    const item = this.items.get(key);
    if (item === undefined) throw notFound(ref.type, ref.name);
    this.items.delete(key);
    return { item, gone: true };
  }

  async deleteCollection(
    _context: RequestContext,
    request: ListRequest,
    options: DeleteOptions,
  ): Promise<ListResult> {
    this.#called('deletecollection', { request, options });
    const items = [...this.items.values()];
    this.items.clear();
    return { items, resourceVersion: this.revision };
  }
}

export function itemOf(object: KubeObject, resourceVersion: string): Item {
  const bytes = spliceResourceVersion(encodeObject(object), resourceVersion);
  return {
    namespace: object.metadata.namespace ?? '',
    name: object.metadata.name ?? '',
    uid: object.metadata.uid ?? '',
    resourceVersion,
    labels: object.metadata.labels ?? {},
    bytes,
    object: () => JSON.parse(bytes.toString('utf8')) as KubeObject,
  };
}

/** 410, as a backend answers a watch from a forgotten revision. */
export function expired(): ApiError {
  return new ApiError('Expired', 'too old resource version: 1 (100)');
}
