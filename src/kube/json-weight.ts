/**
 * JSON that takes far more memory once it is parsed than its length says: up to twenty times as
 * much, when it is made of little more than braces.
 */

const quote = 0x22;
const backslash = 0x5c;
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
    if (byte === quote) i = endOfText(json, i);
    else if (byte === openBrace || byte === openBracket) weight += containerBytes;
    else if (byte === comma) weight += valueBytes;
    else if (byte === colon) weight += fieldBytes;
  }
  return Math.max(0, weight - usual * json.length);
}

/** Where the text that begins at `start` ends. */
function endOfText(json: Buffer, start: number): number {
  let end = json.indexOf(quote, start + 1);
  while (end > 0 && isEscaped(json, end)) end = json.indexOf(quote, end + 1);
  return end < 0 ? json.length : end;
}

function isEscaped(json: Buffer, at: number): boolean {
  let before = at;
  while (json[before - 1] === backslash) before--;
  return (at - before) % 2 === 1;
}
