/** Many sequences against both servers, every sort of difference told once. */
import fc from 'fast-check';
import { compare, type Difference, type Pair, type Tally } from './compare.ts';
import { compareCustom, definitions } from './custom-run.ts';
import { type KindModel, kinds } from './kinds.ts';
import { sequencesOf } from './operations.ts';

export interface ExploreOptions extends Pair {
  readonly runs: number;
  readonly seed: number;
  /** Which kinds: those of `kinds.ts`, made ones, or built-in ones as OpenAPI describes them. */
  readonly of: readonly Sort[];
  /** From OpenAPI. */
  readonly described: readonly KindModel[];
  /** Only this kind. */
  readonly kind?: string | undefined;
  /** What names begin with, where an oracle is used again. */
  readonly prefix?: string;
}

export const sorts = ['hand', 'custom', 'described'] as const;
export type Sort = (typeof sorts)[number];

export interface Explored {
  readonly tally: Tally;
  /** By sort. */
  readonly found: ReadonlyMap<string, readonly Difference[]>;
}

/** So many at once: each waits for its own answers most of the time. */
const atOnce = 6;

export async function explore(options: ExploreOptions): Promise<Explored> {
  const tally: Tally = new Map();
  const found = new Map<string, Difference[]>();
  const waiting = [...runsOf(options, tally)].entries();
  const next = async (): Promise<void> => {
    for (const [i, run] of waiting) {
      const first = await run(`${i}`);
      // What hangs on the second in which each wrote does not come again.
      const difference = first && (await run(`${i}-again`));
      if (difference === undefined) continue;
      const sort = sortOf(difference);
      found.set(sort, [...(found.get(sort) ?? []), difference]);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, next));
  return { tally, found };
}

type Run = (i: string) => Promise<Difference | undefined>;

function runsOf({ oracle, ours, ...options }: ExploreOptions, tally: Tally): Run[] {
  const { runs, seed, of, kind, described, prefix = '' } = options;
  const numRuns = Math.ceil(runs / of.length);
  const both = { oracle, ours, tally };
  const made = of.map((sort): Run[] => {
    if (sort === 'custom')
      return fc
        .sample(definitions, { numRuns: Math.ceil(numRuns / 3), seed })
        .map((definition) => (i) => compareCustom({ ...both, definition, name: `${prefix}c${i}` }));
    const usable = (sort === 'hand' ? kinds : described).filter(
      (each) => kind === undefined || each.kind === kind,
    );
    if (usable.length === 0) return [];
    return fc
      .sample(sequencesOf(usable), { numRuns, seed })
      .map(
        (sequence, n) => (i) =>
          compare({ ...both, sequence, name: `${prefix}d${i}`, watches: n % 4 === 0 }),
      );
  });
  return made.flat();
}

/** What was found, the most frequent first, and how much was accepted. */
export function report({ tally, found }: Explored): string {
  const lines: string[] = [];
  for (const [sort, all] of [...found].sort((a, b) => b[1].length - a[1].length))
    lines.push('', `${all.length} × ${sort}`, shown(all.toSorted((a, b) => a.at - b.at)[0]!));
  lines.push('', `${[...found.values()].flat().length} sequences differ`);
  for (const [verb, { sent, accepted }] of [...tally].sort())
    lines.push(`${verb}: ${accepted} of ${sent} accepted`);
  return `${lines.join('\n')}\n`;
}

const nothing = { verb: 'read', method: '', oddity: '' };

/** Differences of one sort are told once. */
function sortOf({ sequence, at, where, expected, actual }: Difference): string {
  const { verb, method, oddity } = sequence.operations[at] ?? nothing;
  const place = where.replace(/\[\d+\]/g, '[]').replace(/k:\{[^}]*\}/g, 'k:{}');
  const text = place.startsWith('status')
    ? `${String(expected)} | ${String(actual)}`
        .replace(/"?\b[cd]\d+(-again)?(-\d)?\b"?/g, 'D')
        .slice(0, 160)
    : '';
  const way = verb === 'status' || verb === 'scale' ? `${verb} ${method}` : verb;
  return `${sequence.kind.kind} ${way} ${oddity} ${place.slice(0, 90)} ${text}`;
}

export function shown(difference: Difference): string {
  const { sequence, at, request, expected, actual } = difference;
  const before = sequence.operations.slice(0, at).map(({ verb, manager }) => `${verb}(${manager})`);
  return [
    `  after ${before.join(' ')}: ${request.method} ${request.path} ${request.contentType ?? ''}`,
    `  body ${String(request.body ?? '').slice(0, 900)}`,
    `  expected ${JSON.stringify(expected)?.slice(0, 700)}`,
    `  actual   ${JSON.stringify(actual)?.slice(0, 700)}`,
  ].join('\n');
}
