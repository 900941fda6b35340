/** The options of `serve`, checked before anything is opened. */
import { resolve } from 'node:path';
import { UserError } from '../base/errors.ts';
import { type AccessConfig, type AccessFlags, accessConfig } from './access-options.ts';
import { type AuditFlags, type AuditOptions, auditOptions } from './audit-options.ts';
import { parseDuration } from './duration.ts';
import { type RunningFlags, type RunningOptions, runningOptions } from './running-options.ts';

export interface ServeFlags extends RunningFlags, AuditFlags, AccessFlags {
  readonly data: string;
  readonly listen: string;
  readonly advertise?: string;
  readonly tokenAuthFile?: string;
  readonly failoverAfter: string;
  readonly preflight: boolean;
}

export interface ServeOptions extends RunningOptions {
  /** Absent: there is no audit log. */
  readonly audit?: AuditOptions | undefined;
  readonly dataDir: string;
  readonly host: string;
  readonly port: number;
  /**
   * Name or address that clients reach the server by, written into certificates and kubeconfigs.
   */
  readonly advertise: string;
  readonly tokenAuthFile: string | undefined;
  readonly failoverAfterMs: number;
  readonly preflight: boolean;
  readonly access: AccessConfig;
}

/** @throws UserError naming the option that is wrong. */
export function serveOptions(flags: ServeFlags): ServeOptions {
  const { host, port } = parseListen(flags.listen);
  const everywhere = host === '0.0.0.0' || host === '::';
  return {
    dataDir: resolve(flags.data),
    host,
    port,
    advertise: flags.advertise ?? (everywhere ? '127.0.0.1' : host),
    tokenAuthFile: flags.tokenAuthFile,
    failoverAfterMs: parseDuration(flags.failoverAfter, '--failover-after'),
    preflight: flags.preflight,
    access: accessConfig(flags),
    ...runningOptions(flags),
    audit: auditOptions(flags),
  };
}

function parseListen(text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new UserError(`--listen ${text} is no address`, 'use HOST:PORT, such as 127.0.0.1:8443');
  }
  return { host: match[1] ?? (match[2] || '0.0.0.0'), port };
}
