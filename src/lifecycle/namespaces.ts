/**
 * Empties a namespace that is being deleted, and lets it go when nothing of the federation's is
 * left in it.
 */
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { Informer } from '../client/informer.ts';
import type { RestClient } from '../client/rest.ts';
import { type KubeObject, valueAt } from '../kube/object.ts';
import { groupResource, pathOf, type ResourceType } from '../kube/resource.ts';
import { isApiError } from '../kube/status.ts';
import { Controller, type ReconcileResult } from '../reconcile/controller.ts';
import { type Content, namespaceConditions, type Remains } from './namespace-conditions.ts';

const namespaceFinalizer = 'kubernetes';
/** How soon to look again at what is waiting for its finalizers. */
const lookAgainMs = 1000;

export interface NamespaceLifecycleOptions {
  /** Of the federation itself: objects of members are none of a namespace's business here. */
  readonly client: RestClient;
  readonly types: () => readonly ResourceType[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export class NamespaceLifecycle {
  readonly #options: NamespaceLifecycleOptions;
  readonly #informer: Informer<true>;
  readonly #controller: Controller;

  constructor(options: NamespaceLifecycleOptions) {
    const { client, clock, random, log } = options;
    this.#options = options;
    this.#controller = new Controller({
      name: 'namespaces',
      reconcile: (name, signal) => this.#reconcile(name, signal),
      clock,
      random,
      log,
    });
    this.#informer = new Informer<true>({
      client,
      clock,
      random,
      log,
      target: namespacePath(),
      fieldSelector: 'status.phase=Terminating',
      transform: () => true,
    });
    this.#informer.onChange((key, _old, now) => {
      if (now !== undefined) this.#controller.add(key);
    });
  }

  start(): void {
    this.#controller.start();
    this.#informer.start();
  }

  async stop(): Promise<void> {
    await this.#informer.stop();
    await this.#controller.stop();
  }

  async #reconcile(name: string, signal: AbortSignal): Promise<ReconcileResult | undefined> {
    const { client } = this.#options;
    const answer = await client.find(namespacePath(name), { signal });
    const namespace = answer?.object<KubeObject>();
    if (namespace?.metadata.deletionTimestamp === undefined) return undefined;
    if (finalizersOf(namespace).length === 0) return undefined;
    const content = await this.#emptyAll(name, signal);
    await this.#report(namespace, content, signal);
    if (content.remains.length > 0 || content.failures.length > 0)
      return { requeueAfterMs: lookAgainMs };
    await this.#finalize(namespace, signal);
    return undefined;
  }

  /** Pods go first, and what they use stays until they are gone. */
  async #emptyAll(namespace: string, signal: AbortSignal): Promise<Content> {
    const remains: Remains[] = [];
    const failures: string[] = [];
    for (const type of podsFirst(this.#options.types())) {
      try {
        const left = await this.#empty(type, namespace, signal);
        if (left === undefined) continue;
        remains.push(left);
        if (left.finalizers.length === 0) failures.push(unexpected(type, namespace));
        if (isPod(type)) break;
      } catch (error) {
        if (!isApiError(error) || signal.aborted) throw error;
        if (error.code !== 404 && error.code !== 405) failures.push(error.message);
      }
    }
    return { remains, failures };
  }

  /** Deletes everything of a type in the namespace; undefined: nothing is left. */
  async #empty(
    type: ResourceType,
    namespace: string,
    signal: AbortSignal,
  ): Promise<Remains | undefined> {
    const { client } = this.#options;
    const { group, version, resource } = type;
    const path = pathOf({ group, version, resource, namespace });
    const query = { propagationPolicy: 'Background' };
    const deleted = await client.send('DELETE', path, undefined, { query, signal });
    const items = deleted.object<{ items?: readonly unknown[] }>().items ?? [];
    if (items.length === 0) return undefined;
    const { items: listed } = await client.list(path, { signal });
    const left = listed.filter(({ metadata }) => !isOfMember(type, metadata.name ?? ''));
    if (left.length === 0) return undefined;
    const finalizers = left.flatMap(({ metadata }) => metadata.finalizers ?? []);
    return { type, count: left.length, finalizers };
  }

  async #finalize(namespace: KubeObject, signal: AbortSignal): Promise<void> {
    const finalizers = finalizersOf(namespace);
    const others = finalizers.filter((finalizer) => finalizer !== namespaceFinalizer);
    if (others.length === finalizers.length) return;
    const { apiVersion, kind, metadata } = namespace;
    // Without a resourceVersion: nothing else in it is written here.
    const { resourceVersion: _version, managedFields: _managed, ...meta } = metadata;
    const body = { apiVersion, kind, metadata: meta, spec: { finalizers: others } };
    const path = `${namespacePath(metadata.name)}/finalize`;
    try {
      await this.#options.client.update(path, body, { signal });
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
    }
  }

  async #report(namespace: KubeObject, content: Content, signal: AbortSignal): Promise<void> {
    const now = this.#options.clock.now();
    const conditions = namespaceConditions(
      content,
      valueAt(namespace, 'status', 'conditions'),
      now,
    );
    if (conditions === undefined) return;
    const path = `${namespacePath(namespace.metadata.name)}/status`;
    const body = { status: { conditions } };
    const patch = { type: 'application/merge-patch+json', body } as const;
    await this.#options.client.patch(path, patch, { signal, fieldManager: 'ubernetes' });
  }
}

function finalizersOf(namespace: KubeObject): readonly string[] {
  const finalizers = valueAt(namespace, 'spec', 'finalizers');
  return Array.isArray(finalizers) ? finalizers.map(String) : [];
}

function namespacePath(name?: string): string {
  const parts = { group: '', version: 'v1', resource: 'namespaces' };
  return pathOf(name === undefined ? parts : { ...parts, name });
}

function isPod(type: ResourceType): boolean {
  return groupResource(type) === 'pods';
}

/** Objects of members are theirs, whatever is shown of them here. */
function isOfMember(type: ResourceType, name: string): boolean {
  return name.includes('@') && type.group !== 'rbac.authorization.k8s.io';
}

/** What can be deleted in a namespace; pods go before what they mount. */
function podsFirst(types: readonly ResourceType[]): ResourceType[] {
  const deletable = types.filter(
    ({ namespaced, verbs }) => namespaced && verbs.includes('deletecollection'),
  );
  return [...deletable.filter(isPod), ...deletable.filter((type) => !isPod(type))];
}

function unexpected({ group, version, resource }: ResourceType, namespace: string): string {
  const type = `${group}/${version}, Resource=${resource}`;
  return `unexpected items still remain in namespace: ${namespace} for gvr: ${type}`;
}
