/** Options of `serve` about running it: logs, limits, shutdown. */
import type { Command } from 'commander';
import { UserError } from '../base/errors.ts';
import { parseDuration } from './duration.ts';
import type { LogFormat, LogLevel } from './log.ts';

export interface RunningFlags {
  readonly logLevel: string;
  readonly logFormat: string;
  readonly v?: string;
  readonly maxRequestsInflight: string;
  readonly shutdownDelayDuration: string;
}

export interface RunningOptions {
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  /** Requests that are served at one time, streams of open end not among them. */
  readonly requestsInFlight: number;
  /** How long requests are still taken after /readyz began to fail. */
  readonly shutdownDelayMs: number;
}

/** What `serve` does unless it is told otherwise. */
export const runningDefaults: RunningFlags = {
  logLevel: 'info',
  logFormat: 'json',
  maxRequestsInflight: '600',
  shutdownDelayDuration: '0s',
};

const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error', 'silent'];
const formats: readonly LogFormat[] = ['json', 'text'];
/** From this -v on, kube-apiserver logs every request. */
const requestVerbosity = 3;

export function addRunningOptions(command: Command): Command {
  return command
    .option(
      '--log-level <level>',
      'debug (with a line per request), info, warn, error, silent',
      runningDefaults.logLevel,
    )
    .option('--log-format <format>', 'json or text', runningDefaults.logFormat)
    .option('-v, --v <number>', 'as Kubernetes has it: 3 and more is --log-level debug')
    .option(
      '--max-requests-inflight <number>',
      'requests served at one time, over all users',
      runningDefaults.maxRequestsInflight,
    )
    .option(
      '--shutdown-delay-duration <duration>',
      'serve on while /readyz fails already',
      runningDefaults.shutdownDelayDuration,
    );
}

/** @throws UserError naming the option that is wrong. */
export function runningOptions(flags: RunningFlags): RunningOptions {
  return {
    logLevel: levelOf(flags),
    logFormat: oneOf(formats, flags.logFormat, '--log-format'),
    requestsInFlight: positive(flags.maxRequestsInflight, '--max-requests-inflight'),
    shutdownDelayMs: parseDuration(flags.shutdownDelayDuration, '--shutdown-delay-duration'),
  };
}

function levelOf({ logLevel, v }: RunningFlags): LogLevel {
  if (v === undefined) return oneOf(levels, logLevel, '--log-level');
  if (!/^\d{1,2}$/.test(v)) throw new UserError(`-v ${v} is none`, 'use a number from 0 to 10');
  return Number(v) >= requestVerbosity ? 'debug' : 'info';
}

function oneOf<T extends string>(allowed: readonly T[], text: string, flag: string): T {
  const found = allowed.find((each) => each === text);
  if (found !== undefined) return found;
  throw new UserError(`${flag} ${text} is none`, `use one of ${allowed.join(', ')}`);
}

function positive(text: string, flag: string): number {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new UserError(`${flag} ${text} is no number`, 'use a whole number above 0');
}
