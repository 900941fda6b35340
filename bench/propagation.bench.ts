/**
 * Propagation against direct writes, A B A B in one run: `npm run bench:propagation -- --members 3
 * --objects 300`.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WallClock } from '../src/base/clock.ts';
import { RestClient } from '../src/client/rest.ts';
import { TlsTransport } from '../src/client/tls-transport.ts';
import { pathOf } from '../src/kube/resource.ts';
import { killUnderLoad } from './propagation/killed.ts';
import { Observer } from './propagation/observer.ts';
import { benchOptions, commandOf } from './propagation/options.ts';
import { partsIn, profilingArguments } from './propagation/profile.ts';
import { readyRate } from './propagation/ready.ts';
import { catchUp } from './propagation/return.ts';
import { type Bench, startBench } from './propagation/setup.ts';
import { type Figure, figure, median, quantile, round } from './propagation/statistics.ts';
import { deployments, type Subject, subjectOf } from './propagation/subject.ts';
import { usageOf } from './propagation/usage.ts';
import {
  clear,
  driftCorrections,
  idleCreates,
  type Load,
  pause,
  type Step,
  type Targets,
  throughput,
} from './propagation/workload.ts';
import { type Row as AnyRow, resultOf, writeResult } from './result.ts';

const options = benchOptions();
const { members: memberCount, objects: count, concurrency } = options;

const steps: readonly Step[] = ['create', 'update', 'update again', 'delete'];

interface Rounds {
  readonly direct: Record<Step, number[]>;
  readonly ours: Record<Step, number[]>;
  /** Of the server, milliseconds per object and member, over all four steps. */
  readonly cpuMs: number[];
}

const empty = (): Record<Step, number[]> => ({
  create: [],
  update: [],
  'update again': [],
  delete: [],
});

async function measureRounds(bench: Bench, load: Shared): Promise<Rounds> {
  const rounds: Rounds = { direct: empty(), ours: empty(), cpuMs: [] };
  // One round of each that does not count, until caches are warm and code is compiled.
  for (let round = 0; round <= options.rounds; round++) {
    for (const side of ['direct', 'ours'] as const) {
      const targets: Targets = side === 'direct' ? bench.members : [bench.federation.client];
      const names = Array.from({ length: count }, (_, i) => `${side}-${round}-${i}`);
      const before = usageOf(bench.federation.pid);
      const rates = await throughput({ ...load, targets }, names);
      const after = usageOf(bench.federation.pid);
      await pause(500);
      const shown = steps.map((step) => `${step} ${rates[step].toFixed(0)}/s`).join(', ');
      console.log(`  ${round === 0 ? 'warm-up' : `round ${round}`} ${side.padEnd(6)} ${shown}`);
      if (round === 0) continue;
      for (const step of steps) rounds[side][step].push(rates[step]);
      if (side === 'ours')
        rounds.cpuMs.push((after.cpuMs - before.cpuMs) / (4 * count * memberCount));
    }
  }
  return rounds;
}

/** All of a load but whom it goes to. */
type Shared = Omit<Load, 'targets'>;

/** What the generator itself reaches: creates per second against a server that does nothing. */
async function generatorLimit(subject: Subject): Promise<number> {
  const child = spawn(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      join(import.meta.dirname, 'propagation', 'null-server.ts'),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const server = await new Promise<string>((resolve) =>
    child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString().trim())),
  );
  const clock = new WallClock();
  const clients = Array.from(
    { length: memberCount },
    () =>
      new RestClient(new TlsTransport({ server, clock, connections: 16 }), {
        userAgent: 'bench/1',
      }),
  );
  const observer = new Observer(1);
  await observer.start(clients.slice(0, 1), pathOf(subject.type));
  const names = Array.from({ length: 2000 }, (_, i) => `null-${i}`);
  const rate = await creates({ targets: clients, observer, concurrency, subject }, names);
  child.kill();
  await observer.stop();
  return rate;
}

async function creates(load: Load, names: readonly string[]): Promise<number> {
  const { type, make } = load.subject;
  const queue = [...names];
  const started = performance.now();
  const worker = async (): Promise<void> => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      const body = make(name);
      await Promise.all(load.targets.map((client) => client.create(pathOf(type), body)));
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return (names.length * 1000) / (performance.now() - started);
}

interface Row extends AnyRow {
  readonly direct?: Figure;
}

function rateRow(rounds: Rounds, step: Step, least: number): Row {
  const ratio = round(median(rounds.ours[step].map((rate, i) => rate / rounds.direct[step][i]!)));
  return {
    what: `${step}, objects/s`,
    direct: figure(rounds.direct[step]),
    ours: figure(rounds.ours[step]),
    ratio,
    target: `≥ ${least} of direct`,
    reached: ratio >= least,
  };
}

function limitRow(
  what: string,
  values: readonly number[],
  most: { value: number; unit: string },
): Row {
  const ours = figure(values);
  return { what, ours, target: `≤ ${most.value} ${most.unit}`, reached: ours.median <= most.value };
}

