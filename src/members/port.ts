/**
 * The seam between the federation and one joined cluster: real, sandbox and faulty members all look
 * like this.
 */
import type { Room } from '../client/room.ts';
import type { Transport } from '../client/transport.ts';

export interface UserIdentity {
  readonly name: string;
  readonly groups: readonly string[];
}

export interface MemberHealth {
  /** An answer of any kind came lately: 401, 403, 429 and 5xx mean alive. */
  readonly reachable: boolean;
  /** /readyz says ok with our credential. */
  readonly ready: boolean;
  /**
   * We hold the member's writer Lease, its uid is the joined one, and its revision is not ahead of
   * ours.
   */
  readonly writable: boolean;
  /** Why the first of these that is false is false; '' when all hold. */
  readonly reason: string;
  readonly message: string;
}

export interface MemberPort {
  /** The Cluster object's name. */
  readonly name: string;
  /** With the federation's own credential. */
  readonly transport: Transport;
  readonly health: MemberHealth;
  /** What is kept of the member's objects counts against it. */
  readonly room?: Room;
  /** A transport whose requests the member sees as coming from this user (impersonation). */
  as(user: UserIdentity): Transport;
}
