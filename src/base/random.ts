/**
 * Randomness as a constructor argument: real entropy in production, a seeded stream in simulation.
 */
import { randomFillSync } from 'node:crypto';

export interface Random {
  /** `size` random bytes. */
  bytes(size: number): Buffer;
}

/** Entropy drawn at one time, bytes: a draw costs far more than the bytes of it. */
const drawBytes = 4096;

export class SystemRandom implements Random {
  #drawn = Buffer.alloc(0);
  #at = 0;

  /** Every byte is given out once. */
  bytes(size: number): Buffer {
    if (size > drawBytes) return randomFillSync(Buffer.alloc(size));
    if (this.#at + size > this.#drawn.length) {
      this.#drawn = randomFillSync(Buffer.allocUnsafeSlow(drawBytes));
      this.#at = 0;
    }
    const bytes = this.#drawn.subarray(this.#at, this.#at + size);
    this.#at += size;
    return bytes;
  }
}

/** xoshiro128**, seeded by splitmix32: the same seed gives the same bytes on every machine. */
export class SeededRandom implements Random {
  readonly #state: Uint32Array;

  constructor(seed: number) {
    let x = seed >>> 0;
    this.#state = Uint32Array.from({ length: 4 }, () => {
      x = (x + 0x9e3779b9) >>> 0;
      let z = x;
      z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
      return (z ^ (z >>> 15)) >>> 0;
    });
  }

  bytes(size: number): Buffer {
    const out = Buffer.alloc(size);
    for (let i = 0; i < size; i += 4) {
      const word = this.#next();
      for (let j = 0; j < 4 && i + j < size; j++) out[i + j] = (word >>> (8 * j)) & 0xff;
    }
    return out;
  }

  #next(): number {
    const s = this.#state as Uint32Array & [number, number, number, number];
    const rotated = rotl(Math.imul(s[1], 5), 7);
    const result = Math.imul(rotated, 9) >>> 0;
    const t = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 11);
    return result;
  }
}

function rotl(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by));
}

/** A uniform number in [0, 1). */
export function fraction(random: Random): number {
  return random.bytes(4).readUInt32LE(0) / 2 ** 32;
}

/** A uniform integer in [0, below). */
export function integer(random: Random, below: number): number {
  return Math.floor(fraction(random) * below);
}

/** An RFC 4122 version 4 UUID. */
export function uuid(random: Random): string {
  const bytes = random.bytes(16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join('-');
}

/** The alphabet of Kubernetes' generateName suffixes (no vowels, no look-alikes). */
const suffixAlphabet = 'bcdfghjklmnpqrstvwxz2456789';

/** A random suffix as kube-apiserver appends to generateName. */
export function nameSuffix(random: Random, length = 5): string {
  return Array.from(
    random.bytes(length),
    (byte) => suffixAlphabet[byte % suffixAlphabet.length],
  ).join('');
}
