/** Somebody who works while others attack: writes, reads and watches, and is answered in time. */
import { setTimeout as delay } from 'node:timers/promises';
import { watch } from '../../src/client/watch.ts';
import type { Served } from './served.ts';

const path = '/api/v1/namespaces/tenant-b/configmaps';
/** Longest wait for one answer, milliseconds. */
const answerMs = 60_000;
const everyMs = 100;

export class HonestUser {
  readonly #served: Served;
  readonly #found: (what: string, about: string) => void;
  readonly #ended = new AbortController();
  readonly #working: Promise<unknown>;
  readonly #seen = new Set<string>();
  /** Rounds that were done. */
  rounds = 0;
  /** Longest wait for an answer, milliseconds. */
  slowestMs = 0;

  constructor(served: Served, found: (what: string, about: string) => void) {
    this.#served = served;
    this.#found = found;
    this.#working = Promise.all([this.#work(), this.#watch()]);
  }

  async stop(): Promise<void> {
    this.#ended.abort();
    await this.#working;
  }

  async #work(): Promise<void> {
    const { client } = this.#served;
    for (let i = 0; !this.#ended.signal.aborted; i++) {
      const name = `honest-${i}`;
      const object = {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name },
        data: { i: `${i}` },
      };
      await this.#timed('a create', () => client.create(path, object));
      await this.#timed('a get', () => client.get(`${path}/${name}`));
      await this.#timed('a list', () => client.list(path));
      await this.#timed('a watch', () => this.#told(name));
      await this.#timed('a delete', () => client.delete(`${path}/${name}`));
      this.rounds++;
      await delay(everyMs);
    }
  }

  async #timed(what: string, work: () => Promise<unknown>): Promise<void> {
    const began = performance.now();
    const late = delay(answerMs, 'late', { ref: false });
    try {
      if ((await Promise.race([work(), late])) === 'late')
        this.#found('an honest user waits', `${what}: more than ${answerMs} ms`);
    } catch (error) {
      this.#found('an honest user is refused', `${what}: ${(error as Error).message}`);
    }
    this.slowestMs = Math.max(this.slowestMs, performance.now() - began);
  }

  async #told(name: string): Promise<void> {
    while (!this.#seen.has(name) && !this.#ended.signal.aborted) await delay(5);
    this.#seen.delete(name);
  }

  async #watch(): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      try {
        const options = { sendInitialEvents: true, timeoutSeconds: 5, signal };
        for await (const events of watch(this.#served.client, path, options))
          for (const event of events)
            if (event.type === 'ADDED') this.#seen.add(event.object().metadata.name!);
      } catch (error) {
        if (!signal.aborted) this.#found('a watch ended', (error as Error).message);
        await delay(100);
      }
    }
  }
}
