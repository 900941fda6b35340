/** What stands still says where, instead of standing still. */
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

/** Starting, stopping and sweeping take no longer than this each, milliseconds. */
const workMs = 300_000;

/** @throws when `work` is not done in five minutes; that it never will be keeps nobody waiting. */
export async function inTime<T>(what: string, work: Promise<T>, ms = workMs): Promise<T> {
  const ended = new AbortController();
  const late = delay(ms, undefined, { signal: ended.signal }).then(() => {
    throw new Error(`${what} takes more than ${ms} ms`);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    ended.abort();
    late.catch(() => {});
  }
}

/** Ends the process when its event loop has not turned for `ms`. */
export async function watchdogOf(ms: number): Promise<{ stop(): void }> {
  const beats = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(new URL('./guard.ts', import.meta.url), {
    workerData: { beats, ms },
    execArgv: [],
  });
  await once(worker, 'online');
  // Referenced, both: a federation's own timers keep no process alive.
  const timer = setInterval(() => Atomics.add(beats, 0, 1), ms / 20);
  return {
    stop: () => {
      clearInterval(timer);
      void worker.terminate();
    },
  };
}
