/** Puts the ways to know users and their rights together, as the options of `serve` say. */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { TokenVerifier } from '../apiserver/auth/authenticate.ts';
import type { Authorizer } from '../apiserver/auth/authorizer.ts';
import { OidcUsers } from '../apiserver/auth/oidc.ts';
import type { ServerPki } from '../apiserver/auth/pki-files.ts';
import { accessWebhook, tokenWebhook, type WebhookOptions } from '../apiserver/auth/webhooks.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { connectionOf, parseKubeconfig } from '../client/kubeconfig.ts';
import { RestClient } from '../client/rest.ts';
import { TlsTransport } from '../client/tls-transport.ts';
import type { FurtherAccess } from './access.ts';
import type { AccessConfig, WebhookFile } from './access-options.ts';
import { Accounts } from './accounts.ts';
import type { FederationOptions } from './federation.ts';

interface Context {
  readonly clock: Clock;
  readonly log: Logger;
  readonly audiences: readonly string[];
}

/** @throws UserError for a webhook's kubeconfig that cannot be used */
async function furtherAccess(
  config: AccessConfig,
  context: Context,
): Promise<FurtherAccess & { close(): Promise<void> }> {
  const { clock, log, audiences } = context;
  const tokens: TokenVerifier[] = [];
  const closing: (() => Promise<void>)[] = [];
  for (const { ca, ...options } of config.issuers) {
    const open = (server: string): TlsTransport =>
      new TlsTransport({ server, clock, ...(ca !== undefined && { ca }) });
    const users = new OidcUsers({ ...options, open, clock, log });
    tokens.push((token) => users.verify(token));
    closing.push(() => users.close());
  }
  const webhookOf = async (file: WebhookFile): Promise<WebhookOptions> => {
    const { client, path } = await webhookClient(file, clock);
    closing.push(() => client.transport.close());
    return { client, path, clock, log };
  };
  if (config.tokenWebhook !== undefined) {
    const { file, cacheMs } = config.tokenWebhook;
    tokens.push(tokenWebhook({ ...(await webhookOf(file)), cacheMs, audiences }));
  }
  let webhook: Authorizer | undefined;
  if (config.accessWebhook !== undefined) {
    const { file, ...times } = config.accessWebhook;
    webhook = accessWebhook({ ...(await webhookOf(file)), ...times });
  }
  return {
    tokens,
    webhook,
    anonymousPaths: config.anonymousPaths,
    async close() {
      await Promise.all(closing.map((close) => close()));
    },
  };
}

interface IdentityContext {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly pki: ServerPki;
  /** This server as others reach it, once it serves. */
  readonly url: () => string;
}

/** Everything about who is who that a federation is started with. */
export interface Identity {
  readonly options: Pick<
    FederationOptions,
    'audiences' | 'authority' | 'frontProxy' | 'further' | 'serviceAccounts' | 'signer' | 'url'
  >;
  /** Follows the service accounts; `client` is the federation's own. */
  start(client: RestClient): Promise<void>;
  stop(): Promise<void>;
}

/** @throws UserError for a webhook's kubeconfig that cannot be used */
export async function openIdentity(
  config: AccessConfig,
  { clock, random, log, pki, url }: IdentityContext,
): Promise<Identity> {
  const { serviceAccountIssuer: issuer, frontProxy } = config;
  const audiences = [issuer];
  const accounts = new Accounts({ keys: pki.serviceAccountKeys, issuer, clock, random });
  const further = await furtherAccess(config, { clock, log, audiences });
  return {
    options: {
      audiences,
      authority: pki.authority,
      further,
      serviceAccounts: accounts.tokens,
      signer: pki.signer,
      url,
      ...(frontProxy && { frontProxy }),
    },
    start: (client) => accounts.start(client),
    async stop() {
      await Promise.all([accounts.stop(), further.close()]);
    },
  };
}

/** The cluster of a kubeconfig is the webhook, its server the URL that is asked. */
async function webhookClient(
  { path: file, text }: WebhookFile,
  clock: Clock,
): Promise<{ client: RestClient; path: string }> {
  const config = parseKubeconfig(text);
  const settings = await connectionOf(config.context(), {
    clock,
    directory: dirname(resolve(file)),
    readFile: (path) => readFileSync(path, 'utf8'),
  });
  const url = new URL(settings.server);
  const transport = new TlsTransport({ ...settings, server: url.origin });
  const client = new RestClient(transport, { userAgent: 'ubernetes' });
  return { client, path: url.pathname + url.search };
}
