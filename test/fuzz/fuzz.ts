/** Sends what is nearly right to a federation in this process, and looks for what must not be. */
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Dice } from '../../sim/dice.ts';
import type { ApiResponse } from '../../src/apiserver/types.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { type FuzzRequest, fuzzRequest } from './mutate.ts';
import { canary, startTarget, type Target } from './target.ts';
import { inTime, watchdogOf } from './watchdog.ts';

export interface FuzzOptions {
  readonly seed: number;
  readonly seconds: number;
  readonly say?: (line: string) => void;
  /** How much is asked at least: a slow machine needs longer for what is worth looking at. */
  readonly requests?: number;
  /** An answer, and whatever else must come, takes no longer than this, milliseconds. */
  readonly patienceMs?: number;
}

export interface FuzzReport {
  readonly requests: number;
  /** Requests by status code. */
  readonly codes: Readonly<Record<number, number>>;
  /** What must not have happened, each with the request that showed it. */
  readonly findings: readonly string[];
  /** Growth of the heap from the first third to the end, MiB. */
  readonly grownMiB: number;
}

/** The event loop turns at least once in this time, milliseconds. */
const stuckMs = 120_000;
/** A stream is followed for this long, milliseconds. */
const streamMs = 20;
const sweepEvery = 200;
const atOnce = 8;
const findingsMax = 20;

export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const dice = new Dice(new SeededRandom(options.seed));
  const watchdog = await watchdogOf(stuckMs);
  try {
    const target = await inTime('starting', startTarget(dice));
    try {
      return await fuzzTarget(target, options, dice);
    } finally {
      await inTime('stopping', target.stop());
    }
  } finally {
    watchdog.stop();
  }
}

export async function fuzzTarget(
  target: Target,
  options: FuzzOptions,
  dice: Dice,
): Promise<FuzzReport> {
  const { seed, seconds, requests = 3000, patienceMs = 60_000, say = () => {} } = options;
  const run = new Run(target, dice, patienceMs);
  const crashed = (error: unknown): void =>
    run.found('the process would have ended', String((error as Error)?.stack ?? error));
  process.on('uncaughtException', crashed);
  process.on('unhandledRejection', crashed);
  try {
    const until = performance.now() + seconds * 1000;
    const phase = (part: number): number => until - seconds * 1000 * (1 - part);
    await run.until(phase(1 / 3));
    const before = heapMiB();
    target.damage(0.1);
    await run.until(phase(2 / 3));
    target.damage(0);
    await run.until(until, requests);
    await run.settle();
    const grownMiB = heapMiB() - before;
    say(`${run.requests} requests, seed ${seed}`);
    return { requests: run.requests, codes: run.codes, findings: run.findings, grownMiB };
  } finally {
    process.off('uncaughtException', crashed);
    process.off('unhandledRejection', crashed);
  }
}

class Run {
  readonly findings: string[] = [];
  readonly codes: Record<number, number> = {};
  requests = 0;
  readonly #target: Target;
  readonly #dice: Dice;
  readonly #patienceMs: number;
  #logged: number;

  constructor(target: Target, dice: Dice, patienceMs: number) {
    this.#target = target;
    this.#dice = dice;
    this.#patienceMs = patienceMs;
    this.#logged = target.logged.length;
  }

  found(what: string, about: string): void {
    if (this.findings.length < findingsMax) this.findings.push(`${what}\n${about}`);
  }

