/**
 * Writes the copies' statuses into the template's, at most ten times a second each, the last one
 * always.
 */
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { RestClient } from '../client/rest.ts';
import type { JsonObject } from '../kube/object.ts';
import { pathOf } from '../kube/resource.ts';
import { ApiError } from '../kube/status.ts';
import { wantedIn } from '../placement/decision.ts';
import { Controller, type ReconcileResult } from '../reconcile/controller.ts';
import { aggregate, type CopyStatus } from './aggregate.ts';
import { equal } from './three-way.ts';
import type { Unit, Units } from './unit.ts';

/** Between two status writes of one template, milliseconds. */
const spacingMs = 100;
/** Copies in many clusters report at nearly the same time: the sum waits for them, milliseconds. */
const gatherMs = 40;

export interface StatusWriterOptions {
  readonly client: RestClient;
  readonly units: Units;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Whether what is known of this unit's copy in the cluster is fresh. */
  knows(unit: Unit, cluster: string): boolean;
  /** Whether the cluster does not even serve the type: its silence says nothing. */
  lacks(unit: Unit, cluster: string): boolean;
}

export class StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #controller: Controller;

  constructor(options: StatusWriterOptions) {
    this.#options = options;
    this.#controller = new Controller({
      name: 'status',
      reconcile: (key) => this.#reconcile(key),
      clock: options.clock,
      random: options.random,
      log: options.log,
      workers: 32,
    });
  }

  start(): void {
    this.#controller.start();
  }

  stop(): Promise<void> {
    return this.#controller.stop();
  }

  add(unit: Unit): void {
    if (unit.type.subresources.some(({ name }) => name === 'status'))
      this.#controller.addAfter(unit.key, gatherMs);
  }

  async #reconcile(key: string): Promise<ReconcileResult | undefined> {
    const unit = this.#options.units.get(key);
    const { template, decision } = unit ?? {};
    if (unit === undefined || template === undefined || decision === undefined) return undefined;
    const now = this.#options.clock.monotonic();
    const waitMs = unit.statusWrittenAt + spacingMs - now;
    if (waitMs > 0) return { requeueAfterMs: waitMs };
    const previous = template['status'] as JsonObject | undefined;
    const replicas = (template['spec'] as JsonObject | undefined)?.['replicas'];
    const status = aggregate({
      type: unit.type,
      generation: template.metadata.generation ?? 1,
      previous,
      copies: Object.keys(decision.decision.clusters)
        .filter((cluster) => wantedIn(decision.decision, cluster) !== undefined)
        .filter((cluster) => !this.#options.lacks(unit, cluster))
        .sort()
        .map((cluster) => this.#statusOf(unit, cluster)),
      replicas: typeof replicas === 'number' ? replicas : undefined,
    });
    if (status === undefined || equal(status, previous ?? {})) return undefined;
    unit.statusWrittenAt = now;
    await this.#write(unit, mergePatch(previous ?? {}, status));
    return undefined;
  }

  async #write(unit: Unit, status: JsonObject): Promise<void> {
    const { namespace, name, type } = unit;
    const path = pathOf({
      ...type,
      ...(namespace === '' ? {} : { namespace }),
      name,
      subresource: 'status',
    });
    // The uid makes sure that a template made anew does not get the old one's status.
    const body = { metadata: { uid: unit.template!.metadata.uid }, status };
    try {
      await this.#options.client.patch(path, { type: 'application/merge-patch+json', body });
    } catch (error) {
      if (!(error instanceof ApiError) || ![404, 409].includes(error.code)) throw error;
    }
  }

  #statusOf(unit: Unit, cluster: string): CopyStatus {
    const copy = unit.copies.get(cluster);
    // The copy of an earlier object of this name says nothing about this one.
    const live = copy?.mark?.uid === unit.template?.metadata.uid ? copy?.live : undefined;
    const status = live?.['status'] as JsonObject | undefined;
    const written = copy?.written?.hash;
    const observed = status?.['observedGeneration'];
    const seen = typeof observed !== 'number' || observed >= (live?.metadata.generation ?? 0);
    return {
      cluster,
      reachable: this.#options.knows(unit, cluster),
      current: written !== undefined && written === unit.renderedHash(cluster) && seen,
      status,
    };
  }
}

/** A merge patch for a status: fields that are no longer there are taken out. */
function mergePatch(previous: JsonObject, status: JsonObject): JsonObject {
  const patch: JsonObject = { ...status };
  for (const field of Object.keys(previous)) if (!Object.hasOwn(status, field)) patch[field] = null;
  for (const [field, value] of Object.entries(patch))
    if (equal(value, previous[field])) delete patch[field];
  return patch;
}
