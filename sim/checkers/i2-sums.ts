/**
 * I2: shares add up: never more than wanted and the budget on the way, exactly and evenly at rest.
 */
import { type KubeObject, valueAt } from '../../src/kube/object.ts';
import type { Change } from '../../src/store/store.ts';
import { storeKey } from '../mirror.ts';
import type { World } from '../world.ts';
import {
  type Checker,
  clusterObject,
  decisionIn,
  decisionOf,
  isBlocked,
  isLeaving,
  type StoredDecision,
} from './checker.ts';

const deployments = storeKey({ group: 'apps', resource: 'deployments', name: '' });
const decisions = storeKey({ group: 'records.ubernetes.dev', resource: 'decisions', name: '' });

/** A decision may be about a template that has changed while it was being made, milliseconds. */
const graceMs = 2000;

interface Wish {
  readonly replicas: number;
  readonly budget: number;
  until: number;
}

export function sums(): Checker {
  /** By uid: what its template asked for, the newest last. */
  const wishes = new Map<string, Wish[]>();
  /** By uid: the decision before. */
  const before = new Map<string, StoredDecision>();
  return {
    name: 'I2',
    onCommit(changes: readonly Change[], world) {
      for (const { key, entry } of changes) {
        if (entry === undefined) continue;
        if (key.startsWith(deployments)) noteWish(wishes, world.mirror.get(key)!, world);
        if (!key.startsWith(decisions)) continue;
        const uid = key.slice(decisions.length);
        const decision = decisionIn(world.mirror.get(key))!;
        // A member that nothing could be written to has come back with its old share: the sum goes
        // down to what is wanted in steps, of which none may add anything.
        if (raises(decision, before.get(uid))) checkDecision(wishes, { uid, decision }, world);
        before.set(uid, decision);
      }
    },
    onServe(world) {
      wishes.clear();
      before.clear();
      for (const [key, record] of world.mirror.under(decisions))
        before.set(key.slice(decisions.length), decisionIn(record)!);
      for (const [, template] of world.mirror.under(deployments)) noteWish(wishes, template, world);
    },
    atRest(world) {
      const free = world.mirror.under(deployments).filter(([key]) => !isBlocked(world, key));
      return free.flatMap(([, template]) => atRest(template, world));
    },
  };
}

function noteWish(wishes: Map<string, Wish[]>, template: KubeObject, world: World): void {
  const uid = template.metadata.uid!;
  const now = world.clock.now();
  const known = (wishes.get(uid) ?? []).filter(({ until }) => until > now - graceMs);
  const last = known.at(-1);
  if (last !== undefined) last.until = now;
  const replicas = wanted(template);
  const budget = prefers(template) ? replicas : Math.max(1, Math.ceil(replicas / 10));
  wishes.set(uid, [...known, { replicas, budget, until: Number.POSITIVE_INFINITY }]);
}

function raises(now: StoredDecision, known: StoredDecision | undefined): boolean {
  // A later number than ours: of a history that a restored backup has undone.
  const before = known !== undefined && known.number < now.number ? known : undefined;
  return Object.entries(now.clusters).some(
    ([name, { share = 0 }]) => share > (before?.clusters[name]?.share ?? 0),
  );
}

function checkDecision(
  wishes: Map<string, Wish[]>,
  { uid, decision }: { uid: string; decision: StoredDecision },
  world: World,
): void {
  if (decision.mode !== 'Divide') return;
  const now = world.clock.now();
  const recent = (wishes.get(uid) ?? []).filter(({ until }) => until >= now - graceMs);
  if (recent.length === 0) return;
  const bound = Math.max(...recent.map(({ replicas, budget }) => replicas + budget));
  const members = world.process?.federation?.members;
  const shares = Object.entries(decision.clusters).filter(
    ([name, { replaced }]) => !replaced && members?.get(name)?.health.writable === true,
  );
  const asked = shares.reduce((sum, [, { share = 0 }]) => sum + share, 0);
  if (asked <= bound) return;
  const text = shares.map(([name, { share }]) => `${name}=${share}`).join(' ');
  world.violation('I2', `decision ${decision.number} of ${uid} asks ${text}, allowed ${bound}`);
}

function atRest(template: KubeObject, world: World): string[] {
  const { uid, namespace, name } = template.metadata;
  const who = `deployment ${namespace}/${name}`;
  const decision = decisionOf(world, uid!);
  if (decision === undefined) return [`${who} has no decision`];
  const shares = Object.values(decision.clusters).map(({ share = 0 }) => share);
  const total = shares.reduce((sum, share) => sum + share, 0);
  const problems: string[] = [];
  if (total !== wanted(template)) problems.push(`${who}: shares ${shares} of ${wanted(template)}`);
  if (isPlain(template) && spread(shares, world) > 1) {
    problems.push(`${who}: shares ${JSON.stringify(decision.clusters)} are uneven`);
  }
  return problems;
}

function spread(shares: readonly number[], world: World): number {
  const joined = [...world.members.keys()].filter(
    (name) => clusterObject(world, name) !== undefined && !isLeaving(world, name),
  );
  const all = [...shares, ...Array<number>(Math.max(0, joined.length - shares.length)).fill(0)];
  return Math.max(...all) - Math.min(...all);
}

function wanted(template: KubeObject): number {
  return Number(valueAt(template, 'spec', 'replicas') ?? 1);
}

function prefers({ metadata }: KubeObject): boolean {
  return metadata.annotations?.['federation.kubernetes.io/deployment-preferences'] !== undefined;
}

/** Without annotations that place it. */
function isPlain(template: KubeObject): boolean {
  const { annotations = {} } = template.metadata;
  return !Object.keys(annotations).some((key) => key.startsWith('federation.'));
}
