/**
 * The main thread's end of the writer: requests go out once per turn of the event loop, replies
 * come back in order.
 */
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { assert } from '../base/errors.ts';
import {
  type Outcome,
  packCommits,
  type Reply,
  type Request,
  type WriterError,
} from './sqlite-messages.ts';
import { type FileOptions, translateError } from './sqlite-schema.ts';
import type { WriterThreadData } from './sqlite-worker.ts';
import type { Operation } from './store.ts';

/** A commit on its way; `done` is called in the order of revisions. */
export interface PendingCommit {
  readonly operations: readonly Operation[];
  readonly done: (outcome: Outcome) => void;
}

type Pending =
  | { readonly commits: readonly PendingCommit[] }
  | { readonly done: (reply: Reply) => void };

export class WriterThread {
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #bell = new Int32Array(new SharedArrayBuffer(4));
  readonly #ready: Promise<void>;
  #markReady: () => void = () => {};
  #queued: PendingCommit[] = [];
  #scheduled = false;
  #pending: Pending[] = [];
  #broken: WriterError | undefined;

  constructor(file: FileOptions) {
    const { port1, port2 } = new MessageChannel();
    const workerData: WriterThreadData = { file, port: port2, bell: this.#bell };
    this.#port = port1;
    this.#worker = new Worker(new URL('./sqlite-worker.ts', import.meta.url), {
      workerData,
      transferList: [port2],
      // It holds one group of requests at a time.
      resourceLimits: { maxYoungGenerationSizeMb: 4 },
    });
    this.#ready = new Promise((resolve, reject) => {
      this.#markReady = resolve;
      this.#worker.once('error', (error) => {
        reject(translateError(error));
        this.#fail({ message: error.message, errcode: undefined });
      });
    });
    this.#worker.once('exit', () => {
      this.#fail({ message: 'the writer has ended', errcode: undefined });
    });
    port1.on('message', (replies: readonly Reply[]) => this.#receive(replies));
  }

  /** Resolves when the writer has opened the file. */
  async ready(): Promise<void> {
    await this.#ready;
    this.#worker.unref();
    if (this.#pending.length === 0) this.#port.unref();
  }

  commit(commit: PendingCommit): void {
    this.#queued.push(commit);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#flush());
  }

  /** Sends another request, behind all commits so far. */
  async request(request: Request): Promise<Reply> {
    this.#flush();
    return new Promise((done) => this.#send(request, { done }));
  }

  /** Waits until everything sent is answered and the writer has closed the file. */
  async close(): Promise<void> {
    if (this.#broken === undefined) await this.request({ kind: 'close' });
    await this.#worker.terminate();
    this.#port.close();
  }

  #flush(): void {
    this.#scheduled = false;
    if (this.#queued.length === 0) return;
    const commits = this.#queued;
    this.#queued = [];
    this.#send(packCommits(commits.map(({ operations }) => operations)), { commits });
  }

  #send(request: Request, pending: Pending): void {
    this.#pending.push(pending);
    if (this.#broken !== undefined) {
      this.#fail(this.#broken);
      return;
    }
    // Whoever waits for an answer keeps the process alive.
    if (this.#pending.length === 1) this.#port.ref();
    const packed =
      request.kind === 'commits' ? [request.numbers.buffer, request.values.buffer] : [];
    this.#port.postMessage(request, packed as ArrayBuffer[]);
    Atomics.add(this.#bell, 0, 1);
    Atomics.notify(this.#bell, 0);
  }

  #receive(replies: readonly Reply[]): void {
    for (const reply of replies) {
      if (reply.kind === 'ready') {
        this.#markReady();
        continue;
      }
      const pending = this.#pending.shift();
      assert(pending !== undefined, 'the writer answered what nobody asked');
      settle(pending, reply);
    }
    if (this.#pending.length === 0) this.#port.unref();
  }

  #fail(error: WriterError): void {
    this.#broken ??= error;
    const pending = this.#pending;
    this.#pending = [];
    for (const one of pending) settle(one, { kind: 'error', error: this.#broken });
  }
}

function settle(pending: Pending, reply: Reply): void {
  if ('done' in pending) {
    pending.done(reply);
    return;
  }
  for (const [i, { done }] of pending.commits.entries()) {
    if (reply.kind === 'commits') done(reply.outcomes[i]!);
    else if (reply.kind === 'error') done({ error: reply.error });
  }
}