  /** Goes on until then, and until there were so many. */
  async until(end: number, requests = 0): Promise<void> {
    while (performance.now() < end || this.requests < requests) {
      const requests = Array.from({ length: atOnce }, () => fuzzRequest(this.#dice));
      await Promise.all(requests.map((request) => this.#ask(request)));
      const before = this.requests;
      this.requests += atOnce;
      if (Math.floor(before / sweepEvery) !== Math.floor(this.requests / sweepEvery))
        await inTime('sweeping', this.#target.sweep());
      await delay(0);
    }
  }

  /** With the member well again, what is written arrives there. */
  async settle(): Promise<void> {
    await inTime('sweeping', this.#target.sweep());
    const { client, propagation } = this.#target.federation;
    const path = '/api/v1/namespaces/tenant-a/configmaps';
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'after' } };
    await inTime('a create at the end', client.create(path, object));
    const until = performance.now() + 2 * this.#patienceMs;
    while (performance.now() < until) {
      const unit = propagation.units.get('configmaps|tenant-a/after');
      if (unit?.copies.get('eu-west')?.live !== undefined) return;
      await delay(50);
    }
    this.found('a member that is well again is not written to', '');
  }

  async #ask(request: FuzzRequest): Promise<void> {
    const ended = new AbortController();
    const { method, path, headers, body } = request;
    const authorization = headers['authorization'] ?? `Bearer ${this.#target.token}`;
    const answering = this.#target.federation.handler({
      method,
      path,
      headers: { ...headers, authorization },
      body,
      signal: ended.signal,
    });
    const late = delay(this.#patienceMs, undefined, { ref: false });
    try {
      const response = await Promise.race([answering, late]);
      if (response === undefined) this.found('no answer', show(request));
      else await this.#judge(request, response);
    } catch (error) {
      this.found('the handler threw', `${show(request)}\n${(error as Error).stack}`);
    }
    ended.abort();
    const { logged } = this.#target;
    for (; this.#logged < logged.length; this.#logged++)
      this.found('an error was logged', `${logged[this.#logged]}\n(near) ${show(request)}`);
  }

  async #judge(request: FuzzRequest, response: ApiResponse): Promise<void> {
    const { status } = response;
    this.codes[status] = (this.codes[status] ?? 0) + 1;
    const text = await bodyOf(response, this.#patienceMs);
    if (text.includes(canary) || text.includes(Buffer.from(canary).toString('base64')))
      this.found("another tenant's data", show(request));
    for (const [name, value] of Object.entries(response.headers))
      if (/[\r\n\0]/.test(String(value)))
        this.found(`a header ${name} with a line break`, show(request));
    if (status < 400 || status === 429 || request.method === 'HEAD') return;
    if (
      request.path.includes('healthz') ||
      request.path.includes('readyz') ||
      request.path.includes('livez')
    )
      return;
    if (status === 500 && !realToo.test(text))
      this.found('an internal error', `${show(request)}\n${text}`);
    if (!isStatus(text, status))
      this.found('an error that is no Status', `${show(request)}\n${status} ${text.slice(0, 500)}`);
  }
}

/** What a real kube-apiserver answers with 500 as well. */
const realToo =
  /failed to create typed (?:patch|live) object|does not contain declared merge key|resourceVersion: Invalid value/;

function isStatus(text: string, code: number): boolean {
  if (/^kind: Status$/m.test(text) && text.includes(`code: ${code}`)) return true;
  if (text.startsWith('k8s\0') && text.includes('Status')) return true;
  try {
    const status = JSON.parse(text) as { kind?: string; code?: number };
    return status.kind === 'Status' && status.code === code;
  } catch {
    return false;
  }
}

async function bodyOf({ body, endless, upgraded }: ApiResponse, ms: number): Promise<string> {
  upgraded?.destroy();
  if (Buffer.isBuffer(body)) return body.toString('latin1');
  const iterator = body[Symbol.asyncIterator]();
  let text = '';
  // In all: a stream on which something happens all the time is left as well.
  const stop = endless ? delay(streamMs) : delay(ms, undefined, { ref: false });
  for (;;) {
    const next = iterator.next();
    const chunk = await Promise.race([next, stop]);
    if (chunk === undefined || chunk.done) {
      next.catch(() => {});
      void Promise.resolve(iterator.return?.()).catch(() => {});
      return text;
    }
    text += chunk.value.toString('latin1');
  }
}

function show({ method, path, headers, body }: FuzzRequest): string {
  const sent = body === undefined ? '' : body.subarray(0, 2000).toString('base64');
  return `${method} ${path.slice(0, 500)} ${JSON.stringify(headers)} ${sent}`;
}

/** Without it, what could be freed would count as growth. */
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function heapMiB(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 1024 / 1024;
}
