/** What is wrong with an expression, shown as kube-apiserver shows it. */

export interface Problem {
  /** Index into the text. */
  readonly at: number;
  readonly message: string;
}

/** Longer lines are not shown. */
const longestSnippet = 16_384;

/**
 * `ERROR: <input>:1:5: undefined field 'x'`, the line and a caret, for each problem in the order of
 * their places.
 */
export function formatProblems(text: string, problems: readonly Problem[]): string {
  const placed = problems.map((problem) => ({ ...problem, ...placeOf(text, problem.at) }));
  placed.sort((a, b) => a.line - b.line || a.column - b.column);
  return placed.map((problem) => format(text, problem)).join('\n');
}

function placeOf(text: string, at: number): { line: number; column: number } {
  const before = text.slice(0, at);
  const start = before.lastIndexOf('\n') + 1;
  return { line: before.split('\n').length, column: [...before.slice(start)].length };
}

function format(text: string, problem: Problem & { line: number; column: number }): string {
  const { line, column, message } = problem;
  const head = `ERROR: <input>:${line}:${column + 1}: ${message}`;
  const source = (text.split('\n')[line - 1] ?? '').replaceAll('\t', ' ');
  const signs = [...source];
  if (signs.length > longestSnippet) return head;
  const dots = signs.slice(0, column).map((sign) => (sign > '\u007f' ? '\uff0e' : '.'));
  const caret = (signs[column] ?? '') > '\u007f' ? '\uff3e' : '^';
  return `${head}\n | ${source}\n | ${dots.join('')}${caret}`;
}
