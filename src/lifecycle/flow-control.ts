/**
 * FlowSchemas and PriorityLevelConfigurations: the default ones are kept as they ought to be, each
 * schema is told whether its level is there, and all of them are handed to whoever obeys them.
 */
import { defaultFlows, levelNameOf } from '../apiserver/fairness/flows.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { Informer } from '../client/informer.ts';
import type { RestClient } from '../client/rest.ts';
import { conditionStatus } from '../kube/condition.ts';
import { deepEqual } from '../kube/json.ts';
import type { KubeObject } from '../kube/object.ts';
import { pathOf } from '../kube/resource.ts';
import { isApiError } from '../kube/status.ts';
import { timestamp } from '../kube/time.ts';
import { Controller } from '../reconcile/controller.ts';

const resources = {
  FlowSchema: 'flowschemas',
  PriorityLevelConfiguration: 'prioritylevelconfigurations',
} as const;

type FlowKind = keyof typeof resources;

const kinds = Object.keys(resources) as FlowKind[];
const type = { group: 'flowcontrol.apiserver.k8s.io', version: 'v1' };
const autoUpdate = 'apf.kubernetes.io/autoupdate-spec';
/** As kube-apiserver calls its own writers of them. */
const producer = 'api-priority-and-fairness-config-producer-v1';
const consumer = 'api-priority-and-fairness-config-consumer-v1';

export interface FlowControlOptions {
  /** Of the federation itself. */
  readonly client: RestClient;
  /** All of both kinds, whenever one has changed. */
  readonly onFlows: (objects: readonly KubeObject[]) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Stands for all of them in the queue. */
const all = '';

export class FlowControl {
  readonly #options: FlowControlOptions;
  readonly #informers: Readonly<Record<FlowKind, Informer>>;
  readonly #controller: Controller;
  readonly #defaults = new Map(defaultFlows().map((object) => [keyOf(object), object]));

  constructor(options: FlowControlOptions) {
    this.#options = options;
    const { client, clock, random, log } = options;
    const shared = { client, clock, random, log };
    this.#controller = new Controller({
      ...shared,
      name: 'flow control',
      reconcile: (key, signal) => this.#reconcile(key, signal),
    });
    const informer = (kind: FlowKind): Informer =>
      new Informer({ ...shared, target: pathOf({ ...type, resource: resources[kind] }) });
    this.#informers = {
      FlowSchema: informer('FlowSchema'),
      PriorityLevelConfiguration: informer('PriorityLevelConfiguration'),
    };
  }

  start(): void {
    const both = Object.values(this.#informers);
    for (const each of both) each.start();
    void Promise.all(both.map((each) => each.whenSynced())).then(() => {
      for (const kind of kinds)
        this.#informers[kind].onChange((_, old, now) => this.#changed((now ?? old)!));
      for (const object of [...this.#defaults.values(), ...this.#known()]) this.#changed(object);
      this.#controller.start();
    });
  }

  async stop(): Promise<void> {
    await Promise.all(Object.values(this.#informers).map((each) => each.stop()));
    await this.#controller.stop();
  }

  #known(): KubeObject[] {
    return kinds.flatMap((kind) => [...this.#informers[kind].cache.values()]);
  }

  #changed(object: KubeObject): void {
    this.#controller.add(keyOf(object));
    this.#controller.add(all);
    if (object.kind === 'FlowSchema') return;
    for (const schema of this.#informers.FlowSchema.cache.values())
      if (levelNameOf(schema) === object.metadata.name) this.#controller.add(keyOf(schema));
  }

  async #reconcile(key: string, signal: AbortSignal): Promise<void> {
    if (key === all) {
      this.#options.onFlows(this.#known());
      return;
    }
    const [kind, name] = key.split(' ') as [FlowKind, string];
    const present = this.#informers[kind].cache.get(name);
    await this.#keep(this.#defaults.get(key), present, signal);
    if (present?.kind === 'FlowSchema') await this.#judge(present, signal);
  }

  /** A default that was deleted or changed comes back, unless it says that it may be changed. */
  async #keep(
    wanted: KubeObject | undefined,
    present: KubeObject | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    if (wanted === undefined) return;
    const { client } = this.#options;
    const options = { signal, fieldManager: producer };
    if (present === undefined)
      await settled(() => client.create(pathTo(wanted, 'collection'), wanted, options));
    else if (
      present.metadata.annotations?.[autoUpdate] === 'true' &&
      !deepEqual(present['spec'], wanted['spec'])
    )
      await settled(() =>
        client.update(pathTo(wanted), { ...present, spec: wanted['spec'] }, options),
      );
  }

  async #judge(schema: KubeObject, signal: AbortSignal): Promise<void> {
    const level = levelNameOf(schema);
    const found = this.#informers.PriorityLevelConfiguration.cache.get(level) !== undefined;
    const status = found ? 'False' : 'True';
    if (conditionStatus(schema, 'Dangling') === status) return;
    const { client, clock } = this.#options;
    const named = `This FlowSchema references the PriorityLevelConfiguration object named "${level}"`;
    const condition = {
      ...{ type: 'Dangling', status, lastTransitionTime: timestamp(clock) },
      reason: found ? 'Found' : 'NotFound',
      message: `${named} ${found ? 'and it exists' : 'but there is no such object'}`,
    };
    const body = { status: { conditions: [condition] } };
    const patch = { type: 'application/merge-patch+json', body } as const;
    await settled(() =>
      client.patch(pathTo(schema, 'status'), patch, { signal, fieldManager: consumer }),
    );
  }
}

function keyOf({ kind, metadata }: KubeObject): string {
  return `${kind} ${metadata.name}`;
}

function pathTo({ kind, metadata }: KubeObject, what?: 'collection' | 'status'): string {
  const collection = { ...type, resource: resources[kind as FlowKind] };
  if (what === 'collection') return pathOf(collection);
  const object = { ...collection, name: metadata.name! };
  return pathOf(what === undefined ? object : { ...object, subresource: what });
}

/** Somebody was quicker, or it has gone: the watch tells what comes of it. */
async function settled(write: () => Promise<unknown>): Promise<void> {
  try {
    await write();
  } catch (error) {
    const reasons = ['NotFound', 'AlreadyExists', 'Conflict'] as const;
    if (!reasons.some((reason) => isApiError(error, reason))) throw error;
  }
}
