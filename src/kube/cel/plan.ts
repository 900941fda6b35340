/** A checked expression as closures, which count what they cost. */
import type { CallExpr, Expr, FoldExpr, ListExpr, MapExpr, SelectExpr } from './ast.ts';
import type { Checked } from './check.ts';
import { costOf, listCost, mapCost, structCost } from './cost.ts';
import { accumulator } from './macros.ts';
import type { Overload } from './overload.ts';
import { type Frame, indexed, optionalField, selected } from './run.ts';
import { isDyn, type Type } from './types.ts';
import {
  CelMap,
  EvaluationError,
  isList,
  LiteralMap,
  none,
  Optional,
  TypeValue,
  typeOfValue,
  type Value,
} from './values.ts';

export type Evaluate = (frame: Frame) => Value;

/** Conversions of constants are made once and cost nothing, as are lists and maps of constants. */
const folded = new Set('bool bytes double duration dyn int string timestamp type uint'.split(' '));
const qualifiers = new Set(['_[_]', '_[?_]', '_?._']);

export interface Plan {
  readonly evaluate: Evaluate;
  /** Variables by name and the slot that each is read from. */
  readonly slots: ReadonlyMap<string, number>;
  readonly size: number;
}

export function planOf(checked: Checked, variables: Iterable<string>, types: TypeNames): Plan {
  const planner = new Planner(checked, types);
  const slots = new Map<string, number>();
  for (const name of variables) slots.set(name, planner.declare(name));
  return { evaluate: planner.plan(checked.expr), slots, size: planner.size };
}

type TypeNames = ReadonlyMap<string, Type>;

class Planner {
  readonly #checked: Checked;
  readonly #types: TypeNames;
  /** Innermost last. */
  readonly #scope: { name: string; slot: number }[] = [];
  size = 0;

  constructor(checked: Checked, types: TypeNames) {
    this.#checked = checked;
    this.#types = types;
  }

  declare(name: string): number {
    const slot = this.size++;
    this.#scope.push({ name, slot });
    return slot;
  }

  plan(expr: Expr): Evaluate {
    const constant = this.#constant(expr);
    if (constant !== undefined) return () => constant;
    switch (expr.kind) {
      case 'literal':
        return () => expr.value;
      case 'ident':
        return this.#attribute(expr, 1);
      case 'select':
        return expr.test ? this.#presence(expr) : this.#attribute(expr, 1);
      case 'call':
        return this.#call(expr);
      case 'list':
        return this.#list(expr);
      case 'map':
        return this.#map(expr);
      case 'struct':
        return this.#struct(expr);
      case 'fold':
        return this.#fold(expr);
    }
  }

  /** The value of what need not be evaluated again; undefined for all else. */
  #constant(expr: Expr): Value | undefined {
    if (expr.kind === 'literal') return expr.value;
    if (expr.kind === 'list') {
      const items = expr.items.map(({ value, optional }) =>
        optional ? undefined : this.#constant(value),
      );
      return items.every((item) => item !== undefined) ? items : undefined;
    }
    if (expr.kind === 'map') {
      const entries = expr.entries.map(({ key, value, optional }) =>
        optional ? [undefined] : [this.#constant(key), this.#constant(value)],
      );
      const all = entries.every((entry) => entry.every((part) => part !== undefined));
      try {
        return all ? new LiteralMap(entries as [Value, Value][]) : undefined;
      } catch {
        return undefined;
      }
    }
    if (expr.kind !== 'call' || !folded.has(expr.name) || expr.args.length !== 1) return undefined;
    const arg = this.#constant(expr.args[0]!);
    return arg === undefined ? undefined : this.#dispatch(expr)([arg]);
  }

