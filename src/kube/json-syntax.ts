/** A walk over JSON text: what Go's decoder says is wrong with it, and which fields it names twice. */
import { quoteGo } from './quote.ts';

const quote = 0x22;
const backslash = 0x5c;
const space = /[ \t\r\n]/;
const number = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?/y;
/** As Go's decoder: no more strict problems than these are remembered. */
const maxProblems = 100;

/** Go's message for text that JSON.parse refused, or undefined when this walk finds nothing wrong. */
export function syntaxProblem(text: string): string | undefined {
  try {
    new Syntax(text).document();
    return undefined;
  } catch (error) {
    if (error instanceof Problem) return error.message;
    throw error;
  }
}

class Problem extends Error {}

class Syntax {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): void {
    const open: ('{' | '[')[] = [];
    this.#value(open);
    while (open.length > 0) this.#afterValue(open);
    this.#skipSpace();
    if (this.#at < this.#text.length) this.#fail('after top-level value');
  }

  /** Reads a scalar or an empty container, or opens a container and stands before its first value. */
  #value(open: ('{' | '[')[]): void {
    for (;;) {
      this.#skipSpace();
      const char = this.#text[this.#at];
      if (char === '{') {
        this.#at++;
        this.#skipSpace();
        if (this.#taken('}')) return;
        open.push('{');
        this.#key();
      } else if (char === '[') {
        this.#at++;
        this.#skipSpace();
        if (this.#taken(']')) return;
        open.push('[');
      } else {
        this.#scalar(char);
        return;
      }
    }
  }

  #afterValue(open: ('{' | '[')[]): void {
    const inObject = open.at(-1) === '{';
    this.#skipSpace();
    const char = this.#text[this.#at];
    if (char === (inObject ? '}' : ']')) {
      open.pop();
      this.#at++;
      return;
    }
    if (char !== ',') this.#fail(inObject ? 'after object key:value pair' : 'after array element');
    this.#at++;
    if (inObject) this.#key();
    this.#value(open);
  }

  #key(): void {
    this.#skipSpace();
    if (this.#text[this.#at] !== '"') this.#fail('looking for beginning of object key string');
    this.#string();
    this.#skipSpace();
    if (this.#text[this.#at] !== ':') this.#fail('after object key');
    this.#at++;
  }

  #scalar(char: string | undefined): void {
    if (char === '"') this.#string();
    else if (char === 't') this.#literal('true');
    else if (char === 'f') this.#literal('false');
    else if (char === 'n') this.#literal('null');
    else if (char !== undefined && /[-0-9]/.test(char)) this.#number();
    else this.#fail('looking for beginning of value');
  }

  #number(): void {
    number.lastIndex = this.#at;
    const match = number.exec(this.#text);
    if (match === null) {
      this.#at++;
      this.#fail('in numeric literal');
    }
    this.#at += match[0].length;
    const next = this.#text[this.#at];
    if (next === '.' && !/[.eE]/.test(match[0])) {
      this.#at++;
      this.#fail('after decimal point in numeric literal');
    }
    if ((next === 'e' || next === 'E') && !/[eE]/.test(match[0])) {
      this.#at += /[-+]/.test(this.#text[this.#at + 1] ?? '') ? 2 : 1;
      this.#fail('in exponent of numeric literal');
    }
  }

  #literal(word: string): void {
    for (let i = 1; i < word.length; i++) {
      this.#at++;
      if (this.#text[this.#at] !== word[i])
        this.#fail(`in literal ${word} (expecting '${word[i]}')`);
    }
    this.#at++;
  }

  #string(): void {
    for (this.#at++; ; this.#at++) {
      const char = this.#text[this.#at];
      if (this.#taken('"')) return;
      if (char === undefined || char < ' ') this.#fail('in string literal');
      if (char !== '\\') continue;
      this.#at++;
      const escaped = this.#text[this.#at] ?? '';
      if (escaped === 'u') this.#hex();
      else if (escaped === '' || !'bfnrt\\/"'.includes(escaped))
        this.#fail('in string escape code');
    }
  }

  #hex(): void {
    for (let i = 0; i < 4; i++) {
      this.#at++;
      if (!/[0-9a-fA-F]/.test(this.#text[this.#at] ?? ''))
        this.#fail('in \\u hexadecimal character escape');
    }
  }

  #taken(char: string): boolean {
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  #skipSpace(): void {
    while (this.#at < this.#text.length && space.test(this.#text[this.#at]!)) this.#at++;
  }

  #fail(context: string): never {
    const char = this.#text[this.#at];
    if (char === undefined) throw new Problem('unexpected end of JSON input');
    throw new Problem(`invalid character ${quoteChar(char)} ${context}`);
  }
}

/** Go names the first byte of a character, read as Latin-1. */
function quoteChar(char: string): string {
  if (char === "'") return "'\\''";
  if (char === '"') return "'\"'";
  const byte = Buffer.from(char, 'utf8')[0]!;
  return `'${quoteGo(String.fromCharCode(byte)).slice(1, -1)}'`;
}

interface Level {
  /** The keys seen so far; undefined in an array. */
  readonly keys: string[] | undefined;
  set: Set<string> | undefined;
  index: number;
}

/**
 * `duplicate field "spec.replicas"` for every field that valid JSON text names twice, in document order,
 * each path once.
 */
export function duplicateFields(text: string): string[] {
  const found = new Set<string>();
  const levels: Level[] = [];
  let level: Level | undefined;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case quote: {
        const end = endOfString(text, at);
        if (level?.keys !== undefined && isKey(text, end)) {
          if (addKey(level, keyText(text, at, end)) && found.size < maxProblems)
            found.add(`duplicate field ${quoteGo(pathOf(levels))}`);
        }
        at = end;
        break;
      }
      case 0x7b:
        level = { keys: [], set: undefined, index: 0 };
        levels.push(level);
        break;
      case 0x5b:
        level = { keys: undefined, set: undefined, index: 0 };
        levels.push(level);
        break;
      case 0x7d:
      case 0x5d:
        levels.pop();
        level = levels.at(-1);
        break;
      case 0x2c:
        if (level !== undefined && level.keys === undefined) level.index++;
        break;
    }
  }
  return [...found];
}

function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (text.charCodeAt(end - 1) === backslash) {
    let slashes = 1;
    while (text.charCodeAt(end - 1 - slashes) === backslash) slashes++;
    if (slashes % 2 === 0) break;
    end = text.indexOf('"', end + 1);
  }
  return end;
}

function isKey(text: string, end: number): boolean {
  let at = end + 1;
  while (text.charCodeAt(at) <= 0x20) at++;
  return text.charCodeAt(at) === 0x3a;
}

function keyText(text: string, start: number, end: number): string {
  const raw = text.slice(start + 1, end);
  return raw.includes('\\') ? (JSON.parse(`"${raw}"`) as string) : raw;
}

/** Notes the key as the level's newest; true when it was there before. */
function addKey(level: Level, key: string): boolean {
  const keys = level.keys!;
  let known: boolean;
  if (level.set !== undefined) known = level.set.has(key);
  else known = keys.includes(key);
  keys.push(key);
  if (level.set !== undefined) level.set.add(key);
  else if (keys.length > 16) level.set = new Set(keys);
  return known;
}

function pathOf(levels: readonly Level[]): string {
  let path = '';
  for (const { keys, index } of levels) {
    if (keys === undefined) path += `[${index}]`;
    else path += path === '' ? keys.at(-1)! : `.${keys.at(-1)!}`;
  }
  return path;
}
