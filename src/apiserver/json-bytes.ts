/**
 * JSON handled as bytes: parts cut out and indented without being parsed, so that no number
 * changes.
 */
import { assert } from '../base/errors.ts';
import { closingQuote } from '../kube/json-text.ts';

const quote = 0x22;
const backslash = 0x5c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const comma = 0x2c;

const metadataField = Buffer.from('"metadata":{');

/**
 * The value of `metadata` in an object's canonical bytes (apiVersion, kind, metadata first), not
 * copied.
 */
export function metadataOf(bytes: Buffer): Buffer {
  const found = bytes.indexOf(metadataField);
  assert(found >= 0, 'canonical bytes have metadata');
  const start = found + metadataField.length - 1;
  return bytes.subarray(start, endOfObject(bytes, start));
}

/**
 * Where `metadata` begins in an object's canonical bytes: at `guess`, as in its neighbour of the
 * same type, or elsewhere.
 */
export function metadataOffset(bytes: Buffer, guess: number): number {
  let same = 0;
  while (same < metadataField.length && bytes[guess + same] === metadataField[same]) same++;
  if (same === metadataField.length && bytes[guess - 1] === comma) return guess;
  const found = bytes.indexOf(metadataField);
  assert(found >= 0, 'canonical bytes have metadata');
  return found;
}

/** The offset after the `}` that closes the `{` at `start`. */
function endOfObject(bytes: Buffer, start: number): number {
  let depth = 0;
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === quote) {
      at = closingQuote(bytes, at);
      assert(at >= 0, 'canonical bytes close their strings');
    } else if (byte === openBrace) depth++;
    else if (byte === closeBrace && --depth === 0) return at + 1;
  }
  assert(false, 'canonical bytes are whole');
}

/** Compact JSON indented by two spaces, with a newline at its end. */
export function indentJson(compact: Buffer): Buffer {
  const text = compact.toString('utf8');
  const pieces: string[] = [];
  let depth = 0;
  let copied = 0;
  const flush = (upTo: number): void => {
    if (upTo > copied) pieces.push(text.slice(copied, upTo));
    copied = upTo;
  };
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === quote) at = endOfText(text, at);
    else if (code === openBrace || code === openBracket) {
      const empty = text.charCodeAt(at + 1) === code + 2;
      if (empty) at++;
      flush(at + 1);
      if (!empty) pieces.push(newline(++depth));
    } else if (code === closeBrace || code === closeBracket) {
      flush(at);
      pieces.push(newline(--depth));
    } else if (code === comma) {
      flush(at + 1);
      pieces.push(newline(depth));
    } else if (code === 0x3a) {
      flush(at + 1);
      pieces.push(' ');
    }
  }
  flush(text.length);
  pieces.push('\n');
  return Buffer.from(pieces.join(''), 'utf8');
}

function endOfText(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === backslash) at++;
    else if (code === quote) return at;
  }
  return text.length;
}

function newline(depth: number): string {
  return `\n${'  '.repeat(depth)}`;
}

/**
 * Buffers joined into pieces of about `pieceBytes`, so that one write never stalls everything else.
 */
export function* joinPieces(
  buffers: Iterable<Buffer>,
  pieceBytes = 256 * 1024,
  join: (several: readonly Buffer[], size: number) => Buffer = Buffer.concat,
): Generator<Buffer> {
  let waiting: Buffer[] = [];
  let size = 0;
  for (const buffer of buffers) {
    waiting.push(buffer);
    size += buffer.length;
    if (size < pieceBytes) continue;
    yield waiting.length === 1 ? waiting[0]! : join(waiting, size);
    waiting = [];
    size = 0;
  }
  if (waiting.length > 0) yield waiting.length === 1 ? waiting[0]! : join(waiting, size);
}
