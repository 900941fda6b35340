/** Text to tokens. */
import type { Problem } from './problem.ts';

export type TokenKind =
  | 'ident'
  | 'escaped'
  | 'int'
  | 'uint'
  | 'float'
  | 'string'
  | 'bytes'
  | 'sign'
  | 'end';

export interface Token {
  readonly kind: TokenKind;
  /** As it stands in the text; '<EOF>' at the end. */
  readonly text: string;
  readonly at: number;
}

const space = /(?:[\t \r\n\f]|\/\/[^\n]*)+/y;
const patterns: readonly (readonly [TokenKind, RegExp])[] = [
  ['float', /\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?/y],
  ['uint', /(?:0x[0-9a-fA-F]+|\d+)[uU]/y],
  ['int', /0x[0-9a-fA-F]+|\d+/y],
  ['bytes', /[bB](?=[rR]?["'])/y],
  ['string', /[rR]?["']/y],
  ['ident', /[A-Za-z_][A-Za-z0-9_]*/y],
  ['escaped', /`[A-Za-z0-9_.\-/ ]+`/y],
  ['sign', /==|!=|<=|>=|&&|\|\||[<>[\]{}().,\-!?:+*/%=|&]/y],
];
const signs = new Set('== != <= >= && || < > [ ] { } ( ) . , - ! ? : + * / %'.split(' '));
const escapeSequence =
  /\\(?:[abfnrtv"'\\?`]|[0-3][0-7][0-7]|[xX][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})/y;

/** All tokens, the end one included, and what is none. */
export function tokensOf(text: string): { tokens: Token[]; problems: Problem[] } {
  const tokens: Token[] = [];
  const problems: Problem[] = [];
  let at = 0;
  while (at < text.length) {
    const blank = match(space, text, at);
    if (blank !== '') {
      at += blank.length;
      continue;
    }
    const { token, length } = tokenAt(text, at);
    if (token !== undefined) tokens.push(token);
    else {
      const unknown = text.slice(at, at + length);
      problems.push({ at, message: `Syntax error: token recognition error at: '${unknown}'` });
    }
    at += length;
  }
  tokens.push({ kind: 'end', text: '<EOF>', at: text.length });
  return { tokens, problems };
}

function match(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? '';
}

function tokenAt(text: string, at: number): { token: Token | undefined; length: number } {
  for (const [kind, pattern] of patterns) {
    const found = match(pattern, text, at);
    if (found === '') continue;
    if (kind === 'bytes' || kind === 'string') {
      const { end, closed } = stringEnd(text, kind === 'bytes' ? at + 1 : at);
      const token = closed ? { kind, text: text.slice(at, end), at } : undefined;
      return { token, length: end - at };
    }
    if (kind === 'sign' && !signs.has(found))
      return { token: undefined, length: Math.min(found.length + 1, text.length - at) };
    return { token: { kind, text: found, at }, length: found.length };
  }
  return { token: undefined, length: String.fromCodePoint(text.codePointAt(at)!).length };
}

/** Where the string literal at `at` ends, or how far it can be read. */
function stringEnd(text: string, at: number): { end: number; closed: boolean } {
  const raw = /[rR]/.test(text[at]!);
  let next = raw ? at + 1 : at;
  const quote = text.startsWith(text[next]!.repeat(3), next) ? text[next]!.repeat(3) : text[next]!;
  next += quote.length;
  while (next < text.length) {
    if (text.startsWith(quote, next)) return { end: next + quote.length, closed: true };
    if (quote.length === 1 && (text[next] === '\n' || text[next] === '\r'))
      return { end: next + 1, closed: false };
    if (text[next] === '\\' && !raw) {
      const escaped = match(escapeSequence, text, next);
      if (escaped === '') return { end: Math.min(next + 2, text.length), closed: false };
      next += escaped.length;
    } else next++;
  }
  return { end: next, closed: false };
}

const simple: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

/** The text that a string token stands for; undefined: it holds no Unicode text. */
export function unquote(token: string): string | undefined {
  const { body, raw } = bodyOf(token);
  if (raw) return body;
  let bad = false;
  const text = body.replace(new RegExp(escapeSequence.source, 'g'), (sequence) => {
    const code = codeOf(sequence);
    if (typeof code === 'string') return code;
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) bad = true;
    return bad ? '' : String.fromCodePoint(code);
  });
  return bad ? undefined : text;
}

/** The bytes that a token b"…" stands for: \x and octal escapes are bytes here, not characters. */
export function unquoteBytes(token: string): Buffer {
  const { body, raw } = bodyOf(token.slice(1));
  if (raw) return Buffer.from(body, 'utf8');
  const chunks: Buffer[] = [];
  let from = 0;
  for (const found of body.matchAll(new RegExp(escapeSequence.source, 'g'))) {
    chunks.push(Buffer.from(body.slice(from, found.index), 'utf8'));
    from = found.index + found[0].length;
    const code = codeOf(found[0]);
    if (typeof code === 'string') chunks.push(Buffer.from(code, 'utf8'));
    else if (/^\\[uU]/.test(found[0])) chunks.push(Buffer.from(String.fromCodePoint(code), 'utf8'));
    else chunks.push(Buffer.from([code]));
  }
  chunks.push(Buffer.from(body.slice(from), 'utf8'));
  return Buffer.concat(chunks);
}

function bodyOf(token: string): { body: string; raw: boolean } {
  const raw = /^[rR]/.test(token);
  const quoted = raw ? token.slice(1) : token;
  const triple = quoted.length >= 6 && quoted.startsWith(quoted[0]!.repeat(3));
  const width = triple ? 3 : 1;
  const body = quoted.slice(width, -width);
  return { body: triple ? body.replace(/\r\n?/g, '\n') : body, raw };
}

/** The sign itself, or a code point in numbers. */
function codeOf(sequence: string): string | number {
  const sign = sequence[1]!;
  if (/[xXuU]/.test(sign)) return Number.parseInt(sequence.slice(2), 16);
  if (/[0-3]/.test(sign)) return Number.parseInt(sequence.slice(1), 8);
  return simple[sign] ?? sign;
}
