/** Options of `serve` about who gets in and what they may, named as kube-apiserver names them. */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { parseAuthenticationConfig } from '../apiserver/auth/authentication-config.ts';
import type { FrontProxyOptions } from '../apiserver/auth/front-proxy.ts';
import { type OidcOptions, userByClaims } from '../apiserver/auth/oidc.ts';
import { messageOf, UserError } from '../base/errors.ts';
import { parseDuration } from './duration.ts';

export interface AccessFlags {
  readonly clientCaFile?: string;
  readonly serviceAccountIssuer: string;
  readonly rotateServiceAccountKey?: boolean;
  readonly authenticationConfig?: string;
  readonly oidcIssuerUrl?: string;
  readonly oidcClientId?: string;
  readonly oidcUsernameClaim: string;
  readonly oidcUsernamePrefix?: string;
  readonly oidcGroupsClaim?: string;
  readonly oidcGroupsPrefix?: string;
  readonly oidcRequiredClaim?: readonly string[];
  readonly oidcSigningAlgs: string;
  readonly oidcCaFile?: string;
  readonly authenticationTokenWebhookConfigFile?: string;
  readonly authenticationTokenWebhookCacheTtl: string;
  readonly authorizationWebhookConfigFile?: string;
  readonly authorizationWebhookCacheAuthorizedTtl: string;
  readonly authorizationWebhookCacheUnauthorizedTtl: string;
  readonly requestheaderClientCaFile?: string;
  readonly requestheaderAllowedNames?: string;
  readonly requestheaderUsernameHeaders?: string;
  readonly requestheaderUidHeaders?: string;
  readonly requestheaderGroupHeaders?: string;
  readonly requestheaderExtraHeadersPrefix?: string;
}

export type IssuerConfig = Omit<OidcOptions, 'open' | 'clock' | 'log'> & { readonly ca?: string };

/** A kubeconfig that leads to a webhook. */
export interface WebhookFile {
  readonly path: string;
  readonly text: string;
}

export interface AccessConfig {
  /** PEM: signs users' certificates besides our own authority. */
  readonly clientAuthorities: string | undefined;
  readonly serviceAccountIssuer: string;
  readonly rotateServiceAccountKey: boolean;
  readonly issuers: readonly IssuerConfig[];
  readonly anonymousPaths: readonly string[];
  readonly tokenWebhook: { readonly file: WebhookFile; readonly cacheMs: number } | undefined;
  readonly accessWebhook:
    | { readonly file: WebhookFile; readonly allowedMs: number; readonly refusedMs: number }
    | undefined;
  readonly frontProxy: (FrontProxyOptions & { readonly authorities: string }) | undefined;
}

/** What `serve` does unless it is told otherwise. */
export const accessDefaults: AccessFlags = {
  serviceAccountIssuer: 'https://ubernetes.default.svc',
  oidcUsernameClaim: 'sub',
  oidcSigningAlgs: 'RS256',
  authenticationTokenWebhookCacheTtl: '2m',
  authorizationWebhookCacheAuthorizedTtl: '5m',
  authorizationWebhookCacheUnauthorizedTtl: '30s',
};

