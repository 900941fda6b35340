/**
 * What kube-apiserver's own controllers do for CustomResourceDefinitions: accept their names, call
 * them established, and delete all objects of those that go.
 */
import {
  conditionOf,
  definitionsResource,
  isEstablished,
} from '../apiserver/custom/custom-kind.ts';
import { cleanupFinalizer, withCondition } from '../apiserver/custom/definition-rules.ts';
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { Informer } from '../client/informer.ts';
import type { RestClient } from '../client/rest.ts';
import { deepEqual } from '../kube/json.ts';
import { type JsonObject, type KubeObject, objectAt, valueAt } from '../kube/object.ts';
import { groupResource, pathOf, type ResourceType } from '../kube/resource.ts';
import { isApiError } from '../kube/status.ts';
import { Controller, type ReconcileResult } from '../reconcile/controller.ts';
import { acceptNames } from './definition-names.ts';

/** How soon to look again whether the last objects of a kind are gone. */
const lookAgainMs = 500;
const definitions = { group: 'apiextensions.k8s.io', version: 'v1' } as const;
const path = (name?: string): string =>
  pathOf({
    ...definitions,
    resource: definitionsResource.split('.')[0]!,
    ...(name === undefined ? {} : { name }),
  });

export interface DefinitionsOptions {
  /** Of the federation itself. */
  readonly client: RestClient;
  readonly types: () => readonly ResourceType[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export class Definitions {
  readonly #options: DefinitionsOptions;
  readonly #informer: Informer;
  readonly #controller: Controller;

  constructor(options: DefinitionsOptions) {
    const { client, clock, random, log } = options;
    this.#options = options;
    this.#controller = new Controller({
      name: 'custom resource definitions',
      reconcile: (name, signal) => this.#reconcile(name, signal),
      // One at a time: whether a name is free is decided by what was accepted before.
      workers: 1,
      clock,
      random,
      log,
    });
    this.#informer = new Informer({ client, clock, random, log, target: path() });
    this.#informer.onChange((name, old, now) => {
      if (now !== undefined) this.#controller.add(name);
      // Names have become free.
      if (now === undefined || !deepEqual(acceptedBy(old), acceptedBy(now)))
        for (const other of this.#sameGroup(now ?? old!)) this.#controller.add(other);
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

  *#sameGroup(definition: KubeObject): Generator<string> {
    const group = valueAt(definition, 'spec', 'group');
    for (const [name, other] of this.#informer.cache.entries())
      if (valueAt(other, 'spec', 'group') === group && other !== definition) yield name;
  }

  async #reconcile(name: string, signal: AbortSignal): Promise<ReconcileResult | undefined> {
    const answer = await this.#options.client.find(path(name), { signal });
    const definition = answer?.object<KubeObject>();
    if (definition === undefined) return undefined;
    try {
      const { deletionTimestamp, finalizers = [] } = definition.metadata;
      if (deletionTimestamp === undefined) return await this.#establish(definition, signal);
      if (finalizers.includes(cleanupFinalizer)) return await this.#cleanUp(definition, signal);
      return undefined;
    } catch (error) {
      if (isApiError(error, 'NotFound')) return undefined;
      if (isApiError(error, 'Conflict')) return { requeueAfterMs: 10 };
      throw error;
    }
  }

  async #establish(definition: KubeObject, signal: AbortSignal): Promise<undefined> {
    const now = this.#options.clock.now();
    const others: KubeObject[] = [];
    for (const name of this.#sameGroup(definition)) {
      const other = this.#informer.cache.get(name);
      if (other !== undefined && name !== definition.metadata.name) others.push(other);
    }
    const named = acceptNames(definition, others, now);
    const accepted = conditionOf(named, 'NamesAccepted')?.status === 'True';
    const done =
      accepted && !isEstablished(named)
        ? withCondition(named, now, {
            type: 'Established',
            status: 'True',
            reason: 'InitialNamesAccepted',
            message: 'the initial names have been accepted',
          })
        : named;
    if (done !== definition) await this.#writeStatus(done, signal);
    return undefined;
  }

  async #cleanUp(given: KubeObject, signal: AbortSignal): Promise<ReconcileResult | undefined> {
    let definition = given;
    if (conditionOf(definition, 'Terminating')?.reason !== 'InstanceDeletionInProgress')
      definition = await this.#report(definition, signal, {
        status: 'True',
        reason: 'InstanceDeletionInProgress',
        message: 'CustomResource deletion is in progress',
      });
    const left = isEstablished(definition) ? await this.#deleteObjects(definition, signal) : 0;
    if (left > 0) return { requeueAfterMs: lookAgainMs };
    const finalizers = (definition.metadata.finalizers ?? []).filter(
      (each) => each !== cleanupFinalizer,
    );
    const freed = { ...definition, metadata: { ...definition.metadata, finalizers } };
    await this.#options.client.update(path(given.metadata.name), freed, { signal });
    return undefined;
  }

  /** Deletes whatever there is of the kind; how many wait for somebody else. */
  async #deleteObjects(definition: KubeObject, signal: AbortSignal): Promise<number> {
    const { client, types, log } = this.#options;
    const type = types().find((each) => groupResource(each) === definition.metadata.name);
    if (type === undefined) return 0;
    try {
      const { items } = await client.list(pathOf(type), { signal });
      const namespaces = new Set(items.map(({ metadata }) => metadata.namespace ?? ''));
      for (const namespace of namespaces) {
        const scope = namespace === '' ? {} : { namespace };
        await client.send('DELETE', pathOf({ ...type, ...scope }), undefined, { signal });
      }
      if (items.length === 0) return 0;
      return (await client.list(pathOf(type), { signal })).items.length;
    } catch (error) {
      if (isApiError(error, 'NotFound') || signal.aborted) throw error;
      const message = `could not issue all deletes: ${messageOf(error)}`;
      log.warn('objects of a custom kind cannot be deleted', { error: messageOf(error) });
      await this.#report(definition, signal, {
        status: 'True',
        reason: 'InstanceDeletionFailed',
        message,
      });
      throw error;
    }
  }

  async #report(
    definition: KubeObject,
    signal: AbortSignal,
    condition: { status: 'True' | 'False'; reason: string; message: string },
  ): Promise<KubeObject> {
    const now = this.#options.clock.now();
    const reported = withCondition(definition, now, { type: 'Terminating', ...condition });
    return await this.#writeStatus(reported, signal);
  }

  async #writeStatus(definition: KubeObject, signal: AbortSignal): Promise<KubeObject> {
    const target = `${path(definition.metadata.name)}/status`;
    const answer = await this.#options.client.update(target, definition, { signal });
    return answer.object<KubeObject>();
  }
}

function acceptedBy(definition: KubeObject | undefined): JsonObject | undefined {
  return objectAt(definition, 'status', 'acceptedNames');
}
