/** The figures of runs, kept in a file. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import type { FleetReport } from './fleet.ts';

/** Sums over the fleets of a run. */
export interface Totals {
  readonly operations: Map<string, number>;
  readonly faults: Map<string, number>;
  virtualMs: number;
  commits: number;
  writes: number;
}

export function nothingYet(): Totals {
  return { operations: new Map(), faults: new Map(), virtualMs: 0, commits: 0, writes: 0 };
}

export function add(total: Totals, report: FleetReport): void {
  for (const what of ['operations', 'faults'] as const)
    for (const [name, count] of report[what])
      total[what].set(name, (total[what].get(name) ?? 0) + count);
  total.virtualMs += report.virtualMs;
  total.commits += report.looked.commits;
  total.writes += report.looked.writes;
}

/** One command's fleets, none of which failed: what docs/reference/simulation.md is made from. */
export interface RecordedRun {
  readonly command: string;
  readonly commit: string;
  readonly date: string;
  readonly machine: string;
  readonly seed: number;
  readonly fleets: number;
  readonly cpuSeconds: number;
  readonly virtualHours: number;
  /** Each was held against the invariants. */
  readonly commits: number;
  readonly writes: number;
  readonly operations: Readonly<Record<string, number>>;
  readonly faults: Readonly<Record<string, number>>;
}

/** Beside the runs that are in the file already; instead of one that began with the same seed. */
export function record(
  file: string,
  {
    command,
    seed,
    fleets,
    total,
  }: Pick<RecordedRun, 'command' | 'seed' | 'fleets'> & {
    readonly total: Totals;
  },
): void {
  const { user, system } = process.cpuUsage();
  const [processor] = cpus();
  const run: RecordedRun = {
    command,
    commit: execFileSync('git', ['rev-parse', '--short', 'HEAD']).toString().trim(),
    date: new Date().toISOString().slice(0, 10),
    machine: `${cpus().length} × ${processor?.model.split(' ').slice(0, 2).join(' ')}`,
    seed,
    fleets,
    cpuSeconds: Math.round((user + system) / 1e6),
    virtualHours: Math.round(total.virtualMs / 3_600_000),
    commits: total.commits,
    writes: total.writes,
    operations: Object.fromEntries([...total.operations].toSorted()),
    faults: Object.fromEntries([...total.faults].toSorted()),
  };
  const before = existsSync(file)
    ? (JSON.parse(readFileSync(file, 'utf8')) as readonly RecordedRun[])
    : [];
  const runs = [...before.filter((each) => each.seed !== seed), run];
  const inOrder = runs.toSorted((one, other) => one.seed - other.seed);
  writeFileSync(file, `${JSON.stringify(inOrder, null, 2)}\n`);
}
