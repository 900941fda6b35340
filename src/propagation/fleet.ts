/**
 * The fleet as the planner sees it: who can be written, who is out of reach, and who counts as
 * lost.
 */
import type { Clock } from '../base/clock.ts';
import type { Member, MemberSet } from '../members/member-set.ts';
import type { ClusterFacts, ClusterState } from '../placement/facts.ts';

/**
 * One cluster may be failed over in this time without anybody's word, or a fifth of all replicas.
 */
const lossWindowMs = 3600_000;
const lossShare = 0.2;
/** After its return a lost cluster is filled by what is ready there, for this long. */
const returnedMs = 600_000;
/** After a cluster was relabelled, removals wait this long for what else comes, milliseconds. */
const settleMs = 2000;

export interface FleetOptions {
  readonly members: MemberSet;
  readonly clock: Clock;
  /** How long a member must be out of reach before its replicas are replaced, milliseconds. */
  readonly failoverAfterMs: number;
  /** Names of clusters that were declared lost before this process started. */
  readonly lostBefore: ReadonlySet<string>;
  /** Replicas asked of a cluster, and of all. */
  replicasIn(cluster: string): number;
  replicasInAll(): number;
  /** A cluster was declared lost, or has come back: to be remembered over restarts. */
  remember(cluster: string, lost: boolean): void;
}

export class Fleet {
  readonly #options: FleetOptions;
  /** `replicas` that it had; absent: lost before this process started, counted when needed. */
  readonly #lost = new Map<string, { readonly at: number; readonly replicas?: number }>();
  readonly #returned = new Map<string, number>();
  #facts: readonly ClusterFacts[] | undefined;
  /**
   * Since when most members are in sight (monotonic ms), as far as this process knows: before that,
   * silence said more about us than about them.
   */
  #seesMostSince: number | undefined;
  /** When a cluster's labels, places or taints last changed. */
  #describedAt = Number.NEGATIVE_INFINITY;

  constructor(options: FleetOptions) {
    this.#options = options;
    // When is not known: as if just now, so that restarts in a row do not lose one cluster each.
    const at = options.clock.monotonic();
    for (const name of options.lostBefore) this.#lost.set(name, { at });
  }

  /** The same array until something changes. */
  facts(): readonly ClusterFacts[] {
    this.#facts ??= this.#options.members
      .list()
      .map((member) => factsOf(member, this.#stateOf(member)));
    return this.#facts;
  }

  /** Most members are out of sight: more likely we are cut off than they are gone. */
  get frozen(): boolean {
    const members = this.#options.members.list();
    const seen = members.filter((member) => member.health.reachable).length;
    return members.length > 0 && seen * 2 <= members.length && seen < members.length;
  }

  /** Takes in the members' newest states. True when the facts have changed. */
  refresh(): boolean {
    if (this.frozen) this.#seesMostSince = undefined;
    else this.#seesMostSince ??= this.#options.clock.monotonic();
    for (const member of this.#options.members.list()) this.#judge(member);
    const before = this.#facts;
    this.#facts = undefined;
    const now = this.facts();
    if (JSON.stringify(before) === JSON.stringify(now)) {
      this.#facts = before;
      return false;
    }
    const known = new Map(before?.map((facts) => [facts.name, describe(facts)]));
    const described = now.some((facts) => (known.get(facts.name) ?? '') !== describe(facts));
    if (before !== undefined && described) this.#describedAt = this.#options.clock.monotonic();
    return true;
  }

  /**
   * How long removals have to wait, milliseconds: clusters are relabelled one after the other, and
   * only the whole tells whether a selection becomes empty.
   */
  removalsWaitMs(): number {
    return Math.max(0, this.#describedAt + settleMs - this.#options.clock.monotonic());
  }

  /**
   * When an unreachable member would count as lost, milliseconds from now; undefined: none is on
   * its way.
   */
  nextLossInMs(): number | undefined {
    const now = this.#options.clock.monotonic();
    const due = this.#options.members
      .list()
      .filter((member) => member.unreachableSince !== undefined && !this.#lost.has(member.name))
      .map((member) => this.#options.failoverAfterMs - this.#awayMs(member, now));
    return due.length === 0 ? undefined : Math.max(1000, Math.min(...due));
  }

  #judge(member: Member): void {
    const { name } = member;
    if (member.health.reachable) {
      if (!this.#lost.delete(name)) return;
      this.#returned.set(name, this.#options.clock.monotonic());
      this.#options.remember(name, false);
      return;
    }
    if (this.#lost.has(name) || this.frozen || member.unreachableSince === undefined) return;
    const away = this.#awayMs(member, this.#options.clock.monotonic());
    if (away < this.#options.failoverAfterMs || !this.#mayLose(name)) return;
    const replicas = this.#options.replicasIn(name);
    this.#lost.set(name, { at: this.#options.clock.monotonic(), replicas });
    this.#options.remember(name, true);
  }

  /** How long it has been out of reach while most others were in sight, milliseconds. */
  #awayMs({ unreachableSince }: Member, now: number): number {
    return now - Math.max(unreachableSince ?? now, this.#seesMostSince ?? now);
  }

  /** The budget: one cluster an hour, more only while all of them together hold little. */
  #mayLose(name: string): boolean {
    const since = this.#options.clock.monotonic() - lossWindowMs;
    const recent = [...this.#lost].filter(([, loss]) => loss.at > since);
    if (recent.length === 0) return true;
    const { replicasIn } = this.#options;
    let replicas = replicasIn(name);
    for (const [other, loss] of recent) replicas += loss.replicas ?? replicasIn(other);
    return replicas <= lossShare * this.#options.replicasInAll();
  }

  #stateOf(member: Member): ClusterState {
    if (this.#lost.has(member.name)) return 'lost';
    // Whatever the reason that it cannot be written: what was asked of it stays as it is.
    if (!member.health.writable) return 'unreachable';
    if (member.unschedulable || member.leaving) return 'cordoned';
    const returned = this.#returned.get(member.name);
    if (returned === undefined) return 'ready';
    return this.#options.clock.monotonic() - returned < returnedMs ? 'returned' : 'ready';
  }
}

/** What selections look at. */
function describe({ state: _, ...facts }: ClusterFacts): string {
  return JSON.stringify(facts);
}

function factsOf(member: Member, state: ClusterState): ClusterFacts {
  const { name, labels, region, zones, provider, taints } = member;
  return {
    name,
    labels,
    ...(region === '' ? {} : { region }),
    zones,
    ...(provider === '' ? {} : { provider }),
    taints,
    state,
  };
}
