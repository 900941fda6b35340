/** What commands print: steps, tables and errors; colours only on a terminal. */
import type { Writable } from 'node:stream';
import { UserError } from '../base/errors.ts';
import { TransportError } from '../client/transport.ts';
import { ApiError } from '../kube/status.ts';

/** Stable exit codes: documented in docs/reference/cli.md. */
export const exitCodes = { ok: 0, failed: 1, usage: 2 } as const;

/** Options that make no sense: a failure of the second kind. */
export class UsageError extends UserError {}

/** What `read` makes of options; what it refuses is wrong usage. @throws UsageError */
export function fromOptions<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UsageError(error.message, error.hint, { cause: error });
  }
}

export interface Terminal {
  readonly out: Writable & { readonly isTTY?: boolean };
  readonly err: Writable & { readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
}

type Style = 'bold' | 'dim' | 'green' | 'red' | 'yellow' | 'cyan';

const codes: Readonly<Record<Style, readonly [number, number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  green: [32, 39],
  red: [31, 39],
  yellow: [33, 39],
  cyan: [36, 39],
};

export class Output {
  readonly #terminal: Terminal;
  readonly #coloured: boolean;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
    const { NO_COLOR, TERM } = terminal.env;
    this.#coloured = terminal.out.isTTY === true && !NO_COLOR && TERM !== 'dumb';
  }

  style(style: Style, text: string): string {
    const [on, off] = codes[style];
    return this.#coloured ? `\u001b[${on}m${text}\u001b[${off}m` : text;
  }

  line(text = ''): void {
    this.#terminal.out.write(`${text}\n`);
  }

  /** One finished step of a longer piece of work. */
  step(text: string): void {
    this.line(`${this.style('green', '✓')} ${text}`);
  }

  /** One line and a hint, on standard error. */
  error(error: unknown): void {
    const { message, hint } = explain(error);
    this.#terminal.err.write(`error: ${message}\n${hint === '' ? '' : `hint: ${hint}\n`}`);
  }
}

/** Any failure as a user should read it; a fault of the program keeps its stack. */
function explain(error: unknown): { message: string; hint: string } {
  if (error instanceof UserError) return { message: error.message, hint: error.hint };
  if (error instanceof ApiError) {
    const hints: Partial<Record<number, string>> = {
      401: 'the credential in this kubeconfig is not known to the federation, or has expired',
      403: 'ask an administrator of the federation for the right, or use another kubeconfig',
    };
    const fallback = 'is the server in this kubeconfig a federation? see its log for more';
    return { message: error.message, hint: hints[error.code] ?? fallback };
  }
  if (error instanceof TransportError) {
    return {
      message: error.message,
      hint: 'is the server running, and is the address in the kubeconfig right?',
    };
  }
  if (error instanceof Error)
    return { message: error.stack ?? error.message, hint: 'this is a fault in ubernetes' };
  return { message: String(error), hint: '' };
}

/** Columns as kubectl prints them: three spaces between, no trailing ones. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((name, i) =>
    Math.max(name.length, ...rows.map((row) => (row[i] ?? '').length)),
  );
  const format = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join('   ')
      .trimEnd();
  return [header, ...rows].map(format).join('\n');
}
