/** The server's part of an unjoin: copies released, rights removed, in that order. */
import type { Cluster } from '../api/cluster.ts';
import { messageOf } from '../base/errors.ts';
import type { Member } from './member-set.ts';
import { removeFromMember } from './member-side.ts';
import { unjoinAnnotations } from './unjoin.ts';

/**
 * Takes the mark off all copies in the member, or deletes them; resolves when none of ours is left.
 */
export type Leave = (
  member: Member,
  options: { readonly deleteCopies: boolean; readonly signal: AbortSignal },
) => Promise<void>;

export type LeaveOutcome = { readonly done: true } | { readonly done: false; readonly why: string };

export async function leaveMember(options: {
  readonly cluster: Cluster;
  readonly member: Member;
  readonly releaseCopies: Leave;
  /** Remembers, over restarts, that the copies are released. */
  readonly noteReleased: () => Promise<void>;
  readonly signal: AbortSignal;
}): Promise<LeaveOutcome> {
  const { cluster, member, releaseCopies, noteReleased, signal } = options;
  const wishes = cluster.metadata.annotations ?? {};
  const force = wishes[unjoinAnnotations.force] === 'true';
  const deleteCopies = wishes[unjoinAnnotations.deleteCopies] === 'true';
  const released = wishes[unjoinAnnotations.released] === 'true';
  if (!member.health.writable) {
    // Rights that are refused after the release are rights that were removed.
    if (force || (released && member.health.reason === 'Unauthorized')) return { done: true };
    return { done: false, why: `it cannot be written: ${member.health.message}` };
  }
  try {
    if (!released) {
      await releaseCopies(member, { deleteCopies, signal });
      await noteReleased();
    }
    await removeFromMember(member.client);
    return { done: true };
  } catch (error) {
    if (force && !signal.aborted) return { done: true };
    return { done: false, why: messageOf(error) };
  }
}
