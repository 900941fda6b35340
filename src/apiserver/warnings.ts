/**
 * The `Warning: 299` headers of one response, deduplicated and bounded as kube-apiserver bounds
 * them.
 */

/** Code points of text over all headers; above it, every text is cut to `itemMax`. */
const totalMax = 4 * 1024;
const itemMax = 256;

export class Warnings {
  readonly #texts = new Set<string>();

  add(text: string): void {
    if (text !== '') this.#texts.add(text);
  }

  /** The header's values in the order of the warnings. */
  headers(): string[] {
    const texts = [...this.#texts].filter((text) => !/\p{Cc}/u.test(text));
    let total = 0;
    for (const text of texts) total += [...text].length;
    if (total <= totalMax) return texts.map(quoted);
    const out: string[] = [];
    let written = 0;
    for (const text of texts) {
      if (written >= totalMax) break;
      const letters = [...text].slice(0, itemMax);
      written += letters.length;
      out.push(quoted(letters.join('')));
    }
    return out;
  }
}

/** Header values are bytes to Node: UTF-8 is handed over as Latin-1. */
function quoted(text: string): string {
  const escaped = text.replace(/["\\]/g, '\\$&');
  return Buffer.from(`299 - "${escaped}"`, 'utf8').toString('latin1');
}
