/** `npm run conformance`: the conformance specs of Kubernetes against a federation. */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { cpus } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { holdProcess } from '../../src/base/clock.ts';
import { missingBinaries } from '../../testbed/binaries.ts';
import { buildBinaries } from '../../testbed/build.ts';
import { versions } from '../../testbed/versions.ts';
import { groups, readExceptions, readSet, writeRun, writeSet } from './specs.ts';
import { listSpecs, runSpecs, type SpecResult } from './suite.ts';
import { federationOf, realCluster } from './targets.ts';

const help = `The conformance specs of Kubernetes about its API server, run against a federation.

Usage: npm run conformance -- [OPTIONS]

Which specs: those of ${groups.join(' and ')} that a real cluster of the testbed passes
(test/upstream/set.json), but the exceptions (test/upstream/exceptions.json).

Options:
  --members N      real clusters in the federation (default 1)
  --focus REGEX    only the specs whose names match, exceptions too
  --list           print the names of the specs, run nothing
  --parallel N     specs that run at the same time (default 2)
  --timeout N      minutes for the whole run (default 60)
  --keep FOLDER    keep the reports and what the specs print there
  --write          write docs/reference/conformance.json (then: node scripts/figures.ts)
  --real           ask a real cluster instead; with --write, its answer is the new set
  -h, --help       this text

The binaries are built when they are not there: about two minutes for the specs, more for the rest.
Ends with 1 when a spec that is no exception fails.

Examples:
  npm run conformance -- --focus Watchers
  npm run conformance -- --members 3 --write
  npm run conformance -- --real --write
`;

const { values } = parseArgs({
  options: {
    members: { type: 'string', default: '1' },
    focus: { type: 'string' },
    list: { type: 'boolean', default: false },
    parallel: { type: 'string', default: '2' },
    timeout: { type: 'string', default: '60' },
    keep: { type: 'string' },
    write: { type: 'boolean', default: false },
    real: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

// The testbed's processes keep nobody alive.
const release = holdProcess();
process.exitCode = await main();
release();

async function main(): Promise<number> {
  if (values.help) {
    console.log(help);
    return 0;
  }
  if (missingBinaries('full', 'upstream').length > 0) await buildBinaries(console.error);
  const names = await chosen();
  if (values.list) {
    console.log(names.join('\n'));
    return 0;
  }
  const started = performance.now();
  const results = await run(names);
  report(results);
  if (values.write) write(results, (performance.now() - started) / 1000);
  return results.every(({ passed }) => passed) || values.real ? 0 : 1;
}

async function chosen(): Promise<string[]> {
  const exceptions = readExceptions();
  const all = values.real ? await listSpecs(groups) : readSet().passed;
  if (values.focus === undefined) return all.filter((name) => values.real || !(name in exceptions));
  const focus = new RegExp(values.focus);
  return all.filter((name) => focus.test(name));
}

async function run(names: readonly string[]): Promise<SpecResult[]> {
  const members = wholeNumber('members');
  console.error(values.real ? 'starting a real cluster' : `starting ${members} real cluster(s)`);
  const target = values.real ? await realCluster() : await federationOf(members);
  const keep = values.keep === undefined ? undefined : resolve(values.keep);
  if (keep !== undefined) mkdirSync(keep, { recursive: true });
  let ended = 0;
  try {
    return await runSpecs({
      names,
      kubeconfig: target.kubeconfig,
      parallel: wholeNumber('parallel'),
      timeoutMinutes: wholeNumber('timeout'),
      progress: (line) => console.error(`${++ended}/${names.length} ${line}`),
      ...(keep === undefined ? {} : { keep }),
    });
  } finally {
    await target.stop();
  }
}

function wholeNumber(option: 'members' | 'parallel' | 'timeout'): number {
  const value = Number(values[option]);
  if (Number.isInteger(value) && value > 0) return value;
  throw new Error(`--${option} wants a whole number of at least 1, not ${values[option]}`);
}

function report(results: readonly SpecResult[]): void {
  const failed = results.filter(({ passed }) => !passed);
  for (const { name, seconds, message } of failed) {
    console.log(`\nFAILED ${name} (${seconds} s)\n${message?.slice(0, 2000)}`);
  }
  console.log(`\n${results.length - failed.length} of ${results.length} specs passed`);
}

function write(results: readonly SpecResult[], seconds: number): void {
  if (values.focus !== undefined) throw new Error('--write wants the whole set, no --focus');
  const date = new Date().toISOString().slice(0, 10);
  if (values.real) {
    writeSet({
      command: 'npm run conformance -- --real --write',
      kubernetes: versions.upstream,
      date,
      passed: results.filter(({ passed }) => passed).map(({ name }) => name),
      failed: Object.fromEntries(
        results
          .filter(({ passed }) => !passed)
          .map(({ name, message = '' }) => [name, firstLine(message)]),
      ),
    });
    return;
  }
  const members = wholeNumber('members');
  writeRun({
    command: `npm run conformance -- --members ${members} --write`,
    commit: execFileSync('git', ['rev-parse', '--short', 'HEAD']).toString().trim(),
    date,
    machine: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
    members,
    seconds: Math.round(seconds),
    failed: Object.fromEntries(
      results
        .filter(({ passed }) => !passed)
        .map(({ name, message = '' }) => [name, firstLine(message)]),
    ),
    passed: Object.fromEntries(
      results.filter(({ passed }) => passed).map(({ name, seconds: took }) => [name, took]),
    ),
  });
}

function firstLine(message: string): string {
  return (message.split('\n')[0] as string).slice(0, 160);
}
