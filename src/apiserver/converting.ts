/**
 * Serves a version of a type whose objects are stored in another one of different structure: every
 * body is converted on its way in, every object on its way out.
 */
import { encodeJson } from '../kube/json.ts';
import { isObject, type JsonObject, type KubeObject } from '../kube/object.ts';
import type { ResourceType } from '../kube/resource.ts';
import type { TypeSchema } from '../kube/schema.ts';
import { badRequest, isApiError } from '../kube/status.ts';
import { decodeObject } from '../kube/validate.ts';
import { parseYaml } from '../kube/yaml.ts';
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
} from './backend.ts';
import type { Conversion } from './conversions.ts';
import { itemOfObject } from './registry/item.ts';
import { changeOf } from './registry/patching.ts';
import { withTypeMeta } from './registry/prepare.ts';
import type { TypeBook } from './registry/type-facts.ts';

/** Lost races of one patch before the client is told. */
const racesMax = 16;

export interface ConvertingOptions {
  readonly conversion: Conversion;
  readonly storedType: ResourceType;
  /** Who serves the stored version. */
  readonly backend: () => Backend;
  readonly types: TypeBook;
}

export class ConvertingBackend implements Backend {
  readonly #options: ConvertingOptions;
  readonly #served = new WeakMap<Item, Item>();

  constructor(options: ConvertingOptions) {
    this.#options = options;
  }

  async get(
    context: RequestContext,
    ref: ObjectRef,
    options?: { readonly resourceVersion: string },
  ): Promise<Item> {
    return await this.#item(await this.#backend.get(context, this.#stored(ref), options));
  }

  async list(context: RequestContext, request: ListRequest): Promise<ListResult> {
    const result = await this.#backend.list(context, this.#stored(request));
    return { ...result, items: await this.#items(result.items) };
  }

  async watch(context: RequestContext, request: WatchRequest): Promise<WatchStream> {
    const stream = await this.#backend.watch(context, this.#stored(request));
    return this.#events(stream);
  }

  async create(
    context: RequestContext,
    ref: ObjectRef,
    body: WriteBody,
    options: WriteOptions,
  ): Promise<WriteResult> {
    const { complete = (object) => object } = this.#options.conversion;
    const object = complete(await this.#decoded(context, ref, body, options));
    return this.#write('create', context, { ref, object, options });
  }

  async update(
    context: RequestContext,
    ref: ObjectRef,
    body: WriteBody,
    options: WriteOptions,
  ): Promise<WriteResult> {
    const object = await this.#decoded(context, ref, body, options);
    return this.#write('update', context, { ref, object, options });
  }

  async patch(
    context: RequestContext,
    ref: ObjectRef,
    patch: { type: PatchType; body: Buffer },
    options: WriteOptions,
  ): Promise<WriteResult> {
    if (patch.type === 'application/apply-patch+yaml') {
      const { value, problems } = parseYaml(patch.body, { duplicates: 'report' });
      if (!isObject(value)) throw badRequest('error decoding YAML: the patch is no object');
      const object = value as unknown as KubeObject;
      const stored = await this.#decoded(context, ref, { object, problems }, options);
      const body = encodeJson(stored);
      const { type } = patch;
      return this.#result(
        await this.#backend.patch(context, this.#stored(ref), { type, body }, options),
      );
    }
    const change = changeOf(patch);
    const facts = this.#options.types.factsOf(ref.type);
    for (let races = 0; ; races++) {
      const current = (await this.get(context, ref)).object();
      const { resourceVersion } = current.metadata;
      const changed = change.apply(current as unknown as JsonObject, facts);
      const made = changed as unknown as KubeObject;
      const body = { object: made, problems: change.problems };
      const object = await this.#decoded(context, ref, body, options);
      try {
        return await this.#write('update', context, { ref, object, options });
      } catch (error) {
        const named = made.metadata?.resourceVersion !== resourceVersion;
        if (named || races >= racesMax || !isApiError(error, 'Conflict')) throw error;
      }
    }
  }

  async delete(
    context: RequestContext,
    ref: ObjectRef,
    options: DeleteOptions,
  ): Promise<{ item: Item; gone: boolean }> {
    const { item, gone } = await this.#backend.delete(context, this.#stored(ref), options);
    return { item: await this.#item(item), gone };
  }

  async deleteCollection(
    context: RequestContext,
    request: ListRequest,
    options: DeleteOptions,
  ): Promise<ListResult> {
    const result = await this.#backend.deleteCollection(context, this.#stored(request), options);
    return { ...result, items: await this.#items(result.items) };
  }

  get #backend(): Backend {
    return this.#options.backend();
  }

  #stored<T extends { readonly type: ResourceType }>(what: T): T {
    return { ...what, type: this.#options.storedType };
  }

  /** A body in the served version, checked against its schema, as it is stored. */
  async #decoded(
    context: RequestContext,
    ref: ObjectRef,
    { object, problems }: WriteBody,
    { fieldValidation }: WriteOptions,
  ): Promise<KubeObject> {
    const typed = withTypeMeta(object, ref.type);
    const schema: TypeSchema = this.#options.types.factsOf(ref.type).schema;
    const decoded = decodeObject({
      schema,
      object: { ...typed, metadata: typed.metadata ?? {} },
      problems,
      fieldValidation,
      warn: (text) => context.warn(text),
    });
    const [stored] = await this.#options.conversion.toStored([decoded]);
    return stored!;
  }

  async #write(
    verb: 'create' | 'update',
    context: RequestContext,
    { ref, object, options }: { ref: ObjectRef; object: KubeObject; options: WriteOptions },
  ): Promise<WriteResult> {
    const body = { object, problems: [] };
    return this.#result(await this.#backend[verb](context, this.#stored(ref), body, options));
  }

  async #result({ item, created }: WriteResult): Promise<WriteResult> {
    return { item: await this.#item(item), created };
  }

  async #item(item: Item): Promise<Item> {
    const [served] = await this.#items([item]);
    return served!;
  }

  /** Made once and shared by all who ask. */
  async #items(items: readonly Item[]): Promise<Item[]> {
    const missing = items.filter((item) => !this.#served.has(item));
    if (missing.length > 0) {
      const objects = await this.#options.conversion.toServed(missing.map((i) => i.object()));
      for (const [i, item] of missing.entries()) {
        const object = objects[i]!;
        const { resourceVersion: _, ...metadata } = object.metadata;
        this.#served.set(item, itemOfObject({ ...object, metadata }, item.resourceVersion));
      }
    }
    return items.map((item) => this.#served.get(item)!);
  }

  async *#events(stream: WatchStream): AsyncGenerator<readonly WatchEvent[]> {
    for await (const events of stream) {
      const served = await this.#items(events.flatMap((e) => ('item' in e ? [e.item] : [])));
      yield events.map((event) => ('item' in event ? { ...event, item: served.shift()! } : event));
    }
  }
}
