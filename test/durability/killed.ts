/** Starts the writing process and kills it in the middle of its work. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type Acknowledged, parseAcknowledged } from './check.ts';

export interface KillOptions {
  readonly dataDir: string;
  /** Killed when so many commits are acknowledged … */
  readonly afterCommits: number;
  /** … or, at the latest, after this time in milliseconds, be it still opening the store. */
  readonly afterMs?: number;
  readonly unsafe?: boolean;
  readonly env?: NodeJS.ProcessEnv;
  /** Called with every piece of output so far. */
  readonly onOutput?: (output: string) => void;
}

export interface Killed {
  readonly acknowledged: readonly Acknowledged[];
  readonly output: string;
}

const program = fileURLToPath(new URL('./writer.ts', import.meta.url));

/** A process that has not written so much by then hangs, milliseconds. */
const givenUpMs = 30_000;

/** Runs the writing process until it is killed (-9), and tells what it had acknowledged. */
export async function killedWriter(options: KillOptions): Promise<Killed> {
  const { dataDir, afterCommits, afterMs, unsafe, env, onOutput } = options;
  const args = [program, dataDir, ...(unsafe === true ? ['unsafe'] : [])];
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let lines = 0;
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    lines += text.split('\n').length - 1;
    onOutput?.(output);
    if (lines > afterCommits) child.kill('SIGKILL');
  });
  const late = setTimeout(() => child.kill('SIGKILL'), afterMs ?? givenUpMs);
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  clearTimeout(late);
  if (signal !== 'SIGKILL')
    throw new Error(`the writing process ended itself (${code}): ${errors}`);
  if (afterMs === undefined && lines <= afterCommits) throw new Error(`too slow: ${errors}`);
  return { acknowledged: parseAcknowledged(output), output };
}
