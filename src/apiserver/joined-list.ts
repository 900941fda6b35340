/** A JSON list put together from its objects' bytes, each copied once. */
import { metadataOffset } from './json-bytes.ts';

const openBrace = 0x7b;
const comma = 0x2c;
const tail = Buffer.from(']}');

export class JoinedList {
  /** Bytes. */
  readonly length: number;
  readonly #head: Buffer;
  readonly #objects: readonly Buffer[];
  /** Where each object goes on after apiVersion and kind; absent: objects are listed whole. */
  readonly #starts: Uint32Array | undefined;

  /**
   * `head` ends with the `[` of the items. `bare`: items do not repeat apiVersion and kind, as in
   * lists of built-in types.
   */
  constructor(head: Buffer, objects: readonly Buffer[], { bare }: { bare: boolean }) {
    this.#head = head;
    this.#objects = objects;
    let length = head.length + Math.max(0, objects.length - 1) + tail.length;
    for (const { length: each } of objects) length += each;
    if (bare) {
      const starts = new Uint32Array(objects.length);
      let start = 0;
      for (const [i, bytes] of objects.entries()) {
        start = metadataOffset(bytes, start);
        starts[i] = start;
        length -= start - 1;
      }
      this.#starts = starts;
    }
    this.length = length;
  }

  whole(): Buffer {
    const [piece] = this.pieces(this.length);
    return piece!;
  }

  /**
   * Pieces of about `pieceBytes`, so that one write never stalls everything else, in memory that
   * `allocate` gives.
   */
  *pieces(
    pieceBytes = 128 * 1024,
    allocate: (size: number) => Buffer = Buffer.allocUnsafeSlow,
  ): Generator<Buffer> {
    const { length: count } = this.#objects;
    let from = 0;
    do {
      let size = from === 0 ? this.#head.length : 0;
      let to = from;
      // At least one each time, however long the head is.
      do if (to < count) size += this.#sizeOf(to++);
      while (to < count && size < pieceBytes);
      if (to === count) size += tail.length;
      yield this.#piece(from, to, allocate(size));
      from = to;
    } while (from < count);
  }

  /** With the comma before it. */
  #sizeOf(i: number): number {
    const start = this.#starts?.[i] ?? 1;
    return this.#objects[i]!.length - (start - 1) + (i === 0 ? 0 : 1);
  }

  #piece(from: number, to: number, piece: Buffer): Buffer {
    let at = from === 0 ? this.#head.copy(piece) : 0;
    for (let i = from; i < to; i++) {
      if (i > 0) piece[at++] = comma;
      piece[at++] = openBrace;
      at += this.#objects[i]!.copy(piece, at, this.#starts?.[i] ?? 1);
    }
    if (to === this.#objects.length) tail.copy(piece, at);
    return piece;
  }
}
