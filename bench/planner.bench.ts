/**
 * How long one whole step of the planner takes: 1,000 clusters, 10,000 replicas, in several
 * situations.
 */
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { integer, SeededRandom } from '../src/base/random.ts';
import { type DecideInput, decide } from '../src/placement/decide.ts';
import type { Decision } from '../src/placement/decision.ts';
import { goal, type Slot, seatsOf, sum, wantsMore, withinLimits } from '../src/placement/divide.ts';
import type { ClusterFacts, CopyFacts } from '../src/placement/facts.ts';
import { planStep } from '../src/placement/plan.ts';
import { defaultRules } from '../src/placement/rules.ts';

const { values } = parseArgs({
  options: {
    clusters: { type: 'string', default: '1000' },
    replicas: { type: 'string', default: '10000' },
    rounds: { type: 'string', default: '300' },
    json: { type: 'string' },
  },
});
const clusterCount = Number(values.clusters);
const replicas = Number(values.replicas);
const rounds = Number(values.rounds);
const random = new SeededRandom(1);

function slots(change: (i: number) => Partial<Slot>): Slot[] {
  return Array.from({ length: clusterCount }, (_, i) => {
    const given = change(i);
    const ask = given.ask ?? 0;
    const short = given.short ?? 0;
    return {
      standing: 'open',
      weight: 1,
      min: 0,
      max: Number.POSITIVE_INFINITY,
      hold: ask - short,
      ask,
      ready: ask - short,
      short,
      limit: Number.POSITIVE_INFINITY,
      tries: 0,
      midRollout: false,
      ...given,
    };
  });
}

const share = Math.floor(replicas / clusterCount);
const situations: readonly (readonly [string, Slot[], number])[] = [
  ['fresh, equal weights', slots(() => ({})), 10],
  ['fresh, any weights', slots(() => ({ weight: 1 + integer(random, 1_000_000) })), 10],
  [
    'fresh, weights, minima and maxima',
    slots(() => ({
      weight: 1 + integer(random, 1000),
      min: integer(random, 4),
      max: 4 + integer(random, 40),
    })),
    10,
  ],
  ['settled', slots(() => ({ ask: share })), 10],
  ['uneven, moving 10 %', slots(() => ({ ask: integer(random, 2 * share + 1) })), 10],
  ['uneven, moving 100 %', slots(() => ({ ask: integer(random, 2 * share + 1) })), 100],
  [
    'a third is full',
    slots((i) => (i % 3 === 0 ? { ask: share, short: 4, limit: share - 4 } : { ask: share })),
    10,
  ],
  [
    'a tenth is lost',
    slots((i) => (i % 10 === 0 ? { ask: share, hold: 0, standing: 'lost' } : { ask: share })),
    10,
  ],
];

/** The planner's whole step: the goal under all limits, who wants more, and the step itself. */
function wholeStep(given: readonly Slot[], maxPercent: number): number {
  const target = goal(given, seatsOf(given, withinLimits), replicas);
  const wants = wantsMore(given, target, replicas - sum(target));
  const tried = given.map((slot, i) => (wants[i] ? { ...slot, tries: 1 } : slot));
  return planStep({ replicas, maxPercent, frozen: false, slots: tried }).unplaced;
}

interface Row {
  readonly situation: string;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

function measure(situation: string, run: () => unknown): Row {
  for (let i = 0; i < 20; i++) run();
  const times: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const start = performance.now();
    run();
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  const at = (part: number): number =>
    Number(times[Math.min(times.length - 1, Math.floor(times.length * part))]!.toFixed(3));
  return { situation, p50Ms: at(0.5), p99Ms: at(0.99) };
}

function decideInput(previous: Decision | undefined): DecideInput {
  const clusters: ClusterFacts[] = Array.from({ length: clusterCount }, (_, i) => ({
    name: `cluster-${i}`,
    labels: { env: 'prod' },
    zones: [`zone-${i % 7}`],
    taints: [],
    state: 'ready',
  }));
  const copies = new Map<string, CopyFacts>(
    clusters.map(({ name }) => [name, { ready: previous?.clusters[name]?.share ?? 0 }]),
  );
  return {
    template: { group: 'apps', kind: 'Deployment', namespace: 'default', name: 'web' },
    mode: 'Divide',
    replicas,
    rules: defaultRules,
    clusters,
    copies,
    previous,
    now: 0,
  };
}

const first = decideInput(undefined);
const settled = decideInput(decide(first).decision);
const rows = [
  ...situations.map(([name, given, percent]) => measure(name, () => wholeStep(given, percent))),
  measure('decide(), fresh', () => decide(first)),
  measure('decide(), settled', () => decide(settled)),
];
console.table(rows);
const report = {
  command: `bench/planner.bench.ts --clusters ${clusterCount} --replicas ${replicas}`,
  date: new Date().toISOString(),
  node: process.version,
  cpu: cpus()[0]?.model ?? '',
  cores: cpus().length,
  budgetMs: 5,
  rows,
};
const text = `${JSON.stringify(report, null, 2)}\n`;
if (values.json === undefined) process.stdout.write(text);
else writeFileSync(values.json, text);
