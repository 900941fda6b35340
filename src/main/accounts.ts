/** Service accounts of the federation as credentials: which stand, and the tokens they have. */
import type { KeyObject } from 'node:crypto';
import { ServiceAccountTokens } from '../apiserver/auth/service-account-tokens.ts';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { Informer } from '../client/informer.ts';
import type { RestClient } from '../client/rest.ts';
import { pathOf } from '../kube/resource.ts';

export interface AccountsOptions {
  /** The first signs, all verify. */
  readonly keys: readonly [KeyObject, ...KeyObject[]];
  readonly issuer: string;
  readonly clock: Clock;
  readonly random: Random;
}

export class Accounts {
  readonly tokens: ServiceAccountTokens;
  readonly #options: AccountsOptions;
  #informer: Informer<string> | undefined;
  #client: RestClient | undefined;

  constructor(options: AccountsOptions) {
    this.#options = options;
    const { keys, issuer, clock } = options;
    this.tokens = new ServiceAccountTokens({
      keys,
      issuer,
      audiences: [issuer],
      clock,
      accountUid: (namespace, name) => this.#informer?.cache.get(`${namespace}/${name}`),
      currentUid: async (namespace, name) => {
        const place = { group: '', version: 'v1', resource: 'serviceaccounts', namespace, name };
        return (await this.#client?.find(pathOf(place)))?.object().metadata.uid;
      },
      boundObject: async (kind, namespace, name) => {
        const place = kind === 'node' ? {} : { namespace };
        const path = pathOf({ group: '', version: 'v1', resource: `${kind}s`, name, ...place });
        return (await this.#client?.find(path))?.object();
      },
    });
  }

  async start(client: RestClient): Promise<void> {
    const { clock, random } = this.#options;
    this.#client = client;
    this.#informer = new Informer<string>({
      client,
      clock,
      random,
      target: '/api/v1/serviceaccounts',
      transform: ({ metadata }) => metadata.uid,
    });
    this.#informer.start();
    await this.#informer.whenSynced();
  }

  async stop(): Promise<void> {
    await this.#informer?.stop();
  }
}
