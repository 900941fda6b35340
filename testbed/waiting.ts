/** Waits for real processes to become ready, and says why when they do not. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Dispatcher, request } from 'undici';
import type { RunningProcess } from './processes.ts';

/** One thing to wait for. */
export interface Wait {
  /** Completes the sentence "waited for …". */
  readonly what: string;
  /** True once it is so; an exception counts as not yet. */
  check(): Promise<boolean>;
  /** If one of these ends, waiting is over. */
  readonly processes?: readonly RunningProcess[];
  /** Default 120,000 milliseconds: machines under load are slow. */
  readonly timeoutMs?: number;
  /** Between two checks; default 40 milliseconds. */
  readonly everyMs?: number;
}

/** Resolves once the check is true; throws with the logs of the processes otherwise. */
export async function waitUntil(wait: Wait): Promise<void> {
  const deadline = performance.now() + (wait.timeoutMs ?? 120_000);
  let reason: unknown;
  for (;;) {
    const ended = wait.processes?.find((process) => process.hasEnded());
    if (ended) throw new Error(`${ended.title} ended early:\n${ended.tail()}`);
    try {
      if (await wait.check()) return;
      reason = undefined;
    } catch (error) {
      reason = error;
    }
    if (performance.now() > deadline) break;
    await sleep(wait.everyMs ?? 40);
  }
  const logs = (wait.processes ?? []).map((p) => `--- ${p.title}\n${p.tail(8)}`);
  throw new Error(
    [`waited in vain for ${wait.what}${reason ? ` (${String(reason)})` : ''}`, ...logs].join('\n'),
  );
}

/** True when a GET of this address is answered with 200. */
export async function answersOk(url: string, dispatcher?: Dispatcher): Promise<boolean> {
  const response = await request(url, {
    ...(dispatcher ? { dispatcher } : {}),
    headersTimeout: 5_000,
    bodyTimeout: 5_000,
  });
  await response.body.dump();
  return response.statusCode === 200;
}
