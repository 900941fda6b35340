/** I3: no copy is deleted without a tombstone, or a decision that names it, already stored. */
import { unjoinAnnotations } from '../../src/members/unjoin.ts';
import {
  type Checker,
  clusterObject,
  decisionOf,
  hasTombstone,
  isLeaving,
  isOwn,
  markIn,
} from './checker.ts';

export function deletions(): Checker {
  return {
    name: 'I3',
    onRequest({ cluster, method, path, target, before }, world) {
      if (method !== 'DELETE' || isOwn(target)) return;
      if (target.name === '') world.violation('I3', `deletecollection ${path} in ${cluster}`);
      const mark = markIn(world, cluster, before);
      if (mark === undefined) return;
      if (hasTombstone(world, mark.uid)) return;
      if (decisionOf(world, mark.uid)?.removing[cluster] !== undefined) return;
      const wishes = clusterObject(world, cluster)?.metadata.annotations ?? {};
      const asked = wishes[unjoinAnnotations.deleteCopies] === 'true';
      if (isLeaving(world, cluster) && asked) return;
      world.violation('I3', `${path} in ${cluster} is deleted, and no record says so`);
    },
  };
}
