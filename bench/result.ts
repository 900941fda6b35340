/** What a bench writes: rows of figures, and what tells how they came to be. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname } from 'node:path';
import type { Figure } from './propagation/statistics.ts';

export interface Row {
  readonly what: string;
  readonly ours: Figure;
  /** Of ours to the reference. */
  readonly ratio?: number;
  /** '' = none. */
  readonly target: string;
  readonly reached: boolean;
}

export interface Result<R extends Row = Row> {
  readonly command: string;
  readonly commit: string;
  readonly date: string;
  readonly machine: string;
  readonly rows: readonly R[];
}

/** As this checkout and machine are now. */
export function resultOf<R extends Row>(command: string, rows: readonly R[]): Result<R> {
  return {
    command,
    commit: execFileSync('git', ['rev-parse', '--short', 'HEAD']).toString().trim(),
    date: new Date().toISOString().slice(0, 10),
    machine: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
    rows,
  };
}

export function writeResult(file: string, result: Result): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
}
