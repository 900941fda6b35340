/** Runs the end-to-end tests of Kubernetes against one API server and reads their report. */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { binaryPath } from '../../testbed/binaries.ts';
import { removeFolder, startProcess, temporaryFolder } from '../../testbed/processes.ts';

/** How one spec ended. */
export interface SpecResult {
  /** As upstream names it, with its groups: `[sig-auth] … [Conformance]`. */
  readonly name: string;
  readonly passed: boolean;
  readonly seconds: number;
  /** Why it failed, whole; absent when it passed. */
  readonly message?: string;
}

export interface SuiteRun {
  readonly kubeconfig: string;
  readonly names: readonly string[];
  /** Specs that run at the same time, except those that are [Serial]; default 1. */
  readonly parallel?: number;
  /** The whole run is interrupted after this time; specs that did not end have failed. */
  readonly timeoutMinutes?: number;
  /** Where the reports and what the specs print are kept; default nowhere. */
  readonly keep?: string;
  /** Told of every spec as it ends: `passed [sig-auth] …`. */
  readonly progress?: (line: string) => void;
}

/** Every conformance spec of these groups, in upstream's order, without running any. */
export async function listSpecs(groups: readonly string[]): Promise<string[]> {
  const focus = `\\[(${groups.join('|')})\\].*\\[Conformance\\]`;
  const folder = await temporaryFolder('ubernetes-upstream');
  try {
    const report = await runBinary({ folder, focus, flags: ['--ginkgo.dry-run'] });
    return report
      .filter(({ state }) => state === 'passed')
      .map(({ name }) => name)
      .sort();
  } finally {
    await removeFolder(folder);
  }
}

/** Runs these specs; what did not run is among the results as failed. */
export async function runSpecs(run: SuiteRun): Promise<SpecResult[]> {
  const { names, parallel = 1 } = run;
  const alone = names.filter((name) => name.includes('[Serial]'));
  // Minutes of waiting, which nobody else need wait for.
  const slow = names.filter((name) => name.includes('[Slow]'));
  const others = names.filter((name) => !alone.includes(name) && !slow.includes(name));
  const shards = Array.from({ length: parallel }, (_, shard) =>
    others.filter((_, index) => index % parallel === shard),
  );
  shards.push(slow);
  const together = await Promise.all(
    shards
      .filter((shard) => shard.length > 0)
      .map((shard, index) => runShard(run, { names: shard, title: `run-${index + 1}` })),
  );
  const last = alone.length === 0 ? [] : await runShard(run, { names: alone, title: 'run-serial' });
  return [...together.flat(), ...last].sort((a, b) => (a.name < b.name ? -1 : 1));
}

interface Shard {
  readonly names: readonly string[];
  readonly title: string;
}

async function runShard(run: SuiteRun, { names, title }: Shard): Promise<SpecResult[]> {
  const folder = run.keep ?? (await temporaryFolder('ubernetes-upstream'));
  try {
    const entries = await runBinary({
      folder,
      title,
      focus: `(${names.map(quoted).join('|')})$`,
      ...(run.progress === undefined ? {} : { progress: run.progress }),
      flags: [
        `--kubeconfig=${run.kubeconfig}`,
        `--kubectl-path=${binaryPath('kubectl')}`,
        '--provider=skeleton',
        // Nodes are none of our business, and nothing of a failed spec is dumped.
        '--allowed-not-ready-nodes=-1',
        '--num-nodes=1',
        '--dump-logs-on-failure=false',
        '--disable-log-dump',
        `--ginkgo.timeout=${run.timeoutMinutes ?? 60}m`,
        '--ginkgo.seed=1',
        '--ginkgo.v',
      ],
    });
    const byName = new Map(entries.map((entry) => [entry.name, entry]));
    return names.map((name) => resultOf(name, byName.get(name)));
  } finally {
    if (run.keep === undefined) await removeFolder(folder);
  }
}

