/** The API server beside a real kube-apiserver, A B A B in one run: `npm run bench:apiserver`. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Fleet, startFleet } from '../testbed/fleet.ts';
import type { Endpoint } from './apiserver/connection.ts';
import { lineNames as allLines, type LineName, Side } from './apiserver/lines.ts';
import { benchOptions, commandOf } from './apiserver/options.ts';
import { profilingArguments } from './propagation/profile.ts';
import { type Bench, settingsOf, startBench } from './propagation/setup.ts';
import { type Figure, figure, median, round } from './propagation/statistics.ts';
import { usageOf } from './propagation/usage.ts';
import { pause } from './propagation/workload.ts';
import { type Row as AnyRow, resultOf, writeResult } from './result.ts';

const options = benchOptions();
const { concurrency } = options;
const lineNames = allLines.filter((name) => name.includes(options.line));
const namespace = options.propagate ? 'bench-api' : 'kube-bench';
const memoryMiB = 250;

/** A server that is measured, and the processes that it is made of. */
interface Subject {
  readonly side: Side;
  readonly pids: readonly number[];
}

/** What every round of one server gave. */
interface Series {
  readonly rate: number[];
  readonly p99: number[];
  /** Of the server, microseconds for one request or event. */
  readonly cpu: number[];
}

type Measured = Readonly<Record<LineName, Series>>;

const usage = (pids: readonly number[], what: 'cpuMs' | 'peakMiB'): number =>
  pids.reduce((sum, pid) => sum + usageOf(pid)[what], 0);

const noSeries = (): Measured =>
  Object.fromEntries(
    lineNames.map((line) => [line, { rate: [], p99: [], cpu: [] }]),
  ) as unknown as Measured;

async function prepare(endpoint: Endpoint, pids: readonly number[]): Promise<Subject> {
  const cpuMs = (): number => usage(pids, 'cpuMs');
  const side = await Side.prepare({ endpoint, namespace, concurrency, cpuMs });
  await side.check();
  return { side, pids };
}

async function measureOnce({ side, pids }: Subject, into: Measured | undefined): Promise<string> {
  const shown: string[] = [];
  for (const line of lineNames) {
    const { rate, p99, cpu } = await side.measure(line);
    const peak = usage(pids, 'peakMiB').toFixed(0);
    shown.push(`${line} ${rate.toFixed(0)}/s ${cpu.toFixed(0)} µs (${peak} MiB)`);
    into?.[line].rate.push(rate);
    into?.[line].p99.push(p99);
    into?.[line].cpu.push(cpu);
  }
  await side.clear();
  await pause(options.propagate ? 3000 : 500);
  return shown.join(', ');
}

/** What the generator itself reaches, against a server that does nothing. */
async function generatorLimits(): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), 'ubernetes-bench-null-'));
  const script = fileURLToPath(new URL('./apiserver/null-server.ts', import.meta.url));
  const words = ['--disable-warning=ExperimentalWarning', script, folder];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  const text = await new Promise<string>((resolve) =>
    child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString())),
  );
  const { port, ca } = JSON.parse(text) as { port: number; ca: string };
  const limits = noSeries();
  try {
    const endpoint = { host: '127.0.0.1', port, ca };
    const subject = await prepare(endpoint, [child.pid!]);
    for (let n = 0; n < 3; n++) await measureOnce(subject, n === 0 ? undefined : limits);
    subject.side.close();
  } finally {
    child.kill();
    rmSync(folder, { recursive: true });
  }
  return limits;
}

async function oursEndpoint({ federation }: Bench): Promise<Endpoint> {
  const { server, ca, clientCertificate } = await settingsOf(federation.kubeconfig);
  const { hostname: host, port } = new URL(server);
  const certificate = clientCertificate && { clientCertificate };
  return { host, port: Number(port), ca: ca!, ...certificate };
}

