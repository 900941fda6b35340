/** Writes what is used of each ResourceQuota into its status; changes that come together, once. */
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { RestClient } from '../client/rest.ts';
import { pathOf } from '../kube/resource.ts';
import { isApiError } from '../kube/status.ts';
import { Controller } from '../reconcile/controller.ts';

export interface QuotaUsages {
  /** `NAMESPACE/NAME` of each quota. */
  names(): readonly string[];
  onChange(listener: (namespace: string, name: string) => void): void;
  /** Amounts by resource; undefined: there is no such quota. */
  usage(
    namespace: string,
    name: string,
  ): Promise<
    | {
        readonly hard: Readonly<Record<string, string>>;
        readonly used: Readonly<Record<string, string>>;
      }
    | undefined
  >;
}

export interface QuotaStatusOptions {
  readonly client: RestClient;
  readonly quotas: QuotaUsages;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export class QuotaStatus {
  readonly #options: QuotaStatusOptions;
  readonly #controller: Controller;

  constructor(options: QuotaStatusOptions) {
    this.#options = options;
    this.#controller = new Controller({
      ...options,
      name: 'quota status',
      workers: 4,
      reconcile: (key) => this.#write(key),
    });
    options.quotas.onChange((namespace, name) => this.#controller.add(`${namespace}/${name}`));
  }

  start(): void {
    for (const key of this.#options.quotas.names()) this.#controller.add(key);
    this.#controller.start();
  }

  stop(): Promise<void> {
    return this.#controller.stop();
  }

  async #write(key: string): Promise<void> {
    const [namespace, name] = key.split('/') as [string, string];
    const status = await this.#options.quotas.usage(namespace, name);
    if (status === undefined) return;
    const place = { group: '', version: 'v1', resource: 'resourcequotas', namespace, name };
    const body = [{ op: 'add', path: '/status', value: status }];
    try {
      await this.#options.client.patch(
        pathOf({ ...place, subresource: 'status' }),
        { type: 'application/json-patch+json', body },
        { fieldManager: 'ubernetes' },
      );
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
    }
  }
}
