/** Texts within JSON that is handled as bytes. */

const quote = 0x22;
const backslash = 0x5c;

/** The offset of the quote that closes the text which opens at `start`; -1 where none does. */
export function closingQuote(json: Buffer, start: number): number {
  for (let end = json.indexOf(quote, start + 1); end >= 0; end = json.indexOf(quote, end + 1)) {
    let slashes = 0;
    while (json[end - 1 - slashes] === backslash) slashes++;
    if (slashes % 2 === 0) return end;
  }
  return -1;
}