function realEndpoint(fleet: Fleet): Endpoint {
  const { directServer, ca, adminToken: token } = fleet.members[0]!;
  const { hostname: host, port } = new URL(directServer);
  return { host, port: Number(port), ca, token };
}

interface Row extends AnyRow {
  readonly generator?: number;
  readonly real: Figure;
}

function rowsOf(line: LineName, real: Series, ours: Series, limit: Series): Row[] {
  const ratio = round(median(ours.rate.map((rate, i) => rate / real.rate[i]!)));
  const told = (what: string, key: 'p99' | 'cpu'): Row => ({
    what: `${line}: ${what}`,
    real: figure(real[key]),
    ours: figure(ours[key]),
    target: '',
    reached: true,
  });
  const per = line.startsWith('watch') ? 'event' : 'request';
  return [
    {
      what: `${line}, ${per}s/s`,
      generator: round(median(limit.rate)),
      real: figure(real.rate),
      ours: figure(ours.rate),
      ratio,
      target: '≥ 1.0',
      reached: ratio >= 1,
    },
    told('p99, ms', 'p99'),
    told(`CPU of the server, µs per ${per}`, 'cpu'),
  ];
}

function print(rows: readonly Row[]): void {
  const cell = (f: Figure): string => `${f.median} (${f.min}–${f.max})`;
  console.log('\n| | generator | kube-apiserver | ours | ratio | |\n|---|---|---|---|---|---|');
  for (const row of rows) {
    const verdict = row.target === '' ? '' : row.reached ? 'reached' : 'missed';
    console.log(
      `| ${row.what} | ${row.generator ?? ''} | ${cell(row.real)} | ${cell(row.ours)} | ${row.ratio ?? ''} | ${verdict} |`,
    );
  }
}

async function measure(real: Subject, ours: Subject, limits: Measured): Promise<Row[]> {
  const measured = { real: noSeries(), ours: noSeries() };
  // The first round does not count, until caches are warm and code is compiled.
  for (let n = 0; n <= options.rounds; n++) {
    for (const [name, subject] of Object.entries({ real, ours })) {
      const into = n === 0 ? undefined : measured[name as 'real' | 'ours'];
      const shown = await measureOnce(subject, into);
      console.log(`  ${n === 0 ? 'warm-up' : `round ${n}`} ${name}: ${shown}`);
    }
  }
  const memory = (subject: Subject) => figure([usage(subject.pids, 'peakMiB')]);
  const held = memory(ours);
  const rows = lineNames.flatMap((line) =>
    rowsOf(line, measured.real[line], measured.ours[line], limits[line]),
  );
  rows.push({
    what: 'peak memory, MiB',
    real: memory(real),
    ours: held,
    target: `≤ ${memoryMiB} MiB`,
    reached: held.median <= memoryMiB,
  });
  return rows;
}

const limits = await generatorLimits();
for (const line of lineNames)
  console.log(`the generator alone: ${line} ${median(limits[line].rate).toFixed(0)}/s`);
const { profile } = options;
const bench = await startBench({
  members: 3,
  full: false,
  ...(profile === undefined ? {} : { nodeArguments: profilingArguments(profile) }),
});
// An etcd of its own.
const beside = await startFleet({ members: [{ name: 'beside', full: false }], durable: true });
try {
  const ours = await prepare(await oursEndpoint(bench), [bench.federation.pid]);
  const processes = [...beside.members[0]!.processes(), beside.etcd.process];
  const real = await prepare(
    realEndpoint(beside),
    processes.map(({ pid }) => pid),
  );
  const memory = [real, ours].map(({ pids }) => usage(pids, 'peakMiB').toFixed(0));
  console.log(`memory before the first round, MiB: kube-apiserver ${memory[0]}, ours ${memory[1]}`);
  const rows = await measure(real, ours, limits);
  print(rows);
  real.side.close();
  ours.side.close();
  if (options.out !== undefined) writeResult(options.out, resultOf(commandOf(options), rows));
} finally {
  await beside.stop();
  await bench.stop();
}
