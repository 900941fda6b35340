/** The options of the bench of API servers. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';

export interface BenchOptions {
  readonly rounds: number;
  readonly concurrency: number;
  /** Objects go on into the members. */
  readonly propagate: boolean;
  /** Only lines whose names hold this. */
  readonly line: string;
  /** Where V8's profiles of the server go. */
  readonly profile: string | undefined;
  readonly out: string | undefined;
}

const help = `Measures this API server beside a real kube-apiserver with its own etcd, in turn in one run.

  npm run bench:apiserver                       objects that stay in the federation, 5 rounds
  npm run bench:apiserver -- --propagate        objects that go on into three members

  --rounds N --concurrency N
  --line TEXT       only lines whose names hold it: get, list, watch ...
  --profile FOLDER  where CPU profiles of the server go (it costs some)
  --out FILE        where the JSON goes (default: the page of figures)`;

const reference = join(import.meta.dirname, '..', '..', 'docs', 'reference');

export function benchOptions(args?: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    ...(args === undefined ? {} : { args: [...args] }),
    options: {
      rounds: { type: 'string', default: '5' },
      concurrency: { type: 'string', default: '32' },
      propagate: { type: 'boolean', default: false },
      line: { type: 'string', default: '' },
      profile: { type: 'string' },
      out: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    console.log(help);
    process.exit(0);
  }
  const { propagate, profile, line } = values;
  const special = profile !== undefined || line !== '';
  const page = `apiserver-bench${propagate ? '-propagating' : ''}.json`;
  return {
    rounds: countOf('rounds', values.rounds),
    concurrency: countOf('concurrency', values.concurrency),
    propagate,
    line,
    profile,
    out: values.out ?? (special ? undefined : join(reference, page)),
  };
}

function countOf(name: string, text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new Error(`--${name} ${text} is no number above 0`);
  return Number(text);
}

/** The command line that runs the same again. */
export function commandOf({ rounds, concurrency, propagate }: BenchOptions): string {
  const flags = propagate ? ' --propagate' : '';
  return `npm run bench:apiserver -- --rounds ${rounds} --concurrency ${concurrency}${flags}`;
}
