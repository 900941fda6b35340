/**
 * What the main thread and the writer's thread tell each other: bytes and numbers, packed per
 * batch.
 */
import { keyOf } from './keys.ts';
import type { Operation } from './store.ts';

/** Many commits in one message. */
export interface CommitsRequest {
  readonly kind: 'commits';
  /** The keys of all operations, joined by NUL. */
  readonly keys: string;
  /**
   * Per commit: the number of its operations; then per operation: expect, length of the value,
   * lease.
   */
  readonly numbers: Float64Array;
  /** All values one after the other. */
  readonly values: Uint8Array<ArrayBuffer>;
}

export type Request =
  | CommitsRequest
  | { readonly kind: 'grant'; readonly lease: number; readonly ttlMs: number }
  | { readonly kind: 'end'; readonly lease: number }
  | { readonly kind: 'compact'; readonly revision: number }
  | { readonly kind: 'advance'; readonly revision: number }
  | { readonly kind: 'sweep' }
  | { readonly kind: 'close' };

export const notExpected = -1;
export const isDeletion = -1;

/** Packs commits; the buffers are to be transferred. */
export function packCommits(commits: readonly (readonly Operation[])[]): CommitsRequest {
  const keys: string[] = [];
  const numbers: number[] = [];
  let size = 0;
  for (const operations of commits) {
    numbers.push(operations.length);
    for (const operation of operations) {
      keys.push(keyOf(operation));
      const put = 'put' in operation ? operation : undefined;
      size += put?.value.length ?? 0;
      const length = put === undefined ? isDeletion : put.value.length;
      numbers.push(operation.expect ?? notExpected, length, put?.lease ?? 0);
    }
  }
  const values = new Uint8Array(new ArrayBuffer(size));
  let at = 0;
  for (const operations of commits) {
    for (const operation of operations) {
      if (!('put' in operation)) continue;
      values.set(operation.value, at);
      at += operation.value.length;
    }
  }
  return { kind: 'commits', keys: keys.join('\0'), numbers: Float64Array.from(numbers), values };
}

/** One operation as the writer sees it; no value: a deletion. */
export interface PackedOperation {
  readonly key: string;
  readonly expect: number;
  readonly value: Uint8Array | null;
  readonly lease: number;
}

/** Unpacks what packCommits packed. */
export function* unpackCommits(request: CommitsRequest): Generator<PackedOperation[]> {
  const { numbers, values } = request;
  const keys = request.keys.split('\0');
  let key = 0;
  let at = 0;
  for (let i = 0; i < numbers.length; ) {
    const operations: PackedOperation[] = [];
    for (let left = numbers[i++]!; left > 0; left--, i += 3) {
      const length = numbers[i + 1]!;
      const value = length === isDeletion ? null : values.subarray(at, at + length);
      at += value?.length ?? 0;
      operations.push({ key: keys[key++]!, expect: numbers[i]!, value, lease: numbers[i + 2]! });
    }
    yield operations;
  }
}

/** How one commit went. `previous`: per operation the log id of what stood there (0: nothing). */
export type Outcome =
  | {
      readonly revision: number;
      readonly previous: readonly number[];
      readonly createRevisions: readonly number[];
    }
  /** The operation whose precondition failed, and the log id of what stands there. */
  | { readonly failed: number; readonly current: number }
  | { readonly error: WriterError };

/** An error of SQLite as it crosses the threads. */
export interface WriterError {
  readonly message: string;
  readonly errcode: number | undefined;
}

/** Keys that went with their lease, as one commit. */
export interface EndedKeys {
  readonly revision: number;
  readonly keys: readonly string[];
  readonly previous: readonly number[];
}

export type Reply =
  | { readonly kind: 'ready' }
  | { readonly kind: 'commits'; readonly outcomes: readonly Outcome[] }
  | { readonly kind: 'ended'; readonly commits: readonly EndedKeys[] }
  /** `more`: a sweep has not reached the compacted revision yet. */
  | { readonly kind: 'done'; readonly more: boolean }
  | { readonly kind: 'error'; readonly error: WriterError };
