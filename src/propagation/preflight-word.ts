/** What a member's refusal of a dry run means for the write that it was asked about. */
import { TransportError } from '../client/transport.ts';
import type { ApiError } from '../kube/status.ts';

export type Word =
  /** The object itself is wrong, wherever it goes: the writer gets the member's own words. */
  | { readonly does: 'refuse' }
  /** One cluster does not take it, or could not say: the writer is told and goes on. */
  | { readonly does: 'warn'; readonly text: string }
  /** Its namespace is still on its way there: another namespace can judge it. */
  | { readonly does: 'ask elsewhere' }
  | { readonly does: 'pass' };

export interface Asked {
  readonly cluster: string;
  /** An object of this name is there that is not the federation's. */
  readonly taken: boolean;
}

/** Webhooks and policies of one cluster say no in these words. */
const denial = /^admission webhook "|[Pp]olicy ('[^']*'|"[^"]*").* denied request: /;

/** What came from a proxy in between is no judgement of the object. */
const noStatus = /^the server answered \d/;

export function wordOf(error: ApiError | TransportError, { cluster, taken }: Asked): Word {
  const unchecked = (why: string): Word => ({
    does: 'warn',
    text: `not checked beforehand in cluster ${cluster}: ${why}`,
  });
  if (error instanceof TransportError) return unchecked(error.message);
  const { code, reason, message } = error;
  const { details } = error.status;
  if (denial.test(message))
    return { does: 'warn', text: `cluster ${cluster} would not take it: ${message}` };
  if (code === 400 && !noStatus.test(message)) return { does: 'refuse' };
  const aboutFields = (details?.causes ?? []).some(({ field = '' }) => field !== '');
  if (code === 422 && aboutFields) return { does: 'refuse' };
  if (code === 404 && details?.kind === 'namespaces') return { does: 'ask elsewhere' };
  if (reason !== 'AlreadyExists') return unchecked(message);
  // What is there already has passed the same validation.
  if (!taken) return { does: 'pass' };
  const text = `cluster ${cluster} has an object of this name that is not the federation's`;
  return { does: 'warn', text };
}