async function measure(bench: Bench, subject: Subject): Promise<Row[]> {
  const observer = new Observer(memberCount);
  await observer.start(bench.members, pathOf(subject.type));
  const shared: Shared = { observer, concurrency, subject };
  const rounds = await measureRounds(bench, shared);
  const ours: Load = { ...shared, targets: [bench.federation.client] };
  const direct: Load = { ...shared, targets: bench.members };
  const idle = (side: string) => Array.from({ length: 50 }, (_, i) => `idle-${side}-${i}`);
  const idleDirect = await idleCreates(direct, idle('direct'));
  const idleOurs = await idleCreates(ours, idle('ours'));
  const drift: number[] = [];
  const drifting = Array.from({ length: 15 }, (_, i) => `drift-${i}`);
  for (const name of drifting) {
    drift.push(...(await driftCorrections(ours, bench.members[0]!, { name, rounds: 3 })));
  }
  await clear(ours, drifting);
  const ready = options.full ? [await readyRow(bench)] : [];
  const away = { awaySeconds: options.away, objects: 20 };
  const returned = options.away === 0 ? [] : [await catchUp(bench, ours, away)];
  const { peakMiB } = usageOf(bench.federation.pid);
  await observer.stop();
  return [
    rateRow(rounds, 'create', 0.7),
    rateRow(rounds, 'update', 0.5),
    rateRow(rounds, 'update again', 0.5),
    rateRow(rounds, 'delete', 0.5),
    ...idleRows(idleDirect, idleOurs),
    limitRow('drift corrected, p50 ms', drift, { value: 10, unit: 'ms' }),
    told('drift corrected, p99 ms', quantile(drift, 0.99)),
    ...ready,
    limitRow('CPU of the server, ms per object and member', rounds.cpuMs, { value: 1, unit: 'ms' }),
    limitRow('peak memory of the server, MiB', [peakMiB], { value: 250, unit: 'MiB' }),
    ...returned.map((seconds) =>
      limitRow(`converged after ${options.away} s away, s`, [seconds], { value: 2, unit: 's' }),
    ),
  ];
}

function idleRows(direct: readonly number[], ours: readonly number[]): Row[] {
  const ratio = round(median(ours) / median(direct));
  return [
    {
      what: 'one create on an idle system, p50 ms',
      direct: figure(direct),
      ours: figure(ours),
      ratio,
      target: '≤ 3 × direct',
      reached: ratio <= 3,
    },
    { ...told('the same, p99 ms', quantile(ours, 0.99)), direct: figure([quantile(direct, 0.99)]) },
  ];
}

/** A figure without a target. */
function told(what: string, value: number): Row {
  return { what, ours: figure([value]), target: '', reached: true };
}

/** One replica in every member, written directly and through the federation. */
async function readyRow(bench: Bench): Promise<Row> {
  const names = (side: string) => Array.from({ length: 50 }, (_, i) => `ready-${side}-${i}`);
  const direct = await readyRate(bench.members, deployments(1), names('direct'));
  const whole = deployments(memberCount);
  const ours = await readyRate([bench.federation.client], whole, names('ours'));
  const what = 'all replicas seen ready, objects/s';
  return { ...told(what, ours), direct: figure([direct]), ratio: round(ours / direct) };
}

/** kill -9 in the middle of writes: counts, and what must be 0. */
async function killRows(bench: Bench): Promise<Row[]> {
  const load = { name: 'kill', writers: concurrency, writes: count };
  const killed = await killUnderLoad(bench, load);
  for (const line of [...killed.lost, ...killed.apart]) console.log(`  ${line}`);
  const none = { value: 0, unit: '' };
  return [
    told('kill -9 under load: writes acknowledged before', killed.acknowledged),
    told('… on their way', killed.inDoubt),
    limitRow('… acknowledged and lost', [killed.lost.length], none),
    told('… s until it serves again', killed.servedSeconds),
    told('… s until all members agree', killed.agreedSeconds),
    limitRow('… objects that members show otherwise', [killed.apart.length], none),
  ];
}

/** CPU time by part of the program, per object and member. */
function partRows(folder: string, cpuMs: number): Row[] {
  const parts = partsIn(folder);
  const all = [...parts.values()].reduce((sum, ms) => sum + ms, 0);
  return [...parts].map(([part, ms]) =>
    told(`CPU, ms per object and member: ${part}`, (cpuMs * ms) / all),
  );
}

function print(rows: readonly Row[]): void {
  const cell = (f: Figure | undefined): string =>
    f === undefined ? '–' : `${f.median} (${f.min}–${f.max})`;
  console.log('\n| | direct | ours | ratio | target | |\n|---|---|---|---|---|---|');
  for (const row of rows) {
    const verdict = row.target === '' ? '' : row.reached ? 'reached' : 'missed';
    console.log(
      `| ${row.what} | ${cell(row.direct)} | ${cell(row.ours)} | ${row.ratio ?? ''} | ${row.target} | ${verdict} |`,
    );
  }
}

const replicas = Math.max(3, memberCount);
const subject = subjectOf(options.kind, replicas, options.distinct);
const generator = await generatorLimit(subject);
console.log(
  `the generator alone reaches ${generator.toFixed(0)} objects/s to ${memberCount} targets`,
);
const profiles = options.parts ? mkdtempSync(join(tmpdir(), 'ubernetes-bench-profile-')) : '';
const bench = await startBench({
  ...options,
  ...(options.parts ? { nodeArguments: profilingArguments(profiles) } : {}),
});
try {
  const rows = await measure(bench, subject);
  if (options.parts) {
    await bench.federation.stop();
    const cpu = rows.find(({ what }) => what.startsWith('CPU of the server'))!;
    rows.push(...partRows(profiles, cpu.ours.median));
  } else if (options.kill) rows.push(...(await killRows(bench)));
  print(rows);
  if (options.out !== undefined) {
    const { rows: figures, ...made } = resultOf(commandOf(options), rows);
    const result = { ...made, generatorObjectsPerSecond: round(generator), rows: figures };
    writeResult(options.out, result);
  }
} finally {
  await bench.stop();
  if (options.parts) rmSync(profiles, { recursive: true });
}
