/** The options of `serve`, checked before anything is opened. */
import { resolve } from 'node:path';
import { UserError } from '../base/errors.ts';
import type { LogLevel } from './log.ts';

export interface ServeFlags {
  readonly data: string;
  readonly listen: string;
  readonly advertise?: string;
  readonly tokenAuthFile?: string;
  readonly failoverAfter: string;
  readonly preflight: boolean;
  readonly logLevel: string;
}

export interface ServeOptions {
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
  readonly logLevel: LogLevel;
}

const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error', 'silent'];

/** @throws UserError naming the option that is wrong. */
export function serveOptions(flags: ServeFlags): ServeOptions {
  const { host, port } = parseListen(flags.listen);
  const logLevel = levels.find((level) => level === flags.logLevel);
  if (logLevel === undefined) {
    throw new UserError(`--log-level ${flags.logLevel} is none`, `use one of ${levels.join(', ')}`);
  }
  const everywhere = host === '0.0.0.0' || host === '::';
  return {
    dataDir: resolve(flags.data),
    host,
    port,
    advertise: flags.advertise ?? (everywhere ? '127.0.0.1' : host),
    tokenAuthFile: flags.tokenAuthFile,
    failoverAfterMs: parseDuration(flags.failoverAfter, '--failover-after'),
    preflight: flags.preflight,
    logLevel,
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

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** `90s`, `5m`, `1h30m` as milliseconds. */
function parseDuration(text: string, flag: string): number {
  if (!/^(\d+(ms|s|m|h))+$/.test(text)) {
    throw new UserError(`${flag} ${text} is no duration`, 'use a number with a unit: 30s, 5m, 1h');
  }
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+)(ms|s|m|h)/g)) {
    total += Number(amount) * units[unit!]!;
  }
  return total;
}
