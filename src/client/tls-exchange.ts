/** One request and its answer on an undici dispatcher, without the cost of a Node stream. */
import type { Dispatcher } from 'undici';
import type { Budget } from '../base/budget.ts';
import { messageOf } from '../base/errors.ts';
import type { AnswerHeaders } from './answer-error.ts';
import { AnswerTooLongError, TransportError, type TransportResponse } from './transport.ts';

/** Bytes that may wait for a slow reader before the socket is paused. */
const highWaterBytes = 1024 * 1024;

/** What a chunk costs beside its bytes: a body can come byte by byte. */
const chunkBytes = 256;

export class Exchange implements Dispatcher.DispatchHandler, TransportResponse {
  status = 0;
  headers: AnswerHeaders = {};
  /** Resolves to this exchange when the head has come. */
  readonly head: Promise<TransportResponse>;
  /** What waits for its reader, of all answers of this server. */
  readonly held: Budget;
  readonly #resolveHead: (response: TransportResponse) => void;
  readonly #rejectHead: (error: TransportError) => void;
  #controller: Dispatcher.DispatchController | undefined;
  #chunks: Buffer[] = [];
  #buffered = 0;
  #streaming = false;
  #paused = false;
  #ended = false;
  #error: TransportError | undefined;
  #wake: (() => void) | undefined;
  /** Runs once when nothing more will come. */
  onDone: () => void = () => {};

  constructor(held: Budget) {
    this.held = held;
    const { promise, resolve, reject } = Promise.withResolvers<TransportResponse>();
    this.head = promise;
    this.#resolveHead = resolve;
    this.#rejectHead = reject;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#error !== undefined) controller.abort(this.#error);
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    statusCode: number,
    headers: AnswerHeaders,
  ): void {
    if (statusCode < 200) return;
    this.status = statusCode;
    this.headers = headers;
    this.#resolveHead(this);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#ended) return;
    const bytes = chunk.length + chunkBytes;
    if (!this.held.take(bytes)) {
      this.fail(new AnswerTooLongError('the answer is too long'));
      return;
    }
    this.#chunks.push(chunk);
    this.#buffered += bytes;
    if (this.#streaming && this.#buffered > highWaterBytes) {
      this.#paused = true;
      controller.pause();
    }
    this.#wakeReader();
  }

  onResponseEnd(): void {
    this.#finish(undefined);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#finish(
      error instanceof TransportError
        ? error
        : new TransportError(describe(error), { cause: error }),
    );
  }

  /** Ends it from this side. */
  fail(error: TransportError): void {
    if (this.#ended) return;
    this.#finish(error);
    this.#controller?.abort(error);
  }

  async bytes(): Promise<Buffer> {
    while (!this.#ended) await this.#more();
    if (this.#error !== undefined) throw this.#error;
    const chunks = this.#taken();
    return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
  }

  /** Whether it is read as it comes. */
  get streaming(): boolean {
    return this.#streaming;
  }

  /** Whether nothing more comes. */
  get ended(): boolean {
    return this.#ended;
  }

  get body(): AsyncIterable<Buffer> {
    this.#streaming = true;
    return this.#read();
  }

  async *#read(): AsyncGenerator<Buffer> {
    try {
      for (;;) {
        const chunks = this.#taken();
        if (this.#paused) {
          this.#paused = false;
          this.#controller?.resume();
        }
        yield* chunks;
        if (this.#chunks.length > 0) continue;
        if (this.#ended) {
          if (this.#error !== undefined) throw this.#error;
          return;
        }
        await this.#more();
      }
    } finally {
      this.fail(new TransportError('the reader left'));
    }
  }

  #taken(): Buffer[] {
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#release();
    return chunks;
  }

  #release(): void {
    this.held.release(this.#buffered);
    this.#buffered = 0;
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #finish(error: TransportError | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    // What has come whole is read at once, or by nobody.
    this.#release();
    if (error !== undefined) this.#rejectHead(error);
    this.onDone();
    this.#wakeReader();
  }

  #wakeReader(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}

/** Errors of several addresses come as an AggregateError without a message. */
function describe(error: Error): string {
  if (error instanceof AggregateError && error.errors.length > 0) {
    return messageOf(error.errors[0]);
  }
  return error.message || error.name;
}
