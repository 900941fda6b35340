/** npm run fuzz -- --seconds N --seed S: prints what it found, and fails when that is anything. */
import { parseArgs } from 'node:util';
import { fuzz } from './fuzz.ts';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string' } },
});
const seed = values.seed === undefined ? process.pid : Number(values.seed);
const report = await fuzz({
  seed,
  seconds: Number(values.seconds),
  say: (line) => console.log(line),
});
console.log('answers by code:', report.codes);
console.log(`heap grown by ${report.grownMiB.toFixed(1)} MiB`);
for (const finding of report.findings) console.log(`\nfound: ${finding}`);
process.exit(report.findings.length === 0 ? 0 : 1);
