/** Copy and One: the object as it stands, in every chosen cluster or in exactly one. */

import type { ClusterReason, ClusterShare, DecisionCondition } from './decision.ts';
import type { ClusterFacts } from './facts.ts';
import type { DecideInput } from './input.ts';
import type { Outcome } from './outcome.ts';
import type { Scope } from './scope.ts';

const whole: ClusterShare = {};

export function copied(scope: Scope): Outcome {
  const reasons = new Map<string, ClusterReason>();
  for (const cluster of scope.chosen) reasons.set(cluster.name, chosenReason(cluster));
  const some = scope.chosen.length > 0;
  return {
    clusters: scope.chosen.map((cluster) => [cluster.name, whole] as const),
    reasons,
    unplaced: 0,
    unplacedReasons: some ? [] : [noCluster],
    conditions: [placedCondition(some ? undefined : noCluster, scope.chosen.length)],
    lookAgainAt: undefined,
  };
}

const noCluster: ClusterReason = { reason: 'NoCluster', message: 'no cluster is chosen' };
const noneReady: ClusterReason = {
  reason: 'NoClusterReady',
  message: 'no chosen cluster is ready',
};

/**
 * One copy that stays where it is. When it has to move (its cluster is no longer chosen, or
 * drains), the old copy goes
 * first: what runs once must never run twice.
 */
export function single(input: DecideInput, scope: Scope): Outcome {
  const reasons = new Map<string, ClusterReason>();
  const leaving = scope.leaving.filter(
    (cluster) => input.copies.has(cluster.name) || !isSeen(cluster),
  );
  const clusters: [string, ClusterShare][] = [];
  for (const cluster of scope.chosen)
    reasons.set(cluster.name, { reason: 'Waiting', message: 'chosen, and not placed yet' });
  for (const cluster of leaving) {
    clusters.push([cluster.name, { leaving: true }]);
    reasons.set(cluster.name, {
      reason: 'Leaving',
      message: 'its copy goes before another is made',
    });
  }
  const home = scope.chosen.find(({ name }) => {
    const before = scope.before.get(name);
    return before !== undefined && !before.leaving;
  });
  const place = home ?? scope.chosen.find(takesNew);
  let why: ClusterReason | undefined;
  if (!home && leaving.length > 0)
    why = { reason: 'Leaving', message: 'the old copy is not gone yet' };
  else if (!place) why = scope.chosen.length === 0 ? noCluster : noneReady;
  else {
    clusters.push([place.name, whole]);
    reasons.set(place.name, stayReason(place, scope.refused.get(place.name)));
  }
  return {
    clusters,
    reasons,
    unplaced: why ? (input.replicas ?? 1) : 0,
    unplacedReasons: why ? [why] : [],
    conditions: [placedCondition(why, 1)],
    lookAgainAt: undefined,
  };
}

/** Only a cluster that answers can be believed to have no copy. */
function isSeen(cluster: ClusterFacts): boolean {
  return cluster.state !== 'unreachable' && cluster.state !== 'lost';
}

function takesNew(cluster: ClusterFacts): boolean {
  return cluster.state === 'ready' || cluster.state === 'returned';
}

function chosenReason(cluster: ClusterFacts): ClusterReason {
  if (cluster.state === 'lost' || cluster.state === 'unreachable')
    return { reason: 'Unreachable', message: 'out of reach: written as soon as it answers' };
  return { reason: 'Chosen', message: 'gets a copy' };
}

function stayReason(cluster: ClusterFacts, refused: ClusterReason | undefined): ClusterReason {
  if (refused)
    return {
      reason: 'Stays',
      message: `stays, as it does not move by itself, though ${refused.message}`,
    };
  if (cluster.state === 'lost' || cluster.state === 'unreachable')
    return { reason: 'Unreachable', message: 'out of reach: stays, as it may still run there' };
  return { reason: 'Chosen', message: 'has the one copy' };
}

function placedCondition(why: ClusterReason | undefined, count: number): DecisionCondition {
  if (why) return { type: 'Placed', status: 'False', ...why };
  const message = count === 1 ? 'in 1 cluster' : `in ${count} clusters`;
  return { type: 'Placed', status: 'True', reason: 'AllPlaced', message };
}
