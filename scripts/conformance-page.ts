/** The page about the conformance specs of Kubernetes, from what their last runs wrote. */
import { causes, readExceptions, readSet, type SpecRun } from '../test/upstream/specs.ts';

const intro = `# The conformance specs of Kubernetes

Kubernetes tells what a conformant cluster is by a program of its own: end-to-end specs marked
\`[Conformance]\`. Those about the API server, \`[sig-api-machinery]\` and \`[sig-auth]\`, are run against a
federation of real clusters, unchanged, with upstream's own binary.

\`npm run conformance\` builds what it needs, starts the clusters and the federation, and runs them
(\`--help\` tells the rest). The set is derived, not chosen: it is what a real cluster of the testbed passes,
which has an API server, controllers, a scheduler and fake nodes, but no containers that run
(\`npm run conformance -- --real --write\`).
`;

/** The page, from docs/reference/conformance.json and the lists in test/upstream. */
export function conformancePage(json: string): string {
  const runs = JSON.parse(json) as readonly SpecRun[];
  const set = readSet();
  const exceptions = readExceptions();
  return [
    intro,
    `Kubernetes ${set.kubernetes}: ${set.passed.length} specs are in the set, ` +
      `${Object.keys(exceptions).length} of them are excepted.\n`,
    '| members | asked | passed | command | commit | date | machine | minutes |',
    '|---|---|---|---|---|---|---|---|',
    ...runs.map(runRow),
    '',
    ...exceptionLines(exceptions),
    '## Specs, with so many members',
    '',
    `| spec | ${runs.map((run) => `${run.members}`).join(' | ')} |`,
    `|---|${runs.map(() => '---|').join('')}`,
    ...set.passed.map((name) => specRow(name, runs)),
    '',
    '## Not in the set',
    '',
    `What the real cluster did not pass (${set.date}), most of them because a webhook or an extension`,
    'server would have to run in a container.',
    '',
    ...Object.entries(set.failed).map(([name, message]) => `- ${name}: ${inCode(message)}`),
    '',
  ].join('\n');
}

function runRow(run: SpecRun): string {
  const passed = Object.keys(run.passed).length;
  const asked = passed + Object.keys(run.failed).length;
  const { members, command, commit, date, machine } = run;
  const minutes = (run.seconds / 60).toFixed(0);
  const cells = [members, asked, passed, `\`${command}\``, commit, date, machine, minutes];
  return `| ${cells.join(' | ')} |`;
}

function exceptionLines(exceptions: ReturnType<typeof readExceptions>): string[] {
  if (Object.keys(exceptions).length === 0) return [];
  const lines = Object.entries(causes).flatMap(([cause, text]) => [
    `**${text}** (${cause}):`,
    '',
    ...Object.keys(exceptions)
      .filter((name) => exceptions[name] === cause)
      .map((name) => `- ${name}`),
    '',
  ]);
  return ['## Exceptions', '', ...lines];
}

function specRow(name: string, runs: readonly SpecRun[]): string {
  const cells = runs.map(({ passed, failed }) => {
    if (name in passed) return `${passed[name]} s`;
    return name in failed ? `**failed**: ${inCode(failed[name]!)}` : '–';
  });
  return `| ${name.replaceAll('|', '\\|')} | ${cells.join(' | ')} |`;
}

function inCode(text: string): string {
  return `\`${text.replaceAll('`', "'").replaceAll('|', '\\|')}\``;
}
