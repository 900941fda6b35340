/** The default backend: the federation's own objects in the store. */
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { KubeObject } from '../kube/object.ts';
import type { ResourceType } from '../kube/resource.ts';
import { ApiError, notFound } from '../kube/status.ts';
import type { Store } from '../store/store.ts';
import {
  type Admission,
  type AdmissionRequest,
  type Admit,
  admitAll,
  type Companions,
} from './admission.ts';
import type {
  Backend,
  DeleteOptions,
  Item,
  ListRequest,
  ListResult,
  ObjectRef,
  RequestContext,
  WatchRequest,
  WatchStream,
  WriteBody,
  WriteOptions,
  WriteResult,
} from './backend.ts';
import { Collections, keyBelow } from './registry/collections.ts';
import { Commits } from './registry/commit.ts';
import type { StoredItem } from './registry/item.ts';
import { Lists } from './registry/list.ts';
import { NamespaceGate } from './registry/namespaces.ts';
import { modificationOf, type Patch } from './registry/patching.ts';
import { isPodAction, PodActions } from './registry/pod-actions.ts';
import { Removals } from './registry/removals.ts';
import { revisionOf } from './registry/revision.ts';
import { readScale, scaleOf } from './registry/scale.ts';
import { type ScaleWrite, scalePatch, scaleUpdate } from './registry/scale-writes.ts';
import {
  checkAccountNamed,
  requestToken,
  type TokenRequestOptions,
  type TokenSigner,
} from './registry/token-request.ts';
import type { ScalePaths, TypeBook } from './registry/type-facts.ts';
import { formOf, servedAs } from './registry/versions.ts';
import { Watches } from './registry/watch.ts';
import { writeRulesOf } from './registry/write-rules.ts';
import { type Candidate, type Modification, Writes } from './registry/writes.ts';

/** Deletions of one deletecollection that run at the same time. */
const deletesAtOnce = 16;

export interface RegistryOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly types: TypeBook;
  /** After metadata, schema and the kind's own rules. */
  readonly admit: Admit;
  /** Before `admit`, over the registry's own memory. */
  readonly admission?: ((collections: Collections) => Admission) | undefined;
  readonly companions: Companions;
  readonly tokenSigner?: TokenSigner | undefined;
  /** Whether someone takes this finalizer away from objects of the type; absent: nobody does. */
  readonly processes?: (type: ResourceType, finalizer: 'foregroundDeletion' | 'orphan') => boolean;
}

export class Registry implements Backend {
  readonly #options: RegistryOptions;
  readonly #collections: Collections;
  readonly #admission: Admission | undefined;
  readonly #lists: Lists;
  readonly #watches: Watches;
  readonly #writes: Writes;
  readonly #removals: Removals;
  readonly #podActions: PodActions;

