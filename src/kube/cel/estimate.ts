/**
 * What an expression may cost at most, before it is run, in cel-go's units: sizes come from what a
 * schema allows.
 */
import type { CallExpr, Expr, FoldExpr, SelectExpr } from './ast.ts';
import type { Checked } from './check.ts';
import { listCost, mapCost, structCost } from './cost.ts';
import {
  type Estimate,
  endless,
  estimateCall,
  fixed,
  grown,
  type Node,
  type Size,
  times,
  unionOf,
} from './estimate-calls.ts';
import { Path } from './estimate-path.ts';
import { isOptional, type Type } from './types.ts';

/** Sizes of keys (of a list: indexes) and of values; only where both are known. */
interface Entries {
  readonly list: boolean;
  readonly key: Size;
  readonly value: Size;
}

interface Local {
  readonly path: Path;
  readonly size: Size | undefined;
  readonly entries: Entries | undefined;
}

/**
 * `root`: the type of the variables, whatever their name, with what its schema allows. `endless`
 * (2^64) is the most that is told.
 */
export function estimateCost(checked: Checked, root: Type): number {
  return new Estimator(checked, root).cost(checked.expr);
}

class Estimator {
  readonly #checked: Checked;
  readonly #root: Type;
  readonly #paths = new Map<Expr, Path>();
  readonly #sizes = new Map<Expr, Size>();
  readonly #entries = new Map<Expr, Entries>();
  /** Variables of loops and bindings by name, innermost last. */
  readonly #locals = new Map<string, Local[]>();

  constructor(checked: Checked, root: Type) {
    this.#checked = checked;
    this.#root = root;
  }

  cost(expr: Expr): number {
    if (this.#checked.names.has(expr) && expr.kind === 'select') return this.#select(expr);
    switch (expr.kind) {
      case 'literal':
        return 0;
      case 'ident':
        this.#paths.set(expr, this.#local(expr.name)?.path ?? Path.of(expr.name));
        return 1;
      case 'select':
        return this.#select(expr);
      case 'call':
        return this.#call(expr);
      case 'list':
        return this.#list(expr);
      case 'map':
        return this.#map(expr);
      case 'struct':
        return expr.fields.reduce((sum, { value }) => grown(sum, this.cost(value)), structCost);
      case 'fold':
        return this.#fold(expr);
    }
  }

  #local(name: string): Local | undefined {
    return this.#locals.get(name)?.at(-1);
  }