  #isAttribute(expr: Expr): boolean {
    if (expr.kind === 'ident') return true;
    if (expr.kind === 'select') return !expr.test;
    return expr.kind === 'call' && expr.target === undefined && qualifiers.has(expr.name);
  }

  /** A variable and what is selected from it: `base` units for it, one for each selection. */
  #attribute(expr: Expr, base: number): Evaluate {
    if (expr.kind === 'ident') return this.#variable(expr.name, base);
    const name = this.#checked.names.get(expr);
    if (name !== undefined) return this.#variable(name, base);
    if (expr.kind === 'select') {
      const operand = this.#operand(expr.operand, base);
      const { field } = expr;
      return (frame) => {
        const value = operand(frame);
        frame.charge(1);
        return selected(value, field);
      };
    }
    return this.#qualified(expr as CallExpr, base);
  }

  #qualified({ name, args }: CallExpr, base: number): Evaluate {
    const operand = this.#operand(args[0]!, base);
    if (name === '_?._') {
      const field = String((args[1] as { value: Value }).value);
      return (frame) => {
        const found = optionalField(operand(frame), field);
        if (found.value !== undefined) frame.charge(1);
        return found;
      };
    }
    const index = this.#isAttribute(args[1]!) ? this.#attribute(args[1]!, 0) : this.plan(args[1]!);
    const optional = name === '_[?_]';
    return (frame) => {
      const value = operand(frame);
      const key = index(frame);
      if (!optional) frame.charge(1);
      const found = indexed(value, key, optional);
      if (optional && found !== none) frame.charge(1);
      return found;
    };
  }

  #operand(expr: Expr, base: number): Evaluate {
    if (this.#isAttribute(expr)) return this.#attribute(expr, base);
    const evaluate = this.plan(expr);
    if (expr.kind === 'call' && expr.name === '_?_:_') return evaluate;
    return (frame) => {
      const value = evaluate(frame);
      frame.charge(base);
      return value;
    };
  }

  #variable(name: string, base: number): Evaluate {
    const found = this.#scope.findLast((variable) => variable.name === name);
    if (found === undefined) {
      const type = new TypeValue(this.#types.get(name)!);
      return () => type;
    }
    const { slot } = found;
    return (frame) => {
      frame.charge(base);
      return frame.read(slot);
    };
  }

  #presence({ operand: of, field }: SelectExpr): Evaluate {
    const operand = this.#isAttribute(of) ? this.#attribute(of, 1) : this.plan(of);
    return (frame) => {
      const value = operand(frame);
      const target = value instanceof Optional ? value.value : value;
      if (target instanceof CelMap) return target.get(field) !== undefined;
      if (target === undefined) return false;
      throw new EvaluationError(`no such key: ${field}`);
    };
  }

  #call(expr: CallExpr): Evaluate {
    const { args, target } = expr;
    switch (expr.name) {
      case '_&&_':
      case '_||_':
        return this.#logical(expr, expr.name === '_||_');
      case '_?_:_':
        return this.#conditional(expr);
      case '@not_strictly_false':
        return this.#notStrictlyFalse(args[0]!);
      case '_[_]':
      case '_[?_]':
      case '_?._':
        return this.#attribute(expr, 1);
      case 'or':
      case 'orValue':
        if (target !== undefined && args.length === 1) return this.#or(expr);
        break;
      case 'cel.@mapInsert':
        return this.#insert(expr);
      case '_+_':
        if (isAccumulator(args[0]!) && args[1]!.kind === 'list') return this.#append(args[1]!);
    }
    return this.#strict(expr);
  }

  /** All arguments, then the function. */
  #strict(expr: CallExpr): Evaluate {
    const name = this.#checked.names.get(expr) ?? expr.name;
    const member = expr.target !== undefined && !this.#checked.names.has(expr);
    const parts = [...(member ? [expr.target!] : []), ...expr.args];
    const args = parts.map((part) => this.plan(part));
    const call = this.#dispatch(expr);
    const [only] = this.#checked.overloads.get(expr)!;
    const free = name === '@in' && isList(this.#constant(expr.args[1]!) ?? null);
    return (frame) => {
      const values = this.#values(args, frame, name);
      let result: Value = null;
      try {
        result = call(values);
      } finally {
        if (!free) frame.charge(costOf(name, only!.id, values, result));
      }
      return result;
    };
  }

  /** Both of two are evaluated, and the call is paid for, also when the first has no value. */
  #values(args: readonly Evaluate[], frame: Frame, name: string): Value[] {
    const values: Value[] = [];
    let failure: EvaluationError | undefined;
    for (const arg of args)
      try {
        values.push(arg(frame));
      } catch (error) {
        if (!(error instanceof EvaluationError) || args.length > 2) throw error;
        failure ??= error;
        values.push(null);
      }
    if (failure === undefined) return values;
    frame.charge(costOf(name, '', values, null));
    throw failure;
  }

  /** The one overload that fits; the first that fits the values when types are not known. */
  #dispatch(expr: CallExpr): (values: readonly Value[]) => Value {
    const overloads = this.#checked.overloads.get(expr)!;
    const [only] = overloads;
    const parts = [
      ...(expr.target !== undefined && !this.#checked.names.has(expr) ? [expr.target] : []),
      ...expr.args,
    ];
    const open = parts.some((part) => isDyn(this.#checked.types.get(part)!));
    if (overloads.length === 1 && !open) return (values) => apply(only!, values);
    return (values) => {
      const fitting = overloads.find((overload) => fits(overload, values));
      if (fitting === undefined) throw new EvaluationError('no such overload');
      return apply(fitting, values);
    };
  }

  #logical({ args }: CallExpr, or: boolean): Evaluate {
    const [left, right] = [this.plan(args[0]!), this.plan(args[1]!)];
    return (frame) => {
      let failure: EvaluationError | undefined;
      for (const side of [left, right])
        try {
          const value = side(frame);
          if (value === or) return or;
          if (typeof value !== 'boolean') failure ??= new EvaluationError('no such overload');
        } catch (error) {
          if (!(error instanceof EvaluationError)) throw error;
          failure ??= error;
        }
      if (failure !== undefined) throw failure;
      return !or;
    };
  }

  #conditional({ args }: CallExpr): Evaluate {
    const condition = this.plan(args[0]!);
    const [yes, no] = args.slice(1).map((branch) => {
      return this.#isAttribute(branch) ? this.#attribute(branch, 0) : this.plan(branch);
    }) as [Evaluate, Evaluate];
    return (frame) => {
      const value = condition(frame);
      if (typeof value !== 'boolean') throw new EvaluationError('no such overload');
      return value ? yes(frame) : no(frame);
    };
  }

  #notStrictlyFalse(expr: Expr): Evaluate {
    const evaluate = this.plan(expr);
    return (frame) => {
      let value: Value = true;
      try {
        value = evaluate(frame);
      } catch (error) {
        if (!(error instanceof EvaluationError)) throw error;
      }
      frame.charge(1);
      return value !== false;
    };
  }

  #or({ name, target, args }: CallExpr): Evaluate {
    const [left, right] = [this.plan(target!), this.plan(args[0]!)];
    return (frame) => {
      const value = left(frame);
      if (!(value instanceof Optional)) throw new EvaluationError('no such overload');
      if (value.value === undefined) return right(frame);
      return name === 'or' ? value : value.value;
    };
  }

  /** What map() and filter() do: the accumulator is nobody else's, so it grows in place. */
  #append({ items }: ListExpr): Evaluate {
    const slot = this.#slotOf(accumulator);
    const item = this.plan(items[0]!.value);
    return (frame) => {
      frame.charge(1);
      const list = frame.read(slot) as Value[];
      const value = item(frame);
      frame.charge(listCost + 1);
      list.push(value);
      return list;
    };
  }

  #insert({ args }: CallExpr): Evaluate {
    const slot = this.#slotOf(accumulator);
    const parts = args.slice(1).map((part) => this.plan(part));
    return (frame) => {
      frame.charge(1);
      const map = frame.read(slot) as LiteralMap;
      const [key, value] = parts.map((part) => part(frame));
      frame.charge(1);
      if (value !== undefined) return map.insert(key!, value);
      const entries = key as CelMap;
      for (const name of entries.keys()) map.insert(name, entries.get(name)!);
      return map;
    };
  }

  #slotOf(name: string): number {
    return this.#scope.findLast((variable) => variable.name === name)!.slot;
  }

  #list({ items }: ListExpr): Evaluate {
    const parts = items.map(({ value, optional }) => ({ evaluate: this.plan(value), optional }));
    return (frame) => {
      const list: Value[] = [];
      for (const { evaluate, optional } of parts) {
        const value = evaluate(frame);
        if (!optional) list.push(value);
        else if (value instanceof Optional && value.value !== undefined) list.push(value.value);
      }
      frame.charge(listCost);
      return list;
    };
  }

  #map({ entries }: MapExpr): Evaluate {
    const parts = entries.map(({ key, value, optional }) => ({
      key: this.plan(key),
      value: this.plan(value),
      optional,
    }));
    return (frame) => {
      const map = new LiteralMap([]);
      for (const { key, value: evaluate, optional } of parts) {
        const at = key(frame);
        const value = evaluate(frame);
        const content = optional && value instanceof Optional ? value.value : value;
        if (content !== undefined) map.insert(at, content);
      }
      frame.charge(mapCost);
      return map;
    };
  }

  /** Objects of declared types: maps to whoever reads them. */
  #struct(expr: Extract<Expr, { kind: 'struct' }>): Evaluate {
    const parts = expr.fields.map(({ name, value, optional }) => ({
      name,
      evaluate: this.plan(value),
      optional,
    }));
    return (frame) => {
      const map = new LiteralMap([]);
      for (const { name, evaluate, optional } of parts) {
        const value = evaluate(frame);
        const content = optional && value instanceof Optional ? value.value : value;
        if (content !== undefined) map.insert(name, content);
      }
      frame.charge(structCost);
      return map;
    };
  }

  #fold(expr: FoldExpr): Evaluate {
    const range = this.plan(expr.range);
    const initial = this.#initial(expr.initial);
    const carried = this.declare(expr.accumulator);
    const first = this.declare(expr.variable);
    const second = expr.second === undefined ? undefined : this.declare(expr.second);
    const [condition, step] = [this.plan(expr.condition), this.plan(expr.step)];
    this.#scope.splice(this.#scope.length - (second === undefined ? 1 : 2));
    const result = this.plan(expr.result);
    this.#scope.pop();
    return (frame) => {
      const over = range(frame);
      frame.attempt(carried, initial);
      for (const [key, value] of entriesOf(over, second !== undefined)) {
        frame.write(first, key);
        if (second !== undefined) frame.write(second, value);
        if (condition(frame) !== true) break;
        frame.attempt(carried, step);
      }
      return result(frame);
    };
  }

  /** Accumulators that grow in place start as new ones each time. */
  #initial(expr: Expr): Evaluate {
    if (expr.kind === 'list' && expr.items.length === 0) return () => [];
    if (expr.kind === 'map' && expr.entries.length === 0) return () => new LiteralMap([]);
    return this.plan(expr);
  }
}

function isAccumulator(expr: Expr): boolean {
  return expr.kind === 'ident' && expr.name === accumulator;
}

/** With one variable elements or keys, with two also index and value. */
function* entriesOf(range: Value, both: boolean): Generator<[Value, Value]> {
  if (isList(range)) {
    for (const [i, item] of range.entries()) yield both ? [BigInt(i), item] : [item, null];
    return;
  }
  if (!(range instanceof CelMap)) {
    const found = typeOfValue(range).name;
    throw new EvaluationError(`got '${found}', expected iterable type`);
  }
  for (const key of range.keys()) yield [key, both ? range.get(key)! : null];
}

function apply(overload: Overload, values: readonly Value[]): Value {
  return (overload.call as (...values: readonly Value[]) => Value)(...values);
}

function fits({ parameters }: Overload, values: readonly Value[]): boolean {
  return (
    parameters.length === values.length &&
    parameters.every((type, i) => {
      if (type.kind === 'dyn' || type.kind === 'param') return true;
      const actual = typeOfValue(values[i]!);
      return actual.kind === type.kind && (type.kind !== 'opaque' || actual.name === type.name);
    })
  );
}
