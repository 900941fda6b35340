/**
 * What the rest of the federation sees of its members: who they are, how they are, and when that
 * changes.
 */
import type { RestClient } from '../client/rest.ts';
import type { MemberHealth, MemberPort } from './port.ts';

export interface Taint {
  readonly key: string;
  readonly value?: string;
  readonly effect: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';
}

/** A snapshot of one member; a change makes a new one. */
export interface Member {
  /** The Cluster object's name. */
  readonly name: string;
  /** uid of the Cluster object: another one under the same name is another member. */
  readonly uid: string;
  /** uid of the member's kube-system namespace; '' before it was first read. */
  readonly clusterUid: string;
  readonly port: MemberPort;
  /** Typed calls with the federation's own credential, over `port.transport`. */
  readonly client: RestClient;
  readonly health: MemberHealth;
  /** Labels of the Cluster object. */
  readonly labels: Readonly<Record<string, string>>;
  /** From spec, or learnt from node labels; '' when neither tells. */
  readonly region: string;
  readonly zones: readonly string[];
  readonly provider: string;
  /** 'v1.37.2', '' before it was first read. */
  readonly version: string;
  readonly taints: readonly Taint[];
  readonly unschedulable: boolean;
  /** The Cluster object is being deleted: nothing new goes there. */
  readonly leaving: boolean;
  /**
   * Wall time at which it was last ready, milliseconds since the epoch; undefined: never since this
   * process started.
   */
  readonly lastReadyAt: number | undefined;
  /**
   * Monotonic time since which it is out of reach, milliseconds; undefined while it is reachable or
   * before the first probe.
   */
  readonly unreachableSince: number | undefined;
}

/** `old` undefined: joined (or first seen); `now` undefined: gone. */
export type MemberListener = (
  name: string,
  old: Member | undefined,
  now: Member | undefined,
) => void;

export interface MemberSet {
  get(name: string): Member | undefined;
  /** In order of name. */
  list(): readonly Member[];
  /** Synchronous, after the set has changed; must not throw. Returns a function that ends it. */
  onChange(listener: MemberListener): () => void;
}
