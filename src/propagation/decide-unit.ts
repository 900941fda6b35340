/**
 * The decider's view of one unit: gathers what the planner needs, and says what is to be stored.
 * Pure but for its inputs.
 */
import type { DecisionSpec } from '../api/records.ts';
import { deepEqual } from '../kube/json.ts';
import { type JsonObject, type KubeObject, valueAt } from '../kube/object.ts';
import { parseApiVersion, type ResourceType } from '../kube/resource.ts';
import { invalid } from '../kube/status.ts';
import { type DecideResult, decide } from '../placement/decide.ts';
import { type Decision, wantedIn } from '../placement/decision.ts';
import type { ClusterFacts, CopyFacts } from '../placement/facts.ts';
import type { GuardFacts } from '../placement/guard.ts';
import type { DecideInput } from '../placement/input.ts';
import { modeOf } from '../placement/modes.ts';
import { rulesFromAnnotations } from '../placement/preferences.ts';
import { defaultRules, type Mode, type PlacementRules } from '../placement/rules.ts';
import { dataKey } from './render.ts';
import type { Decided, Unit } from './unit.ts';

export interface DecideUnitInput {
  readonly unit: Unit;
  readonly template: KubeObject;
  readonly clusters: readonly ClusterFacts[];
  /** Clusters whose copies of this type are not known yet. */
  readonly unlisted: ReadonlySet<string>;
  /** Clusters that do not serve this type: a whole copy is meant for them, but no share. */
  readonly lacking: ReadonlySet<string>;
  readonly guard: GuardFacts;
  readonly frozen: boolean;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/**
 * Runs the planner for a unit's template. @throws ApiError for annotations that no admission has
 * refused.
 */
export function decideUnit(input: DecideUnitInput): DecideResult {
  const { unit } = input;
  const asked = decideInput(input);
  const { decided } = unit;
  if (decided !== undefined && isSettled(decided) && asksSame(decided.input, asked))
    return decided.result;
  const result = decide(asked);
  unit.decided = { input: asked, result };
  return result;
}

/** Time alone does not change it, nor what the guard says, since nothing goes. */
function isSettled({ result }: Decided): boolean {
  return result.lookAgainAt === undefined && result.removals === 0 && result.heldBack === undefined;
}

/** Whether a decision that hangs on neither time nor guard comes out the same. */
function asksSame(a: DecideInput, b: DecideInput): boolean {
  return (
    a.clusters === b.clusters &&
    a.previous === b.previous &&
    a.mode === b.mode &&
    a.holdsData === b.holdsData &&
    a.replicas === b.replicas &&
    a.completions === b.completions &&
    a.frozen === b.frozen &&
    a.rooms === b.rooms &&
    deepEqual(a.template, b.template) &&
    deepEqual(a.rules, b.rules) &&
    a.copies.size === b.copies.size &&
    [...a.copies].every(([name, copy]) => deepEqual(copy, b.copies.get(name)))
  );
}

function decideInput(input: DecideUnitInput): DecideInput {
  const { unit, template } = input;
  const { mode, holdsData } = modeOf(unit.type, template);
  const completions = valueAt(template, 'spec', 'completions');
  const stored = unit.decision;
  return {
    template: unit.identity,
    mode,
    ...(holdsData === undefined ? {} : { holdsData }),
    replicas: replicasOf(unit, template),
    ...(typeof completions === 'number' && dataKey(unit.type) === 'jobs.batch'
      ? { completions }
      : {}),
    rules: rulesOf(template),
    clusters: asSeen(input, mode),
    copies: copyFacts(unit),
    previous: stored?.decision,
    now: input.now,
    frozen: input.frozen,
    guard: input.guard,
  };
}

/**
 * The clusters as they are for this template. One that nobody has looked through may hold a copy:
 * it is out of sight for what may run only once, and for what was placed before, whose replicas
 * would seem not to be ready there. One where a stranger has the name cannot run any replica: what
 * was meant for it goes elsewhere.
 */
function asSeen(input: DecideUnitInput, mode: Mode): readonly ClusterFacts[] {
  const { clusters, unit } = input;
  const shares = mode !== 'Copy' && input.lacking.size > 0;
  const unlisted = shares ? new Set([...input.unlisted, ...input.lacking]) : input.unlisted;
  const hides = unlisted.size > 0 && (mode === 'One' || unit.decision !== undefined);
  const taken = mode === 'Divide' ? namesTaken(unit) : undefined;
  if (!hides && taken === undefined) return clusters;
  return clusters.map((cluster) => {
    if (cluster.state !== 'ready') return cluster;
    if (hides && unlisted.has(cluster.name)) return { ...cluster, state: 'unreachable' };
    return taken?.has(cluster.name) ? { ...cluster, state: 'draining' } : cluster;
  });
}

function namesTaken(unit: Unit): ReadonlySet<string> | undefined {
  let taken: Set<string> | undefined;
  for (const [name, { problem }] of unit.copies) {
    if (problem?.reason === 'NameTaken') taken = (taken ?? new Set()).add(name);
  }
  return taken;
}

/** What governs a template. @throws ApiError 422 naming what is wrong with its annotations. */
export function rulesOf(template: KubeObject): PlacementRules {
  const { rules, causes } = rulesFromAnnotations(template);
  if (causes.length === 0) return rules ?? defaultRules;
  const { group } = parseApiVersion(template.apiVersion);
  throw invalid({ group, kind: template.kind }, template.metadata.name ?? '', [...causes]);
}

/** Whether any object of the type can leave the federation. */
export function travels(type: ResourceType): boolean {
  if (type.group === 'rbac.authorization.k8s.io' || type.group === 'apiregistration.k8s.io')
    return true;
  const any: KubeObject = {
    apiVersion: '',
    kind: type.kind,
    metadata: { name: 'any', namespace: 'any' },
  };
  return modeOf(type, any).mode !== 'Home';
}

/**
 * Replicas that the template wants; a Job's are its parallelism. Undefined where the kind has none.
 */
export function replicasOf(unit: Unit, template: KubeObject): number | undefined {
  const job = dataKey(unit.type) === 'jobs.batch';
  const value = valueAt(template, 'spec', job ? 'parallelism' : 'replicas');
  if (typeof value === 'number') return value;
  return job ? 1 : undefined;
}

function copyFacts(unit: Unit): Map<string, CopyFacts> {
  const facts = new Map<string, CopyFacts>();
  for (const [cluster, { live, mark, unsure }] of unit.copies) {
    if (live === undefined && unsure) facts.set(cluster, { ready: 0 });
    // What bears another template's mark is not this one's to count, unless it is taken over.
    if (live === undefined || mark === undefined) continue;
    if (mark.uid !== unit.template?.metadata.uid && unit.knows(mark.uid)) continue;
    facts.set(cluster, {
      ready: readyOf(live),
      ...askOf(live),
      midRollout: midRollout(live),
    });
  }
  return facts;
}

/** Ready replicas of a live copy. */
export function readyOf(live: KubeObject): number {
  const status = live['status'] as JsonObject | undefined;
  for (const field of ['readyReplicas', 'numberReady', 'ready']) {
    const value = status?.[field];
    if (typeof value === 'number') return value;
  }
  return 0;
}

function askOf(live: KubeObject): { ask?: number } {
  const replicas = valueAt(live, 'spec', 'replicas');
  return typeof replicas === 'number' ? { ask: replicas } : {};
}

/** A Deployment's controller has not yet brought all replicas to the newest template. */
function midRollout(live: KubeObject): boolean {
  const status = live['status'] as JsonObject | undefined;
  const replicas = status?.['replicas'];
  const updated = status?.['updatedReplicas'];
  const observed = status?.['observedGeneration'];
  if (typeof observed === 'number' && observed < (live.metadata.generation ?? 0)) return true;
  return typeof replicas === 'number' && typeof updated === 'number' && updated < replicas;
}

/**
 * Clusters that still owe an answer to losing their copy: those that the new decision no longer
 * names, and earlier ones.
 */
export function removingAfter(
  unit: Unit,
  decision: Decision,
  isMember: (cluster: string) => boolean,
): DecisionSpec['removing'] {
  const stored = unit.decision;
  if (stored === undefined) return {};
  const removing: DecisionSpec['removing'] = {};
  for (const [cluster, earlier] of Object.entries(stored.spec.removing)) {
    if (!isMember(cluster) || wantedIn(decision, cluster) !== undefined) continue;
    if (owes(unit, cluster)) removing[cluster] = earlier;
  }
  for (const cluster of Object.keys(stored.decision.clusters)) {
    // A cluster that was let go keeps its copies: nobody there is asked to remove them.
    if (wantedIn(decision, cluster) !== undefined || !isMember(cluster)) continue;
    if (owes(unit, cluster)) removing[cluster] = 'Delete';
  }
  return removing;
}

function owes(unit: Unit, cluster: string): boolean {
  const copy = unit.copies.get(cluster);
  if (copy === undefined || copy.unsure) return true;
  const uid = unit.template?.metadata.uid;
  if (copy.live !== undefined) return copy.mark?.uid === uid;
  // One that only lost its label is in no watch: it is gone when the executor has looked.
  return uid !== undefined && !copy.goneFrom.has(uid);
}
