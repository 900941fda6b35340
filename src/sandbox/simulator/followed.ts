/**
 * What a controller knows of one collection: an informer's cache and its own writes that the watch
 * has not brought yet, so that nothing is made or removed twice.
 */
import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import { keyOf } from '../../client/cache.ts';
import { Informer } from '../../client/informer.ts';
import type { DeleteCallOptions, RestClient } from '../../client/rest.ts';
import type { KubeObject, ObjectMeta } from '../../kube/object.ts';
import { apiVersionOf, pathOf } from '../../kube/resource.ts';
import { ApiError } from '../../kube/status.ts';
import type { Collection } from './kinds.ts';

export interface FollowedOptions {
  readonly client: RestClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly collection: Collection;
}

type Listener = (key: string, old: KubeObject | undefined, now: KubeObject | undefined) => void;

export class Followed {
  readonly collection: Collection;
  readonly #client: RestClient;
  readonly #informer: Informer;
  /** By uid: made by us and not yet seen. */
  readonly #made = new Map<string, KubeObject>();
  /** uids: removed by us and not yet seen to be gone. */
  readonly #removed = new Set<string>();

  constructor({ client, clock, random, collection }: FollowedOptions) {
    this.collection = collection;
    this.#client = client;
    this.#informer = new Informer({
      client,
      clock,
      random,
      target: pathOf(collection),
      indexers: {
        owner: ({ metadata }) => ownersOf(metadata),
        uid: ({ metadata }) => [metadata.uid!],
      },
    });
    this.#informer.onChange((_, old, now) => {
      const uid = (now ?? old)!.metadata.uid!;
      this.#made.delete(uid);
      if (now === undefined) this.#removed.delete(uid);
    });
  }

  async start(): Promise<void> {
    this.#informer.start();
    await this.#informer.whenSynced();
  }

  async stop(): Promise<void> {
    await this.#informer.stop();
  }

  onChange(listener: Listener): void {
    this.#informer.onChange(listener);
  }

  get(key: string): KubeObject | undefined {
    return this.#informer.cache.get(key);
  }

  byUid(uid: string): KubeObject | undefined {
    return this.#informer.cache.by('uid', uid)[0] ?? this.#made.get(uid);
  }

  /** Everything that stands, with our newest writes. */
  all(): KubeObject[] {
    const known = [...this.#informer.cache.values()].filter((object) => !this.#isRemoved(object));
    return [...known, ...this.#made.values()];
  }

  /** What is owned by the object with this uid. */
  of(owner: string): KubeObject[] {
    const known = this.#informer.cache.by('owner', owner);
    const made = [...this.#made.values()].filter(({ metadata }) =>
      ownersOf(metadata).includes(owner),
    );
    return [...known.filter((object) => !this.#isRemoved(object)), ...made];
  }

  /** @throws ApiError */
  async create(
    object: Pick<KubeObject, 'metadata'> & Record<string, unknown>,
  ): Promise<KubeObject> {
    const { namespace } = object.metadata;
    const target = { ...this.collection, ...(namespace === undefined ? {} : { namespace }) };
    const { kind } = this.collection;
    const body = { apiVersion: apiVersionOf(this.collection), kind, ...object };
    const answer = (await this.#client.create(target, body)).object();
    const known = this.#informer.cache.get(keyOf(answer.metadata));
    if (known?.metadata.uid !== answer.metadata.uid) this.#made.set(answer.metadata.uid!, answer);
    return answer;
  }

  /** A JSON merge patch; undefined when the object is gone. */
  async patch(
    object: KubeObject,
    body: object,
    subresource?: 'status',
  ): Promise<KubeObject | undefined> {
    const target = { ...this.#target(object), ...(subresource && { subresource }) };
    try {
      const patch = { type: 'application/merge-patch+json', body } as const;
      return (await this.#client.patch(target, patch)).object();
    } catch (error) {
      if (error instanceof ApiError && error.code === 404) return undefined;
      throw error;
    }
  }

  /** Binds a pod to a node; false when the pod is gone. */
  async bind({ metadata }: KubeObject, node: string): Promise<boolean> {
    const { namespace, name, uid } = metadata;
    const target = { ...this.#target({ metadata } as KubeObject), subresource: 'binding' };
    const meta = { namespace, name, uid };
    const body = {
      ...{ apiVersion: 'v1', kind: 'Binding', metadata: meta },
      target: { name: node },
    };
    try {
      await this.#client.create(target, body as KubeObject);
      return true;
    } catch (error) {
      if (error instanceof ApiError && (error.code === 404 || error.code === 409)) return false;
      throw error;
    }
  }

  /** Also when it is gone already, or another stands there by now. */
  async remove(object: KubeObject, options: DeleteCallOptions = {}): Promise<void> {
    const uid = object.metadata.uid!;
    this.#removed.add(uid);
    try {
      await this.#client.remove(this.#target(object), { ...options, preconditions: { uid } });
    } catch (error) {
      this.#removed.delete(uid);
      if (!(error instanceof ApiError && error.code === 409)) throw error;
    }
    if (this.#informer.cache.get(keyOf(object.metadata))?.metadata.uid !== uid) {
      this.#removed.delete(uid);
    }
  }

  #isRemoved({ metadata }: KubeObject): boolean {
    return this.#removed.has(metadata.uid!);
  }

  #target({ metadata: { namespace, name } }: KubeObject) {
    return { ...this.collection, ...(namespace === undefined ? {} : { namespace }), name: name! };
  }
}

function ownersOf({ ownerReferences = [] }: ObjectMeta): string[] {
  return ownerReferences.map(({ uid }) => uid);
}

/** The reference that makes `owner` the controller of what it makes. */
export function controllerReference(collection: Collection, owner: KubeObject) {
  return {
    apiVersion: apiVersionOf(collection),
    kind: collection.kind,
    name: owner.metadata.name!,
    uid: owner.metadata.uid!,
    controller: true,
    blockOwnerDeletion: true,
  };
}
