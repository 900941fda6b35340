/**
 * I5: a decision is stored before anything is done about it. A write may be on its way when a newer
 * decision is stored: the executor that sent it sets right afterwards what it has done.
 */
import { valueAt } from '../../src/kube/object.ts';
import { copyOfAnnotation } from '../../src/propagation/mark.ts';
import { storeKey } from '../mirror.ts';
import { onItsWayMs, type Stored } from '../world.ts';
import { type Checker, decisionIn, decisionOf, isOwn, markIn } from './checker.ts';

const decisions = storeKey({ group: 'records.ubernetes.dev', resource: 'decisions', name: '' });

export function storedFirst(): Checker {
  /** By template and cluster: every share that was ever on record. */
  const shares = new Map<string, Set<unknown>>();
  /** By template: the clusters of its last decision. */
  const named = new Map<string, readonly string[]>();
  /** By template and cluster: when a decision stopped to name it. */
  const droppedAt = new Map<string, number>();
  return {
    name: 'I5',
    onCommit(changes, world) {
      for (const { key, entry } of changes) {
        if (entry === undefined || !key.startsWith(decisions)) continue;
        const { clusters } = decisionIn(world.mirror.get(key))!;
        const uid = key.slice(decisions.length);
        for (const cluster of named.get(uid) ?? []) {
          if (clusters[cluster] === undefined)
            droppedAt.set(`${uid} ${cluster}`, world.clock.now());
        }
        named.set(uid, Object.keys(clusters));
        for (const [cluster, { share }] of Object.entries(clusters)) {
          const place = `${uid} ${cluster}`;
          shares.set(place, (shares.get(place) ?? new Set()).add(share));
        }
      }
    },
    onRequest({ cluster, method, path, target, body, before }, world) {
      if (method === 'DELETE' || isOwn(target)) return;
      const said = valueAt(body, 'metadata', 'annotations', copyOfAnnotation);
      // A copy that is let go: its mark is taken off, and nothing else.
      if (said === null) return;
      const marked = typeof said === 'string' ? said.split('/').at(-1) : undefined;
      const uid = marked ?? markIn(world, cluster, before)?.uid;
      if (uid === undefined) return;
      const names = (stored: Stored) => decisionOf(stored, uid)?.clusters[cluster] !== undefined;
      if (!world.whenSent.some(names)) {
        const since =
          world.clock.now() - (droppedAt.get(`${uid} ${cluster}`) ?? Number.NEGATIVE_INFINITY);
        if (since < onItsWayMs) return;
        world.violation('I5', `${method} ${path} in ${cluster}: no stored decision names it`);
        return;
      }
      const replicas = valueAt(body, 'spec', 'replicas');
      const known = shares.get(`${uid} ${cluster}`);
      if (replicas === undefined || target.resource !== 'deployments' || !known) return;
      if (known.has(replicas)) return;
      const what = `${method} ${path} in ${cluster} asks for ${replicas}`;
      world.violation('I5', `${what}, which no stored decision did`);
    },
  };
}
