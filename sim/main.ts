/** npm run sim -- --seed N [--fleets M] [--operations K] [--verbose] */
import { parseArgs } from 'node:util';
import { runFleet } from './fleet.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    fleets: { type: 'string', default: '1' },
    operations: { type: 'string', default: '200' },
    verbose: { type: 'boolean', default: false },
  },
});

const first = Number(values.seed);
const operations = Number(values.operations);
const counts = new Map<string, number>();
let failed = 0;
const startedAt = performance.now();
for (let seed = first; seed < first + Number(values.fleets); seed++) {
  const report = await runFleet({
    seed,
    operations,
    ...(values.verbose ? { onTrace: (line: string) => console.log(line) } : {}),
  });
  for (const [name, count] of [...report.operations, ...report.faults]) {
    counts.set(name, (counts.get(name) ?? 0) + count);
  }
  if (report.violations.length === 0) {
    console.log(
      `seed ${seed}: ok, at rest after ${report.convergedAfterMs} ms, ${report.digest.slice(0, 12)}`,
    );
    continue;
  }
  failed++;
  console.log(`seed ${seed}: FAILED`);
  for (const violation of report.violations) console.log(`  ${violation}`);
  console.log(`  replay: npm run sim -- --seed ${seed} --operations ${operations} --verbose`);
}
const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
console.log([...counts].map(([name, count]) => `${name} ${count}`).join(', '));
console.log(`${values.fleets} fleets in ${seconds} s, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
