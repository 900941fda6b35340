/** Memory for the pieces of long answers, used again once a piece has been sent. */

/** Some room above what a piece is aimed at: objects are not cut. */
export const pooledBytes = 160 * 1024;

export class PiecePool {
  readonly #free: Buffer[] = [];
  readonly #most: number;

  /** `most`: how many it keeps for later. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Memory of this size, with anything in it. */
  take(size: number): Buffer {
    if (size > pooledBytes) return Buffer.allocUnsafeSlow(size);
    const buffer = this.#free.pop() ?? Buffer.allocUnsafeSlow(pooledBytes);
    return buffer.subarray(0, size);
  }

  /** Only what nobody reads any more. */
  giveBack(piece: Buffer): void {
    if (piece.buffer.byteLength !== pooledBytes || this.#free.length >= this.#most) return;
    this.#free.push(Buffer.from(piece.buffer as ArrayBuffer));
  }
}
