/** Rules about how long things are. */
import { isData, isTest, limits } from './house.ts';
import type { Source, Violation } from './source.ts';

/** Files end before they need a map; half of src/ is shorter than a screen or three. */
export function fileSizes(sources: readonly Source[]): Violation[] {
  const code = sources.filter(({ path }) => !isData(path));
  const found = code.flatMap(({ path, lines }) => {
    const max = isTest(path) ? limits.testLinesMax : limits.sourceLinesMax;
    if (lines.length <= max) return [];
    const message = `${lines.length} lines, at most ${max}`;
    return [{ path, line: 0, rule: 'file-size', message }];
  });
  const median = medianOf(
    code
      .filter(({ path }) => path.startsWith('src/') && !isTest(path))
      .map(({ lines }) => lines.length),
  );
  if (median >= limits.medianLinesMax) {
    const message = `the median file has ${median} lines, not under ${limits.medianLinesMax}`;
    found.push({ path: 'src/', line: 0, rule: 'file-size', message });
  }
  return found;
}

/** Functions fit a screen; a test's story may be as long as its file allows. */
export function functionSizes(sources: readonly Source[]): Violation[] {
  const max = limits.functionLinesMax;
  return sources.flatMap(({ path, functions }) =>
    isTest(path) || isData(path)
      ? []
      : functions
          .filter(({ lines }) => lines > max)
          .map(({ name, line, lines }) => {
            const message = `${name} has ${lines} lines, at most ${max}`;
            return { path, line, rule: 'function-size', message };
          }),
  );
}

/**
 * Lines fit the page. Long texts, patterns, addresses and module paths stay whole: they cannot be
 * broken, or could not be searched for.
 */
export function lineWidths(sources: readonly Source[]): Violation[] {
  const max = limits.columnsMax;
  return sources.flatMap(({ path, lines, literalLines }) =>
    isData(path)
      ? []
      : lines.flatMap((text, index) => {
          // Counting code points is slow, and hardly any line needs it.
          if (text.length <= max || [...text].length <= max) return [];
          if (literalLines.has(index + 1)) return [];
          if (/https?:\/\//.test(text) || /^(import|export|\}).* from '/.test(text)) return [];
          const message = `${[...text].length} columns, at most ${max}`;
          return [{ path, line: index + 1, rule: 'line-width', message }];
        }),
  );
}

function medianOf(numbers: number[]): number {
  const sorted = numbers.sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}
