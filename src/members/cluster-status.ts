/** What a Cluster's status should say, and when it is worth a write: pure. */
import type { Cluster, ClusterSpec, ClusterStatus } from '../api/cluster.ts';
import { formatTime } from '../kube/time.ts';
import type { CapacityFacts } from './capacity.ts';
import { type ConditionFacts, withTimes } from './health.ts';

export interface StatusFacts {
  readonly conditions: readonly ConditionFacts[];
  /** '' before it was seen. */
  readonly uid: string;
  readonly version: string;
  /** Undefined until nodes and pods have been seen once. */
  readonly capacity: CapacityFacts | undefined;
}

/** Region, zones and provider: what spec says stands before what the nodes tell. */
export function locationOf(
  spec: ClusterSpec,
  learnt: {
    readonly region?: string;
    readonly zones?: readonly string[];
    readonly provider?: string;
  },
): { region: string; zones: readonly string[]; provider: string } {
  return {
    region: spec.region || learnt.region || '',
    zones: spec.zone ? [spec.zone] : (learnt.zones ?? []),
    provider: spec.provider || learnt.provider || '',
  };
}

/** The status to store; what is not known yet stays as it was. */
export function statusOf(cluster: Cluster, facts: StatusFacts, now: number): ClusterStatus {
  const old = cluster.status ?? {};
  const { capacity } = facts;
  const time = formatTime(now);
  const { region, zones, provider } = locationOf(cluster.spec, capacity ?? old);
  const next: ClusterStatus = {
    ...old,
    conditions: withTimes(facts.conditions, old.conditions ?? [], time),
    ...(old.uid === undefined && facts.uid !== '' ? { uid: facts.uid } : {}),
    ...(facts.version === '' ? {} : { version: facts.version }),
    ...(region === '' ? {} : { region }),
    ...(zones.length === 0 ? {} : { zones: [...zones] }),
    ...(provider === '' ? {} : { provider }),
  };
  if (capacity === undefined) return next;
  next.nodes = capacity.nodes;
  next.capacity = capacity.capacity;
  next.allocatable = capacity.allocatable;
  next.requested = capacity.requested;
  if (!same(amounts(old), amounts(next))) next.observedAt = time;
  return next;
}

/** How urgent the difference is: 'now' for conditions and identity, 'later' for amounts. */
export function urgency(
  old: ClusterStatus | undefined,
  next: ClusterStatus,
): 'no' | 'later' | 'now' {
  const before = old ?? {};
  if (same(before, next)) return 'no';
  const { observedAt: _a, requested: _b, allocatable: _c, capacity: _d, ...pressing } = next;
  const { observedAt: _e, requested: _f, allocatable: _g, capacity: _h, ...known } = before;
  return same(known, pressing) ? 'later' : 'now';
}

function amounts(status: ClusterStatus): unknown {
  const { nodes, capacity, allocatable, requested } = status;
  return [nodes, capacity, allocatable, requested];
}

/** Field order is no difference. */
function same(a: unknown, b: unknown): boolean {
  return canonical(a) === canonical(b);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([x], [y]) => (x < y ? -1 : 1)))
      : part,
  );
}
