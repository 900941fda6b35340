/** I3: no copy is deleted without a tombstone, or a decision that names it, already stored. */
import type { KubeObject } from '../../src/kube/object.ts';
import { unjoinAnnotations } from '../../src/members/unjoin.ts';
import { storeKey } from '../mirror.ts';
import { onItsWayMs, type Stored } from '../world.ts';
import { type Checker, clusterObject, decisionOf, hasTombstone, isOwn, markIn } from './checker.ts';

/** Whether a copy of the template is on record as one that goes. */
function mayGo(stored: Stored, uid: string, cluster: string): boolean {
  return hasTombstone(stored, uid) || decisionOf(stored, uid)?.removing[cluster] !== undefined;
}

const clusters = storeKey({ group: 'ubernetes.dev', resource: 'clusters', name: '' });

export function deletions(): Checker {
  /** Uids of clusters whose copies should go with them. */
  const asked = new Set<string>();
  /** By uid: when that was taken back. */
  const takenBackAt = new Map<string, number>();
  /** Whether all copies may go from a cluster: it leaves, and somebody wants them gone. */
  const mayAllGo = (stored: Stored, cluster: string, now: number): boolean => {
    const object = clusterObject(stored, cluster);
    if (object?.metadata.deletionTimestamp === undefined) return false;
    const since = now - (takenBackAt.get(object.metadata.uid!) ?? Number.NEGATIVE_INFINITY);
    return wantsCopiesGone(object) || since < onItsWayMs;
  };
  return {
    name: 'I3',
    onCommit(changes, world) {
      for (const { key, entry } of changes) {
        if (entry === undefined || !key.startsWith(clusters)) continue;
        const object = world.mirror.get(key)!;
        const uid = object.metadata.uid!;
        if (wantsCopiesGone(object)) asked.add(uid);
        else if (asked.delete(uid)) takenBackAt.set(uid, world.clock.now());
      }
    },
    onRequest({ cluster, method, path, target, before }, world) {
      if (method !== 'DELETE' || isOwn(target)) return;
      if (target.name === '') world.violation('I3', `deletecollection ${path} in ${cluster}`);
      const mark = markIn(world, cluster, before);
      if (mark === undefined) return;
      if (world.whenSent.some((stored) => mayGo(stored, mark.uid, cluster))) return;
      const now = world.clock.now();
      if (world.whenSent.some((stored) => mayAllGo(stored, cluster, now))) return;
      world.violation('I3', `${path} in ${cluster} is deleted, and no record says so`);
    },
  };
}

function wantsCopiesGone({ metadata }: KubeObject): boolean {
  return metadata.annotations?.[unjoinAnnotations.deleteCopies] === 'true';
}
