/**
 * Garbage collection of the federation's own objects by their ownerReferences, as
 * kube-controller-manager does it in one cluster. Objects of members have their own collector.
 */
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { DeleteCallOptions, RestClient } from '../client/rest.ts';
import type { KubeObject, OwnerReference } from '../kube/object.ts';
import { parseApiVersion, pathOf, type ResourceType } from '../kube/resource.ts';
import { isApiError } from '../kube/status.ts';
import { Controller, type ReconcileResult } from '../reconcile/controller.ts';
import type { Store } from '../store/store.ts';
import { Dependents, foreground, orphan } from './dependents.ts';
import { invalidNamespaceEvent } from './owner-events.ts';

const workers = 8;
/** How soon to ask again for an owner whose kind is not served (yet). */
const unknownKindMs = 30_000;
/** How soon to look again when somebody else wrote the object in between. */
const racedMs = 20;

export interface GarbageCollectorOptions {
  readonly store: Store;
  /** Of the federation itself. */
  readonly client: RestClient;
  readonly types: () => readonly ResourceType[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** One stored object, found. */
interface Found {
  readonly type: ResourceType;
  readonly path: string;
  readonly object: KubeObject;
  readonly signal: AbortSignal;
}

type OwnerState = 'solid' | 'dangling' | 'waiting';

export class GarbageCollector {
  readonly #options: GarbageCollectorOptions;
  readonly #dependents: Dependents;
  readonly #controller: Controller;

  constructor(options: GarbageCollectorOptions) {
    const { clock, random, log } = options;
    this.#options = options;
    this.#controller = new Controller({
      name: 'garbage collector',
      reconcile: (key, signal) => this.#reconcile(key, signal),
      workers,
      clock,
      random,
      log,
    });
    this.#dependents = new Dependents(options.store, (key) => this.#controller.add(key));
  }

  /** Resolves when all objects have been read once; collecting begins then. */
  async start(): Promise<void> {
    await this.#dependents.start();
    this.#controller.start();
  }

  async stop(): Promise<void> {
    this.#dependents.stop();
    await this.#controller.stop();
  }

