/** The options of the propagation bench. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type SubjectName, subjectNames } from './subject.ts';

export interface BenchOptions {
  readonly members: number;
  readonly objects: number;
  readonly concurrency: number;
  readonly rounds: number;
  /** Seconds that a member is away; 0 leaves that out. */
  readonly away: number;
  readonly full: boolean;
  readonly kind: SubjectName;
  /** Objects that differ by more than their name: a member is asked about each beforehand. */
  readonly distinct: boolean;
  /** Round trip to the last member, milliseconds; 0: as quick as the machine is. */
  readonly delay: number;
  readonly kill: boolean;
  readonly parts: boolean;
  readonly out: string | undefined;
}

const help = `Measures propagation into real members beside direct writes to them.

  npm run bench:propagation                                  3 bare members, 300 Deployments, 5 rounds
  npm run bench:propagation -- --members 20 --objects 100    more members
  npm run bench:propagation -- --kind configmap              or custom: other kinds of objects
  npm run bench:propagation -- --distinct                    no two objects alike: each is asked about
  npm run bench:propagation -- --delay 80                    80 ms round trip to the last member
  npm run bench:propagation -- --full                        with controllers, scheduler and fake nodes
  npm run bench:propagation -- --kill                        kill -9 in the middle of writes, at the end
  npm run bench:propagation -- --parts                       CPU by part of the program (costs some)

  --rounds N --concurrency N --away SECONDS
  --out FILE    where the JSON goes (default: the page of figures, for the first line only)`;

const page = join(import.meta.dirname, '..', '..', 'docs', 'reference', 'propagation-bench.json');

export function benchOptions(args?: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    ...(args === undefined ? {} : { args: [...args] }),
    options: {
      members: { type: 'string', default: '3' },
      objects: { type: 'string', default: '300' },
      concurrency: { type: 'string', default: '16' },
      rounds: { type: 'string', default: '5' },
      away: { type: 'string', default: '60' },
      full: { type: 'boolean', default: false },
      kind: { type: 'string', default: 'deployment' },
      distinct: { type: 'boolean', default: false },
      delay: { type: 'string', default: '0' },
      kill: { type: 'boolean', default: false },
      parts: { type: 'boolean', default: false },
      out: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    console.log(help);
    process.exit(0);
  }
  const kind = subjectNames.find((name) => name === values.kind);
  if (kind === undefined) throw new Error(`--kind is one of ${subjectNames.join(', ')}`);
  const options = {
    members: countOf('members', values.members),
    objects: countOf('objects', values.objects),
    concurrency: countOf('concurrency', values.concurrency),
    rounds: countOf('rounds', values.rounds),
    away: countOf('away', values.away),
    delay: countOf('delay', values.delay),
    distinct: values.distinct,
    full: values.full,
    kill: values.kill,
    parts: values.parts,
    kind,
  };
  const plain = kind === 'deployment' && options.delay === 0 && options.members === 3;
  const special = !plain || options.distinct || options.full || options.kill || options.parts;
  return { ...options, out: values.out ?? (special ? undefined : page) };
}

function countOf(name: string, text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new Error(`--${name} ${text} is no number`);
  return Number(text);
}

/** The command line that runs the same again. */
export function commandOf(options: BenchOptions): string {
  const { members, objects, rounds, away, kind, delay } = options;
  const words = [`--members ${members} --objects ${objects} --rounds ${rounds} --away ${away}`];
  if (kind !== 'deployment') words.push(`--kind ${kind}`);
  if (delay !== 0) words.push(`--delay ${delay}`);
  for (const flag of ['distinct', 'full', 'kill', 'parts'] as const)
    if (options[flag]) words.push(`--${flag}`);
  return `npm run bench:propagation -- ${words.join(' ')}`;
}
