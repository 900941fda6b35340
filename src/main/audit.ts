/** The audit log of one server: its file, requests, and the writes to members that they caused. */
import { AuditFile } from '../apiserver/audit/log-file.ts';
import { AuditTrail } from '../apiserver/audit/trail.ts';
import type { Observer } from '../apiserver/trace.ts';
import type { Clock } from '../base/clock.ts';
import { messageOf, UserError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Metrics } from '../base/metrics.ts';
import type { Random } from '../base/random.ts';
import { AuditWrites } from '../members/audit-writes.ts';
import type { OpenTransport } from '../members/connection.ts';
import type { AuditOptions } from './audit-options.ts';

export interface Audit {
  readonly observers: readonly Observer[];
  audited(open: OpenTransport): OpenTransport;
  /** Writes what waits, for at most `ms`. */
  close(ms: number): Promise<void>;
}

export interface AuditContext {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly salt: string;
}

/** No audit log: nothing is observed and nothing is in the way. */
const noAudit: Audit = { observers: [], audited: (open) => open, close: async () => {} };

/** @throws UserError when the file cannot be opened */
export async function openAudit(
  options: AuditOptions | undefined,
  context: AuditContext,
): Promise<Audit> {
  if (options === undefined) return noAudit;
  const { policy, path } = options;
  const sink = await AuditFile.open({ ...options, ...context }).catch((cause: unknown) => {
    const hint = 'choose a file that can be written with --audit-log-path';
    throw new UserError(`the audit log ${path} cannot be opened: ${messageOf(cause)}`, hint, {
      cause,
    });
  });
  const writes = new AuditWrites({ ...context, policy, sink });
  return {
    observers: [writes, new AuditTrail({ ...context, policy, sink })],
    audited: (open) => writes.audited(open),
    close: (ms) => sink.close(ms),
  };
}