export function addAccessOptions(command: Command): Command {
  const many = (value: string, before: readonly string[] = []): string[] => [...before, value];
  const d = accessDefaults;
  return command
    .option('--client-ca-file <file>', "further authorities of users' certificates")
    .option('--service-account-issuer <url>', 'iss of our tokens', d.serviceAccountIssuer)
    .option('--rotate-service-account-key', 'make a new key for tokens; the old ones still verify')
    .option('--authentication-config <file>', 'AuthenticationConfiguration: issuers of ID tokens')
    .option('--oidc-issuer-url <url>', 'users of this OpenID Connect issuer')
    .option('--oidc-client-id <id>', 'whom its tokens must be for')
    .option('--oidc-username-claim <claim>', 'what names the user', d.oidcUsernameClaim)
    .option('--oidc-username-prefix <prefix>', 'put before it ("-": nothing)')
    .option('--oidc-groups-claim <claim>', 'what names the groups')
    .option('--oidc-groups-prefix <prefix>', 'put before each')
    .option('--oidc-required-claim <claim=value>', 'must be in a token; may be repeated', many)
    .option('--oidc-signing-algs <list>', 'algorithms that count', d.oidcSigningAlgs)
    .option('--oidc-ca-file <file>', "authorities of the issuer's certificate")
    .option(
      '--authentication-token-webhook-config-file <file>',
      'kubeconfig of a TokenReview webhook',
    )
    .option(
      '--authentication-token-webhook-cache-ttl <duration>',
      'how long its answers count',
      d.authenticationTokenWebhookCacheTtl,
    )
    .option(
      '--authorization-webhook-config-file <file>',
      'kubeconfig of a SubjectAccessReview webhook, asked after RBAC',
    )
    .option(
      '--authorization-webhook-cache-authorized-ttl <duration>',
      'how long its yes counts',
      d.authorizationWebhookCacheAuthorizedTtl,
    )
    .option(
      '--authorization-webhook-cache-unauthorized-ttl <duration>',
      'how long its no counts',
      d.authorizationWebhookCacheUnauthorizedTtl,
    )
    .option(
      '--requestheader-client-ca-file <file>',
      'authorities of front proxies, which name users in headers',
    )
    .option('--requestheader-allowed-names <list>', 'common names of front proxies (default: any)')
    .option('--requestheader-username-headers <list>', 'such as X-Remote-User')
    .option('--requestheader-uid-headers <list>', 'such as X-Remote-Uid')
    .option('--requestheader-group-headers <list>', 'such as X-Remote-Group')
    .option('--requestheader-extra-headers-prefix <list>', 'such as X-Remote-Extra-');
}

/** Reads the files that are named. @throws UserError naming the option that is wrong */
export function accessConfig(flags: AccessFlags): AccessConfig {
  return {
    clientAuthorities: fileOf(flags.clientCaFile, '--client-ca-file'),
    serviceAccountIssuer: flags.serviceAccountIssuer,
    rotateServiceAccountKey: flags.rotateServiceAccountKey === true,
    ...issuersOf(flags),
    tokenWebhook: tokenWebhookOf(flags),
    accessWebhook: accessWebhookOf(flags),
    frontProxy: frontProxyOf(flags),
  };
}

function fileOf(path: string | undefined, flag: string): string | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const hint = 'check the path and its permissions';
    throw new UserError(`${flag} ${path} cannot be read: ${messageOf(cause)}`, hint, { cause });
  }
}

function listOf(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
}

function issuersOf(flags: AccessFlags): Pick<AccessConfig, 'issuers' | 'anonymousPaths'> {
  const single = oidcOf(flags);
  const text = fileOf(flags.authenticationConfig, '--authentication-config');
  if (text === undefined)
    return { issuers: single === undefined ? [] : [single], anonymousPaths: [] };
  if (single !== undefined)
    throw new UserError(
      '--authentication-config and --oidc-… exclude each other',
      'put the issuer into the file',
    );
  const { issuers, anonymousPaths } = parseAuthenticationConfig(text);
  return {
    issuers: issuers.map((each) => ({ ...each, signingAlgorithms: algorithms })),
    anonymousPaths,
  };
}