function resultOf(name: string, entry: Entry | undefined): SpecResult {
  if (entry === undefined) return { name, passed: false, seconds: 0, message: 'it did not run' };
  const { state, seconds, message } = entry;
  if (state === 'passed') return { name, passed: true, seconds };
  return { name, passed: false, seconds, message: message ?? `it was ${state}` };
}

interface Entry {
  readonly name: string;
  readonly state: string;
  readonly seconds: number;
  readonly message?: string;
}

interface Invocation {
  readonly folder: string;
  readonly focus: string;
  readonly flags: readonly string[];
  readonly title?: string;
  readonly progress?: (line: string) => void;
}

/** One process of the binary; an error when it leaves no report. */
async function runBinary(run: Invocation): Promise<Entry[]> {
  const { folder, focus, flags, title = 'run', progress } = run;
  const report = join(folder, `${title}.json`);
  const logFile = join(folder, `${title}.log`);
  await Promise.all([report, logFile].map((file) => rm(file, { force: true })));
  const running = startProcess({
    title: `e2e.test ${title}`,
    file: binaryPath('e2e.test'),
    args: [
      `--ginkgo.focus=${focus}`,
      `--ginkgo.json-report=${report}`,
      '--ginkgo.no-color',
      ...flags,
    ],
    directory: folder,
    logFile,
    env: { GOMAXPROCS: '2', HOME: folder },
  });
  const tell = progress === undefined ? async () => {} : teller(logFile, progress);
  const telling = setInterval(() => void tell(), 2000);
  await running.ended;
  clearInterval(telling);
  await tell();
  const text = await readFile(report, 'utf8').catch(() => {
    throw new Error(`no report of the specs\n${running.tail(60)}`);
  });
  return entriesOf(text);
}

/** Tells what a log says about specs that ended since the last time: `passed [sig-auth] …`. */
function teller(logFile: string, progress: (line: string) => void): () => Promise<void> {
  let told = 0;
  return async () => {
    const lines = (await readFile(logFile, 'utf8')).split('\n');
    const ended: string[] = [];
    let spec = '';
    for (const line of lines) {
      if (line.startsWith('[sig-')) spec = line;
      const end = /^• (\[[A-Z]+\] )?\[[\d.]+ seconds\]/.exec(line);
      if (end !== null) ended.push(`${end[1] === undefined ? 'passed' : 'FAILED'} ${spec}`);
    }
    for (const line of ended.slice(told)) progress(line);
    told = Math.max(told, ended.length);
  };
}

/** A part of Ginkgo's JSON report. */
interface GinkgoReport {
  readonly SuiteSucceeded: boolean;
  readonly SpecReports: readonly {
    readonly ContainerHierarchyTexts: readonly string[] | null;
    readonly LeafNodeType: string;
    readonly LeafNodeText: string;
    readonly State: string;
    readonly RunTime: number;
    readonly Failure?: { readonly Message: string; readonly Location?: { LineNumber: number } };
  }[];
}

/** Specs of the report; a failure of what comes before all of them is thrown. */
function entriesOf(text: string): Entry[] {
  const reports = JSON.parse(text) as GinkgoReport[];
  const all = reports.flatMap(({ SpecReports }) => SpecReports ?? []);
  const before = all.find(
    ({ LeafNodeType, State }) => /BeforeSuite/.test(LeafNodeType) && State !== 'passed',
  );
  if (before !== undefined) throw new Error(`before all specs: ${before.Failure?.Message}`);
  return all
    .filter(({ LeafNodeType, State }) => LeafNodeType === 'It' && State !== 'skipped')
    .map((one) => ({
      name: [...(one.ContainerHierarchyTexts ?? []), one.LeafNodeText].join(' '),
      state: one.State,
      seconds: Math.round(one.RunTime / 1e8) / 10,
      ...(one.Failure === undefined ? {} : { message: one.Failure.Message }),
    }));
}

function quoted(name: string): string {
  return name.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
