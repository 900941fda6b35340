/**
 * What a user typed and saw, with what differs from run to run taken out: kept as a golden file.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { KubectlResult } from '../../testbed/kubectl.ts';

export class Transcript {
  #text = '';

  /** A heading: the story that follows. */
  story(title: string): void {
    this.#text += `${this.#text === '' ? '' : '\n'}# ${title}\n`;
  }

  typed(line: string): void {
    this.#text += `$ ${normal(line)}\n`;
  }

  seen(output: string): void {
    const text = normal(output);
    if (text !== '') this.#text += `${text}\n`;
  }

  /** One command of kubectl with its outcome. */
  kubectl(args: readonly string[], result: KubectlResult): void {
    this.typed(`kubectl ${args.map(quoted).join(' ')}`);
    this.seen(result.stdout);
    this.seen(result.stderr);
  }

  /** Holds the transcript against its golden file; UPDATE_GOLDEN=1 writes it. */
  compare(path: URL): void {
    if (process.env['UPDATE_GOLDEN'] === '1' || !existsSync(path)) writeFileSync(path, this.#text);
    const why = 'rewrite it with UPDATE_GOLDEN=1 only if you understand the difference';
    assert.equal(
      this.#text,
      readFileSync(path, 'utf8'),
      `the transcript differs from ${path}: ${why}`,
    );
  }
}

function quoted(word: string): string {
  return /^[\w@%+=:,./{}[\]-]+$/.test(word) ? word : `'${word}'`;
}

const patterns: readonly (readonly [RegExp, string])[] = [
  [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<uid>'],
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, '<time>'],
  [/127\.0\.0\.1:\d+/g, '<address>'],
  [/\/\S+\/([\w.-]+\.yaml)/g, '$1'],
  [/(?<=\s)\d+(ms|s|m|h|d)(\d+(s|m|h))?(?=\s|$)/gm, '<age>'],
  [/[ \t]+$/gm, ''],
  [/ {2,}/g, '   '],
];

function normal(output: string): string {
  let text = output.trim();
  for (const [pattern, replacement] of patterns) text = text.replace(pattern, replacement);
  return text;
}
