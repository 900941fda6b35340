/** Patterns in Go's syntax (RE2) for JavaScript's engine, which goes on linearly where it must. */
import { EvaluationError } from './values.ts';

const classes: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  ascii: '\\x00-\\x7F',
  blank: '\\t ',
  cntrl: '\\x00-\\x1F\\x7F',
  digit: '0-9',
  graph: '!-~',
  lower: 'a-z',
  print: ' -~',
  punct: '!-\\/:-@\\[-`{-~',
  space: '\\t\\n\\v\\f\\r ',
  upper: 'A-Z',
  word: '0-9A-Za-z_',
  xdigit: '0-9A-Fa-f',
};

const compiled = new Map<string, RegExp>();
const mostCompiled = 1000;

/** @throws EvaluationError for what is no pattern to Go */
export function regexp(pattern: string): RegExp {
  const known = compiled.get(pattern);
  if (known !== undefined) return known;
  const made = compile(pattern);
  if (made === undefined)
    throw new EvaluationError(`error parsing regexp: ${pattern.slice(0, 200)}`);
  if (compiled.size >= mostCompiled) compiled.clear();
  compiled.set(pattern, made);
  return made;
}

/** Undefined for what Go would not take, and for what JavaScript has no word for. */
export function compile(pattern: string): RegExp | undefined {
  // Backreferences, lookaround: no part of RE2.
  if (/(^|[^\\])(\\\\)*(\\[1-9]|\(\?(=|!|<=|<!))/.test(pattern)) return undefined;
  let flags = 'u';
  let body = pattern;
  const head = /^\(\?([imsU]+)\)/.exec(body);
  if (head !== null) {
    if (head[1]!.includes('U')) return undefined;
    flags += head[1];
    body = body.slice(head[0].length);
  }
  try {
    return new RegExp(translate(body), flags);
  } catch {
    return undefined;
  }
}

/** What may stand behind a backslash under the u flag; other signs lose theirs. */
const kept = /[dDwWsSbBnrtvfpPxu0-7^$\\.*+?()[\]{}|/-]/;

function translate(pattern: string): string {
  let out = '';
  let inClass = false;
  for (let at = 0; at < pattern.length; at++) {
    const sign = pattern[at]!;
    if (sign === '\\') {
      const [text, length] = escaped(pattern, at, inClass);
      out += text;
      at += length - 1;
    } else if (inClass) {
      const named = /^\[:(\^?)([a-z]+):\]/.exec(pattern.slice(at, at + 12));
      if (named !== null && named[1] === '' && Object.hasOwn(classes, named[2]!)) {
        out += classes[named[2]!];
        at += named[0].length - 1;
      } else if (sign === '[') out += '\\[';
      else {
        out += sign;
        if (sign === ']') inClass = false;
      }
    } else if (sign === '[') {
      inClass = true;
      const start = /^\[(\^?)(\]?)/.exec(pattern.slice(at))!;
      out += `[${start[1]}${start[2] === ']' ? '\\]' : ''}`;
      at += start[0].length - 1;
    } else if (pattern.startsWith('(?P<', at)) {
      out += '(?<';
      at += 3;
    } else if (sign === '{' && !/^\{\d+(,\d*)?\}/.test(pattern.slice(at))) out += '\\{';
    else if (sign === '}' && !/\{\d+(,\d*)?$/.test(out)) out += '\\}';
    else if (sign === ']') out += '\\]';
    else out += sign;
  }
  return out;
}

function escaped(pattern: string, at: number, inClass: boolean): [string, number] {
  const next = pattern[at + 1] ?? '';
  if (next === 'A' && !inClass) return ['(?<![\\s\\S])', 2];
  if (next === 'z' && !inClass) return ['(?![\\s\\S])', 2];
  if (next === 'a') return ['\\x07', 2];
  if (next === 'Q') {
    const end = pattern.indexOf('\\E', at);
    const text = pattern.slice(at + 2, end < 0 ? undefined : end);
    return [text.replace(/[\^$\\.*+?()[\]{}|/]/g, '\\$&'), text.length + (end < 0 ? 2 : 4)];
  }
  const wide = /^\\x\{([0-9a-fA-F]+)\}/.exec(pattern.slice(at, at + 14));
  if (wide !== null) return [`\\u{${wide[1]}}`, wide[0].length];
  const property = /^\\([pP])([A-Z])/.exec(pattern.slice(at, at + 3));
  if (property !== null) return [`\\${property[1]}{${property[2]}}`, 3];
  const script = /^\\([pP])\{(\^?)([A-Za-z_]+)\}/.exec(pattern.slice(at, at + 40));
  if (script !== null) {
    const letter = script[2] === '^' ? (script[1] === 'p' ? 'P' : 'p') : script[1]!;
    const name = script[3]!.length > 2 ? `Script=${script[3]}` : script[3]!;
    return [`\\${letter}{${name}}`, script[0].length];
  }
  if (kept.test(next) && !(next === '-' && !inClass)) return [`\\${next}`, 2];
  return [next, 2];
}
