/**
 * One fleet from its seed: users and faults in turn, then peace, and the question whether all is
 * well.
 */
import { createHash } from 'node:crypto';
import type { ClusterStatus } from '../src/api/cluster.ts';
import { unjoinAnnotations } from '../src/members/unjoin.ts';
import { allCheckers } from './checkers/all.ts';
import { type Checker, clusterObject, isLeaving } from './checkers/checker.ts';
import { Faults } from './faults.ts';
import { clusterPath, namespaces, operations } from './operations.ts';
import { type Plant, World } from './world.ts';

export interface FleetOptions {
  readonly seed: number;
  /** User operations; 200 unless given. */
  readonly operations?: number;
  readonly plant?: Plant;
  readonly onTrace?: (line: string) => void;
  /** A look at it before it ends. */
  readonly inspect?: (world: World) => Promise<void>;
}

export interface FleetReport {
  readonly seed: number;
  readonly members: number;
  /** Empty: every invariant held. */
  readonly violations: readonly string[];
  /** How often each operation and each fault came. */
  readonly operations: ReadonlyMap<string, number>;
  readonly faults: ReadonlyMap<string, number>;
  /** Commits to the store and writes to members, each held against the invariants. */
  readonly looked: { readonly commits: number; readonly writes: number };
  /** Of the whole trace: the same seed gives the same. */
  readonly digest: string;
  readonly trace: readonly string[];
  /** Virtual time from the last fault to convergence, milliseconds. */
  readonly convergedAfterMs: number;
  /** Virtual time of the whole, milliseconds. */
  readonly virtualMs: number;
}

const operationsUnlessSaid = 200;
/** Faults of one fleet. */
const faultsOf = { least: 7, most: 14 };
/** Longest that peace may take to come; the longest backoff of all is ten minutes, milliseconds. */
const peaceMs = 45 * 60_000;
const lookEveryMs = 5000;

export async function runFleet(options: FleetOptions): Promise<FleetReport> {
  const checkers = allCheckers();
  const world = new World({
    seed: options.seed,
    members: 3,
    observers: checkers,
    onServe: () => {
      for (const checker of checkers) checker.onServe?.(world);
    },
    ...(options.plant === undefined ? {} : { plant: options.plant }),
    ...(options.onTrace === undefined ? {} : { onTrace: options.onTrace }),
  });
  const faults = new Faults(world);
  const done = new Map<string, number>();
  let convergedAfterMs = 0;
  try {
    await world.start();
    await makeNamespaces(world);
    await live({ world, faults, done, count: options.operations ?? operationsUnlessSaid });
    convergedAfterMs = await makePeace(world, faults, checkers);
    await options.inspect?.(world);
  } catch (error) {
    // Whatever it was, the seed tells how to see it again.
    world.violation('the fleet broke off', error instanceof Error ? `${error.stack}` : `${error}`);
  }
  await world.close();
  return {
    seed: options.seed,
    members: world.members.size,
    violations: world.violations,
    operations: done,
    faults: faults.counts,
    looked: world.looked,
    digest: createHash('sha256').update(world.trace.join('\n')).digest('hex'),
    trace: world.trace,
    convergedAfterMs,
    virtualMs: world.timeline.elapsed,
  };
}

async function makeNamespaces(world: World): Promise<void> {
  const client = world.process!.client('operator');
  for (const name of namespaces) {
    const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
    await world.timeline.finish(client.create('/api/v1/namespaces', object), 10_000);
  }
}

interface Life {
  readonly world: World;
  readonly faults: Faults;
  /** How often each operation was done. */
  readonly done: Map<string, number>;
  readonly count: number;
}

/** Operations and faults in the order that the dice give; more of both until it was enough. */
async function live({ world, faults, done, count }: Life): Promise<void> {
  const { dice, timeline } = world;
  const moments = new Set<number>();
  const wanted = Math.ceil((dice.between(faultsOf.least, faultsOf.most) * count) / 200);
  while (moments.size < wanted) moments.add(dice.between(5, count - 1));
  const backupAt = dice.between(0, count);
  for (let n = 0; (n < count || !faults.enough) && world.violations.length === 0; ) {
    await faults.endDue();
    if (moments.delete(n) || n >= count) await faults.beginOne();
    const { process } = world;
    if (process?.federation === undefined) {
      await timeline.run(dice.between(100, 3000));
      continue;
    }
    if (n === backupAt) faults.takeBackup();
    const operation = dice.weighted(operations);
    await operation.run(world, process.client('user'));
    done.set(operation.name, (done.get(operation.name) ?? 0) + 1);
    n++;
    await timeline.run(dice.chance(0.3) ? 0 : dice.between(1, 1500));
  }
}

/** Ends all faults and waits until every checker is content. Returns how long that took. */
async function makePeace(
  world: World,
  faults: Faults,
  checkers: readonly Checker[],
): Promise<number> {
  await faults.endAll();
  await openClusters(world);
  await joinAgain(world);
  const since = world.clock.now();
  let problems: string[] = [];
  while (world.violations.length === 0 && world.clock.now() - since < peaceMs) {
    await world.timeline.run(lookEveryMs);
    // Removals that a guard held back are meant.
    world.process!.federation!.propagation.ledger.confirmAll();
    world.process!.federation!.propagation.decideAll();
    problems = checkers.flatMap((checker) =>
      (checker.atRest?.(world, faults) ?? []).map((problem) => `${checker.name}: ${problem}`),
    );
    if (problems.length === 0) break;
  }
  const before = world.violations.length;
  if (before === 0) for (const problem of problems) world.violation('at rest', problem);
  world.log(`peace after ${world.clock.now() - since}`);
  return world.clock.now() - since;
}

/** No cluster is closed to new replicas any more. */
async function openClusters(world: World): Promise<void> {
  const client = world.process!.client('operator');
  const patch = {
    type: 'application/merge-patch+json',
    body: { spec: { unschedulable: null } },
  } as const;
  for (const name of world.members.keys()) {
    const opened = client.patch(clusterPath(name), patch).catch(() => undefined);
    await world.timeline.finish(opened, 30_000);
  }
}

/** A backup may have brought back a credential that the member takes no more. */
async function joinAgain(world: World): Promise<void> {
  await world.timeline.run(30_000);
  for (const name of world.members.keys()) {
    const cluster = clusterObject(world, name);
    const conditions = (cluster?.['status'] as ClusterStatus | undefined)?.conditions ?? [];
    const valid = conditions.find(({ type }) => type === 'CredentialsValid');
    if (valid?.status !== 'False') continue;
    if (isLeaving(world, name)) await letGo(world, name);
    else await world.join(name);
  }
}

/** `ubernetes unjoin --force`: it cannot be cleaned up with a credential that it does not take. */
async function letGo(world: World, name: string): Promise<void> {
  const body = { metadata: { annotations: { [unjoinAnnotations.force]: 'true' } } };
  const patch = { type: 'application/merge-patch+json', body } as const;
  const forced = world.process!.client('operator').patch(clusterPath(name), patch);
  await world.timeline.finish(forced, 30_000);
}
