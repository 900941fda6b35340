/**
 * OpenAPI documents by the hash of their content: packed, held once however many members have them.
 */
import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';

/** The same bytes come again and again: from members of one version, and from recordings. */
const known = new WeakMap<Buffer, { readonly digest: string; readonly packed: Buffer }>();

/** By digest: the bytes that somebody still holds, so that they are unpacked and compiled once. */
const unpacked = new Map<string, WeakRef<Buffer>>();
const collected = new FinalizationRegistry((digest: string) => {
  if (unpacked.get(digest)?.deref() === undefined) unpacked.delete(digest);
});

export class Documents {
  readonly #packed = new Map<string, Buffer>();

  /** Keeps a document; its bytes may not change any more. */
  add(bytes: Buffer): string {
    let entry = known.get(bytes);
    if (entry === undefined) {
      const digest = createHash('sha256').update(bytes).digest('hex');
      // Level 1: a megabyte takes five milliseconds, and nobody else can work meanwhile.
      entry = { digest, packed: this.#packed.get(digest) ?? gzipSync(bytes, { level: 1 }) };
      known.set(bytes, entry);
      remember(digest, bytes);
    }
    if (!this.#packed.has(entry.digest)) this.#packed.set(entry.digest, entry.packed);
    return entry.digest;
  }

  /** Whether these very bytes were added before, here or elsewhere. */
  has(bytes: Buffer): boolean {
    return known.has(bytes);
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
    const held = unpacked.get(digest)?.deref();
    if (held !== undefined) return held;
    const packed = this.#packed.get(digest);
    if (packed === undefined) throw new Error(`no OpenAPI document ${digest}`);
    const bytes = gunzipSync(packed);
    remember(digest, bytes);
    return bytes;
  }

  /** Forgets all but these. */
  keep(wanted: ReadonlySet<string>): void {
    for (const digest of this.#packed.keys()) if (!wanted.has(digest)) this.#packed.delete(digest);
  }
}

function remember(digest: string, bytes: Buffer): void {
  if (unpacked.get(digest)?.deref() !== undefined) return;
  unpacked.set(digest, new WeakRef(bytes));
  collected.register(bytes, digest);
}