  #push(name: string, local: Local): void {
    const stack = this.#locals.get(name);
    if (stack === undefined) this.#locals.set(name, [local]);
    else stack.push(local);
  }

  #pathOf(expr: Expr): Path {
    const local = expr.kind === 'ident' ? this.#local(expr.name) : undefined;
    return local?.path ?? this.#paths.get(expr) ?? Path.none;
  }

  #typeOf(expr: Expr): Type {
    return this.#checked.types.get(expr)!;
  }

  #select(expr: SelectExpr): number {
    const name = this.#checked.names.get(expr);
    if (name !== undefined) {
      this.#paths.set(expr, Path.of(name));
      return 1;
    }
    const operand = this.cost(expr.operand);
    if (expr.test) return operand;
    this.#paths.set(expr, this.#pathOf(expr.operand).with(expr.field));
    const { kind } = this.#typeOf(expr.operand);
    return kind === 'map' || kind === 'object' ? grown(operand, 1) : operand;
  }

  #list(expr: Expr & { kind: 'list' }): number {
    let cost = listCost;
    const sizes: Size[] = [];
    for (const { value } of expr.items) {
      cost = grown(cost, this.cost(value));
      sizes.push(this.#sizeOr(value));
    }
    this.#entries.set(expr, { list: true, key: fixed(1), value: unionOf(sizes) });
    return cost;
  }

  #map(expr: Expr & { kind: 'map' }): number {
    let cost = mapCost;
    const keys: Size[] = [];
    const values: Size[] = [];
    for (const { key, value } of expr.entries) {
      cost = grown(cost, this.cost(key), this.cost(value));
      keys.push(this.#sizeOr(key));
      values.push(this.#sizeOr(value));
    }
    this.#entries.set(expr, { list: false, key: unionOf(keys), value: unionOf(values) });
    return cost;
  }

  #call(expr: CallExpr): number {
    const { name, target, args } = expr;
    if (name === 'dyn' && target === undefined) {
      const cost = this.cost(args[0]!);
      this.#copySizes(expr, args[0]!);
      return grown(cost, 1);
    }
    const costs: number[] = [];
    const nodes = args.map((arg) => {
      costs.push(this.cost(arg));
      return this.#node(arg);
    });
    const function_ = this.#checked.names.get(expr) ?? name;
    const isMember = target !== undefined && function_ === name;
    const own = isMember ? this.cost(target) : 0;
    const receiver = isMember ? this.#node(target) : undefined;
    const given =
      name === '_?_:_' ? grown(costs[0]!, Math.max(...costs.slice(1))) : grown(...costs);
    let most = 0;
    let size: Size | undefined;
    for (const overload of this.#overloads(expr)) {
      const call = { name: function_, overload, target: receiver, args: nodes };
      const estimate: Estimate = estimateCall(call, (node) => this.#sizeOfNode(node));
      most = Math.max(most, estimate.cost);
      if (estimate.size !== undefined) size = unionOf([estimate.size, ...(size ? [size] : [])]);
      const element = indexed[overload];
      if (element !== undefined) {
        size = this.#entriesOf(args[0]!)?.value;
        this.#paths.set(expr, this.#pathOf(args[0]!).with(element));
      }
      size ??= this.#size(expr);
    }
    this.#combine(expr);
    if (size !== undefined) this.#sizes.set(expr, size);
    return grown(own, given, most);
  }

  #overloads(expr: CallExpr): readonly string[] {
    return this.#checked.overloads.get(expr)?.map(({ id }) => id) ?? [expr.name];
  }

  /** What the elements of a result are, where they are those of two arguments. */
  #combine(expr: CallExpr): void {
    const [a, b] = expr.name === '_?_:_' ? expr.args.slice(1) : expr.args;
    if (expr.name !== '_?_:_' && expr.name !== '_+_') return;
    const [left, right] = [this.#entriesOf(a!), this.#entriesOf(b!)];
    if (left === undefined || right === undefined) return;
    const list = expr.name === '_?_:_' ? left.list : right.list;
    const key = unionOf([left.key, right.key]);
    this.#entries.set(expr, { list, key, value: unionOf([left.value, right.value]) });
  }

  #fold(expr: FoldExpr): number {
    const { range, initial, accumulator, condition, result } = expr;
    const start = grown(this.cost(range), this.cost(initial));
    this.#push(accumulator, {
      path: this.#pathOf(initial),
      size: this.#size(initial),
      entries: this.#entriesOf(initial),
    });
    const never = condition.kind === 'literal' && condition.value === false;
    if (never && range.kind === 'list' && range.items.length === 0) {
      const cost = grown(start, this.cost(result));
      this.#locals.get(accumulator)!.pop();
      this.#copySizes(expr, result);
      return cost;
    }
    const turn = this.#turn(expr);
    const end = this.cost(result);
    this.#locals.get(accumulator)!.pop();
    const count = this.#sizeOr(range);
    if (initial.kind === 'literal') this.#setSize(expr, this.#size(initial));
    else if (initial.kind === 'list' || initial.kind === 'map') {
      this.#sizes.set(expr, count);
      const entries = this.#entriesOf(expr.step);
      if (entries !== undefined) this.#entries.set(expr, entries);
    }
    return grown(start, end, times(count.max, turn));
  }

  /** One turn of a loop. */
  #turn({ range, variable, second, condition, step }: FoldExpr): number {
    const entries = this.#entriesOf(range);
    const list = entries?.list ?? this.#typeOf(range).kind === 'list';
    const path = this.#pathOf(range);
    const push = (name: string, part: string, size: Size | undefined): void =>
      this.#push(name, { path: path.with(part), size, entries: undefined });
    if (second !== undefined) {
      push(variable, list ? '@indices' : '@keys', entries?.key);
      push(second, list ? '@items' : '@values', entries?.value);
    } else if (list) push(variable, '@items', entries?.value);
    else push(variable, '@keys', entries?.key);
    const cost = grown(this.cost(condition), this.cost(step));
    this.#locals.get(variable)!.pop();
    if (second !== undefined) this.#locals.get(second)!.pop();
    return cost;
  }

  #node(expr: Expr): Node {
    return { expr, type: this.#typeOf(expr), path: this.#pathOf(expr), size: this.#size(expr) };
  }

  #sizeOfNode(node: Node): Size {
    return node.size ?? this.#declared(node.path) ?? { min: 0, max: endless };
  }

  #sizeOr(expr: Expr): Size {
    return this.#size(expr) ?? { min: 0, max: endless };
  }

  #setSize(expr: Expr, size: Size | undefined): void {
    if (size !== undefined) this.#sizes.set(expr, size);
  }

  #copySizes(to: Expr, from: Expr): void {
    this.#setSize(to, this.#size(from));
    const entries = this.#entriesOf(from);
    if (entries !== undefined) this.#entries.set(to, entries);
  }

  #size(expr: Expr): Size | undefined {
    const known = this.#sizes.get(expr) ?? written(expr);
    if (known !== undefined) return known;
    const declared = this.#declared(this.#pathOf(expr));
    if (declared !== undefined) {
      this.#sizes.set(expr, declared);
      return declared;
    }
    if (isScalar(this.#typeOf(expr))) return fixed(1);
    return expr.kind === 'ident' ? this.#local(expr.name)?.size : undefined;
  }

  #entriesOf(expr: Expr): Entries | undefined {
    const known = this.#entries.get(expr);
    if (known !== undefined || expr.kind !== 'ident') return known;
    return this.#local(expr.name)?.entries;
  }

  /** The first step, the variable's name, is not looked at; neither does cel-go's user. */
  #declared(path: Path): Size | undefined {
    if (path.length === 0) return undefined;
    let type: Type | undefined = this.#root;
    for (const step of path.steps().slice(1)) {
      type = part(type, step);
      if (type === undefined) return undefined;
    }
    return { min: 0, max: type.maxElements ?? 0 };
  }
}

const indexed: Readonly<Record<string, string>> = {
  '_[_](list(A), int) -> A': '@items',
  '_[_](map(A, B), A) -> B': '@values',
};

function part(type: Type, step: string): Type | undefined {
  const [first, second] = type.parameters;
  if (step === '@items' || step === '@values')
    return type.kind === 'list' ? first : type.kind === 'map' ? second : undefined;
  if (step === '@keys') return type.kind === 'map' ? first : undefined;
  const field = type.fields?.get(step);
  return field?.alias === true ? undefined : field?.type;
}

/** What an expression itself says. */
function written(expr: Expr): Size | undefined {
  if (expr.kind === 'list') return fixed(expr.items.length);
  if (expr.kind === 'map') return fixed(expr.entries.length);
  if (expr.kind !== 'literal') return undefined;
  const { value } = expr;
  if (typeof value === 'string') return fixed([...value].length);
  return fixed(value instanceof Uint8Array ? value.length : 1);
}

const scalars: ReadonlySet<string> = new Set([
  'bool',
  'double',
  'duration',
  'int',
  'timestamp',
  'uint',
]);

function isScalar(type: Type): boolean {
  return scalars.has(type.kind) || (isOptional(type) && isScalar(type.parameters[0]!));
}
