/** Cuts a byte stream into lines without copying what arrives whole. */

/** A watch frame longer than this is no Kubernetes object: etcd holds none above 1.5 MB. */
export const lineLimitBytes = 16 * 1024 * 1024;

const newline = 0x0a;

export class LineTooLongError extends Error {
  override readonly name = 'LineTooLongError';
}

export class LineSplitter {
  readonly #limit: number;
  #rest: Buffer[] = [];
  #restBytes = 0;

  constructor(limitBytes = lineLimitBytes) {
    this.#limit = limitBytes;
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
        this.#rest = [];
        this.#restBytes = 0;
      } else if (piece.length > 0) lines.push(piece);
    }
    if (start < chunk.length) this.#grow(chunk.subarray(start));
    return lines;
  }

  /** Bytes of a line that has not ended. */
  get pendingBytes(): number {
    return this.#restBytes;
  }

  #grow(piece: Buffer): void {
    this.#rest.push(piece);
    this.#restBytes += piece.length;
    if (this.#restBytes > this.#limit) {
      throw new LineTooLongError(`a line is longer than ${this.#limit} bytes`);
    }
  }
}
