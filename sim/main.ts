/** `npm run sim`: fleets from their seeds, and what became of them. See --help. */
import { parseArgs } from 'node:util';
import { messageOf } from '../src/base/errors.ts';
import { type FleetReport, runFleet } from './fleet.ts';
import { add, nothingYet, record } from './recorded.ts';

const help = `Runs fleets in virtual time: users and faults by the dice of a seed, a federation and its members in
one process, and seven invariants watched at every step (docs/internals/invariants.md).

Usage: npm run sim -- [options]

  --seed N         the first seed (default 1); the same seed always gives the same trace
  --fleets N       how many, one seed after the other (default 1)
  --operations N   what users do in each fleet (default 200)
  --verbose        every step as it happens
  --record FILE    add the figures of the run to those in FILE (JSON), when no fleet failed
  --help           this text

Examples:
  npm run sim -- --fleets 100
  npm run sim -- --seed 63 --verbose | less

Ctrl-C lets the fleet that runs come to its end, and records what was run.
`;

interface Options {
  readonly seed: number;
  readonly fleets: number;
  readonly operations: number;
  readonly verbose: boolean;
  readonly record: string | undefined;
}

/** Undefined: help was asked for. @throws Error that says what is wrong */
function optionsFrom(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string', default: '1' },
      fleets: { type: 'string', default: '1' },
      operations: { type: 'string', default: '200' },
      verbose: { type: 'boolean', default: false },
      record: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const { verbose, record } = values;
  const number = (name: 'seed' | 'fleets' | 'operations', least: number): number => {
    const value = Number(values[name]);
    if (Number.isSafeInteger(value) && value >= least) return value;
    throw new Error(`--${name} takes a whole number from ${least} on, not "${values[name]}"`);
  };
  return {
    seed: number('seed', 0),
    fleets: number('fleets', 1),
    operations: number('operations', 20),
    verbose,
    record,
  };
}

async function main(options: Options): Promise<number> {
  const { seed: first, fleets, operations, verbose } = options;
  const total = nothingYet();
  let failed = 0;
  let ran = 0;
  let enough = false;
  process.once('SIGINT', () => {
    enough = true;
  });
  const startedAt = performance.now();
  for (let seed = first; seed < first + fleets && !enough; seed++) {
    const onTrace = verbose ? { onTrace: (line: string) => console.log(line) } : {};
    const report = await runFleet({ seed, operations, ...onTrace });
    add(total, report);
    if (!tell(report, operations)) failed++;
    ran++;
  }
  const seconds = (performance.now() - startedAt) / 1000;
  console.log(`operations: ${list(total.operations)}`);
  console.log(`faults: ${list(total.faults)}`);
  console.log(`${ran} fleets in ${seconds.toFixed(1)} s, ${failed} failed`);
  if (options.record !== undefined && failed === 0) {
    const more = operations === 200 ? '' : ` --operations ${operations}`;
    const command = `npm run sim -- --seed ${first} --fleets ${ran}${more}`;
    record(options.record, { command, seed: first, fleets: ran, total });
  }
  return failed === 0 ? 0 : 1;
}

function tell({ seed, violations, convergedAfterMs, digest }: FleetReport, operations: number) {
  if (violations.length === 0) {
    const rest = `at rest after ${convergedAfterMs / 1000} s`;
    console.log(`seed ${seed}: ok, ${rest}, trace ${digest.slice(0, 12)}`);
    return true;
  }
  console.log(`seed ${seed}: FAILED`);
  for (const violation of violations) console.log(`  ${violation}`);
  const more = operations === 200 ? '' : ` --operations ${operations}`;
  console.log(`  replay: npm run sim -- --seed ${seed}${more} --verbose`);
  return false;
}

function list(counts: ReadonlyMap<string, number>): string {
  return [...counts].map(([name, count]) => `${name} ${count}`).join(', ');
}

try {
  const options = optionsFrom(process.argv.slice(2));
  if (options === undefined) console.log(help);
  else process.exitCode = await main(options);
} catch (error) {
  console.error(`${messageOf(error)}\n\nsee: npm run sim -- --help`);
  process.exitCode = 2;
}
