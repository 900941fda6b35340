/**
 * A bounded queue between one writer and one reader; a reader that falls behind is ended, never
 * waited for.
 */

export class Channel<T> implements AsyncIterable<readonly T[]> {
  readonly #limit: number;
  readonly #onClose: () => void;
  #items: T[] = [];
  #wake: (() => void) | undefined;
  #closed = false;
  #error: unknown;

  /** `limit` is the number of items that may wait; `onClose` runs once, whoever closes. */
  constructor(limit: number, onClose: () => void = () => {}) {
    this.#limit = limit;
    this.#onClose = onClose;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Adds items; false when the channel is closed or this made it overflow (it is then closed with
   * `overflow`).
   */
  push(items: readonly T[], overflow: () => unknown = () => undefined): boolean {
    if (this.#closed) return false;
    if (this.#items.length + items.length > this.#limit) {
      this.close(overflow());
      return false;
    }
    for (const item of items) this.#items.push(item);
    this.#wakeReader();
    return true;
  }

  /** Ends the stream after what is queued; with an error, the reader gets it at the end. */
  close(error?: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#error = error;
    this.#onClose();
    this.#wakeReader();
  }

  /** Yields everything that waits as one batch. Leaving the loop closes the channel. */
  async *[Symbol.asyncIterator](): AsyncGenerator<readonly T[], void, undefined> {
    try {
      for (;;) {
        if (this.#items.length > 0) {
          const batch = this.#items;
          this.#items = [];
          yield batch;
        } else if (this.#closed) {
          if (this.#error !== undefined) throw this.#error;
          return;
        } else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
      }
    } finally {
      this.close();
    }
  }

  #wakeReader(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
