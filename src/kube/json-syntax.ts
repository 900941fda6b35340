/** Walks over JSON text: exact reading in Go's words, and the fields that are named twice. */
import { isObject, type Json, type JsonObject } from './object.ts';
import { quoteGo } from './quote.ts';

const quote = 0x22;
const backslash = 0x5c;
const space = /[ \t\r\n]*/y;
const number = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?/y;
/** A string's characters up to an escape, the closing quote or what may not stand in it. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what ends the run
const unescaped = /[^"\\\u0000-\u001f]*/y;
/** As Go's decoder: no more strict problems than these are remembered. */
const maxProblems = 100;
const minInt64 = -(2n ** 63n);
const maxInt64 = 2n ** 63n - 1n;

/** The later value; of two objects the fields of both, as long as they are no lists. */
function joined(before: Json, after: Json): Json {
  if (!isObject(before) || !isObject(after)) return after;
  const out = { ...before };
  for (const key of Object.keys(after)) {
    const value = Object.hasOwn(out, key) ? joined(out[key]!, after[key]!) : after[key]!;
    if (key === '__proto__') define(out, key, value);
    else out[key] = value;
  }
  return out;
}

/** The text is no JSON; the message is that of Go's decoder. */
export class JsonSyntaxError extends Error {
  override readonly name = 'JsonSyntaxError';
}

const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

/**
 * Reads JSON character by character: exact where JSON.parse is not (64-bit integers), and in Go's
 * words where it fails. Some ten times slower than JSON.parse.
 */
export class JsonReader {
  readonly #text: string;
  readonly #maxDepth: number;
  readonly #joins: boolean;
  #at = 0;
  #depth = 0;

  constructor(text: string, maxDepth: number, { joinDuplicates = false } = {}) {
    this.#text = text;
    this.#maxDepth = maxDepth;
    this.#joins = joinDuplicates;
  }

  /** @throws JsonSyntaxError */
  read(): Json {
    const value = this.#value();
    this.#skipSpace();
    if (this.#at < this.#text.length) this.#fail('after top-level value');
    return value;
  }

  #value(): Json {
    this.#skipSpace();
    const char = this.#text[this.#at];
    if (char === '{') return this.#object();
    if (char === '[') return this.#array();
    if (char === '"') return this.#string();
    if (char === 't') return this.#literal('true', true);
    if (char === 'f') return this.#literal('false', false);
    if (char === 'n') return this.#literal('null', null);
    if (char !== undefined && /[-0-9]/.test(char)) return this.#number();
    return this.#fail('looking for beginning of value');
  }

  #object(): JsonObject {
    this.#enter();
    const object: JsonObject = {};
    this.#skipSpace();
    if (this.#leave('}')) return object;
    for (;;) {
      this.#skipSpace();
      if (this.#text[this.#at] !== '"') this.#fail('looking for beginning of object key string');
      const key = this.#string();
      this.#skipSpace();
      if (!this.#taken(':')) this.#fail('after object key');
      let value = this.#value();
      if (this.#joins && Object.hasOwn(object, key)) value = joined(object[key]!, value);
      if (key === '__proto__') define(object, key, value);
      else object[key] = value;
      this.#skipSpace();
      if (this.#leave('}')) return object;
      if (!this.#taken(',')) this.#fail('after object key:value pair');
    }
  }

  #array(): Json[] {
    this.#enter();
    const list: Json[] = [];
    this.#skipSpace();
    if (this.#leave(']')) return list;
    for (;;) {
      list.push(this.#value());
      this.#skipSpace();
      if (this.#leave(']')) return list;
      if (!this.#taken(',')) this.#fail('after array element');
    }
  }

  #enter(): void {
    if (++this.#depth > this.#maxDepth) this.#fail('exceeded max depth');
    this.#at++;
  }

  #leave(bracket: string): boolean {
    if (!this.#taken(bracket)) return false;
    this.#depth--;
    return true;
  }

  #number(): number | bigint {
    number.lastIndex = this.#at;
    const source = number.exec(this.#text)?.[0];
    if (source === undefined) {
      this.#at++;
      return this.#fail('in numeric literal', ' ');
    }
    this.#at += source.length;
    const next = this.#text[this.#at];
    if (next === '.' && !/[.eE]/.test(source)) {
      this.#at++;
      this.#fail('after decimal point in numeric literal', ' ');
    }
    if ((next === 'e' || next === 'E') && !/[eE]/.test(source)) {
      const signed = /[-+]/.test(this.#text[this.#at + 1] ?? '');
      this.#at += signed ? 2 : 1;
      this.#fail('in exponent of numeric literal', ' ');
    }
    return numberOf(source);
  }

  #literal<T>(word: string, value: T): T {
    for (let i = 1; i < word.length; i++) {
      this.#at++;
      if (this.#text[this.#at] !== word[i])
        this.#fail(`in literal ${word} (expecting '${word[i]}')`, ' ');
    }
    this.#at++;
    return value;
  }

  #string(): string {
    this.#at++;
    let out = '';
    for (;;) {
      unescaped.lastIndex = this.#at;
      const run = unescaped.exec(this.#text)![0];
      out += run;
      this.#at += run.length;
      if (this.#taken('"')) return out;
      if (!this.#taken('\\')) this.#fail('in string literal');
      const char = this.#text[this.#at] ?? '';
      if (char === 'u') out += this.#hex();
      else if (Object.hasOwn(escapes, char)) {
        out += escapes[char];
        this.#at++;
      } else this.#fail('in string escape code', ' ');
    }
  }

  #hex(): string {
    const start = this.#at + 1;
    for (let i = 0; i < 4; i++) {
      this.#at++;
      if (!/[0-9a-fA-F]/.test(this.#text[this.#at] ?? ''))
        this.#fail('in \\u hexadecimal character escape', ' ');
    }
    this.#at++;
    return String.fromCharCode(Number.parseInt(this.#text.slice(start, this.#at), 16));
  }

  #taken(char: string): boolean {
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  #skipSpace(): void {
    space.lastIndex = this.#at;
    this.#at += space.exec(this.#text)![0].length;
  }

  /** `atEnd`: what Go's decoder believes to see where the text ends within a token. */
  #fail(context: string, atEnd?: string): never {
    const char = this.#text[this.#at] ?? atEnd;
    if (char === undefined) throw new JsonSyntaxError('unexpected end of JSON input');
    throw new JsonSyntaxError(`invalid character ${quoteChar(char)} ${context}`);
  }
}

/** A JSON number: a bigint where a double would not be exact and 64 bits are enough, as in Go. */
function numberOf(source: string): number | bigint {
  const value = Number(source);
  if (Number.isSafeInteger(value)) return value;
  if (!Number.isFinite(value))
    throw new JsonSyntaxError(
      `json: cannot unmarshal number ${source} into Go value of type float64`,
    );
  if (!/^-?\d+$/.test(source)) return value;
  const exact = BigInt(source);
  return exact < minInt64 || exact > maxInt64 ? value : exact;
}

function define(object: JsonObject, key: string, value: Json): void {
  Object.defineProperty(object, key, {
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  });
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
 * `duplicate field "spec.replicas"` for every field that valid JSON text names twice, in document
 * order, each path once.
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
