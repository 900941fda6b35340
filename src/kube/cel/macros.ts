/** Macros: calls that stand for loops and tests, written out when an expression is parsed. */
import type { Expr, FoldExpr } from './ast.ts';

export class MacroError extends Error {
  override readonly name = 'MacroError';
  readonly at: number;

  constructor(at: number, message: string) {
    super(message);
    this.at = at;
  }
}

/** The accumulator of loops; no name that anybody can write. */
export const accumulator = '@result';
const unused = '#unused';

type Macro = (at: number, target: Expr, args: readonly Expr[]) => Expr;

/** By name and number of arguments. */
const macros: Readonly<Record<string, Macro>> = {
  'all/2': (at, range, args) => quantified(at, range, args, true),
  'all/3': (at, range, args) => quantified(at, range, args, true),
  'exists/2': (at, range, args) => quantified(at, range, args, false),
  'exists/3': (at, range, args) => quantified(at, range, args, false),
  'exists_one/2': existsOne,
  'existsOne/2': existsOne,
  'existsOne/3': existsOne,
  'map/2': (at, range, args) => mapped(at, range, args.slice(0, 1), [undefined, args[1]!]),
  'map/3': (at, range, args) => mapped(at, range, args.slice(0, 1), [args[1]!, args[2]!]),
  'filter/2': filtered,
  'transformList/3': (at, range, args) =>
    mapped(at, range, args.slice(0, 2), [undefined, args[2]!]),
  'transformList/4': (at, range, args) => mapped(at, range, args.slice(0, 2), [args[2]!, args[3]!]),
  'transformMap/3': (at, range, args) => transformed(at, range, args, undefined),
  'transformMap/4': (at, range, args) => transformed(at, range, args, args[2]!),
  'transformMapEntry/3': (at, range, args) => transformedEntry(at, range, args, undefined),
  'transformMapEntry/4': (at, range, args) => transformedEntry(at, range, args, args[2]!),
  'optMap/2': (at, target, args) => optionalMap(at, target, args, true),
  'optFlatMap/2': (at, target, args) => optionalMap(at, target, args, false),
  'sortBy/2': sortBy,
};

/** Undefined for a call that is no macro. @throws MacroError */
export function expandMacro(
  name: string,
  at: number,
  target: Expr | undefined,
  args: readonly Expr[],
): Expr | undefined {
  if (target === undefined)
    return name === 'has' && args.length === 1 ? has(at, args[0]!) : undefined;
  const key = `${name}/${args.length}`;
  return Object.hasOwn(macros, key) ? macros[key]!(at, target, args) : undefined;
}

function has(at: number, arg: Expr): Expr {
  if (arg.kind !== 'select' || arg.test)
    throw new MacroError(arg.at, 'invalid argument to has() macro');
  return { ...arg, at, test: true };
}

function variableOf(arg: Expr | undefined): string {
  if (arg?.kind !== 'ident') throw new MacroError(arg?.at ?? 0, 'argument must be a simple name');
  if (arg.name === accumulator || arg.name === '__result__')
    throw new MacroError(arg.at, 'iteration variable overwrites accumulator variable');
  return arg.name;
}

function fold(
  at: number,
  range: Expr,
  variables: readonly Expr[],
  parts: Pick<FoldExpr, 'initial' | 'condition' | 'step' | 'result'>,
): FoldExpr {
  const [variable, second] = variables.map(variableOf);
  if (second !== undefined && second === variable)
    throw new MacroError(variables[1]!.at, `duplicate variable name: ${second}`);
  return { kind: 'fold', at, range, variable: variable!, second, accumulator, ...parts };
}

const call = (at: number, name: string, ...args: Expr[]): Expr => ({
  kind: 'call',
  at,
  name,
  target: undefined,
  args,
});
const literal = (at: number, value: boolean | bigint): Expr => ({ kind: 'literal', at, value });
const accu = (at: number): Expr => ({ kind: 'ident', at, name: accumulator });
const list = (at: number, ...items: Expr[]): Expr => ({
  kind: 'list',
  at,
  items: items.map((value) => ({ value, optional: false })),
});

