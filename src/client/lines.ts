/** Cuts a byte stream into lines without copying what arrives whole. */
import type { Budget } from '../base/budget.ts';

/** A watch frame longer than this is no Kubernetes object: etcd holds none above 1.5 MB. */
export const lineLimitBytes = 16 * 1024 * 1024;

/** What a piece costs beside its bytes: a line can come byte by byte. */
const pieceBytes = 256;

const newline = 0x0a;

export class LineTooLongError extends Error {
  override readonly name = 'LineTooLongError';
}

export class LineSplitter {
  readonly #limit: number;
  readonly #held: Budget | undefined;
  #rest: Buffer[] = [];
  #restBytes = 0;

  /** What of a line has come counts against `held`, until it ends. */
  constructor(limitBytes = lineLimitBytes, held?: Budget) {
    this.#limit = limitBytes;
    this.#held = held;
  }

  /**
   * The lines that end within `chunk`, without their newline; empty ones are left out. @throws
   * LineTooLongError
   */
  push(chunk: Buffer): Buffer[] {
    const lines: Buffer[] = [];
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(newline, start);
      if (end < 0) break;
      const piece = chunk.subarray(start, end);
      start = end + 1;
      if (this.#restBytes > 0) {
        this.#grow(piece);
        lines.push(Buffer.concat(this.#rest, this.#restBytes));
        this.end();
      } else if (piece.length > 0) lines.push(piece);
    }
    if (start < chunk.length) this.#grow(chunk.subarray(start));
    return lines;
  }

  /** Bytes of a line that has not ended. */
  get pendingBytes(): number {
    return this.#restBytes;
  }

  /** Lets go of a line that has not ended. */
  end(): void {
    this.#held?.release(this.#restBytes + this.#rest.length * pieceBytes);
    this.#rest = [];
    this.#restBytes = 0;
  }

  #grow(piece: Buffer): void {
    const restBytes = this.#restBytes + piece.length;
    if (restBytes > this.#limit) {
      throw new LineTooLongError(`a line is longer than ${this.#limit} bytes`);
    }
    if (this.#held?.take(piece.length + pieceBytes) === false) {
      throw new LineTooLongError('a line is longer than there is room for');
    }
    this.#rest.push(piece);
    this.#restBytes = restBytes;
  }
}
