/** A measured figure, and a bench's table of them, as pages show them. */
import type { Figure } from '../bench/propagation/statistics.ts';
import type { Result, Row } from '../bench/result.ts';

export type { Figure } from '../bench/propagation/statistics.ts';
export type { Result, Row } from '../bench/result.ts';

export function cell(figure: Figure | undefined): string {
  if (figure === undefined) return '–';
  const { median, min, max } = figure;
  return min === max ? String(median) : `${median} (${min}–${max})`;
}

export function sourceOf({ command, commit, date, machine }: Result): string {
  return `\`${command}\` at ${commit}, ${date}, ${machine}.`;
}

/** `columns`: what stands between what was measured and its ratio. */
export function tableOf<R extends Row>(
  rows: readonly R[],
  columns: Readonly<Record<string, (row: R) => string | number>>,
): string[] {
  const heads = ['', ...Object.keys(columns), 'ratio', 'target', ''];
  return [
    `| ${heads.join(' | ')} |`.replaceAll('|  |', '| |'),
    `|${'---|'.repeat(heads.length)}`,
    ...rows.map((row) => {
      const verdict = row.target === '' ? '' : row.reached ? 'reached' : '**missed**';
      const between = Object.values(columns).map((show) => show(row));
      const cells = [row.what, ...between, row.ratio ?? '', row.target, verdict];
      return `| ${cells.join(' | ')} |`;
    }),
  ];
}
