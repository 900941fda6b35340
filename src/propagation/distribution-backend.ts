/** Serves Distributions: computed when somebody looks, watched without being stored. */
import { distributionKind } from '../api/distribution.ts';
import type {
  Backend,
  Item,
  ListRequest,
  ListResult,
  ObjectRef,
  RequestContext,
  WatchEvent,
  WatchRequest,
  WatchStream,
} from '../apiserver/backend.ts';
import { Channel } from '../base/channel.ts';
import { encodeObject, spliceResourceVersion } from '../kube/json.ts';
import type { KubeObject } from '../kube/object.ts';
import type { ResourceType } from '../kube/resource.ts';
import { matchFields, matchLabels } from '../kube/selector.ts';
import { ApiError, notFound } from '../kube/status.ts';
import type { MemberSet } from '../members/member-set.ts';
import { distributionName, distributionOf } from './distribution.ts';
import type { Unit, Units } from './unit.ts';

export interface DistributionBackendOptions {
  readonly units: Units;
  readonly members: MemberSet;
  /** The newest resourceVersion that the federation serves, as a number line that ours joins. */
  revision(): bigint;
}

/** Changes remembered for watches that resume, and events that a slow watcher may owe. */
const historyMax = 10_000;
const pendingMax = 10_000;

interface Change {
  readonly revision: bigint;
  readonly unit: Unit;
}

interface Watcher {
  readonly channel: Channel<WatchEvent>;
  readonly request: WatchRequest;
  readonly known: Set<string>;
}

export class DistributionBackend implements Backend {
  readonly #options: DistributionBackendOptions;
  readonly #watchers = new Set<Watcher>();
  readonly #revisions = new WeakMap<Unit, bigint>();
  #history: Change[] = [];
  #last: bigint;
  readonly #first: bigint;

