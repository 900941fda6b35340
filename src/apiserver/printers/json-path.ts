/** The JSONPath of additionalPrinterColumns: fields, indexes, wildcards and equality filters. */
import { isObject, type Json } from '../../kube/object.ts';

type Step =
  | { readonly field: string }
  | { readonly index: number }
  | { readonly all: true }
  | { readonly filter: readonly Step[]; readonly operator: string; readonly value: Json };

/** A parsed path: all the values it finds, in document order. */
export type JsonPath = (value: unknown) => Json[];

/** Longer paths and deeper filters are nobody's columns. */
const lengthMax = 1024;

const fieldStep = /^\.((?:\\.|[^.[\]\\'"])+)/;
const quotedStep = /^\[(?:'((?:\\.|[^'\\])*)'|"((?:\\.|[^"\\])*)")\]/;
const indexStep = /^\[(-?\d{1,9})\]/;
const allStep = /^(?:\[\*\]|\.\*)/;
const filterStep =
  /^\[\?\(\s*@((?:\.(?:\\.|[^.[\]\\'"=!<>\s)])+)+)\s*(?:(==|!=)\s*("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[^\s)"']+))?\s*\)\]/;

/**
 * Parses `.spec.replicas`, `.status.conditions[?(@.type=="Ready")].status` …; undefined when it is
 * no such path.
 */
export function parseJsonPath(path: string): JsonPath | undefined {
  if (path.length > lengthMax) return undefined;
  const steps = parseSteps(path.startsWith('$') ? path.slice(1) : path);
  return steps === undefined ? undefined : (value) => walk([value as Json], steps);
}

function parseSteps(path: string): Step[] | undefined {
  const steps: Step[] = [];
  let rest = path;
  while (rest !== '') {
    const found = parseStep(rest);
    if (found === undefined) return undefined;
    steps.push(found.step);
    rest = rest.slice(found.length);
  }
  return steps;
}

function parseStep(rest: string): { step: Step; length: number } | undefined {
  let match = allStep.exec(rest);
  if (match) return { step: { all: true }, length: match[0].length };
  match = fieldStep.exec(rest);
  if (match) return { step: { field: unescaped(match[1]!) }, length: match[0].length };
  match = quotedStep.exec(rest);
  if (match) return { step: { field: unescaped(match[1] ?? match[2]!) }, length: match[0].length };
  match = indexStep.exec(rest);
  if (match) return { step: { index: Number(match[1]) }, length: match[0].length };
  match = filterStep.exec(rest);
  if (!match) return undefined;
  const filter = parseSteps(match[1]!);
  const value = literal(match[3]);
  if (filter === undefined || value === undefined) return undefined;
  return { step: { filter, operator: match[2] ?? 'exists', value }, length: match[0].length };
}

function unescaped(text: string): string {
  return text.replace(/\\(.)/g, '$1');
}

function literal(text: string | undefined): Json | undefined {
  if (text === undefined) return null;
  if (text.startsWith('"') || text.startsWith("'")) return unescaped(text.slice(1, -1));
  if (text === 'true' || text === 'false') return text === 'true';
  const number = Number(text);
  return Number.isNaN(number) ? undefined : number;
}

function walk(values: readonly Json[], steps: readonly Step[]): Json[] {
  let current = [...values];
  for (const step of steps) current = current.flatMap((value) => take(value, step));
  return current;
}

function take(value: Json, step: Step): Json[] {
  if ('field' in step) {
    if (!isObject(value) || !Object.hasOwn(value, step.field)) return [];
    return [value[step.field]!];
  }
  const entries = Array.isArray(value) ? value : isObject(value) ? Object.values(value) : [];
  if ('all' in step) return entries;
  if ('index' in step) {
    const at = Array.isArray(value) ? value.at(step.index) : undefined;
    return at === undefined ? [] : [at];
  }
  return entries.filter((entry) => {
    const found = walk([entry], step.filter);
    if (step.operator === 'exists') return found.length > 0;
    const equal = found.some((each) => each === step.value);
    return step.operator === '==' ? equal : found.length > 0 && !equal;
  });
}
