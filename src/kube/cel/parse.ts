/** Tokens to a tree; macros are written out on the way. */
import type { Entry, Expr, ListExpr, StructExpr } from './ast.ts';
import { dottedName } from './ast.ts';
import { type Token, tokensOf, unquote, unquoteBytes } from './lex.ts';
import { expandMacro, MacroError } from './macros.ts';
import type { Problem } from './problem.ts';
import { int64 } from './time.ts';
import { Uint, type Value } from './values.ts';

/** Longer and deeper expressions are refused, as cel-go does. */
const longest = 100_000;
const deepest = 250;

const operandStart = "'[', '{', '(', '.', '-', '!'";
const literals = "'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER";
const reserved = new Set(
  (
    'as break const continue else false for function if import in let loop package namespace null ' +
    'return true var void while'
  ).split(' '),
);

const constants = new Map<string, boolean | null>([
  ['true', true],
  ['false', false],
  ['null', null],
]);
const relations = new Set(['==', '!=', '<', '<=', '>', '>=', 'in']);
const sums = new Set(['+', '-']);
const products = new Set(['*', '/', '%']);

export interface Parsed {
  /** Undefined when there are problems. */
  readonly expr: Expr | undefined;
  readonly problems: readonly Problem[];
}

class SyntaxProblem extends Error {
  override readonly name = 'SyntaxProblem';
}

export function parse(text: string): Parsed {
  const size = text.length > longest ? [...text].length : text.length;
  if (size > longest) {
    const message = `expression code point size exceeds limit: size: ${size}, limit ${longest}`;
    return { expr: undefined, problems: [{ at: 0, message }] };
  }
  const { tokens, problems } = tokensOf(text);
  const parser = new Parser(tokens, problems);
  let expr: Expr | undefined;
  try {
    expr = parser.whole();
  } catch (error) {
    if (!(error instanceof SyntaxProblem)) throw error;
  }
  return { expr: problems.length === 0 ? expr : undefined, problems };
}

class Parser {
  readonly #tokens: readonly Token[];
  readonly #problems: Problem[];
  #next = 0;
  #depth = 0;

  constructor(tokens: readonly Token[], problems: Problem[]) {
    this.#tokens = tokens;
    this.#problems = problems;
  }

