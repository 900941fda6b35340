/** The page about the simulation, from what its last long runs wrote and from its own lists. */
import { readFileSync } from 'node:fs';
import { plantedBugs } from '../sim/plants.ts';
import type { RecordedRun } from '../sim/recorded.ts';

const intro = `# The simulation

Whole fleets in one process and in virtual time: the real store, deciders and executors of the federation,
three or four member clusters (our own API server with a memory store each), and between them lines that
fail. A **seed** decides everything: what users do, which faults strike and when, how the work of all parts
interleaves. The same seed gives the same trace to the byte, so a failure is replayed as often as one likes.
Every commit to the store and every write that reaches a member is held against the invariants below; at
the end all faults stop, and every member must come to hold exactly what it should.

\`\`\`sh
npm run sim -- --fleets 100          # seeds 1 to 100; they are in npm test as well
npm run sim -- --seed 63 --verbose   # one fleet, step by step
\`\`\`

A seed that found something stays in the tests as the few steps that show it. What members are here and what
real ones are is compared elsewhere: the tests named \`*.member.test.ts\` run against real kube-apiservers.
`;

/** What each fault is, for readers. */
const faults: Readonly<Record<string, string>> = {
  'answers-lost': 'requests arrive and are carried out, their answers are lost',
  'crash-after-commit':
    'the federation is killed right after a commit, before what it asks for is done',
  'crash-after-write': 'the federation is killed right after a write has reached a member',
  'delete-behind': 'somebody deletes a copy in a member',
  'edit-behind': 'somebody edits a copy in a member',
  'federation-crash': 'the federation is killed between two steps',
  'history-lost': 'a member forgets the history that watches would go on from',
  'label-taken': 'somebody takes our label off a copy in a member',
  'member-crash': 'a member ends, and comes back later',
  overloaded: '20 to 90 % of the requests to a member are answered with 429, 500 or 503',
  partition: 'the line to a member refuses connections',
  reset: 'every request and every watch on a line breaks',
  restart: 'the federation is stopped in order and started again',
  restore: 'an earlier copy of the store is restored, and the operator accepts that',
  silence: 'nothing comes through the line to a member, and nobody is told',
  slow: 'the line to a member takes 5 to 900 ms more, each way',
  stranger: 'somebody makes an object of their own in a member, under a name that users may want',
};

/** The page, from docs/reference/simulation.json. */
export function simulationPage(json: string): string {
  const runs = JSON.parse(json) as readonly RecordedRun[];
  return [
    intro,
    ...invariants(),
    '## The last long runs\n',
    'No fleet in them broke an invariant; a run in which one does is mended first and not recorded. Known',
    'to fail still is fleet 40467: after a restore a Job is patched where its member allows no change, and',
    'that is refused again every minute.\n',
    '| command | commit | date | machine | fleets | CPU minutes | virtual hours |',
    '|---|---|---|---|---|---|---|',
    ...runs.map(runRow),
    '',
    ...coverage(runs),
    ...found(),
    '',
  ].join('\n');
}

function runRow(run: RecordedRun): string {
  const { command, commit, date, machine, fleets, cpuSeconds, virtualHours } = run;
  const minutes = (cpuSeconds / 60).toFixed(0);
  const cells = [`\`${command}\``, commit, date, machine, fleets, minutes, virtualHours];
  return `| ${cells.join(' | ')} |`;
}

function invariants(): string[] {
  const text = readFileSync(new URL('../docs/internals/invariants.md', import.meta.url), 'utf8');
  const headings = [...text.matchAll(/^## (I\d+): (.+)$/gm)];
  return [
    '## The invariants, and the bugs that are put in to try their checkers\n',
    `What each says exactly, with its allowances: [invariants](../internals/invariants.md). A checker`,
    'that a bug put in on purpose does not wake would check nothing: each of these is caught in `npm test`.\n',
    '| | what always holds | the planted bug |',
    '|---|---|---|',
    ...headings.map(([, number, says]) => {
      const bugs = plantedBugs.filter(({ invariant }) => invariant === number);
      return `| ${number} | ${says} | ${bugs.map(({ what }) => what).join('; ')} |`;
    }),
    '',
  ];
}

function coverage(runs: readonly RecordedRun[]): string[] {
  const sum = (of: (run: RecordedRun) => number): string =>
    runs.reduce((total, run) => total + of(run), 0).toLocaleString('en');
  const names = (of: 'operations' | 'faults'): string[] =>
    [...new Set(runs.flatMap((run) => Object.keys(run[of])))].sort();
  const all = (counts: Readonly<Record<string, number>>): number =>
    Object.values(counts).reduce((total, count) => total + count, 0);
  return [
    `Together ${sum(({ fleets }) => fleets)} fleets, ${sum((run) => all(run.operations))} operations of users, ` +
      `${sum((run) => all(run.faults))} faults; ${sum(({ commits }) => commits)} commits to the store and ` +
      `${sum(({ writes }) => writes)} writes to members were looked at.\n`,
    '| fault | what happens | times |',
    '|---|---|---|',
    ...names('faults').map((name) => {
      const what = faults[name];
      if (what === undefined) throw new Error(`nothing says what the fault ${name} is`);
      return `| ${name} | ${what} | ${sum((run) => run.faults[name] ?? 0)} |`;
    }),
    '',
    '| operation of users | times |',
    '|---|---|',
    ...names('operations').map(
      (name) => `| ${name} | ${sum((run) => run.operations[name] ?? 0)} |`,
    ),
    '',
  ];
}

/** The names of the regressions. */
function found(): string[] {
  const text = readFileSync(new URL('../sim/regressions.test.ts', import.meta.url), 'utf8');
  const names = [...text.matchAll(/^test\('([^']+)'/gm)].map(([, name]) => `- ${name}`);
  const intro =
    'Each is a test of its own in `sim/regressions.test.ts`; more stand beside the parts that were wrong.\n';
  return ['## What fleets have found\n', intro, ...names];
}
