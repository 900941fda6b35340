/**
 * Keeps in every namespace what clients expect to find there: the service account `default`, and
 * the federation's CA in the ConfigMap `kube-root-ca.crt`. Both stay home.
 */
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { Informer } from '../client/informer.ts';
import type { RestClient } from '../client/rest.ts';
import { type KubeObject, valueAt } from '../kube/object.ts';
import { pathOf } from '../kube/resource.ts';
import { isApiError } from '../kube/status.ts';
import { Controller } from '../reconcile/controller.ts';

const accountName = 'default';
const authorityName = 'kube-root-ca.crt';
const authorityKey = 'ca.crt';

export interface ServiceAccountsOptions {
  /** Of the federation itself. */
  readonly client: RestClient;
  /** PEM of the CA that the federation serves with; absent: nothing is published. */
  readonly authority?: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export class ServiceAccounts {
  readonly #options: ServiceAccountsOptions;
  /** Namespaces that are there to stay. */
  readonly #namespaces: Informer<true>;
  readonly #accounts: Informer<true>;
  /** What is published now. */
  readonly #authorities: Informer<string>;
  readonly #controller: Controller;

  constructor(options: ServiceAccountsOptions) {
    this.#options = options;
    const { client, clock, random, log } = options;
    const shared = { client, clock, random, log };
    this.#controller = new Controller({
      ...shared,
      name: 'service accounts',
      reconcile: (namespace, signal) => this.#reconcile(namespace, signal),
    });
    this.#namespaces = new Informer<true>({
      ...shared,
      target: pathOf({ group: '', version: 'v1', resource: 'namespaces' }),
      transform: ({ metadata }) => (metadata.deletionTimestamp === undefined ? true : undefined),
    });
    this.#accounts = new Informer<true>({
      ...shared,
      target: accountsPath(),
      fieldSelector: `metadata.name=${accountName}`,
      transform: () => true,
    });
    this.#authorities = new Informer<string>({
      ...shared,
      target: authoritiesPath(),
      fieldSelector: `metadata.name=${authorityName}`,
      transform: (object) => String(valueAt(object, 'data', authorityKey) ?? ''),
    });
    this.#namespaces.onChange((name) => this.#controller.add(name));
    for (const informer of [this.#accounts, this.#authorities]) {
      informer.onChange((key) => this.#controller.add(key.slice(0, key.indexOf('/'))));
    }
  }

  /** Begins when the namespaces and what is in them are known; does not wait for that. */
  start(): void {
    const informers = [this.#namespaces, this.#accounts, this.#authorities];
    for (const informer of informers) informer.start();
    void Promise.all(informers.map((informer) => informer.whenSynced())).then(() =>
      this.#controller.start(),
    );
  }

  async stop(): Promise<void> {
    const informers = [this.#namespaces, this.#accounts, this.#authorities];
    await Promise.all(informers.map((informer) => informer.stop()));
    await this.#controller.stop();
  }

  async #reconcile(namespace: string, signal: AbortSignal): Promise<void> {
    if (this.#namespaces.cache.get(namespace) === undefined) return;
    const { client, authority } = this.#options;
    if (this.#accounts.cache.get(`${namespace}/${accountName}`) === undefined) {
      const account = object('ServiceAccount', { name: accountName, namespace });
      await unlessGone(() => client.create(accountsPath(namespace), account, { signal }));
    }
    if (authority === undefined) return;
    const published = this.#authorities.cache.get(`${namespace}/${authorityName}`);
    if (published === authority) return;
    const data = { [authorityKey]: authority };
    if (published === undefined) {
      const config = { ...object('ConfigMap', { name: authorityName, namespace }), data };
      await unlessGone(() => client.create(authoritiesPath(namespace), config, { signal }));
      return;
    }
    const patch = { type: 'application/merge-patch+json', body: { data } } as const;
    const path = authoritiesPath(namespace, authorityName);
    await unlessGone(() => client.patch(path, patch, { signal, fieldManager: 'ubernetes' }));
  }
}

/** Somebody was quicker, or the namespace is on its way out: the watches tell what comes of it. */
async function unlessGone(write: () => Promise<unknown>): Promise<void> {
  try {
    await write();
  } catch (error) {
    const gone = isApiError(error, 'NotFound') || isApiError(error, 'Forbidden');
    if (!gone && !isApiError(error, 'AlreadyExists')) throw error;
  }
}

function object(kind: string, metadata: KubeObject['metadata']): KubeObject {
  return { apiVersion: 'v1', kind, metadata };
}

function accountsPath(namespace?: string): string {
  const parts = { group: '', version: 'v1', resource: 'serviceaccounts' };
  return pathOf(namespace === undefined ? parts : { ...parts, namespace });
}

function authoritiesPath(namespace?: string, name?: string): string {
  return pathOf({
    group: '',
    version: 'v1',
    resource: 'configmaps',
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { name }),
  });
}
