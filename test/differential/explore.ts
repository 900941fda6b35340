/** Many sequences against both servers, every sort of difference told once. */
import fc from 'fast-check';
import { compare, type Difference, type Pair, type Tally } from './compare.ts';
import { sequences } from './operations.ts';

export interface ExploreOptions extends Pair {
  readonly runs: number;
  readonly seed: number;
  /** Only this kind. */
  readonly kind?: string | undefined;
}

export interface Explored {
  readonly tally: Tally;
  /** By sort. */
  readonly found: ReadonlyMap<string, readonly Difference[]>;
}

export async function explore(options: ExploreOptions): Promise<Explored> {
  const { oracle, ours, runs, seed, kind } = options;
  const tally: Tally = new Map();
  const found = new Map<string, Difference[]>();
  for (const [i, sequence] of fc.sample(sequences, { numRuns: runs, seed }).entries()) {
    if (kind !== undefined && sequence.kind.kind !== kind) continue;
    const difference = await compare({ oracle, ours, sequence, name: `d${i}`, tally });
    if (difference === undefined) continue;
    const sort = sortOf(difference);
    found.set(sort, [...(found.get(sort) ?? []), difference]);
  }
  return { tally, found };
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

/** Differences of one sort are told once. */
function sortOf({ sequence, at, where, expected, actual }: Difference): string {
  const { verb, method, oddity } = sequence.operations[at]!;
  const place = where.replace(/\[\d+\]/g, '[]').replace(/k:\{[^}]*\}/g, 'k:{}');
  const text = place.startsWith('status')
    ? `${String(expected)} | ${String(actual)}`.replace(/"?d\d+"?/g, 'D').slice(0, 160)
    : '';
  const way = verb === 'status' || verb === 'scale' ? `${verb} ${method}` : verb;
  return `${sequence.kind.kind} ${way} ${oddity} ${place.slice(0, 90)} ${text}`;
}

export function shown(difference: Difference): string {
  const { sequence, at, request, expected, actual } = difference;
  const before = sequence.operations.slice(0, at).map(({ verb, manager }) => `${verb}(${manager})`);
  return [
    `  after ${before.join(' ')}: ${request.method} ${request.path} ${request.contentType ?? ''}`,
    `  body ${(request.body ?? '').slice(0, 900)}`,
    `  expected ${JSON.stringify(expected)?.slice(0, 700)}`,
    `  actual   ${JSON.stringify(actual)?.slice(0, 700)}`,
  ].join('\n');
}
