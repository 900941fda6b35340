/**
 * Which clusters an object goes to, with a reason for each one that it does not. Clusters that have
 * it already are kept.
 */

import { matchLabels } from '../kube/selector.ts';
import type { ClusterReason } from './decision.ts';
import type { ClusterFacts, Taint } from './facts.ts';
import type { ClusterChoice, ClusterFields, Spread, Toleration } from './rules.ts';

export interface SelectInput {
  /** In the order of the object's ties. */
  readonly clusters: readonly ClusterFacts[];
  /** Undefined: every cluster. */
  readonly choice: ClusterChoice | undefined;
  /** Has a copy by the last decision, and is not on its way out. */
  readonly incumbent: (cluster: string) => boolean;
  /** A lost cluster keeps its place (One stays); else, under a count, another takes it. */
  readonly lostStays?: boolean;
}

export interface Selection {
  /** In the order of the input. */
  readonly chosen: readonly ClusterFacts[];
  /** Why each other cluster was not chosen, by name. */
  readonly refused: ReadonlyMap<string, ClusterReason>;
  /** Set when the chosen clusters lie in fewer groups than asked for. */
  readonly tooFewGroups?: ClusterReason;
}

interface Candidate {
  readonly cluster: ClusterFacts;
  readonly rank: number;
}

export function select(input: SelectInput): Selection {
  const refused = new Map<string, ClusterReason>();
  const candidates: Candidate[] = [];
  for (const cluster of input.clusters) {
    const incumbent = input.incumbent(cluster.name);
    const reason = refusal(cluster, input.choice, incumbent);
    if (reason) refused.set(cluster.name, reason);
    else candidates.push({ cluster, rank: rankOf(cluster, input, incumbent) });
  }
  const spread = input.choice?.spread ?? [];
  const count = input.choice?.count;
  const picked =
    count === undefined || candidates.length <= count
      ? new Set(candidates.map((candidate) => candidate.cluster))
      : pick(candidates, count, spread, refused);
  const chosen = input.clusters.filter((cluster) => picked.has(cluster));
  const tooFewGroups = shortOfGroups(chosen, spread);
  return { chosen, refused, ...(tooFewGroups && { tooFewGroups }) };
}

/** Why a cluster cannot be chosen at all, or undefined. */
function refusal(
  cluster: ClusterFacts,
  choice: ClusterChoice | undefined,
  incumbent: boolean,
): ClusterReason | undefined {
  if (choice?.names && !choice.names.includes(cluster.name))
    return { reason: 'NotListed', message: 'the placement lists other clusters only' };
  if (choice?.selector && !matchLabels(choice.selector, cluster.labels))
    return { reason: 'NotSelected', message: 'its labels do not match the cluster selector' };
  const field = wrongField(cluster, choice?.fields);
  if (field)
    return { reason: 'NotSelected', message: `its ${field} is not one of those asked for` };
  const tolerations = choice?.tolerations ?? [];
  for (const taint of cluster.taints) {
    if (taint.effect === 'PreferNoSchedule' || (taint.effect === 'NoSchedule' && incumbent))
      continue;
    if (tolerations.some((toleration) => tolerates(toleration, taint))) continue;
    return { reason: 'Tainted', message: `it has the taint ${taintText(taint)}` };
  }
  if (!incumbent && (cluster.state === 'cordoned' || cluster.state === 'draining'))
    return { reason: 'Cordoned', message: 'it is marked unschedulable' };
  return undefined;
}

function wrongField(
  cluster: ClusterFacts,
  fields: ClusterFields | undefined,
): 'region' | 'zone' | 'provider' | undefined {
  if (fields?.region && !fields.region.includes(cluster.region ?? '')) return 'region';
  if (fields?.zone && !cluster.zones.some((zone) => fields.zone!.includes(zone))) return 'zone';
  if (fields?.provider && !fields.provider.includes(cluster.provider ?? '')) return 'provider';
  return undefined;
}