  async #reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult | undefined> {
    const found = await this.#find(key, signal);
    if (found === undefined) return undefined;
    try {
      const { deletionTimestamp, finalizers = [] } = found.object.metadata;
      if (deletionTimestamp === undefined) return await this.#collect(found);
      if (finalizers.includes(orphan)) return await this.#orphan(found);
      if (finalizers.includes(foreground)) return await this.#awaitDependents(found);
      return undefined;
    } catch (error) {
      if (isApiError(error, 'NotFound')) return undefined;
      if (isApiError(error, 'Conflict')) return { requeueAfterMs: racedMs };
      throw error;
    }
  }

  /** Deletes an object whose owners are all gone, and drops its references to those that are. */
  async #collect(found: Found): Promise<ReconcileResult | undefined> {
    const owners = found.object.metadata.ownerReferences ?? [];
    if (owners.length === 0) return undefined;
    const states = new Map<OwnerReference, OwnerState>();
    for (const owner of owners) {
      const state = await this.#stateOf(owner, found);
      if (state === 'unknown') return { requeueAfterMs: unknownKindMs };
      // A cluster-scoped object cannot be owned from within a namespace: nothing is concluded.
      if (state === 'impossible') return undefined;
      states.set(owner, state);
    }
    const having = (state: OwnerState): OwnerReference[] =>
      owners.filter((owner) => states.get(owner) === state);
    const solid = having('solid');
    if (solid.length > 0) {
      if (solid.length < owners.length) await this.#patchOwners(found, solid);
      return undefined;
    }
    const dependents = this.#dependents.of(found.object.metadata.uid!);
    if (having('waiting').length > 0 && dependents.length > 0) {
      const isDeleting = (key: string): boolean =>
        this.#dependents.get(key)?.deleting === 'foreground';
      // A circle: the one that waits for this one must not be waited for in turn.
      if (dependents.some(isDeleting)) {
        await this.#patchOwners(
          found,
          owners.map((owner) => ({ ...owner, blockOwnerDeletion: false })),
        );
        return this.#delete({ ...found, object: await this.#again(found) }, 'Foreground');
      }
      return this.#delete(found, 'Foreground');
    }
    const { finalizers = [] } = found.object.metadata;
    return this.#delete(
      found,
      finalizers.includes(orphan)
        ? 'Orphan'
        : finalizers.includes(foreground)
          ? 'Foreground'
          : 'Background',
    );
  }

  /** Lets an owner go when no dependent blocks it any more. */
  async #awaitDependents(found: Found): Promise<undefined> {
    const uid = found.object.metadata.uid!;
    let blocked = false;
    for (const key of this.#dependents.of(uid)) {
      const node = this.#dependents.get(key);
      const blocks = node?.owners.some((o) => o.uid === uid && o.blockOwnerDeletion === true);
      if (!blocks) continue;
      blocked = true;
      if (node!.deleting === undefined) this.#controller.add(key);
    }
    if (!blocked) await this.#unfinalize(found, foreground);
  }

  /** Takes the reference to an owner out of its dependents, then lets it go. */
  async #orphan(found: Found): Promise<ReconcileResult | undefined> {
    const uid = found.object.metadata.uid!;
    for (const key of this.#dependents.of(uid)) {
      const dependent = await this.#find(key, found.signal);
      const owners = dependent?.object.metadata.ownerReferences ?? [];
      const left = owners.filter((owner) => owner.uid !== uid);
      if (dependent !== undefined && left.length < owners.length)
        await this.#patchOwners(dependent, left).catch((error: unknown) => {
          if (!isApiError(error, 'NotFound')) throw error;
        });
    }
    await this.#unfinalize(found, orphan);
    return undefined;
  }

  async #stateOf(
    owner: OwnerReference,
    { type, object, signal }: Found,
  ): Promise<OwnerState | 'unknown' | 'impossible'> {
    const ownerType = this.#typeOf(owner);
    if (ownerType === undefined) return 'unknown';
    // Objects of a member are none of ours: whether they stand is not known here.
    if (owner.name.includes('@') && ownerType.group !== 'rbac.authorization.k8s.io') return 'solid';
    if (ownerType.namespaced && !type.namespaced) {
      await this.#reportNamespace(owner, object);
      return 'impossible';
    }
    const { namespace = '' } = object.metadata;
    const path = pathTo(ownerType, ownerType.namespaced ? namespace : '', owner.name);
    const metadata = (await this.#options.client.find(path, { signal }))?.object().metadata;
    if (metadata === undefined || metadata.uid !== owner.uid) {
      const never = ownerType.namespaced && !this.#dependents.wentLately(owner.uid);
      if (never && (await this.#isElsewhere(ownerType, owner, signal)))
        await this.#reportNamespace(owner, object);
      return 'dangling';
    }
    const waits =
      metadata.deletionTimestamp !== undefined && metadata.finalizers?.includes(foreground);
    return waits ? 'waiting' : 'solid';
  }

  /** Whether the owner stands in another namespace: an error that people make. */
  async #isElsewhere(
    { group, version, resource }: ResourceType,
    owner: OwnerReference,
    signal: AbortSignal,
  ): Promise<boolean> {
    const fieldSelector = `metadata.name=${owner.name}`;
    const target = pathOf({ group, version, resource });
    const { items } = await this.#options.client.list(target, { fieldSelector, signal });
    return items.some(({ metadata }) => metadata.uid === owner.uid);
  }

  async #reportNamespace(owner: OwnerReference, object: KubeObject): Promise<void> {
    const { client, clock, random, log } = this.#options;
    const event = invalidNamespaceEvent(owner, object, { clock, random });
    const { namespace = '' } = event.metadata;
    const target = pathOf({ group: '', version: 'v1', resource: 'events', namespace });
    await client.create(target, event).catch(() => log.debug('an event was not recorded'));
  }

  async #patchOwners(found: Found, owners: readonly OwnerReference[]): Promise<void> {
    const { uid, resourceVersion } = found.object.metadata;
    await this.#patch(found, {
      uid,
      resourceVersion,
      ownerReferences: owners.length === 0 ? null : owners,
    });
  }

  async #unfinalize(found: Found, finalizer: string): Promise<void> {
    const { uid, resourceVersion, finalizers = [] } = found.object.metadata;
    const left = finalizers.filter((each) => each !== finalizer);
    await this.#patch(found, {
      uid,
      resourceVersion,
      finalizers: left.length === 0 ? null : left,
    });
  }

  async #patch({ path, signal }: Found, metadata: object): Promise<void> {
    const patch = { type: 'application/merge-patch+json', body: { metadata } } as const;
    await this.#options.client.patch(path, patch, { signal, fieldManager: 'ubernetes' });
  }

  async #delete(
    { path, object, signal }: Found,
    propagationPolicy: NonNullable<DeleteCallOptions['propagationPolicy']>,
  ): Promise<undefined> {
    const { uid = '', resourceVersion = '' } = object.metadata;
    const preconditions = { uid, resourceVersion };
    await this.#options.client.delete(path, { preconditions, propagationPolicy, signal });
  }

  async #again({ path, signal }: Found): Promise<KubeObject> {
    return (await this.#options.client.get(path, { signal })).object();
  }

  /** The object at a key of the store, if it can be collected. */
  async #find(key: string, signal: AbortSignal): Promise<Found | undefined> {
    const [, , folder, resource, ...rest] = key.split('/');
    const group = folder === 'core' ? '' : folder;
    const type = this.#options
      .types()
      .find((each) => each.group === group && each.resource === resource);
    if (type === undefined || !type.verbs.includes('delete')) return undefined;
    const name = rest.pop()!;
    const path = pathTo(type, rest[0] ?? '', name);
    const object = (await this.#options.client.find(path, { signal }))?.object();
    return object === undefined ? undefined : { type, path, object, signal };
  }

  #typeOf({ apiVersion, kind }: OwnerReference): ResourceType | undefined {
    const { group } = parseApiVersion(apiVersion);
    return this.#options.types().find((type) => type.group === group && type.kind === kind);
  }
}

function pathTo(type: ResourceType, namespace: string, name: string): string {
  const { group, version, resource } = type;
  return pathOf({ group, version, resource, name, ...(namespace === '' ? {} : { namespace }) });
}
