/**
 * What a failed write means for the copy: a reason to show, and whether trying again soon can help.
 */
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import { TransportError } from '../client/transport.ts';
import { ApiError } from '../kube/status.ts';

export interface Problem {
  /** CamelCase. */
  readonly reason: string;
  readonly message: string;
  /** RFC 3339. */
  readonly time: string;
  /** Retried with backoff; else only when something changes, or much later. */
  readonly transient: boolean;
}

export function problemOf(error: unknown, clock: Clock): Problem {
  const time = new Date(clock.now()).toISOString();
  const message = messageOf(error);
  if (error instanceof TransportError)
    return { reason: 'NoAnswer', message, time, transient: true };
  if (!(error instanceof ApiError)) return { reason: 'Failed', message, time, transient: true };
  const { code, status } = error;
  if (code === 404 && status.details?.kind === 'namespaces') {
    return { reason: 'NamespaceMissing', message, time, transient: true };
  }
  if (code === 404) return { reason: 'NotServed', message, time, transient: true };
  if (code === 403 && /quota/i.test(message))
    return { reason: 'QuotaExceeded', message, time, transient: true };
  if (code === 403 && /terminat/i.test(message)) {
    return { reason: 'NamespaceTerminating', message, time, transient: true };
  }
  if (code === 400 || code === 422) return { reason: 'Rejected', message, time, transient: false };
  return { reason: error.reason || 'Failed', message, time, transient: true };
}
