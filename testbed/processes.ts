/**
 * Starts real processes that cannot outlive us: each leads its own process group, and a small
 * guard kills the groups that are left, and removes our folders, once our end of its pipe closes,
 * however we died.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What to run. */
export interface Command {
  /** Names the process in errors, such as `eu-west/kube-apiserver`. */
  readonly title: string;
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly directory: string;
  /** Receives what the process prints. */
  readonly logFile: string;
}

/** A process of ours. */
export interface RunningProcess {
  readonly title: string;
  readonly pid: number;
  readonly logFile: string;
  /** Resolves, never rejects, when the process has ended. */
  readonly ended: Promise<void>;
  hasEnded(): boolean;
  /** Asks it to stop, or kills it at once; resolves when its whole group is gone. */
  stop(options?: { graceMs?: number }): Promise<void>;
  /** The last lines of its log. */
  tail(lines?: number): string;
}

/**
 * Reads `add PGID`, `del PGID`, `dir PATH` and `free PATH` lines until every writer is gone, then
 * kills and removes what is left. /bin/sh, so that it costs a megabyte and needs nothing.
 */
const guardScript = `
groups=' '; folders=''
while IFS= read -r line; do
  word=\${line%% *}; rest=\${line#* }
  case $word in
    add) groups="$groups$rest " ;;
    del) case $groups in *" $rest "*) groups="\${groups%% $rest *} \${groups#* $rest }" ;; esac ;;
    dir) folders="$folders$rest
" ;;
    free) kept=''
      while IFS= read -r d; do [ -n "$d" ] && [ "$d" != "$rest" ] && kept="$kept$d
"; done <<END
$folders
END
      folders=$kept ;;
  esac
done
for group in $groups; do kill -s KILL -- -$group 2>/dev/null; done
sleep 0.2
while IFS= read -r d; do [ -n "$d" ] && rm -rf -- "$d"; done <<END
$folders
END
`;

/** Registers itself with the guard (descriptor 3) before it becomes the program. */
const launchScript = 'echo "add $$" >&3 || exit 125; exec 3>&-; exec "$@"';

let guard: ChildProcess | undefined;

function guardPipe(): NonNullable<ChildProcess['stdin']> {
  if (!guard || guard.exitCode !== null || guard.signalCode !== null) {
    guard = spawn('/bin/sh', ['-c', guardScript], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    guard.unref();
    (guard.stdin as unknown as { unref(): void }).unref();
    guard.stdin?.on('error', () => {});
  }
  const pipe = guard.stdin;
  if (!pipe) throw new Error('the guard of the testbed processes could not be started');
  return pipe;
}

/** A new folder below the system's temporary folder; removed with us, at the latest. */
export async function temporaryFolder(name: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `${name}-`));
  guardPipe().write(`dir ${folder}\n`);
  return folder;
}

/** Removes a folder made by temporaryFolder. */
export async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  guardPipe().write(`free ${folder}\n`);
}

/** Starts a process; it is not yet ready for anything. */
export function startProcess(command: Command): RunningProcess {
  const log = openSync(command.logFile, 'a');
  const launch = ['-c', launchScript, command.title, command.file, ...command.args];
  const child = spawn('/bin/sh', launch, {
    cwd: command.directory,
    env: { ...process.env, ...command.env },
    detached: true,
    stdio: ['ignore', log, log, guardPipe()],
  });
  closeSync(log);
  const pid = child.pid;
  if (pid === undefined) throw new Error(`${command.title} could not be started`);
  child.unref();
  let over = false;
  const ended = new Promise<void>((done) => {
    const finish = (): void => {
      if (over) return;
      over = true;
      signalGroup(pid, 'SIGKILL');
      guardPipe().write(`del ${pid}\n`);
      done();
    };
    child.on('exit', finish).on('error', finish);
  });
  return {
    title: command.title,
    pid,
    logFile: command.logFile,
    ended,
    hasEnded: () => over,
    stop: ({ graceMs = 0 } = {}) => stopGroup({ child, pid, ended, graceMs, over: () => over }),
    tail: (lines = 20) => lastLines(command.logFile, lines),
  };
}

interface Stopping {
  child: ChildProcess;
  pid: number;
  ended: Promise<void>;
  graceMs: number;
  over: () => boolean;
}

async function stopGroup({ child, pid, ended, graceMs, over }: Stopping): Promise<void> {
  if (over()) return;
  child.ref();
  let timer: NodeJS.Timeout | undefined;
  if (graceMs > 0) {
    signalGroup(pid, 'SIGTERM');
    timer = setTimeout(() => over() || signalGroup(pid, 'SIGKILL'), graceMs);
  } else {
    signalGroup(pid, 'SIGKILL');
  }
  await ended;
  clearTimeout(timer);
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // The group is gone already.
  }
}

function lastLines(file: string, count: number): string {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-count).join('\n');
  } catch {
    return '';
  }
}

/** True while anything lives in the process group of this id; the dead who wait do not count. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(-pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  const ids = processIds();
  return ids.length === 0 || ids.some((id) => livesInGroup(id, pid));
}

/** All process ids where the system tells them in /proc, else none. */
function processIds(): string[] {
  try {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}

function livesInGroup(id: string, group: number): boolean {
  try {
    // After the program's name in parentheses: state, parent, process group.
    const stat = readFileSync(`/proc/${id}/stat`, 'utf8');
    const [state, , owner] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return Number(owner) === group && state !== 'Z' && state !== 'X';
  } catch {
    return false;
  }
}
