/**
 * The federation as a process: it can be killed between any two steps, and only its store is left.
 */
import { inProcessTransport } from '../src/apiserver/in-process.ts';
import type { Clock, Timer } from '../src/base/clock.ts';
import { silentLogger } from '../src/base/log.ts';
import type { Random } from '../src/base/random.ts';
import { RestClient } from '../src/client/rest.ts';
import type { Transport } from '../src/client/transport.ts';
import { type Federation, startFederation } from '../src/main/federation.ts';
import { Recovery } from '../src/main/recovery.ts';
import type { OpenTransport } from '../src/members/connection.ts';
import { type MemorySnapshot, MemoryStore } from '../src/store/memory.ts';
import type { Change, Operation, RecoverableStore, StoreWatch } from '../src/store/store.ts';

/**
 * A dead process answers nobody. Each gets a promise of its own: a shared one would keep them all.
 */
function never(): Promise<never> {
  return new Promise(() => {});
}

/** Thrown at whoever talked to a process that was killed. */
export class Crash extends Error {
  override readonly name = 'Crash';
}

export interface ProcessOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** What the last process left; absent: the first start. */
  readonly snapshot: MemorySnapshot | undefined;
  readonly term: number;
  readonly preflight: boolean;
  readonly failoverAfterMs: number;
  readonly openTransport: OpenTransport;
  /** Before anything runs on it. */
  readonly onStore: (store: MemoryStore) => Promise<void>;
}

export class FederationProcess {
  readonly store: MemoryStore;
  readonly #options: ProcessOptions;
  readonly #timers = new Set<Timer>();
  readonly #died: Promise<never>;
  #die: (error: Crash) => void = () => {};
  #alive = true;
  #federation: Federation | undefined;
  #recovery: Recovery | undefined;

  constructor(options: ProcessOptions) {
    this.#options = options;
    const { clock, random, snapshot } = options;
    this.store = new MemoryStore({
      clock,
      random,
      ...(snapshot === undefined ? {} : { snapshot }),
    });
    this.#died = new Promise((_, reject) => {
      this.#die = reject;
    });
    this.#died.catch(() => {});
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** Undefined until it serves. */
  get federation(): Federation | undefined {
    return this.#federation;
  }

  /** Resolves when it serves. @throws Crash when it was killed before */
  async start(): Promise<void> {
    const { random, term, preflight, failoverAfterMs, openTransport } = this.#options;
    await this.#options.onStore(this.store);
    const clock = this.#clock();
    const store = this.#guarded();
    const starting = startFederation({
      store,
      clock,
      random,
      log: silentLogger,
      openTransport: (cluster, credential) => this.#gated(openTransport(cluster, credential)),
      tokens: [],
      audiences: [],
      instance: 'simulated',
      term,
      salt: 'salt',
      failoverAfterMs,
      preflight,
    });
    const federation = await this.orCrash(starting);
    const { client, members, starts } = federation;
    const log = silentLogger;
    this.#recovery = new Recovery({ store, starts, members, client, clock, random, log });
    this.#recovery.start();
    this.#federation = federation;
  }

  /** A user of it. */
  client(name: string): RestClient {
    const user = { name, groups: ['system:masters', 'system:authenticated'], extra: {} };
    const transport = inProcessTransport(this.#federation!.handler, user);
    return new RestClient(this.#gated(transport), { userAgent: `${name}/sim` });
  }

  /** The promise, or Crash when the process is killed first. */
  orCrash<T>(promise: Promise<T>): Promise<T> {
    return Promise.race([promise, this.#died]);
  }

  /** Nothing of it does anything any more. Returns its disk. */
  kill(): MemorySnapshot {
    this.#alive = false;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    const snapshot = this.store.snapshot();
    this.#die(new Crash('the federation was killed'));
    return snapshot;
  }

  /** Ends as on SIGTERM. Returns its disk. */
  async stop(): Promise<MemorySnapshot> {
    await this.#recovery?.stop();
    await this.#federation?.stop();
    return this.kill();
  }

  #clock(): Clock {
    const { clock } = this.#options;
    return {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      after: (delayMs, run) => {
        if (!this.#alive) return { cancel: () => {} };
        const timer = clock.after(delayMs, () => {
          this.#timers.delete(timer);
          run();
        });
        this.#timers.add(timer);
        return {
          cancel: () => {
            this.#timers.delete(timer);
            timer.cancel();
          },
        };
      },
    };
  }

  #gated(transport: Transport): Transport {
    return {
      request: async (request) => {
        if (!this.#alive) return never();
        const response = await transport.request(request);
        return this.#alive ? response : never();
      },
      close: () => transport.close(),
    };
  }

  /** The store as this process sees it: to a dead one nothing is done and nothing told. */
  #guarded(): RecoverableStore {
    const store = this.store;
    const whileAlive = async <T>(run: () => Promise<T>): Promise<T> => {
      if (!this.#alive) return never();
      const result = await run();
      return this.#alive ? result : never();
    };
    return {
      id: store.id,
      get revision() {
        return store.revision;
      },
      get compacted() {
        return store.compacted;
      },
      get: (key) => whileAlive(() => store.get(key)),
      range: (request) => whileAlive(() => store.range(request)),
      commit: (operations: readonly Operation[]) => whileAlive(() => store.commit(operations)),
      watch: (options): StoreWatch => store.watch(options),
      subscribe: (listener: (changes: readonly Change[], revision: number) => void) =>
        store.subscribe((changes, revision) => {
          if (this.#alive) listener(changes, revision);
        }),
      compact: (revision) => whileAlive(() => store.compact(revision)),
      grantLease: (ttlMs) => whileAlive(() => store.grantLease(ttlMs)),
      renewLease: (lease) => whileAlive(() => store.renewLease(lease)),
      revokeLease: (lease) => whileAlive(() => store.revokeLease(lease)),
      advance: (revision) => whileAlive(() => store.advance(revision)),
      close: () => store.close(),
    };
  }
}
