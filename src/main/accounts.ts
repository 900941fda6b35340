/** Service accounts of the federation as credentials: which stand, and the tokens they have. */
import type { KeyObject } from 'node:crypto';
import { ServiceAccountTokens } from '../apiserver/auth/service-account-tokens.ts';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { Informer } from '../client/informer.ts';
import type { RestClient } from '../client/rest.ts';

export interface AccountsOptions {
  readonly key: KeyObject;
  readonly clock: Clock;
  readonly random: Random;
}

export class Accounts {
  readonly issuer = 'https://ubernetes.default.svc';
  readonly tokens: ServiceAccountTokens;
  readonly #options: AccountsOptions;
  #informer: Informer<string> | undefined;

  constructor(options: AccountsOptions) {
    this.#options = options;
    const { key, clock } = options;
    this.tokens = new ServiceAccountTokens({
      keys: [key],
      issuer: this.issuer,
      audiences: [this.issuer],
      clock,
      accountUid: (namespace, name) => this.#informer?.cache.get(`${namespace}/${name}`),
    });
  }

  async start(client: RestClient): Promise<void> {
    const { clock, random } = this.#options;
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