  whole(): Expr {
    const expr = this.#expr();
    if (this.#token.kind !== 'end') {
      const last = this.#tokens[this.#next + 1]?.kind === 'end';
      this.#fail(
        `${last ? 'extraneous' : 'mismatched'} input '${this.#token.text}' expecting <EOF>`,
      );
    }
    return expr;
  }

  get #token(): Token {
    return this.#tokens[this.#next]!;
  }

  #fail(message: string): never {
    this.#report(this.#token.at, `Syntax error: ${message}`);
    throw new SyntaxProblem(message);
  }

  #report(at: number, message: string): void {
    this.#problems.push({ at, message });
  }

  #is(sign: string): boolean {
    return this.#token.text === sign && (this.#token.kind === 'sign' || sign === 'in');
  }

  #take(sign: string): Token | undefined {
    if (!this.#is(sign)) return undefined;
    return this.#tokens[this.#next++];
  }

  /** `expected`: what messages name when more than the sign itself could stand here. */
  #expect(sign: string, expected = `'${sign}'`): Token {
    const token = this.#take(sign);
    if (token !== undefined) return token;
    if (this.#token.kind === 'end' && sign === ')') this.#fail("missing ')' at '<EOF>'");
    return this.#fail(`mismatched input '${this.#token.text}' expecting ${expected}`);
  }

  #expr(): Expr {
    if (++this.#depth > deepest) {
      this.#report(0, `expression recursion limit exceeded: ${deepest}`);
      throw new SyntaxProblem('too deep');
    }
    const condition = this.#binary(0);
    const question = this.#take('?');
    let expr = condition;
    if (question !== undefined) {
      const yes = this.#binary(0);
      this.#expect(':');
      expr = call('_?_:_', question.at, [condition, yes, this.#expr()]);
    }
    this.#depth--;
    return expr;
  }

  /** Operators of one level bind to the left: ||, &&, relations, sums, products. */
  #binary(level: number): Expr {
    if (level === levels.length) return this.#unary();
    let left = this.#binary(level + 1);
    const operators = levels[level]!;
    for (;;) {
      const token = this.#token;
      if ((token.kind !== 'sign' && token.text !== 'in') || !operators.has(token.text)) return left;
      this.#next++;
      const right = this.#binary(level + 1);
      const name = token.text === 'in' ? '@in' : `_${token.text}_`;
      left = call(name, token.at, [left, right]);
    }
  }

  #unary(): Expr {
    const sign = this.#token;
    const operator = sign.kind === 'sign' && (sign.text === '!' || sign.text === '-');
    if (!operator) return this.#member();
    let count = 0;
    while (this.#take(sign.text) !== undefined) count++;
    const number = this.#token;
    if (sign.text === '-' && count === 1 && (number.kind === 'int' || number.kind === 'float')) {
      this.#next++;
      return this.#suffixes({
        kind: 'literal',
        at: sign.at,
        value: this.#number(number, sign, true),
      });
    }
    if (++this.#depth > deepest) this.#fail(`expression recursion limit exceeded: ${deepest}`);
    const operand = this.#member();
    this.#depth--;
    return count % 2 === 0 ? operand : call(`${sign.text}_`, sign.at, [operand]);
  }

  #member(): Expr {
    return this.#suffixes(this.#primary());
  }

  #suffixes(start: Expr): Expr {
    let expr = start;
    for (;;) {
      const dot = this.#take('.');
      if (dot !== undefined) {
        expr = this.#selection(expr, dot);
        continue;
      }
      const bracket = this.#take('[');
      if (bracket !== undefined) {
        const name = this.#take('?') === undefined ? '_[_]' : '_[?_]';
        const index = this.#operandExpr(`'[', '{', '(', '.', '-', '!', '?', ${literals}`);
        expr = call(name, bracket.at, [expr, index]);
        this.#expect(']');
        continue;
      }
      const name = this.#is('{') ? dottedName(expr) : undefined;
      if (name === undefined) return expr;
      expr = this.#struct(name);
    }
  }

  #selection(operand: Expr, dot: Token): Expr {
    const optional = this.#take('?') !== undefined;
    const field = this.#token;
    const keyword = ['in', 'true', 'false', 'null'].includes(field.text);
    if (keyword || (field.kind !== 'ident' && field.kind !== 'escaped'))
      this.#fail(`no viable alternative at input '.${field.kind === 'end' ? '' : field.text}'`);
    this.#next++;
    const name = field.kind === 'escaped' ? field.text.slice(1, -1) : field.text;
    if (field.kind === 'escaped') this.#report(field.at, "unsupported syntax: '`'");
    if (optional) {
      const literal: Expr = { kind: 'literal', at: field.at, value: name };
      return call('_?._', dot.at, [operand, literal]);
    }
    const open = this.#take('(');
    if (open !== undefined) return this.#called(name, open, operand);
    return { kind: 'select', at: dot.at, operand, field: name, test: false };
  }

  #called(name: string, open: Token, target: Expr | undefined): Expr {
    const args: Expr[] = [];
    if (this.#take(')') === undefined) {
      args.push(this.#operandExpr(`'[', '{', '(', ')', '.', '-', '!', ${literals}`));
      while (this.#take(',') !== undefined) args.push(this.#expr());
      this.#expect(')');
    }
    try {
      const expanded = expandMacro(name, open.at, target, args);
      return expanded ?? { kind: 'call', at: open.at, name, target, args };
    } catch (error) {
      if (!(error instanceof MacroError)) throw error;
      this.#report(error.at, error.message);
      return { kind: 'literal', at: open.at, value: null };
    }
  }

  #struct(name: string): StructExpr {
    const open = this.#expect('{');
    const fields: StructExpr['fields'][number][] = [];
    while (!this.#is('}')) {
      const optional = this.#take('?') !== undefined;
      const field = this.#token;
      if (field.kind !== 'ident')
        this.#fail(`extraneous input '${field.text}' expecting IDENTIFIER`);
      this.#next++;
      const colon = this.#expect(':');
      fields.push({ name: field.text, at: colon.at, value: this.#expr(), optional });
      if (this.#take(',') === undefined) break;
    }
    this.#expect('}');
    return { kind: 'struct', at: open.at, name, fields };
  }

  /** An expression whose start may also be something else, as messages tell. */
  #operandExpr(expected: string): Expr {
    const { kind, text } = this.#token;
    if (kind === 'end' || text === ']')
      this.#fail(`mismatched input '${text}' expecting {${expected}}`);
    return this.#expr();
  }

  #primary(): Expr {
    const token = this.#token;
    switch (token.kind) {
      case 'sign':
        return this.#signed(token);
      case 'ident':
        return this.#ident(token);
      case 'end':
      case 'escaped':
        return this.#unexpected();
      default:
        this.#next++;
        return { kind: 'literal', at: token.at, value: this.#literal(token) };
    }
  }

  #unexpected(): Expr {
    const token = this.#token;
    const follows = this.#tokens[this.#next + 1];
    const skippable =
      follows !== undefined &&
      (['ident', 'int', 'uint', 'float', 'string', 'bytes'].includes(follows.kind) ||
        (follows.kind === 'sign' && ['[', '{', '(', '.', '-', '!'].includes(follows.text)));
    const verb = skippable && token.kind !== 'end' ? 'extraneous' : 'mismatched';
    const message = `${verb} input '${token.text}' expecting {${operandStart}, ${literals}}`;
    if (verb === 'mismatched') this.#fail(message);
    this.#report(token.at, `Syntax error: ${message}`);
    this.#next++;
    return this.#unary();
  }

  #signed(token: Token): Expr {
    if (this.#take('(') !== undefined) {
      const inner = this.#expr();
      this.#expect(')');
      return inner;
    }
    if (this.#is('[')) return this.#list();
    if (this.#is('{')) return this.#map();
    if (token.text === '.' && this.#tokens[this.#next + 1]?.kind === 'ident') {
      this.#next++;
      return this.#ident(this.#token);
    }
    return this.#unexpected();
  }

  #ident(token: Token): Expr {
    if (token.text === 'in') return this.#unexpected();
    this.#next++;
    const constant = constants.get(token.text);
    if (constant !== undefined) return { kind: 'literal', at: token.at, value: constant };
    if (reserved.has(token.text)) this.#report(token.at, `reserved identifier: ${token.text}`);
    const open = this.#take('(');
    if (open !== undefined) return this.#called(token.text, open, undefined);
    return { kind: 'ident', at: token.at, name: token.text };
  }

  #list(): ListExpr {
    const open = this.#expect('[');
    const items: ListExpr['items'][number][] = [];
    while (!this.#is(']')) {
      const optional = this.#take('?') !== undefined;
      items.push({ value: this.#expr(), optional });
      if (this.#take(',') === undefined) break;
    }
    this.#expect(']', "{']', ','}");
    return { kind: 'list', at: open.at, items };
  }

  #map(): Expr {
    const open = this.#expect('{');
    const entries: Entry[] = [];
    while (!this.#is('}')) {
      const optional = this.#take('?') !== undefined;
      const key = this.#expr();
      this.#expect(':');
      entries.push({ key, value: this.#expr(), optional });
      if (this.#take(',') === undefined) break;
    }
    this.#expect('}', "{'}', ','}");
    return { kind: 'map', at: open.at, entries };
  }

  #literal(token: Token): Value {
    if (token.kind === 'bytes') return unquoteBytes(token.text);
    if (token.kind !== 'string') return this.#number(token, token, false);
    const text = unquote(token.text);
    if (text === undefined) this.#report(token.at, 'invalid string literal');
    return text ?? '';
  }

  #number(token: Token, start: Token, negative: boolean): Value {
    const sign = negative ? -1n : 1n;
    if (token.kind === 'float') return Number(token.text) * Number(sign);
    const digits = token.kind === 'uint' ? token.text.slice(0, -1) : token.text;
    const value = BigInt(digits) * sign;
    const [min, max] = token.kind === 'uint' ? [0n, 2n ** 64n - 1n] : [int64.min, int64.max];
    if (value < min || value > max) this.#report(start.at, `invalid ${token.kind} literal`);
    return token.kind === 'uint' ? new Uint(value) : value;
  }
}

const levels: readonly ReadonlySet<string>[] = [
  new Set(['||']),
  new Set(['&&']),
  relations,
  sums,
  products,
];

function call(name: string, at: number, args: readonly Expr[]): Expr {
  return { kind: 'call', at, name, target: undefined, args };
}
