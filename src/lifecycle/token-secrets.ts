/**
 * Fills Secrets of the type kubernetes.io/service-account-token with a token of their account, and
 * deletes those whose account is gone.
 */
import { legacyClaims } from '../apiserver/auth/service-account-tokens.ts';
import type { TokenSigner } from '../apiserver/registry/token-request.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { Informer } from '../client/informer.ts';
import type { RestClient } from '../client/rest.ts';
import { type KubeObject, valueAt } from '../kube/object.ts';
import { pathOf } from '../kube/resource.ts';
import { isApiError } from '../kube/status.ts';
import { Controller } from '../reconcile/controller.ts';

export const tokenSecretType = 'kubernetes.io/service-account-token';
const accountName = 'kubernetes.io/service-account.name';
const accountUid = 'kubernetes.io/service-account.uid';

export interface TokenSecretsOptions {
  /** Of the federation itself. */
  readonly client: RestClient;
  readonly signer: TokenSigner;
  /** PEM of the CA that the federation serves with. */
  readonly authority?: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** What matters of a token's Secret. */
interface TokenSecret {
  readonly account: string;
  readonly whole: boolean;
}

export class TokenSecrets {
  readonly #options: TokenSecretsOptions;
  readonly #secrets: Informer<TokenSecret>;
  readonly #accounts: Informer<true>;
  readonly #controller: Controller;
  /** Keys of the Secrets of each account, by NAMESPACE/NAME. */
  readonly #byAccount = new Map<string, Set<string>>();

  constructor(options: TokenSecretsOptions) {
    this.#options = options;
    const { client, clock, random, log } = options;
    const shared = { client, clock, random, log };
    this.#controller = new Controller({
      ...shared,
      name: 'token secrets',
      reconcile: (key, signal) => this.#reconcile(key, signal),
    });
    this.#secrets = new Informer<TokenSecret>({
      ...shared,
      target: pathOf({ group: '', version: 'v1', resource: 'secrets' }),
      fieldSelector: `type=${tokenSecretType}`,
      transform: tokenSecretOf,
    });
    this.#accounts = new Informer<true>({
      ...shared,
      target: pathOf({ group: '', version: 'v1', resource: 'serviceaccounts' }),
      transform: () => true,
    });
    this.#secrets.onChange((key, old, now) => this.#changed(key, old, now));
    this.#accounts.onChange((key, old, now) => {
      if (old !== undefined && now !== undefined) return;
      for (const secret of this.#byAccount.get(key) ?? []) this.#controller.add(secret);
    });
  }

  /** Begins when Secrets and accounts are known; does not wait for that. */
  start(): void {
    const informers = [this.#secrets, this.#accounts];
    for (const informer of informers) informer.start();
    void Promise.all(informers.map((informer) => informer.whenSynced())).then(() =>
      this.#controller.start(),
    );
  }

  async stop(): Promise<void> {
    await Promise.all([this.#secrets.stop(), this.#accounts.stop()]);
    await this.#controller.stop();
  }

  #changed(key: string, old: TokenSecret | undefined, now: TokenSecret | undefined): void {
    const namespace = key.slice(0, key.indexOf('/') + 1);
    if (old !== undefined) this.#byAccount.get(namespace + old.account)?.delete(key);
    if (now === undefined) return;
    const account = namespace + now.account;
    const keys = this.#byAccount.get(account);
    if (keys === undefined) this.#byAccount.set(account, new Set([key]));
    else keys.add(key);
    this.#controller.add(key);
  }

  async #reconcile(key: string, signal: AbortSignal): Promise<void> {
    const known = this.#secrets.cache.get(key);
    if (known === undefined || known.account === '') return;
    const [namespace, name] = key.split('/') as [string, string];
    const { client } = this.#options;
    const path = pathTo('secrets', namespace, name);
    const secret = (await client.find(path, { signal }))?.object();
    if (secret === undefined || secret.metadata.deletionTimestamp !== undefined) return;
    const accountPath = pathTo('serviceaccounts', namespace, known.account);
    const account = (await client.find(accountPath, { signal }))?.object();
    const uid = secret.metadata.annotations?.[accountUid] ?? '';
    try {
      if (account === undefined || (uid !== '' && uid !== account.metadata.uid)) {
        const preconditions = {
          uid: secret.metadata.uid!,
          resourceVersion: secret.metadata.resourceVersion!,
        };
        await client.remove(path, { preconditions, signal });
      } else if (!known.whole) await this.#fill(secret, account, { path, signal });
    } catch (error) {
      const raced = isApiError(error, 'Conflict') || isApiError(error, 'NotFound');
      // The watch tells what came of it.
      if (!raced) throw error;
    }
  }

  async #fill(
    secret: KubeObject,
    account: KubeObject,
    { path, signal }: { path: string; signal: AbortSignal },
  ): Promise<void> {
    const { client, signer, authority = '' } = this.#options;
    const { name = '', namespace = '', resourceVersion } = secret.metadata;
    const base64 = (text: string): string => Buffer.from(text).toString('base64');
    const kept = (field: string): boolean => valueAt(secret, 'data', field) !== undefined;
    const token = await signer.sign(legacyClaims(account, name));
    const data = {
      ...(!kept('token') && { token: base64(token) }),
      ...(authority !== '' && { 'ca.crt': base64(authority) }),
      ...(!kept('namespace') && { namespace: base64(namespace) }),
    };
    const annotations = { [accountUid]: account.metadata.uid };
    const body = { metadata: { resourceVersion, annotations }, data };
    const patch = { type: 'application/merge-patch+json', body } as const;
    await client.patch(path, patch, { signal, fieldManager: 'ubernetes' });
  }
}

function tokenSecretOf(secret: KubeObject): TokenSecret {
  const { annotations = {} } = secret.metadata;
  const filled = ['token', 'namespace'].every((field) => valueAt(secret, 'data', field));
  return {
    account: annotations[accountName] ?? '',
    whole: filled && annotations[accountUid] !== undefined,
  };
}

function pathTo(resource: string, namespace: string, name: string): string {
  return pathOf({ group: '', version: 'v1', resource, namespace, name });
}
