/**
 * A world for tests of decisions over time: clusters with so much room, pods that take a while, and
 * a decider in the middle.
 */

import { type DecideInput, type DecideResult, decide } from './decide.ts';
import { type ClusterShare, type Decision, wantedIn } from './decision.ts';
import type { ClusterFacts, ClusterState, CopyFacts } from './facts.ts';
import { countPods, type PodFacts } from './pods.ts';
import { defaultRules, type PlacementRules } from './rules.ts';

export interface WorldOptions {
  readonly replicas: number;
  /** Pods that fit, by cluster name. */
  readonly room: Record<string, number>;
  readonly rules?: Partial<PlacementRules>;
  /** What the decider is told of free room; absent: nothing. */
  readonly estimate?: (free: number, cluster: string) => number;
  /** How long a pod takes from its node to readiness. */
  readonly startMs?: number;
}

/** Later than anything. */
const never = Number.MAX_SAFE_INTEGER;

interface Pod {
  /** Undefined while pending. */
  readyAt: number | undefined;
  readonly pendingSince: number;
}

/** Executes decisions at once; time moves from one thing that happens to the next. */
export class World {
  now = 0;
  replicas: number;
  readonly room: Record<string, number>;
  readonly states: Record<string, ClusterState> = {};
  decision: Decision | undefined;
  result: DecideResult | undefined;
  /** Changed asks, one for each cluster and change; the first ones count. */
  writes = 0;
  /** Ready pods taken away. */
  readyRemoved = 0;
  /** When a try was begun, by cluster. */
  readonly tries: Record<string, number[]> = {};
  /** Decisions that took away ready replicas which were still needed. */
  readonly dips: string[] = [];
  readonly #options: WorldOptions;
  readonly #pods = new Map<string, Pod[]>();

  constructor(options: WorldOptions) {
    this.#options = options;
    this.replicas = options.replicas;
    this.room = { ...options.room };
  }

  /** Decides and acts until `until`, milliseconds. */
  run(until: number): void {
    for (;;) {
      this.#schedule();
      this.#decide();
      const next = this.#nextEvent();
      if (next > until) break;
      this.now = next;
    }
    this.now = until;
  }

  ready(cluster?: string): number {
    let count = 0;
    for (const [name, pods] of this.#pods)
      if ((cluster === undefined && this.states[name] !== 'lost') || name === cluster)
        count += pods.filter((pod) => pod.readyAt !== undefined && pod.readyAt <= this.now).length;
    return count;
  }

  /** All pods of a cluster are gone: its nodes died. */
  wipe(cluster: string): void {
    const pods = this.#pods.get(cluster) ?? [];
    this.#pods.set(
      cluster,
      pods.map(() => ({ readyAt: undefined, pendingSince: this.now })),
    );
  }

  asks(): number[] {
    return Object.keys(this.room).map((name) => wantedIn(this.decision, name)?.share ?? 0);
  }

  #decide(): void {
    // A decision that changes what is seen is followed by another; real deciders run on every
    // change as well.
    for (let again = 0; again < 20; again++) {
      const result = decide(this.#input());
      const before = this.decision;
      this.result = result;
      this.decision = result.decision;
      if (!result.changed) return;
      const ready = this.ready();
      for (const [name, entry] of Object.entries(result.decision.clusters))
        this.#execute(name, wantedIn(before, name), entry);
      const needed = Math.min(this.replicas - result.unplaced, ready);
      if (this.ready() < needed)
        this.dips.push(`${this.now}: ${ready} -> ${this.ready()}, needed ${needed}`);
      this.#schedule();
      if (!result.sharesChanged) return;
    }
    throw new Error('decisions do not come to rest');
  }

  #execute(name: string, before: ClusterShare | undefined, entry: ClusterShare): void {
    if (entry.spill?.trying && !before?.spill?.trying)
      this.tries[name] = [...(this.tries[name] ?? []), this.now];
    const pods = this.#pods.get(name) ?? [];
    this.#pods.set(name, pods);
    const ask = entry.share ?? 0;
    if (this.states[name] === 'lost' || this.states[name] === 'unreachable') return;
    if (ask !== before?.share) this.writes++;
    while (pods.length < ask) pods.push({ readyAt: undefined, pendingSince: this.now });
    // As a ReplicaSet does: pending pods go first, then those that are not ready.
    pods.sort((a, b) => (a.readyAt ?? never) - (b.readyAt ?? never));
    for (const pod of pods.splice(ask))
      if (pod.readyAt !== undefined && pod.readyAt <= this.now) this.readyRemoved++;
  }

  #schedule(): void {
    for (const [name, pods] of this.#pods) {
      if (this.states[name] === 'lost') continue;
      let free = this.room[name]! - pods.filter((pod) => pod.readyAt !== undefined).length;
      for (const pod of pods) {
        if (pod.readyAt !== undefined || free <= 0) continue;
        pod.readyAt = this.now + (this.#options.startMs ?? 5000);
        free--;
      }
    }
  }

  #nextEvent(): number {
    let next = this.result?.lookAgainAt ?? Number.POSITIVE_INFINITY;
    for (const pods of this.#pods.values())
      for (const pod of pods)
        if (pod.readyAt !== undefined && pod.readyAt > this.now) next = Math.min(next, pod.readyAt);
    return next;
  }

  #input(): DecideInput {
    const clusters = Object.keys(this.room).map((name): ClusterFacts => {
      const state = this.states[name] ?? 'ready';
      return { name, labels: {}, zones: [], taints: [], state };
    });
    const rules = { ...defaultRules, ...this.#options.rules };
    const copies = new Map<string, CopyFacts>();
    const rooms = new Map<string, number>();
    for (const name of Object.keys(this.room)) {
      const pods = this.#pods.get(name) ?? [];
      const counts = countPods(pods.map(factsOf), { afterMs: rules.spill.afterMs, now: this.now });
      copies.set(name, { ready: this.ready(name), ...counts });
      const free = this.room[name]! - pods.filter((pod) => pod.readyAt !== undefined).length;
      if (this.#options.estimate) rooms.set(name, Math.max(0, this.#options.estimate(free, name)));
    }
    return {
      template: { group: 'apps', kind: 'Deployment', namespace: 'default', name: 'web' },
      mode: 'Divide',
      replicas: this.replicas,
      rules,
      clusters,
      copies,
      rooms,
      previous: this.decision,
      now: this.now,
    };
  }
}

function factsOf(pod: Pod): PodFacts {
  return pod.readyAt === undefined
    ? { bound: false, unschedulableSince: pod.pendingSince }
    : { bound: true };
}