  constructor(options: RegistryOptions) {
    this.#options = options;
    const { store, clock } = options;
    const collections = new Collections(store, clock);
    const commits = new Commits(store, collections);
    const gate = new NamespaceGate(collections);
    const admission = options.admission?.(collections);
    this.#admission = admission;
    const base = { ...options, ...phases(options.admit, admission), collections, commits, gate };
    this.#collections = collections;
    this.#lists = new Lists(store, collections, options.types);
    this.#watches = new Watches({ ...options, collections });
    this.#removals = new Removals({ ...base, processes: options.processes ?? (() => false) });
    this.#writes = new Writes({ ...base, removals: this.#removals });
    const admit: Admit = (context, request) => this.#admitted(context, request);
    this.#podActions = new PodActions({
      ...{ clock, types: options.types, collections, admit },
      ...{ writes: this.#writes, removals: this.#removals },
    });
  }

  /** Everything that is held in memory. */
  get collections(): Collections {
    return this.#collections;
  }

  /** Ends watches and timers. */
  close(): void {
    this.#watches.close();
    this.#collections.close();
  }

  async get(
    { signal }: RequestContext,
    ref: ObjectRef,
    options?: { readonly resourceVersion: string },
  ): Promise<Item> {
    if (options !== undefined) {
      const { resourceVersion } = options;
      await this.#collections.reach(revisionOf(resourceVersion), signal, resourceVersion);
    }
    const item = await this.#find(ref);
    const { subresource = '' } = ref;
    if (readable.has(subresource)) return item;
    if (subresource === 'scale') return readScale(item, this.#scalePaths(ref));
    throw noSubresource(ref);
  }

  async list(context: RequestContext, request: ListRequest): Promise<ListResult> {
    const result = await this.#lists.list(request, context.signal);
    const form = formOf(request.type, this.#options.types);
    if (result.items.every((item) => servedAs(item, form) === item)) return result;
    return { ...result, items: result.items.map((item) => servedAs(item, form)) };
  }

  watch(context: RequestContext, request: WatchRequest): Promise<WatchStream> {
    return this.#watches.watch(request, context.signal);
  }

  async create(
    context: RequestContext,
    ref: ObjectRef,
    body: WriteBody,
    options: WriteOptions,
  ): Promise<WriteResult> {
    const { type, subresource = '' } = ref;
    if (subresource === 'token') return this.#createToken(context, ref, { body, options });
    if (isPodAction(ref)) return this.#podActions.run(context, ref, { body, options });
    if (subresource !== '') throw noSubresource(ref);
    if (!type.verbs.includes('get'))
      throw new ApiError(
        'MethodNotAllowed',
        `${type.kind} is answered, never stored, and nobody here answers it`,
      );
    return this.#writes.create(context, ref, body, options);
  }

  async update(
    context: RequestContext,
    ref: ObjectRef,
    body: WriteBody,
    options: WriteOptions,
  ): Promise<WriteResult> {
    if (ref.subresource === 'scale') {
      const modification = scaleUpdate(body.object, this.#scaleWrite(ref, options));
      return this.#scale(context, ref, modification, options);
    }
    checkWritable(ref);
    const candidate = { object: body.object, problems: body.problems };
    const make = (): Candidate => candidate;
    const creates = (ref.subresource ?? '') === '' && writeRulesOf(ref.type)?.createsOnUpdate;
    const makeNew = (): Candidate => ({ ...candidate, object: withoutVersion(body.object) });
    const modification = creates ? { make, makeNew } : { make, sent: candidate };
    return this.#writes.modify(context, ref, modification, options);
  }

  async patch(
    context: RequestContext,
    ref: ObjectRef,
    patch: Patch,
    options: WriteOptions,
  ): Promise<WriteResult> {
    if (ref.subresource === 'scale') {
      const modification = scalePatch(patch, this.#scaleWrite(ref, options));
      return this.#scale(context, ref, modification, options);
    }
    checkWritable(ref);
    const now = this.#options.clock.now();
    return this.#writes.modify(context, ref, modificationOf(patch, { ref, options, now }), options);
  }

  delete(
    context: RequestContext,
    ref: ObjectRef,
    options: DeleteOptions,
  ): Promise<{ item: Item; gone: boolean }> {
    return this.#removals.delete(context, ref, options);
  }

  async deleteCollection(
    context: RequestContext,
    request: ListRequest,
    options: DeleteOptions,
  ): Promise<ListResult> {
    const result = await this.list(context, request);
    const { type } = request;
    const items = [...result.items];
    const deleteSome = async (): Promise<void> => {
      for (let item = items.shift(); item !== undefined; item = items.shift()) {
        const { namespace, name } = item;
        await this.delete(context, { type, namespace, name }, options).catch((error: unknown) => {
          // Somebody else deleted it: that is what was asked for.
          if (!(error instanceof ApiError) || error.code !== 404) throw error;
        });
      }
    };
    await Promise.all(Array.from({ length: deletesAtOnce }, deleteSome));
    return result;
  }

  async #find(ref: ObjectRef): Promise<StoredItem> {
    const live = this.#collections.find(ref.type) ?? (await this.#collections.load(ref.type));
    const item = live.items.get(keyBelow(ref));
    if (item === undefined) throw notFound(ref.type, ref.name);
    return servedAs(item, formOf(ref.type, this.#options.types));
  }

  async #scale(
    context: RequestContext,
    ref: ObjectRef,
    modification: Modification,
    options: WriteOptions,
  ): Promise<WriteResult> {
    const { item, created } = await this.#writes.modify(context, ref, modification, options);
    return { item: scaleOf(item as StoredItem, this.#scalePaths(ref)), created };
  }

  #scaleWrite(ref: ObjectRef, options: WriteOptions): ScaleWrite {
    const now = this.#options.clock.now();
    return { type: ref.type, paths: this.#scalePaths(ref), options, now };
  }

  /** What is answered and never stored, after admission. */
  async #admitted(context: RequestContext, request: AdmissionRequest): Promise<KubeObject> {
    if (this.#admission === undefined) return request.object;
    const mutated = await this.#admission.mutate(context, request);
    return this.#admission.validate(context, { ...request, object: mutated });
  }

  #scalePaths(ref: ObjectRef): ScalePaths {
    const { scale } = this.#options.types.factsOf(ref.type);
    if (scale === undefined) throw noSubresource(ref);
    return scale;
  }

  async #createToken(
    context: RequestContext,
    ref: ObjectRef,
    { body, options: asked }: { body: WriteBody; options: WriteOptions },
  ): Promise<WriteResult> {
    const { tokenSigner: signer, random, clock } = this.#options;
    const isAccount = ref.type.group === '' && ref.type.resource === 'serviceaccounts';
    if (signer === undefined || !isAccount) throw noSubresource(ref);
    const account = await this.#find(ref);
    checkAccountNamed(account, body.object);
    const { namespace, name } = ref;
    const metadata = { ...body.object.metadata, namespace, name };
    const sent = { ...body.object, metadata };
    const asks = { operation: 'CREATE', type: ref.type, ref, old: undefined } as const;
    const request = await this.#admitted(context, { ...asks, object: sent, options: asked });
    const find: TokenRequestOptions['find'] = async (resource, namespace, name) =>
      (await this.#collections.load({ group: '', resource })).items.get(
        keyBelow({ namespace, name }),
      );
    const options = { signer, random, now: clock.now(), find };
    const item = await requestToken(account, request, options);
    return { item, created: true };
  }
}

/** What comes before validation and what after it. */
function phases(admit: Admit, admission: Admission | undefined): { mutate?: Admit; admit: Admit } {
  if (admission === undefined) return { admit };
  return {
    mutate: (context, request) => admission.mutate(context, request),
    admit: admitAll([(context, request) => admission.validate(context, request), admit]),
  };
}

const parts = ['status', 'approval', 'ephemeralcontainers', 'resize'];
const readable: ReadonlySet<string> = new Set(['', ...parts]);
const writable: ReadonlySet<string> = new Set(['', 'finalize', ...parts]);

function checkWritable(ref: ObjectRef): void {
  const { subresource = '' } = ref;
  if (!writable.has(subresource)) throw noSubresource(ref);
}

/** What is made by a PUT may name a version; what is made by a POST may not. */
function withoutVersion(object: KubeObject): KubeObject {
  if (object.metadata?.resourceVersion === undefined) return object;
  const { resourceVersion: _version, ...metadata } = object.metadata;
  return { ...object, metadata };
}

function noSubresource({ subresource = '' }: ObjectRef): ApiError {
  return new ApiError(
    'MethodNotAllowed',
    `the federation does not serve the subresource ${JSON.stringify(subresource)} of its own objects`,
  );
}
