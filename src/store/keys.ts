/** Which keys are allowed, and their order by UTF-8 bytes. */
import { assert } from '../base/errors.ts';
import { maxKeyBytes, maxOperations, type Operation } from './store.ts';

/** The key that an operation writes. */
export function keyOf(operation: Operation): string {
  return 'put' in operation ? operation.put : operation.delete;
}

/** Throws when the operations can never be one commit: a fault in the caller. */
export function assertOperations(operations: readonly Operation[]): void {
  assert(operations.length <= maxOperations, 'a commit has too many operations');
  for (const operation of operations) assertKey(keyOf(operation));
  if (operations.length < 2) return;
  const keys = new Set(operations.map(keyOf));
  assert(keys.size === operations.length, 'a commit writes one key twice');
}

function assertKey(key: string): void {
  if (key.length * 4 <= maxKeyBytes && /^[ -~]+$/.test(key)) return;
  assert(key.length > 0 && Buffer.byteLength(key) <= maxKeyBytes, 'a key is empty or too long');
  assert(key.isWellFormed() && !key.includes('\0'), 'a key is not well-formed text');
  assert(!key.startsWith('\u{10ffff}'), 'a key starts with U+10FFFF');
}

/**
 * Whether comparing with `<` may differ from the order of the UTF-8 bytes: surrogates sort before
 * U+E000 there.
 */
export function needsCodePointOrder(key: string): boolean {
  return /[\ud800-\uffff]/.test(key);
}

/** Whether `a` sorts before `b` by UTF-8 bytes. */
export function isBefore(a: string, b: string): boolean {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    return rank(x) < rank(y);
  }
  return a.length < b.length;
}

/** Moves surrogates, which begin the code points above U+FFFF, behind all other code units. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit > 0xdfff ? unit - 0x800 : unit + 0x2000;
}
