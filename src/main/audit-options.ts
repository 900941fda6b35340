/** Options of `serve` about its audit log, called as kube-apiserver calls them. */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { AuditPolicy } from '../apiserver/audit/policy.ts';
import { messageOf, UserError } from '../base/errors.ts';

export interface AuditFlags {
  readonly auditPolicyFile?: string;
  readonly auditLogPath?: string;
  readonly auditLogMaxage: string;
  readonly auditLogMaxbackup: string;
  readonly auditLogMaxsize: string;
}

export interface AuditOptions {
  readonly policy: AuditPolicy;
  /** `-` is standard output. */
  readonly path: string;
  readonly maxAgeDays: number;
  readonly maxBackups: number;
  readonly maxSizeMiB: number;
}

export const auditDefaults = {
  auditLogMaxage: '366',
  auditLogMaxbackup: '100',
  auditLogMaxsize: '100',
} as const;

export function addAuditOptions(command: Command): Command {
  const { auditLogMaxage, auditLogMaxbackup, auditLogMaxsize } = auditDefaults;
  return command
    .option(
      '--audit-policy-file <file>',
      'which requests are recorded: a Policy of audit.k8s.io/v1',
    )
    .option('--audit-log-path <file>', 'where to, as JSON lines; - is standard output')
    .option('--audit-log-maxage <days>', 'how long old files are kept; 0: for ever', auditLogMaxage)
    .option(
      '--audit-log-maxbackup <number>',
      'how many old files are kept; 0: all',
      auditLogMaxbackup,
    )
    .option('--audit-log-maxsize <megabytes>', 'size at which a new file begins', auditLogMaxsize);
}

/** Undefined: nothing is recorded. @throws UserError naming the option or field that is wrong. */
export function auditOptions(flags: AuditFlags): AuditOptions | undefined {
  const { auditPolicyFile, auditLogPath } = flags;
  if (auditPolicyFile === undefined && auditLogPath === undefined) return undefined;
  if (auditPolicyFile === undefined || auditLogPath === undefined)
    throw new UserError(
      'an audit log needs a policy and a place',
      'give both --audit-policy-file and --audit-log-path',
    );
  return {
    policy: new AuditPolicy(readPolicy(auditPolicyFile)),
    path: auditLogPath,
    maxAgeDays: count(flags.auditLogMaxage, '--audit-log-maxage'),
    maxBackups: count(flags.auditLogMaxbackup, '--audit-log-maxbackup'),
    maxSizeMiB: count(flags.auditLogMaxsize, '--audit-log-maxsize') || 100,
  };
}

function readPolicy(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const hint = 'give a file that can be read with --audit-policy-file';
    throw new UserError(`the audit policy cannot be read: ${messageOf(cause)}`, hint, { cause });
  }
}

function count(text: string, flag: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new UserError(`${flag} ${text} is no number`, 'use a whole number');
}
