/** The grammar of label selectors in requests, token by token as Kubernetes reads it. */

import type { LabelRequirement } from './label-requirement.ts';
import { checkRequirement } from './label-requirement.ts';
import { labelKeyProblems } from './label-syntax.ts';
import { quoteGo } from './quote.ts';
import { ApiError, badRequest } from './status.ts';

type TokenType = 'end' | 'identifier' | 'in' | 'notin' | '(' | ')' | ',' | '!' | Comparison;
type Comparison = '=' | '==' | '!=' | '>' | '<';

interface Token {
  readonly type: TokenType;
  readonly text: string;
}

const special: ReadonlySet<string> = new Set(['=', '!', '(', ')', ',', '>', '<']);
const symbols: ReadonlySet<string> = new Set(['==', '!=']);
const blank = /[ \t\r\n]/;
const operators = 'in, notin, =, ==, !=, gt, lt';

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  for (;;) {
    while (at < text.length && blank.test(text[at]!)) at++;
    // A NUL ends the text, as in the original.
    if (at >= text.length || text[at] === '\0') {
      tokens.push({ type: 'end', text: '' });
      return tokens;
    }
    const token = special.has(text[at]!) ? symbolAt(text, at) : wordAt(text, at);
    tokens.push(token.token);
    at = token.end;
  }
}

/** The longest symbol at `start`, where a special character stands. */
function symbolAt(text: string, start: number): { token: Token; end: number } {
  const two = text.slice(start, start + 2);
  const symbol = symbols.has(two) ? two : text[start]!;
  return { token: { type: symbol as TokenType, text: symbol }, end: start + symbol.length };
}

function wordAt(text: string, start: number): { token: Token; end: number } {
  let end = start;
  while (end < text.length && !special.has(text[end]!) && !blank.test(text[end]!)) {
    if (text[end] === '\0') break;
    end++;
  }
  const word = text.slice(start, end);
  const type = word === 'in' || word === 'notin' ? word : 'identifier';
  return { token: { type, text: word }, end };
}

export class LabelSelectorParser {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(text: string) {
    this.#tokens = tokenize(text);
  }

  /** @throws ApiError (400) in kube-apiserver's words */
  parse(): LabelRequirement[] {
    const requirements: LabelRequirement[] = [];
    for (;;) {
      const { type, text } = this.#peek();
      if (type === 'end') return requirements;
      if (type !== 'identifier' && type !== '!')
        throw badRequest(`found '${text}', expected: !, identifier, or 'end of string'`);
      requirements.push(this.#requirementOrRefusal());
      const next = this.#take();
      if (next.type === 'end') return requirements;
      if (next.type !== ',')
        throw badRequest(`found '${next.text}', expected: ',' or 'end of string'`);
      const after = this.#peek();
      if (after.type !== 'identifier' && after.type !== '!')
        throw badRequest(`found '${after.text}', expected: identifier after ','`);
    }
  }

  #requirementOrRefusal(): LabelRequirement {
    try {
      return this.#requirement();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      throw badRequest(`unable to parse requirement: ${error.message}`);
    }
  }

  #requirement(): LabelRequirement {
    const negated = this.#peek().type === '!';
    if (negated) this.#take();
    const { type, text: key } = this.#take();
    if (type !== 'identifier') throw badRequest(`found '${key}', expected: identifier`);
    const problems = labelKeyProblems(key);
    if (problems.length > 0)
      throw badRequest(`<nil>: Invalid value: ${quoteGo(key)}: ${problems.join('; ')}`);
    const next = this.#peek().type;
    if (negated || next === 'end' || next === ',')
      return checkRequirement({ key, operator: negated ? 'DoesNotExist' : 'Exists', values: [] });
    return this.#comparison(key);
  }

  #comparison(key: string): LabelRequirement {
    const { type, text } = this.#take(false);
    switch (type) {
      case 'in':
        return checkRequirement({ key, operator: 'In', values: this.#valueSet() });
      case 'notin':
        return checkRequirement({ key, operator: 'NotIn', values: this.#valueSet() });
      case '=':
      case '==':
        return checkRequirement({ key, operator: 'In', values: [this.#value()] });
      case '!=':
        return checkRequirement({ key, operator: 'NotIn', values: [this.#value()] });
      case '>':
        return checkRequirement({ key, operator: 'Gt', values: [this.#value()] });
      case '<':
        return checkRequirement({ key, operator: 'Lt', values: [this.#value()] });
      default:
        throw badRequest(`found '${text}', expected: ${operators}`);
    }
  }

  #value(): string {
    const { type } = this.#peek();
    if (type === 'end' || type === ',') return '';
    const token = this.#take();
    if (token.type !== 'identifier')
      throw badRequest(`found '${token.text}', expected: identifier`);
    return token.text;
  }

  #valueSet(): string[] {
    const open = this.#take();
    if (open.type !== '(') throw badRequest(`found '${open.text}' expected: '('`);
    const first = this.#peek();
    if (first.type === ')') {
      this.#take();
      return [''];
    }
    if (first.type !== 'identifier' && first.type !== ',')
      throw badRequest(`found '${first.text}', expected: ',', ')' or identifier`);
    const values = this.#values();
    const close = this.#take();
    if (close.type !== ')') throw badRequest(`found '${first.text}', expected: ')'`);
    return [...values].sort();
  }

  #values(): Set<string> {
    const values = new Set<string>();
    for (;;) {
      const { type, text } = this.#take();
      const next = this.#peek();
      if (type === 'identifier') {
        values.add(text);
        if (next.type === ')') return values;
        if (next.type !== ',') throw badRequest(`found '${next.text}', expected: ',' or ')'`);
      } else if (type === ',') {
        if (values.size === 0) values.add('');
        if (next.type === ')' || next.type === ',') values.add('');
        if (next.type === ')') return values;
      } else throw badRequest(`found '${text}', expected: ',', or identifier`);
    }
  }

  /** The next token; where a key or value may stand, `in` and `notin` are ordinary words. */
  #peek(valuesContext = true): Token {
    const token = this.#tokens[Math.min(this.#at, this.#tokens.length - 1)]!;
    const word = token.type === 'in' || token.type === 'notin';
    return word && valuesContext ? { type: 'identifier', text: token.text } : token;
  }

  #take(valuesContext = true): Token {
    const token = this.#peek(valuesContext);
    this.#at++;
    return token;
  }
}
