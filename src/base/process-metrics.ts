/** The process as numbers: CPU, memory, files, and how late the event loop is. */
import { readdirSync, readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Metrics } from './metrics.ts';

/** How often the event loop's delay is sampled, milliseconds. */
const delayResolutionMs = 20;

/** Adds process_* and nodejs_*, until the result is called; `startedAt` is wall time in ms. */
export function processMetrics(metrics: Metrics, startedAt: number): () => void {
  const gauge = (name: string, help: string) => metrics.gauge(name, help).of();
  const cpu = metrics.counter('process_cpu_seconds_total', 'User and system CPU seconds.').of();
  const started = gauge('process_start_time_seconds', 'Start, seconds since the epoch.');
  const resident = gauge('process_resident_memory_bytes', 'Resident memory in bytes.');
  const virtual = gauge('process_virtual_memory_bytes', 'Virtual memory in bytes.');
  const files = gauge('process_open_fds', 'Open file descriptors.');
  const filesMax = gauge('process_max_fds', 'Most file descriptors that may be open.');
  const heap = gauge('nodejs_heap_size_used_bytes', 'JavaScript heap in use.');
  const external = gauge('nodejs_external_memory_bytes', 'Buffers outside the JavaScript heap.');
  const lag = metrics.gauge('nodejs_eventloop_lag_seconds', 'How late the event loop was.', [
    'quantile',
  ]);
  const delay = monitorEventLoopDelay({ resolution: delayResolutionMs });
  delay.enable();
  started.set(startedAt / 1000);
  filesMax.set(fileLimit());
  metrics.collect(() => {
    const { user, system } = process.cpuUsage();
    cpu.set((user + system) / 1e6);
    const memory = process.memoryUsage();
    resident.set(memory.rss);
    heap.set(memory.heapUsed);
    external.set(memory.external);
    virtual.set(virtualBytes());
    files.set(openFiles());
    for (const quantile of [0.5, 0.99, 1]) {
      const ns = quantile === 1 ? delay.max : delay.percentile(quantile * 100);
      const late = Math.max(0, ns / 1e9 - delayResolutionMs / 1000);
      lag.of(String(quantile)).set(Number.isFinite(late) ? late : 0);
    }
    delay.reset();
  });
  return () => delay.disable();
}

/** 0 where there is no /proc. */
function openFiles(): number {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return 0;
  }
}

function fileLimit(): number {
  try {
    const match = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
    return Number(match?.[1] ?? 0);
  } catch {
    return 0;
  }
}

function virtualBytes(): number {
  try {
    return Number(readFileSync('/proc/self/stat', 'utf8').split(' ')[22] ?? 0);
  } catch {
    return 0;
  }
}