function quantified(at: number, range: Expr, args: readonly Expr[], all: boolean): Expr {
  const predicate = args.at(-1)!;
  const goesOn = all ? accu(at) : call(at, '!_', accu(at));
  return fold(at, range, args.slice(0, -1), {
    initial: literal(at, all),
    condition: call(at, '@not_strictly_false', goesOn),
    step: call(at, all ? '_&&_' : '_||_', accu(at), predicate),
    result: accu(at),
  });
}

function existsOne(at: number, range: Expr, args: readonly Expr[]): Expr {
  const more = call(at, '_+_', accu(at), literal(at, 1n));
  return fold(at, range, args.slice(0, -1), {
    initial: literal(at, 0n),
    condition: literal(at, true),
    step: call(at, '_?_:_', args.at(-1)!, more, accu(at)),
    result: call(at, '_==_', accu(at), literal(at, 1n)),
  });
}

function loop(
  at: number,
  range: Expr,
  variables: readonly Expr[],
  parts: { initial: Expr; step: Expr; filter: Expr | undefined },
): Expr {
  const { initial, step, filter } = parts;
  return fold(at, range, variables, {
    initial,
    condition: literal(at, true),
    step: filter === undefined ? step : call(at, '_?_:_', filter, step, accu(at)),
    result: accu(at),
  });
}

function mapped(
  at: number,
  range: Expr,
  variables: readonly Expr[],
  [filter, transform]: readonly [Expr | undefined, Expr],
): Expr {
  const step = call(at, '_+_', accu(at), list(at, transform));
  return loop(at, range, variables, { initial: list(at), step, filter });
}

function filtered(at: number, range: Expr, args: readonly Expr[]): Expr {
  variableOf(args[0]);
  return mapped(at, range, args.slice(0, 1), [args[1]!, args[0]!]);
}

function transformed(
  at: number,
  range: Expr,
  args: readonly Expr[],
  filter: Expr | undefined,
): Expr {
  variableOf(args[0]);
  const step = call(at, 'cel.@mapInsert', accu(at), args[0]!, args.at(-1)!);
  const initial: Expr = { kind: 'map', at, entries: [] };
  return loop(at, range, args.slice(0, 2), { initial, step, filter });
}

function transformedEntry(
  at: number,
  range: Expr,
  args: readonly Expr[],
  filter: Expr | undefined,
): Expr {
  const step = call(at, 'cel.@mapInsert', accu(at), args.at(-1)!);
  const initial: Expr = { kind: 'map', at, entries: [] };
  return loop(at, range, args.slice(0, 2), { initial, step, filter });
}

/** A name for a value: a loop that never runs. */
function bind(at: number, name: string, value: Expr, result: Expr): FoldExpr {
  return {
    kind: 'fold',
    at,
    range: list(at),
    variable: unused,
    second: undefined,
    accumulator: name,
    initial: value,
    condition: literal(at, false),
    step: { kind: 'ident', at, name },
    result,
  };
}

function optionalMap(at: number, target: Expr, args: readonly Expr[], wrap: boolean): Expr {
  const name = variableOf(args[0]);
  const member = (method: string): Expr => ({ kind: 'call', at, name: method, target, args: [] });
  const inner = bind(at, name, member('value'), args[1]!);
  const some = wrap ? call(at, 'optional.of', inner) : inner;
  return call(at, '_?_:_', member('hasValue'), some, call(at, 'optional.none'));
}

const sortInput = '@__sortBy_input__';

function sortBy(at: number, target: Expr, args: readonly Expr[]): Expr {
  const input: Expr = { kind: 'ident', at, name: sortInput };
  const keys = mapped(at, input, args.slice(0, 1), [undefined, args[1]!]);
  const sorted: Expr = {
    kind: 'call',
    at,
    name: '@sortByAssociatedKeys',
    target: input,
    args: [keys],
  };
  return bind(at, sortInput, target, sorted);
}
