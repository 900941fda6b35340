/**
 * What kube-aggregator shows of an API: one APIService for every group and version that is served
 * here, and for those with a Service of their own a word about who answers.
 */
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { Informer } from '../client/informer.ts';
import type { RestClient } from '../client/rest.ts';
import { isObject, type JsonObject, valueAt } from '../kube/object.ts';
import { pathOf } from '../kube/resource.ts';
import { isApiError } from '../kube/status.ts';
import { timestamp } from '../kube/time.ts';
import { Controller } from '../reconcile/controller.ts';
import recorded from './data/api-service-priorities.json' with { type: 'json' };

const automanaged = 'kube-aggregator.kubernetes.io/automanaged';
const type = { group: 'apiregistration.k8s.io', version: 'v1', resource: 'apiservices' };

export interface ServedGroup {
  readonly name: string;
  readonly versions: readonly { readonly version: string }[];
}

export interface ApiServicesOptions {
  /** Of the federation itself. */
  readonly client: RestClient;
  /** The groups that discovery shows now. */
  readonly groups: () => readonly ServedGroup[];
  /** Tells when they have changed; the result ends that. */
  readonly onGroups: (listener: () => void) => () => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** An APIService as far as it matters here. */
interface Known {
  /** Made by us, or by an earlier process of ours. */
  readonly own: boolean;
  readonly external: boolean;
  readonly judged: boolean;
}

/** groupPriorityMinimum and versionPriority of built-in groups, as kube-apiserver gives them. */
const priorities: Readonly<Record<string, readonly number[]>> = recorded;
/** Those of groups that come from CustomResourceDefinitions. */
const customPriorities = [1000, 100] as const;

export class ApiServices {
  readonly #options: ApiServicesOptions;
  readonly #known: Informer<Known>;
  readonly #controller: Controller;
  #unsubscribe: (() => void) | undefined;

  constructor(options: ApiServicesOptions) {
    this.#options = options;
    const { client, clock, random, log } = options;
    const shared = { client, clock, random, log };
    this.#controller = new Controller({
      ...shared,
      name: 'APIServices',
      reconcile: (name, signal) => this.#reconcile(name, signal),
    });
    this.#known = new Informer<Known>({
      ...shared,
      target: pathOf(type),
      transform: (object) => ({
        own: object.metadata.labels?.[automanaged] !== undefined,
        external: isObject(valueAt(object, 'spec', 'service')),
        judged: Array.isArray(valueAt(object, 'status', 'conditions')),
      }),
    });
    this.#known.onChange((name) => this.#controller.add(name));
  }

  start(): void {
    this.#known.start();
    void this.#known.whenSynced().then(() => {
      this.#unsubscribe = this.#options.onGroups(() => this.#look());
      this.#look();
      this.#controller.start();
    });
  }

  async stop(): Promise<void> {
    this.#unsubscribe?.();
    await this.#known.stop();
    await this.#controller.stop();
  }

  #look(): void {
    for (const name of this.#known.cache.keys()) this.#controller.add(name);
    for (const { name, versions } of this.#options.groups())
      for (const { version } of versions) this.#controller.add(`${version}.${name}`);
  }

  async #reconcile(name: string, signal: AbortSignal): Promise<void> {
    const known = this.#known.cache.get(name);
    const { group, version } = partsOf(name);
    const served = this.#serves(group, version);
    const { client } = this.#options;
    if (known === undefined) {
      if (served) await settled(() => client.create(pathOf(type), local(name), { signal }));
    } else if (known.own && !served) await settled(() => client.delete(pathOf({ ...type, name })));
    else if (!known.judged) await this.#judge(name, known, signal);
  }

  #serves(group: string, version: string): boolean {
    const found = this.#options.groups().find(({ name }) => name === group);
    return found?.versions.some((each) => each.version === version) ?? false;
  }

  /** Says it once; of what has copies, the members' own words follow. */
  async #judge(name: string, { external }: Known, signal: AbortSignal): Promise<void> {
    const { client, clock } = this.#options;
    const condition = {
      type: 'Available',
      lastTransitionTime: timestamp(clock),
      ...(external ? notReached(name) : always),
    };
    const path = pathOf({ ...type, name, subresource: 'status' });
    const body = { status: { conditions: [condition] } };
    const patch = { type: 'application/merge-patch+json', body } as const;
    await settled(() => client.patch(path, patch, { signal, fieldManager: 'ubernetes' }));
  }
}

const always = {
  status: 'True',
  reason: 'Local',
  message: 'Local APIServices are always available',
} as const;

function notReached(name: string) {
  const { group, version } = partsOf(name);
  const message = `${group}/${version} is served once a member cluster serves it`;
  return { status: 'False', reason: 'NotReached', message } as const;
}

function local(name: string): JsonObject {
  const { group, version } = partsOf(name);
  const found = priorities[name];
  const [groupPriorityMinimum = 0, versionPriority = 0] = found ?? customPriorities;
  return {
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: { name, labels: { [automanaged]: found === undefined ? 'true' : 'onstart' } },
    spec: {
      ...(group !== '' && { group }),
      version,
      groupPriorityMinimum,
      versionPriority,
    },
  };
}

/** 'v1.apps'; 'v1.' is the core group's. */
function partsOf(name: string): { group: string; version: string } {
  const dot = name.indexOf('.');
  return { version: name.slice(0, dot), group: name.slice(dot + 1) };
}

/** Somebody was quicker, or it has gone: the watch tells what comes of it. */
async function settled(write: () => Promise<unknown>): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (!isApiError(error, 'NotFound') && !isApiError(error, 'AlreadyExists')) throw error;
  }
}
