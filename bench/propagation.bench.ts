/**
 * Propagation against direct writes, A B A B in one run: `npm run bench:propagation -- --members 3
 * --objects 300`.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { WallClock } from '../src/base/clock.ts';
import { RestClient } from '../src/client/rest.ts';
import { TlsTransport } from '../src/client/tls-transport.ts';
import { pathOf } from '../src/kube/resource.ts';
import { Observer } from './propagation/observer.ts';
import { catchUp } from './propagation/return.ts';
import { type Bench, startBench } from './propagation/setup.ts';
import { type Figure, figure, median, quantile, round } from './propagation/statistics.ts';
import { usageOf } from './propagation/usage.ts';
import {
  clear,
  deployments,
  driftCorrections,
  idleCreates,
  type Load,
  pause,
  type Step,
  type Targets,
  throughput,
} from './propagation/workload.ts';

const { values } = parseArgs({
  options: {
    members: { type: 'string', default: '3' },
    objects: { type: 'string', default: '300' },
    concurrency: { type: 'string', default: '16' },
    rounds: { type: 'string', default: '5' },
    away: { type: 'string', default: '60' },
    full: { type: 'boolean', default: false },
    out: {
      type: 'string',
      default: join(import.meta.dirname, '..', 'docs', 'reference', 'propagation-bench.json'),
    },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

if (values.help) {
  console.log(`Measures propagation of Deployments into real members beside direct writes to them.

  npm run bench:propagation                                  3 bare members, 300 objects, 5 rounds
  npm run bench:propagation -- --members 10 --objects 100    more members
  npm run bench:propagation -- --full                        with controllers, scheduler and fake nodes
  npm run bench:propagation -- --out FILE                    where the JSON goes`);
  process.exit(0);
}

const count = Number(values.objects);
const concurrency = Number(values.concurrency);
const memberCount = Number(values.members);

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

async function measureRounds(bench: Bench, observer: Observer): Promise<Rounds> {
  const rounds: Rounds = { direct: empty(), ours: empty(), cpuMs: [] };
  // One round of each that does not count, until caches are warm and code is compiled.
  for (let round = 0; round <= Number(values.rounds); round++) {
    for (const side of ['direct', 'ours'] as const) {
      const targets: Targets = side === 'direct' ? bench.members : [bench.federation.client];
      const names = Array.from({ length: count }, (_, i) => `${side}-${round}-${i}`);
      const before = usageOf(bench.federation.pid);
      const rates = await throughput({ targets, observer, concurrency }, names);
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

/** What the generator itself reaches: creates per second against a server that does nothing. */
async function generatorLimit(): Promise<number> {
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
  await observer.start(clients.slice(0, 1), pathOf(deployments));
  const names = Array.from({ length: 2000 }, (_, i) => `null-${i}`);
  const rate = await creates({ targets: clients, observer, concurrency }, names);
  child.kill();
  await observer.stop();
  return rate;
}

async function creates(load: Load, names: readonly string[]): Promise<number> {
  const { deployment } = await import('./propagation/deployment.ts');
  const queue = [...names];
  const started = performance.now();
  const worker = async (): Promise<void> => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      const body = deployment(name);
      await Promise.all(load.targets.map((client) => client.create(pathOf(deployments), body)));
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return (names.length * 1000) / (performance.now() - started);
}

interface Row {
  readonly what: string;
  readonly direct?: Figure;
  readonly ours: Figure;
  readonly ratio?: number;
  readonly target: string;
  readonly reached: boolean;
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

async function measure(bench: Bench): Promise<Row[]> {
  const observer = new Observer(memberCount);
  await observer.start(bench.members, pathOf(deployments));
  const rounds = await measureRounds(bench, observer);
  const ours: Load = { targets: [bench.federation.client], observer, concurrency };
  const direct: Load = { ...ours, targets: bench.members };
  const idle = (side: string) => Array.from({ length: 50 }, (_, i) => `idle-${side}-${i}`);
  const idleDirect = await idleCreates(direct, idle('direct'));
  const idleOurs = await idleCreates(ours, idle('ours'));
  const drift: number[] = [];
  const drifting = Array.from({ length: 15 }, (_, i) => `drift-${i}`);
  for (const name of drifting) {
    drift.push(...(await driftCorrections(ours, bench.members[0]!, { name, rounds: 3 })));
  }
  await clear(ours, drifting);
  const returned = await catchUp(bench, ours, { awaySeconds: Number(values.away), objects: 20 });
  const { peakMiB } = usageOf(bench.federation.pid);
  await observer.stop();
  const ratio = round(median(idleOurs) / median(idleDirect));
  return [
    rateRow(rounds, 'create', 0.7),
    rateRow(rounds, 'update', 0.5),
    rateRow(rounds, 'update again', 0.5),
    rateRow(rounds, 'delete', 0.5),
    {
      what: 'one create on an idle system, p50 ms',
      direct: figure(idleDirect),
      ours: figure(idleOurs),
      ratio,
      target: '≤ 3 × direct',
      reached: ratio <= 3,
    },
    {
      what: 'the same, p99 ms',
      direct: figure([quantile(idleDirect, 0.99)]),
      ours: figure([quantile(idleOurs, 0.99)]),
      target: '',
      reached: true,
    },
    limitRow('drift corrected, p50 ms', drift, { value: 10, unit: 'ms' }),
    {
      ...limitRow('drift corrected, p99 ms', [quantile(drift, 0.99)], {
        value: Infinity,
        unit: 'ms',
      }),
      target: '',
    },
    limitRow('CPU of the server, ms per object and member', rounds.cpuMs, { value: 1, unit: 'ms' }),
    limitRow('peak memory of the server, MiB', [peakMiB], { value: 250, unit: 'MiB' }),
    limitRow(`converged after ${values.away} s away, s`, [returned], { value: 2, unit: 's' }),
  ];
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

const generator = await generatorLimit();
console.log(
  `the generator alone reaches ${generator.toFixed(0)} objects/s to ${memberCount} targets`,
);
const bench = await startBench({ members: memberCount, full: values.full });
try {
  const rows = await measure(bench);
  print(rows);
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD']).toString().trim();
  const result = {
    command:
      `npm run bench:propagation -- --members ${memberCount} --objects ${count} ` +
      `--rounds ${values.rounds} --away ${values.away}${values.full ? ' --full' : ''}`,
    commit,
    date: new Date().toISOString().slice(0, 10),
    machine: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
    generatorObjectsPerSecond: round(generator),
    rows,
  };
  mkdirSync(join(values.out, '..'), { recursive: true });
  writeFileSync(values.out, `${JSON.stringify(result, null, 2)}\n`);
} finally {
  await bench.stop();
}