function oidcOf(flags: AccessFlags): IssuerConfig | undefined {
  const { oidcIssuerUrl: issuer, oidcClientId: clientId } = flags;
  if (issuer === undefined && clientId === undefined) return undefined;
  if (issuer === undefined || clientId === undefined)
    throw new UserError(
      '--oidc-issuer-url and --oidc-client-id go together',
      'give both, or none of them',
    );
  if (!issuer.startsWith('https://'))
    throw new UserError(`--oidc-issuer-url ${issuer} is not https`, 'use the https URL in `iss`');
  const ca = fileOf(flags.oidcCaFile, '--oidc-ca-file');
  return {
    issuer,
    audiences: [clientId],
    userOf: userByClaims({
      usernameClaim: flags.oidcUsernameClaim,
      usernamePrefix: usernamePrefix(flags, issuer),
      groupsClaim: flags.oidcGroupsClaim,
      groupsPrefix: flags.oidcGroupsPrefix ?? '',
      requiredClaims: new Map((flags.oidcRequiredClaim ?? []).map(requiredClaim)),
    }),
    signingAlgorithms: signingAlgorithms(flags.oidcSigningAlgs),
    ...(ca !== undefined && { ca }),
  };
}

/** So that no issuer makes a user of ours: names are told apart by it, e-mail addresses are so. */
function usernamePrefix(flags: AccessFlags, issuer: string): string {
  const { oidcUsernamePrefix: prefix, oidcUsernameClaim: claim } = flags;
  if (prefix === '-') return '';
  return prefix ?? (claim === 'email' ? '' : `${issuer}#`);
}

function requiredClaim(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  throw new UserError(`--oidc-required-claim ${text} is none`, 'use CLAIM=VALUE');
}

const algorithms = [
  'RS256',
  'RS384',
  'RS512',
  'ES256',
  'ES384',
  'ES512',
  'PS256',
  'PS384',
  'PS512',
];

function signingAlgorithms(text: string): string[] {
  const list = listOf(text);
  const strange = list.find((each) => !algorithms.includes(each));
  if (strange === undefined && list.length > 0) return list;
  throw new UserError(
    `--oidc-signing-algs ${text} is none`,
    `use some of ${algorithms.join(', ')}`,
  );
}

function tokenWebhookOf(flags: AccessFlags): AccessConfig['tokenWebhook'] {
  const path = flags.authenticationTokenWebhookConfigFile;
  const text = fileOf(path, '--authentication-token-webhook-config-file');
  if (path === undefined || text === undefined) return undefined;
  const ttl = flags.authenticationTokenWebhookCacheTtl;
  const cacheMs = parseDuration(ttl, '--authentication-token-webhook-cache-ttl');
  return { file: { path, text }, cacheMs };
}

function accessWebhookOf(flags: AccessFlags): AccessConfig['accessWebhook'] {
  const path = flags.authorizationWebhookConfigFile;
  const text = fileOf(path, '--authorization-webhook-config-file');
  if (path === undefined || text === undefined) return undefined;
  const cache = '--authorization-webhook-cache';
  const { authorizationWebhookCacheAuthorizedTtl: yes } = flags;
  const { authorizationWebhookCacheUnauthorizedTtl: no } = flags;
  return {
    file: { path, text },
    allowedMs: parseDuration(yes, `${cache}-authorized-ttl`),
    refusedMs: parseDuration(no, `${cache}-unauthorized-ttl`),
  };
}

function frontProxyOf(flags: AccessFlags): AccessConfig['frontProxy'] {
  const file = flags.requestheaderClientCaFile;
  const authorities = fileOf(file, '--requestheader-client-ca-file');
  if (authorities === undefined) return undefined;
  const lower = (text: string | undefined): string[] =>
    listOf(text).map((each) => each.toLowerCase());
  const usernameHeaders = lower(flags.requestheaderUsernameHeaders);
  if (usernameHeaders.length === 0)
    throw new UserError(
      '--requestheader-client-ca-file needs --requestheader-username-headers',
      'name the header that holds the user, such as X-Remote-User',
    );
  return {
    authorities,
    allowedNames: listOf(flags.requestheaderAllowedNames),
    usernameHeaders,
    uidHeaders: lower(flags.requestheaderUidHeaders),
    groupHeaders: lower(flags.requestheaderGroupHeaders),
    extraPrefixes: lower(flags.requestheaderExtraHeadersPrefix),
  };
}
