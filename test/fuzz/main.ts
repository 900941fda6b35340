/**
 * npm run fuzz -- --seconds N --seed S [--sockets]: prints what it found, and fails when that is
 * anything.
 */
import { parseArgs } from 'node:util';
import { fuzz } from './fuzz.ts';
import { fuzzSockets } from './sockets.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string' },
    sockets: { type: 'boolean', default: false },
  },
});
const seed = values.seed === undefined ? process.pid : Number(values.seed);
const seconds = Number(values.seconds);
const say = (line: string): void => console.log(line);
console.log(`seed ${seed}`);
const report = await (values.sockets ? fuzzSockets : fuzz)({ seed, seconds, say });
const { findings, ...figures } = report;
console.dir(figures, { depth: 5 });
for (const finding of findings) console.log(`\nfound: ${finding}`);
process.exit(findings.length === 0 ? 0 : 1);
