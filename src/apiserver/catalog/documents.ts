/**
 * OpenAPI documents: packed, since they are large and seldom read, and held once however many
 * members have them.
 */
import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { isObject } from '../../kube/object.ts';

/** By digest: the bytes that somebody still holds, so that they are unpacked and compiled once. */
const unpacked = new Map<string, WeakRef<Buffer>>();
const collected = new FinalizationRegistry((digest: string) => {
  if (unpacked.get(digest)?.deref() === undefined) unpacked.delete(digest);
});

/** The OpenAPI v3 document of one group and version. */
export class OpenapiDocument {
  /** As its server names it in serverRelativeURL; empty where nobody did. */
  readonly hash: string;
  /** Of its content: sha256, hexadecimal. */
  readonly digest: string;
  /** Bytes before packing. */
  readonly size: number;
  readonly packed: Buffer;
  #whole: boolean | undefined;

  constructor(hash: string, bytes: Buffer) {
    this.hash = hash;
    this.digest = createHash('sha256').update(bytes).digest('hex');
    this.size = bytes.length;
    // Level 1: a megabyte takes five milliseconds, and nobody else can work meanwhile.
    this.packed = gzipSync(bytes, { level: 1 });
    remember(this.digest, bytes);
  }

  /** JSON; the same bytes for everybody who holds them at the same time, not to be changed. */
  get bytes(): Buffer {
    return unpack(this.digest, this.packed);
  }

  /** Whether it is a JSON object; found out once. */
  get isWhole(): boolean {
    this.#whole ??= isWhole(this.bytes);
    return this.#whole;
  }
}

export class Documents {
  readonly #packed = new Map<string, Buffer>();

  /** Keeps a document. Returns its digest. */
  add({ digest, packed }: OpenapiDocument): string {
    if (!this.#packed.has(digest)) this.#packed.set(digest, packed);
    return digest;
  }

  /** Takes one in as it was stored. */
  restore(digest: string, packed: Buffer): void {
    this.#packed.set(digest, packed);
  }

  packed(digest: string): Buffer | undefined {
    return this.#packed.get(digest);
  }

  /** The document itself; the same bytes for everybody who holds them at the same time. */
  read(digest: string): Buffer {
    const packed = this.#packed.get(digest);
    if (packed === undefined) throw new Error(`no OpenAPI document ${digest}`);
    return unpack(digest, packed);
  }

  /** Forgets all but these. */
  keep(wanted: ReadonlySet<string>): void {
    for (const digest of this.#packed.keys()) if (!wanted.has(digest)) this.#packed.delete(digest);
  }
}

function unpack(digest: string, packed: Buffer): Buffer {
  const held = unpacked.get(digest)?.deref();
  if (held !== undefined) return held;
  const bytes = gunzipSync(packed);
  remember(digest, bytes);
  return bytes;
}

function remember(digest: string, bytes: Buffer): void {
  if (unpacked.get(digest)?.deref() !== undefined) return;
  unpacked.set(digest, new WeakRef(bytes));
  collected.register(bytes, digest);
}

function isWhole(bytes: Buffer): boolean {
  try {
    return isObject(JSON.parse(bytes.toString('utf8')));
  } catch {
    return false;
  }
}
