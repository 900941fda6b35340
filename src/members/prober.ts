/** Asks a member how it is, by the clock and whenever somebody noticed trouble. */
import type { Clock, Timer } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import { fraction, type Random } from '../base/random.ts';
import { RestClient } from '../client/rest.ts';
import { type Transport, TransportError } from '../client/transport.ts';
import { ApiError } from '../kube/status.ts';
import type { Probe } from './health.ts';

export interface ProberOptions {
  readonly transport: () => Transport;
  readonly clock: Clock;
  readonly random: Random;
  /** Called after every probe; must not throw. */
  readonly onProbe: (probe: Probe) => void;
  /** Between probes that found all well, milliseconds. */
  readonly intervalMs?: number;
  /** Between probes while something is wrong, milliseconds. */
  readonly troubledMs?: number;
  readonly timeoutMs?: number;
}

const namespacePath = '/api/v1/namespaces/kube-system';

export class Prober {
  readonly #options: ProberOptions;
  #timer: Timer | undefined;
  #running = false;
  #again = false;
  #stopped = false;

  constructor(options: ProberOptions) {
    this.#options = options;
  }

  start(): void {
    this.poke();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  /** Probes now, or once more after the probe that is under way. */
  poke(): void {
    if (this.#stopped) return;
    if (this.#running) {
      this.#again = true;
      return;
    }
    this.#timer?.cancel();
    this.#running = true;
    void this.#run();
  }

  async #run(): Promise<void> {
    const result = await probe(this.#options.transport(), this.#options.timeoutMs ?? 5000);
    this.#running = false;
    if (this.#stopped) return;
    this.#options.onProbe(result);
    if (this.#stopped) return;
    if (this.#again && result.kind !== 'silent') {
      this.#again = false;
      this.poke();
      return;
    }
    this.#again = false;
    const { clock, random, intervalMs = 5000, troubledMs = 1000 } = this.#options;
    const wait = result.kind === 'ready' ? intervalMs : troubledMs;
    // Spread, so that a hundred members are not asked in the same millisecond.
    this.#timer = clock.after(wait * (0.8 + 0.4 * fraction(random)), () => this.poke());
  }
}

/** One probe: identity and readiness, with our credential. Never rejects. */
export async function probe(transport: Transport, timeoutMs: number): Promise<Probe> {
  const client = new RestClient(transport, { userAgent: 'ubernetes/health', timeoutMs });
  const [namespace, ready] = await Promise.allSettled([
    client.get(namespacePath),
    client.get('/readyz', { headers: { accept: '*/*' } }),
  ]);
  const errors = [namespace, ready].flatMap((result) =>
    result.status === 'rejected' ? [result.reason as unknown] : [],
  );
  const answered = namespace.status === 'fulfilled' || ready.status === 'fulfilled';
  // An answer to either question is a sign of life.
  const telling = errors.filter((error) => !(error instanceof TransportError));
  if (errors.length > 0) {
    if (telling.length > 0) return probeOf(telling[0]);
    const message = messageOf(errors[0]);
    return answered ? { kind: 'unready', message } : { kind: 'silent', message };
  }
  if (namespace.status !== 'fulfilled') return { kind: 'unready', message: 'no answer' };
  try {
    const uid = namespace.value.object().metadata?.uid;
    if (typeof uid === 'string' && uid !== '') return { kind: 'ready', uid };
  } catch {
    // Falls through: an answer, but not Kubernetes'.
  }
  return { kind: 'unready', message: 'its namespace kube-system has no uid: is it Kubernetes?' };
}

function probeOf(error: unknown): Probe {
  const message = messageOf(error);
  if (!(error instanceof ApiError)) return { kind: 'failing', message };
  if (error.code === 401) return { kind: 'unauthorized', message };
  if (error.code === 403) return { kind: 'forbidden', message };
  if (error.code === 429) return { kind: 'busy', message };
  if (error.code >= 500 && error.code !== 500) return { kind: 'failing', message };
  return { kind: 'unready', message };
}
