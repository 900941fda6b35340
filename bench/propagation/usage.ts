/** What a process tree has used, from /proc. */
import { readdirSync, readFileSync } from 'node:fs';

export interface Usage {
  /** User and system time, milliseconds. */
  readonly cpuMs: number;
  /** Peak resident memory, MiB. */
  readonly peakMiB: number;
}

/** Clock ticks per second: 100 on every Linux that Node runs on. */
const ticksPerSecond = 100;

export function usageOf(root: number): Usage {
  let cpuMs = 0;
  let peakMiB = 0;
  for (const pid of tree(root)) {
    const stat = read(`/proc/${pid}/stat`);
    const status = read(`/proc/${pid}/status`);
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    cpuMs += ((Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * 1000) / ticksPerSecond;
    peakMiB += Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
  }
  return { cpuMs, peakMiB };
}

function tree(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = read(`/proc/${entry}/stat`);
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
  }
  const pids = [root];
  for (const pid of pids) pids.push(...(children.get(pid) ?? []));
  return pids;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
