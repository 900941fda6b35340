/**
 * Empties a namespace that is being deleted, and lets it go when nothing of the federation's is
 * left in it.
 */
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { Informer } from '../client/informer.ts';
import type { RestClient } from '../client/rest.ts';
import { isObject, type JsonObject, type KubeObject, valueAt } from '../kube/object.ts';
import { groupResource, pathOf, type ResourceType } from '../kube/resource.ts';
import { isApiError } from '../kube/status.ts';
import { Controller, type ReconcileResult } from '../reconcile/controller.ts';

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

/** What deleting everything of one type left behind. */
interface Remains {
  readonly type: ResourceType;
  readonly count: number;
  readonly finalizers: readonly string[];
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
    const remains: Remains[] = [];
    for (const type of podsFirst(this.#options.types())) {
      const left = await this.#empty(type, name, signal);
      if (left !== undefined) remains.push(left);
    }
    if (remains.length > 0) {
      await this.#report(namespace, remains, signal);
      return { requeueAfterMs: lookAgainMs };
    }
    await this.#finalize(namespace, signal);
    return undefined;
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
    const left = await client.list(path, { signal });
    if (left.items.length === 0) return undefined;
    const finalizers = left.items.flatMap(({ metadata }) => metadata.finalizers ?? []);
    return { type, count: left.items.length, finalizers };
  }

  async #finalize(namespace: KubeObject, signal: AbortSignal): Promise<void> {
    const spec = isObject(namespace['spec']) ? namespace['spec'] : {};
    const finalizers = Array.isArray(spec['finalizers']) ? spec['finalizers'] : [];
    const others = finalizers.filter((finalizer) => finalizer !== namespaceFinalizer);
    if (others.length === finalizers.length) return;
    const body = { ...namespace, spec: { ...spec, finalizers: others } };
    const path = `${namespacePath(namespace.metadata.name)}/finalize`;
    try {
      await this.#options.client.update(path, body, { signal });
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
    }
  }

  async #report(
    namespace: KubeObject,
    remains: readonly Remains[],
    signal: AbortSignal,
  ): Promise<void> {
    const now = this.#options.clock.now();
    const conditions = conditionsOf(remains, valueAt(namespace, 'status', 'conditions'), now);
    if (conditions === undefined) return;
    const path = `${namespacePath(namespace.metadata.name)}/status`;
    const body = { status: { conditions } };
    const patch = { type: 'application/merge-patch+json', body } as const;
    await this.#options.client.patch(path, patch, { signal, fieldManager: 'ubernetes' });
  }
}

function namespacePath(name?: string): string {
  const parts = { group: '', version: 'v1', resource: 'namespaces' };
  return pathOf(name === undefined ? parts : { ...parts, name });
}

/** What can be deleted in a namespace; pods go before what they mount. */
function podsFirst(types: readonly ResourceType[]): ResourceType[] {
  const deletable = types.filter(
    ({ namespaced, verbs }) => namespaced && verbs.includes('deletecollection'),
  );
  const isPod = (type: ResourceType): boolean => groupResource(type) === 'pods';
  return [...deletable.filter(isPod), ...deletable.filter((type) => !isPod(type))];
}

/** The conditions that say what is waited for; undefined when they say so already. */
export function conditionsOf(
  remains: readonly Remains[],
  old: unknown,
  now: number,
): JsonObject[] | undefined {
  const counts = remains.map(
    ({ type, count }) => `${groupResource(type)} has ${count} resource instances`,
  );
  const finalizers = new Map<string, number>();
  for (const name of remains.flatMap((each) => each.finalizers))
    finalizers.set(name, (finalizers.get(name) ?? 0) + 1);
  const waits = [...finalizers].map(([name, count]) => `${name} in ${count} resource instances`);
  const wanted = [
    condition('NamespaceContentRemaining', 'SomeResourcesRemain', {
      message: `Some resources are remaining: ${counts.join(', ')}`,
      now,
    }),
    ...(waits.length === 0
      ? []
      : [
          condition('NamespaceFinalizersRemaining', 'SomeFinalizersRemain', {
            message: `Some content in the namespace has finalizers remaining: ${waits.join(', ')}`,
            now,
          }),
        ]),
  ];
  const said = new Set(
    (Array.isArray(old) ? old : []).map((each) => `${each?.type} ${each?.message}`),
  );
  if (wanted.every(({ type, message }) => said.has(`${type} ${message}`))) return undefined;
  return wanted;
}

function condition(
  type: string,
  reason: string,
  { message, now }: { message: string; now: number },
): JsonObject {
  const lastTransitionTime = `${new Date(now).toISOString().slice(0, 19)}Z`;
  return { type, status: 'True', reason, message, lastTransitionTime };
}