  constructor(options: DistributionBackendOptions) {
    this.#options = options;
    this.#first = options.revision();
    this.#last = this.#first;
    options.units.onChange((unit) => this.#changed(unit));
  }

  async get(_context: RequestContext, ref: ObjectRef): Promise<Item> {
    for (const unit of this.#options.units.all()) {
      if (!serves(ref.type, unit) || unit.namespace !== ref.namespace) continue;
      if (distributionName(unit) !== ref.name) continue;
      const item = this.#item(unit);
      if (item !== undefined) return item;
    }
    throw notFound(ref.type, ref.name);
  }

  async list(_context: RequestContext, request: ListRequest): Promise<ListResult> {
    const items: Item[] = [];
    for (const unit of this.#options.units.all()) {
      const item = this.#selected(unit, request);
      if (item !== undefined) items.push(item);
    }
    items.sort((a, b) => (`${a.namespace}/${a.name}` < `${b.namespace}/${b.name}` ? -1 : 1));
    return { items, resourceVersion: String(this.#advance()) };
  }

  async watch(context: RequestContext, request: WatchRequest): Promise<WatchStream> {
    const watcher: Watcher = {
      request,
      known: new Set(),
      channel: new Channel<WatchEvent>(pendingMax, () => this.#watchers.delete(watcher)),
    };
    const from = request.resourceVersion ?? '';
    const initial = request.sendInitialEvents || from === '' || from === '0';
    if (!initial && BigInt(from) < this.#oldest()) {
      throw new ApiError('Expired', `too old resource version: ${from} (${this.#oldest()})`);
    }
    const since = initial ? -1n : BigInt(from);
    for (const unit of this.#options.units.all()) {
      const item = this.#selected(unit, request);
      if (item === undefined) continue;
      watcher.known.add(unit.key);
      if (initial) watcher.channel.push([{ type: 'ADDED', item }]);
      else if ((this.#revisions.get(unit) ?? 0n) > since)
        watcher.channel.push([{ type: 'MODIFIED', item }]);
    }
    if (request.sendInitialEvents) {
      const resourceVersion = String(this.#advance());
      watcher.channel.push([{ type: 'BOOKMARK', resourceVersion, initialEventsEnd: true }]);
    }
    this.#watchers.add(watcher);
    context.signal.addEventListener('abort', () => watcher.channel.close(), { once: true });
    return watcher.channel;
  }

  create(_context: RequestContext, ref: ObjectRef): Promise<never> {
    return readOnly(ref.type);
  }

  update(_context: RequestContext, ref: ObjectRef): Promise<never> {
    return readOnly(ref.type);
  }

  patch(_context: RequestContext, ref: ObjectRef): Promise<never> {
    return readOnly(ref.type);
  }

  delete(_context: RequestContext, ref: ObjectRef): Promise<never> {
    return readOnly(ref.type);
  }

  deleteCollection(_context: RequestContext, request: ListRequest): Promise<never> {
    return readOnly(request.type);
  }

  #oldest(): bigint {
    return this.#history.length < historyMax ? this.#first : this.#history[0]!.revision;
  }

  #advance(): bigint {
    const stored = this.#options.revision();
    if (stored > this.#last) this.#last = stored;
    return this.#last;
  }

  #changed(unit: Unit): void {
    this.#advance();
    this.#last += 1n;
    this.#revisions.set(unit, this.#last);
    this.#history.push({ revision: this.#last, unit });
    if (this.#history.length > 2 * historyMax) this.#history = this.#history.slice(-historyMax);
    for (const watcher of this.#watchers) this.#tell(watcher, unit);
  }

  #tell(watcher: Watcher, unit: Unit): void {
    if (!serves(watcher.request.type, unit)) return;
    const item = this.#selected(unit, watcher.request);
    const known = watcher.known.has(unit.key);
    if (item !== undefined) {
      watcher.known.add(unit.key);
      watcher.channel.push([{ type: known ? 'MODIFIED' : 'ADDED', item }]);
    } else if (known) {
      watcher.known.delete(unit.key);
      watcher.channel.push([{ type: 'DELETED', item: this.#gone(unit, watcher.request.type) }]);
    }
  }

  #selected(unit: Unit, request: ListRequest | WatchRequest): Item | undefined {
    if (!serves(request.type, unit)) return undefined;
    if (request.namespace !== '' && request.namespace !== unit.namespace) return undefined;
    const item = this.#item(unit);
    if (item === undefined || !matchLabels(request.labelSelector, item.labels)) return undefined;
    const fields: Record<string, string> = {
      'metadata.name': item.name,
      'metadata.namespace': item.namespace,
    };
    return matchFields(request.fieldSelector, (field) => fields[field] ?? '') ? item : undefined;
  }

  #item(unit: Unit): Item | undefined {
    const revision = String(this.#revisions.get(unit) ?? this.#first);
    const object = distributionOf(unit, this.#options.members.list(), revision);
    return object === undefined ? undefined : itemOf(object);
  }

  #gone(unit: Unit, type: ResourceType): Item {
    return itemOf({
      apiVersion: 'ubernetes.dev/v1alpha1',
      kind: type.kind,
      metadata: {
        name: distributionName(unit),
        ...(unit.namespace === '' ? {} : { namespace: unit.namespace }),
        resourceVersion: String(this.#last),
      },
    });
  }
}

function serves(type: ResourceType, unit: Unit): boolean {
  return (type.kind === distributionKind.type.kind) === (unit.namespace !== '');
}

function itemOf(object: KubeObject): Item {
  const {
    name = '',
    namespace = '',
    uid = '',
    resourceVersion = '',
    labels = {},
  } = object.metadata;
  return {
    name,
    namespace,
    uid,
    resourceVersion,
    labels,
    bytes: spliceResourceVersion(encodeObject(object), resourceVersion),
    object: () => object,
  };
}

function readOnly(type: ResourceType): Promise<never> {
  const message = `${type.resource} are computed by the federation and cannot be written`;
  return Promise.reject(new ApiError('MethodNotAllowed', message));
}
