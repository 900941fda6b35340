/**
 * JSON that takes far more memory once it is parsed than its length says: up to twenty times as
 * much, when it is made of little more than braces.
 */
import { closingQuote } from './json-text.ts';

const quote = 0x22;
const openBrace = 0x7b;
const openBracket = 0x5b;
const comma = 0x2c;
const colon = 0x3a;

/** An object or array, and what holds one value in it, bytes. */
const containerBytes = 56;
const valueBytes = 16;
const fieldBytes = 16;

/** What objects that people and programs write take at most, times their length. */
const usual = 5;

/**
 * Bytes that it takes beyond what is usual, about, by a look at each byte and without parsing; what
 * is no JSON has a number, too.
 */
export function jsonExcess(json: Buffer): number {
  let weight = json.length;
  for (let i = 0; i < json.length; i++) {
    const byte = json[i]!;
    if (byte === quote) {
      const end = closingQuote(json, i);
      i = end < 0 ? json.length : end;
    } else if (byte === openBrace || byte === openBracket) weight += containerBytes;
    else if (byte === comma) weight += valueBytes;
    else if (byte === colon) weight += fieldBytes;
  }
  return Math.max(0, weight - usual * json.length);
}
