/** The clusters of one decision: chosen, on the way out, refused; after the guard has spoken. */
import type { ClusterReason, Entries } from './decision.ts';
import type { ClusterFacts } from './facts.ts';
import { type GuardAnswer, type GuardFacts, holdBack } from './guard.ts';
import type { ClusterChoice } from './rules.ts';
import { type Selection, select } from './select.ts';

export interface Scope {
  /** Every cluster of the input, in the order of ties. */
  readonly order: readonly ClusterFacts[];
  /** The last decision's entries. */
  readonly before: Entries;
  /** In the order of ties. */
  readonly chosen: readonly ClusterFacts[];
  /** Had a copy by the last decision and are no longer chosen, in the order of ties. */
  readonly leaving: readonly ClusterFacts[];
  readonly refused: ReadonlyMap<string, ClusterReason>;
  readonly tooFewGroups?: ClusterReason;
  /** Set when a guard holds the removals back: then `chosen` is what it was. */
  readonly heldBack?: GuardAnswer;
  /** Copies whose removal begins with this decision. */
  readonly removals: number;
}

export interface ScopeInput {
  /** In the order of ties. */
  readonly clusters: readonly ClusterFacts[];
  readonly choice: ClusterChoice | undefined;
  /** The last decision's. */
  readonly before: Entries;
  readonly guard: GuardFacts | undefined;
  /** A lost cluster keeps its copy. */
  readonly lostStays?: boolean;
  /** The copies that must stay where they are whatever the selection says. */
  readonly pinned?: (cluster: ClusterFacts) => boolean;
  /** Clusters that give their copy away, if there is another to give it to. */
  readonly excluded?: (cluster: ClusterFacts) => boolean;
  /** Clusters that hold a copy that is on no record. */
  readonly holds?: (name: string) => boolean;
}

export function scopeOf(input: ScopeInput): Scope {
  const { clusters, before } = input;
  const staying = (name: string): boolean => {
    const share = before.get(name);
    return share !== undefined && !share.leaving;
  };
  const selection = selectOthers(input, staying);
  const chosen = withPinned(input, selection, staying);
  const names = new Set(chosen.map((cluster) => cluster.name));
  const begins = clusters.filter((cluster) => staying(cluster.name) && !names.has(cluster.name));
  const heldBack = input.guard && holdBack(input.guard, begins.length, names.size === 0);
  const rest = {
    order: clusters,
    before,
    refused: selection.refused,
    ...(selection.tooFewGroups && { tooFewGroups: selection.tooFewGroups }),
  };
  const wasLeaving = clusters.filter((cluster) => before.get(cluster.name)?.leaving);
  if (heldBack)
    return {
      ...rest,
      chosen: clusters.filter((cluster) => staying(cluster.name)),
      leaving: wasLeaving,
      heldBack,
      removals: 0,
    };
  const leaving = clusters.filter(
    (cluster) => before.get(cluster.name) !== undefined && !names.has(cluster.name),
  );
  return { ...rest, chosen, leaving, removals: begins.length };
}

function selectOthers(input: ScopeInput, staying: (name: string) => boolean): Selection {
  const { clusters, choice, excluded } = input;
  const lostStays = input.lostStays === true;
  const incumbent = (name: string): boolean => staying(name) || input.holds?.(name) === true;
  const all = select({ clusters, choice, incumbent, lostStays });
  if (!excluded || !all.chosen.some(excluded)) return all;
  const others = clusters.filter((cluster) => !excluded(cluster));
  const rest = select({ clusters: others, choice, incumbent, lostStays });
  if (rest.chosen.length === 0) return all;
  const refused = new Map(rest.refused);
  const gives: ClusterReason = { reason: 'Draining', message: 'it gives its copies away' };
  for (const { name } of clusters.filter(excluded))
    refused.set(name, all.refused.get(name) ?? gives);
  return { ...rest, refused };
}

function withPinned(
  input: ScopeInput,
  selection: Selection,
  staying: (name: string) => boolean,
): readonly ClusterFacts[] {
  const { pinned } = input;
  if (!pinned) return selection.chosen;
  const kept = input.clusters.filter((cluster) => staying(cluster.name) && pinned(cluster));
  return kept.length === 0 ? selection.chosen : kept;
}
