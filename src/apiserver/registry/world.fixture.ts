/** An API over a memory store, with short ways to say what tests say often. */
import { clusterKind } from '../../api/cluster.ts';
import { StepClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/log.ts';
import { SeededRandom } from '../../base/random.ts';
import type { KubeObject } from '../../kube/object.ts';
import type { ResourceType } from '../../kube/resource.ts';
import { parseFieldSelector, parseLabelSelector } from '../../kube/selector.ts';
import { ApiError } from '../../kube/status.ts';
import { MemoryStore } from '../../store/memory.ts';
import { type Api, type ApiOptions, createApi } from '../api.ts';
import type {
  DeleteOptions,
  Item,
  ListRequest,
  ObjectRef,
  PatchType,
  RequestContext,
  WatchEvent,
  WatchRequest,
  WriteOptions,
} from '../backend.ts';
import { loadRecordedTypes } from '../catalog/recorded.fixture.ts';
import type { ApiResponse } from '../types.ts';

export const writing: WriteOptions = {
  dryRun: false,
  fieldManager: 'test',
  fieldValidation: 'Strict',
  force: false,
};
export const deleting: DeleteOptions = { dryRun: false, preconditions: {} };

export class World {
  readonly clock = new StepClock();
  readonly store = new MemoryStore({ clock: this.clock, random: new SeededRandom(2) });
  readonly warnings: string[] = [];
  readonly context: RequestContext = {
    user: { name: 'ada', groups: [], extra: {} },
    auditId: '',
    signal: new AbortController().signal,
    warn: (text) => void this.warnings.push(text),
  };
  #api: Api | undefined;

  /** `members`: with all types of a recorded Kubernetes, else with the shipped ones only. */
  static async start(
    options: Partial<ApiOptions> & { readonly members?: boolean } = {},
  ): Promise<World> {
    const world = new World();
    await world.open(options);
    return world;
  }

  /** Starts the API again over the same store. */
  async open(options: Partial<ApiOptions> & { readonly members?: boolean } = {}): Promise<void> {
    this.#api?.close();
    const random = new SeededRandom(1);
    const { clock, store } = this;
    const base = { clock, store, random, logger: silentLogger, kinds: [clusterKind] };
    this.#api = await createApi({ ...base, ...options });
    if (options.members) await this.#api.catalog.setMember('recorded', loadRecordedTypes());
  }

  get api(): Api {
    return this.#api!;
  }

  type(path: string): ResourceType {
    const [group, version, resource] = path.split('/') as [string, string, string];
    const type = this.api.catalog.lookup(group, version, resource);
    if (type === undefined) throw new Error(`${path} is not served`);
    return type;
  }

  ref(path: string, name = '', namespace = 'default', subresource?: string): ObjectRef {
    const type = this.type(path);
    const base = { type, namespace: type.namespaced ? namespace : '', name };
    return subresource === undefined ? base : { ...base, subresource };
  }

  async create(
    path: string,
    object: object,
    { namespace = 'default', ...options }: Partial<WriteOptions> & { namespace?: string } = {},
  ): Promise<KubeObject> {
    const ref = this.ref(path, '', namespace);
    const body = { object: object as KubeObject, problems: [] };
    const all = { ...writing, ...options };
    return (await this.api.registry.create(this.context, ref, body, all)).item.object();
  }

  async configMap(name: string, more: object = {}, namespace = 'default'): Promise<KubeObject> {
    const { labels, ...rest } = more as { labels?: object };
    const metadata = { name, ...(labels === undefined ? {} : { labels }) };
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata, ...rest };
    return this.create('/v1/configmaps', object, { namespace });
  }

  /** What is no resource: discovery and documents. */
  async ask(path: string, headers: Record<string, string> = {}): Promise<ApiResponse | undefined> {
    const request = { method: 'GET', path, headers, body: undefined, signal: this.context.signal };
    for (const candidate of this.api.nonResources) {
      const response = await candidate.handle(this.context, request);
      if (response !== undefined) return response;
    }
    return undefined;
  }

  async get(ref: ObjectRef): Promise<KubeObject> {
    return (await this.api.registry.get(this.context, ref)).object();
  }

  async update(
    ref: ObjectRef,
    object: object,
    options: Partial<WriteOptions> = {},
  ): Promise<KubeObject> {
    const body = { object: object as KubeObject, problems: [] };
    const all = { ...writing, ...options };
    return (await this.api.registry.update(this.context, ref, body, all)).item.object();
  }

  async patch(
    ref: ObjectRef,
    patch: unknown,
    { type = 'merge', ...options }: Partial<WriteOptions> & { type?: string } = {},
  ): Promise<KubeObject> {
    const media = (
      type === 'apply' ? 'application/apply-patch+yaml' : `application/${type}-patch+json`
    ) as PatchType;
    const body = Buffer.from(JSON.stringify(patch));
    const all = { ...writing, ...options };
    const result = await this.api.registry.patch(this.context, ref, { type: media, body }, all);
    return result.item.object();
  }

  delete(
    ref: ObjectRef,
    options: Partial<DeleteOptions> = {},
  ): Promise<{ item: Item; gone: boolean }> {
    return this.api.registry.delete(this.context, ref, { ...deleting, ...options });
  }

  request(path: string, options: Selecting & Partial<ListRequest> = {}): ListRequest {
    const { labels = '', fields = '', ...rest } = options;
    return {
      type: this.type(path),
      namespace: '',
      labelSelector: parseLabelSelector(labels),
      fieldSelector: parseFieldSelector(fields),
      ...rest,
    };
  }

  async list(path: string, options: Selecting & Partial<ListRequest> = {}) {
    return this.api.registry.list(this.context, this.request(path, options));
  }

  async watch(path: string, options: Selecting & Partial<WatchRequest> = {}): Promise<Watched> {
    const { labels = '', fields = '', ...rest } = options;
    const request: WatchRequest = {
      type: this.type(path),
      namespace: '',
      labelSelector: parseLabelSelector(labels),
      fieldSelector: parseFieldSelector(fields),
      allowWatchBookmarks: false,
      ...rest,
    };
    const abort = new AbortController();
    const context = { ...this.context, signal: abort.signal };
    return new Watched(await this.api.registry.watch(context, request), abort);
  }
}

interface Selecting {
  readonly labels?: string;
  readonly fields?: string;
}

/** A watch read in the background. */
export class Watched {
  readonly events: WatchEvent[] = [];
  readonly #abort: AbortController;
  #ended = false;

  constructor(stream: AsyncIterable<readonly WatchEvent[]>, abort: AbortController) {
    this.#abort = abort;
    void this.#read(stream);
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** 'ADDED a', 'BOOKMARK' …: all that has come, after letting everything settle. */
  async lines(): Promise<string[]> {
    await settled();
    return this.events.map((event) =>
      'item' in event ? `${event.type} ${event.item.name}` : event.type,
    );
  }

  stop(): void {
    this.#abort.abort();
  }

  async #read(stream: AsyncIterable<readonly WatchEvent[]>): Promise<void> {
    for await (const batch of stream) this.events.push(...batch);
    this.#ended = true;
  }
}

/** Lets all promises that can settle do so. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** The refusal of a promise. */
export async function refusal(promise: Promise<unknown>): Promise<ApiError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}
