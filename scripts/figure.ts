/** A measured figure as pages show it. */

export interface Figure {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function cell(figure: Figure | undefined): string {
  if (figure === undefined) return '–';
  const { median, min, max } = figure;
  return min === max ? String(median) : `${median} (${min}–${max})`;
}
