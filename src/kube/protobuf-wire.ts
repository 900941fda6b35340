/** Protobuf's wire format: a bounded reader, and a writer that fills its buffer from the end. */

export const wireVarint = 0;
export const wireFixed64 = 1;
export const wireBytes = 2;

/** The bytes are no protobuf message. */
export class WireError extends Error {
  override readonly name = 'WireError';
}

export class WireReader {
  readonly bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  /** A field's tag: number × 8 + wire type. */
  tag(end: number): number {
    const tag = this.varint(end);
    if (typeof tag === 'bigint' || tag < 8 || tag > 0xffffffff)
      throw new WireError(`proto: illegal tag ${tag}`);
    return tag;
  }

  /** A signed 64-bit integer; a bigint only where a double cannot hold it. */
  varint(end: number): number | bigint {
    const { bytes } = this;
    const start = this.at;
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 7; i++) {
      const byte = this.#byte(bytes, end);
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    let wide = BigInt(value);
    for (let shift = 49n; shift < 70n; shift += 7n) {
      const byte = this.#byte(bytes, end);
      wide |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return narrow(BigInt.asIntN(64, wide));
    }
    throw new WireError(`proto: integer overflow at byte ${start}`);
  }

  #byte(bytes: Buffer, end: number): number {
    if (this.at >= end) throw new WireError('unexpected EOF');
    return bytes[this.at++]!;
  }

  /** Reads a length and gives the end of the bytes that follow, which now come next. */
  delimited(end: number): number {
    const length = this.varint(end);
    if (typeof length === 'bigint' || length < 0)
      throw new WireError('proto: negative length found during unmarshaling');
    const stop = this.at + length;
    if (stop > end) throw new WireError('unexpected EOF');
    return stop;
  }

  string(end: number): string {
    const stop = this.delimited(end);
    const text = this.bytes.toString('utf8', this.at, stop);
    this.at = stop;
    return text;
  }

  take(end: number): Buffer {
    const stop = this.delimited(end);
    const bytes = this.bytes.subarray(this.at, stop);
    this.at = stop;
    return bytes;
  }

  double(end: number): number {
    if (this.at + 8 > end) throw new WireError('unexpected EOF');
    const value = this.bytes.readDoubleLE(this.at);
    this.at += 8;
    return value;
  }
}

function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** Writes backwards, so that a length is known when its turn comes. */
export class WireWriter {
  #bytes: Buffer;
  /** Start of what is written; everything before it is free. */
  #at: number;

  constructor(roomBytes = 4096) {
    this.#bytes = Buffer.allocUnsafe(roomBytes);
    this.#at = roomBytes;
  }

  /** How many bytes stand written. */
  get length(): number {
    return this.#bytes.length - this.#at;
  }

  finish(): Buffer {
    return this.#bytes.subarray(this.#at);
  }

  varint(value: number | bigint): void {
    if (typeof value === 'number' && value >= 0 && value < 128) {
      this.#room(1);
      this.#bytes[--this.#at] = value;
      return;
    }
    if (typeof value === 'number' && value >= 0 && value < 0x4000) {
      this.#room(2);
      this.#bytes[--this.#at] = value >>> 7;
      this.#bytes[--this.#at] = (value & 0x7f) | 0x80;
      return;
    }
    const groups: number[] = [];
    let rest = BigInt.asUintN(64, BigInt(value));
    while (rest >= 0x80n) {
      groups.push(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    groups.push(Number(rest));
    this.raw(Buffer.from(groups));
  }

  tag(field: number, wire: number): void {
    this.varint(field * 8 + wire);
  }

  raw(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#at -= bytes.length;
    this.#bytes.set(bytes, this.#at);
  }

  /** A field of bytes with its tag and length. */
  bytesField(field: number, bytes: Uint8Array): void {
    this.raw(bytes);
    this.varint(bytes.length);
    this.tag(field, wireBytes);
  }

  stringField(field: number, text: string): void {
    const size = Buffer.byteLength(text, 'utf8');
    this.#room(size);
    this.#at -= size;
    this.#bytes.write(text, this.#at, 'utf8');
    this.varint(size);
    this.tag(field, wireBytes);
  }

  varintField(field: number, value: number | bigint): void {
    this.varint(value);
    this.tag(field, wireVarint);
  }

  doubleField(field: number, value: number): void {
    const bytes = Buffer.allocUnsafe(8);
    bytes.writeDoubleLE(value);
    this.raw(bytes);
    this.tag(field, wireFixed64);
  }

  /** A message of everything that `write` puts in front of what stands already. */
  messageField(field: number, write: () => void): void {
    const before = this.length;
    write();
    this.varint(this.length - before);
    this.tag(field, wireBytes);
  }

  #room(size: number): void {
    if (this.#at >= size) return;
    const used = this.length;
    const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, used + size));
    this.#bytes.copy(grown, grown.length - used, this.#at);
    this.#bytes = grown;
    this.#at = grown.length - used;
  }
}
