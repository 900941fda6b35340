/** The server's part of an unjoin: copies released, rights removed, in that order. */
import { messageOf } from '../base/errors.ts';
import type { Member } from './member-set.ts';
import { removeFromMember } from './member-side.ts';
import { unjoinAnnotations } from './unjoin.ts';

/**
 * Takes the mark off all copies in the member, or deletes them; resolves when none of ours is left.
 * `deleteCopies` is asked before each copy: the wish may be taken back meanwhile.
 */
export type Leave = (
  member: Member,
  options: { readonly deleteCopies: () => boolean; readonly signal: AbortSignal },
) => Promise<void>;

export type LeaveOutcome = { readonly done: true } | { readonly done: false; readonly why: string };

export async function leaveMember(options: {
  /** The Cluster's annotations as they stand now. */
  readonly wishes: () => Readonly<Record<string, string>>;
  readonly member: Member;
  readonly releaseCopies: Leave;
  /** Remembers, over restarts, that the copies are released. */
  readonly noteReleased: () => Promise<void>;
  readonly signal: AbortSignal;
}): Promise<LeaveOutcome> {
  const { wishes, member, releaseCopies, noteReleased, signal } = options;
  const asks = (wish: keyof typeof unjoinAnnotations): boolean =>
    wishes()[unjoinAnnotations[wish]] === 'true';
  const released = asks('released');
  if (!member.health.writable) {
    // Rights that are refused after the release are rights that were removed.
    if (asks('force') || (released && member.health.reason === 'Unauthorized'))
      return { done: true };
    return { done: false, why: `it cannot be written: ${member.health.message}` };
  }
  try {
    if (!released) {
      await releaseCopies(member, { deleteCopies: () => asks('deleteCopies'), signal });
      await noteReleased();
    }
    await removeFromMember(member.client);
    return { done: true };
  } catch (error) {
    if (asks('force') && !signal.aborted) return { done: true };
    return { done: false, why: messageOf(error) };
  }
}
