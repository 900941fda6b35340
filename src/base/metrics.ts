/**
 * Counters, gauges and histograms, and the Prometheus text that shows them. Whoever counts often
 * keeps the series it counts in: finding one by its labels costs a string.
 */

/** A number that grows (counter) or moves (gauge). */
export class Value {
  value = 0;

  add(amount = 1): void {
    this.value += amount;
  }

  set(value: number): void {
    this.value = value;
  }
}

/** How often values fell under each bound. */
export class Histogram {
  readonly bounds: readonly number[];
  /** By bucket, not summed up; the last one is above all bounds. */
  readonly counts: number[];
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    const { bounds, counts } = this;
    let at = 0;
    while (at < bounds.length && value > bounds[at]!) at++;
    counts[at]!++;
    this.sum += value;
  }
}

/** More series than this in one family are counted together and not shown. */
const seriesMax = 10_000;

/** All series of one name; `of` gives the one with these label values, in the order declared. */
export class Family<S> {
  readonly #labels: readonly string[];
  readonly #make: () => S;
  readonly #series = new Map<string, S>();
  #excess: S | undefined;

  constructor(labels: readonly string[], make: () => S) {
    this.#labels = labels;
    this.#make = make;
  }

  of(...values: readonly string[]): S {
    const key = values.join('\0');
    let series = this.#series.get(key);
    if (series !== undefined) return series;
    if (this.#series.size >= seriesMax) {
      this.#excess ??= this.#make();
      return this.#excess;
    }
    series = this.#make();
    this.#series.set(key, series);
    return series;
  }

  /** Forgets every series: before those that still exist are set again. */
  clear(): void {
    this.#series.clear();
  }

  /** The series with their labels as text: `a="1",b="2"`. */
  *entries(): Generator<[string, S]> {
    for (const [key, series] of this.#series) {
      const values = key.split('\0');
      yield [
        this.#labels.map((label, at) => `${label}="${escaped(values[at]!)}"`).join(','),
        series,
      ];
    }
  }
}

interface Described {
  readonly head: string;
  lines(): Generator<string>;
}

export class Metrics {
  readonly #families: Described[] = [];
  readonly #collectors: (() => void)[] = [];

  counter(name: string, help: string, labels: readonly string[] = []): Family<Value> {
    return this.#values('counter', { name, help, labels });
  }

  gauge(name: string, help: string, labels: readonly string[] = []): Family<Value> {
    return this.#values('gauge', { name, help, labels });
  }

  histogram(
    name: string,
    help: string,
    {
      labels = [],
      bounds,
    }: { readonly labels?: readonly string[]; readonly bounds: readonly number[] },
  ): Family<Histogram> {
    const family = new Family(labels, () => new Histogram(bounds));
    const head = headOf('histogram', { name, help });
    this.#families.push({ head, lines: () => histogramLines(name, family) });
    return family;
  }

  /** Runs before every reading: for what is looked up then, instead of being counted. */
  collect(collector: () => void): void {
    this.#collectors.push(collector);
  }

  /** Text format 0.0.4. */
  render(): string {
    for (const collector of this.#collectors) collector();
    const out: string[] = [];
    for (const { head, lines } of this.#families) {
      const shown = [...lines()];
      if (shown.length > 0) out.push(head, ...shown);
    }
    return `${out.join('\n')}\n`;
  }

  #values(
    type: 'counter' | 'gauge',
    { name, help, labels }: { name: string; help: string; labels: readonly string[] },
  ): Family<Value> {
    const family = new Family(labels, () => new Value());
    this.#families.push({
      head: headOf(type, { name, help }),
      lines: () => valueLines(name, family),
    });
    return family;
  }
}

/** Upper bounds of durations in seconds, as kube-apiserver has them for requests. */
export const requestSeconds: readonly number[] = [
  0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45,
  60,
];

/** `count` bounds, each `factor` times the one before. */
export function exponential(start: number, factor: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, at) => Number((start * factor ** at).toPrecision(12)));
}

function headOf(type: string, { name, help }: { name: string; help: string }): string {
  return `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${name} ${type}`;
}

function* valueLines(name: string, family: Family<Value>): Generator<string> {
  for (const [labels, { value }] of family.entries()) yield line(name, labels, value);
}

function* histogramLines(name: string, family: Family<Histogram>): Generator<string> {
  for (const [labels, { bounds, counts, sum }] of family.entries()) {
    const before = labels === '' ? '' : `${labels},`;
    let count = 0;
    for (const [at, bound] of bounds.entries()) {
      count += counts[at]!;
      yield line(`${name}_bucket`, `${before}le="${bound}"`, count);
    }
    count += counts[bounds.length]!;
    yield line(`${name}_bucket`, `${before}le="+Inf"`, count);
    yield line(`${name}_sum`, labels, sum);
    yield line(`${name}_count`, labels, count);
  }
}

function line(name: string, labels: string, value: number): string {
  return labels === '' ? `${name} ${value}` : `${name}{${labels}} ${value}`;
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