function tolerates(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect !== undefined && toleration.effect !== taint.effect) return false;
  const exists = toleration.operator === 'Exists';
  if (toleration.key === undefined) return exists;
  return (
    toleration.key === taint.key && (exists || (toleration.value ?? '') === (taint.value ?? ''))
  );
}

function taintText(taint: Taint): string {
  return `${taint.key}${taint.value === undefined ? '' : `=${taint.value}`}:${taint.effect}`;
}

/**
 * Lower is chosen first; equal ones by tie. A lost cluster is no reason to have one cluster less.
 */
function rankOf(
  cluster: ClusterFacts,
  { choice, lostStays }: SelectInput,
  incumbent: boolean,
): number {
  if (incumbent && (lostStays || cluster.state !== 'lost')) return 0;
  if (cluster.state === 'lost') return 4;
  if (cluster.state === 'unreachable') return 3;
  const tolerations = choice?.tolerations ?? [];
  const unwelcome = cluster.taints.some(
    (taint) =>
      taint.effect === 'PreferNoSchedule' &&
      !tolerations.some((toleration) => tolerates(toleration, taint)),
  );
  return unwelcome ? 2 : 1;
}

interface Need {
  readonly by: Spread['by'];
  readonly least: number;
  readonly seen: Set<string>;
}

/**
 * The best `count` candidates. The last places are reserved for groups that are missing; who is
 * there already stays.
 */
function pick(
  candidates: readonly Candidate[],
  count: number,
  spread: readonly Spread[],
  refused: Map<string, ClusterReason>,
): Set<ClusterFacts> {
  const picked = new Set<ClusterFacts>();
  const ordered = [...candidates].sort((a, b) => a.rank - b.rank);
  const needs = spread.map((rule): Need => {
    const exist = new Set(candidates.flatMap((candidate) => groupsOf(candidate.cluster, rule.by)));
    return { by: rule.by, least: Math.min(rule.minGroups, exist.size), seen: new Set() };
  });
  const passedOver: ClusterFacts[] = [];
  for (const { cluster, rank } of ordered) {
    if (picked.size === count) break;
    const need = rank === 0 ? undefined : reservedBy(needs, cluster, count - picked.size);
    if (need) {
      passedOver.push(cluster);
      refused.set(cluster.name, {
        reason: 'SpreadNeedsOthers',
        message: `the last places are for clusters of another ${need.by}`,
      });
      continue;
    }
    picked.add(cluster);
    for (const { by, seen } of needs) for (const group of groupsOf(cluster, by)) seen.add(group);
  }
  for (const cluster of passedOver.slice(0, count - picked.size)) {
    picked.add(cluster);
    refused.delete(cluster.name);
  }
  for (const { cluster } of ordered)
    if (!picked.has(cluster) && !refused.has(cluster.name))
      refused.set(cluster.name, {
        reason: 'CountReached',
        message: `${count} clusters are asked for and others come first`,
      });
  return picked;
}

/**
 * The need for which all places left are reserved, if this cluster brings no group that it misses.
 */
function reservedBy(
  needs: readonly Need[],
  cluster: ClusterFacts,
  places: number,
): Need | undefined {
  return needs.find(
    ({ by, least, seen }) =>
      least - seen.size >= places && !groupsOf(cluster, by).some((group) => !seen.has(group)),
  );
}

function groupsOf(cluster: ClusterFacts, by: Spread['by']): readonly string[] {
  if (by === 'zone') return cluster.zones;
  const group = by === 'region' ? cluster.region : cluster.provider;
  return group === undefined ? [] : [group];
}

function shortOfGroups(
  chosen: readonly ClusterFacts[],
  spread: readonly Spread[],
): ClusterReason | undefined {
  for (const rule of spread) {
    const groups = new Set(chosen.flatMap((cluster) => groupsOf(cluster, rule.by)));
    if (groups.size < rule.minGroups)
      return {
        reason: 'TooFewGroups',
        message: `${rule.minGroups} different ${rule.by}s are asked for, ${groups.size} are there`,
      };
  }
  return undefined;
}
