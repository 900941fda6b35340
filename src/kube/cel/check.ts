/** Which type every part of an expression has, and which functions its calls mean. */
import type { CallExpr, Expr, FoldExpr, MapExpr, SelectExpr, StructExpr } from './ast.ts';
import { dottedName } from './ast.ts';
import type { Functions, Overload } from './overload.ts';
import type { Problem } from './problem.ts';
import {
  boolType,
  dynType,
  errorType,
  formatType,
  intType,
  isDyn,
  isOptional,
  listOf,
  mapOf,
  mostGeneral,
  optionalOf,
  Substitution,
  type Type,
  typeOf,
} from './types.ts';
import { typeOfValue } from './values.ts';

export interface Declarations {
  readonly variables: ReadonlyMap<string, Type>;
  readonly functions: Functions;
  /** Names that stand for types: `int`, `google.protobuf.Duration`; object types to construct. */
  readonly types: ReadonlyMap<string, Type>;
}

export interface Checked {
  readonly expr: Expr;
  readonly types: ReadonlyMap<Expr, Type>;
  /** Those that fit the types of a call's arguments. */
  readonly overloads: ReadonlyMap<Expr, readonly Overload[]>;
  /** Dotted names that are one variable or type, and calls whose target is part of their name. */
  readonly names: ReadonlyMap<Expr, string>;
  readonly problems: readonly Problem[];
}

export function check(expr: Expr, declarations: Declarations): Checked {
  const checker = new Checker(declarations);
  checker.check(expr);
  return checker.done(expr);
}

class Checker {
  readonly #declarations: Declarations;
  readonly #types = new Map<Expr, Type>();
  readonly #overloads = new Map<Expr, readonly Overload[]>();
  readonly #names = new Map<Expr, string>();
  readonly #problems: Problem[] = [];
  readonly #known = new Substitution();
  /** Variables of loops, innermost last. */
  readonly #scopes: Map<string, Type>[] = [];
  #fresh = 0;

  constructor(declarations: Declarations) {
    this.#declarations = declarations;
  }

  done(expr: Expr): Checked {
    const types = new Map<Expr, Type>();
    for (const [part, type] of this.#types) types.set(part, this.#known.apply(type, true));
    return {
      expr,
      types,
      overloads: this.#overloads,
      names: this.#names,
      problems: this.#problems,
    };
  }

  check(expr: Expr): Type {
    const type = this.#typeOf(expr);
    this.#types.set(expr, type);
    return type;
  }

  #typeOf(expr: Expr): Type {
    switch (expr.kind) {
      case 'literal':
        return typeOfValue(expr.value);
      case 'ident':
        return this.#ident(expr, expr.name);
      case 'select':
        return this.#select(expr);
      case 'call':
        return this.#call(expr);
      case 'list':
        return listOf(this.#elements(expr.items));
      case 'map':
        return this.#map(expr);
      case 'struct':
        return this.#struct(expr);
      case 'fold':
        return this.#fold(expr);
    }
  }

  #report(at: number, message: string): void {
    this.#problems.push({ at, message });
  }

  #undeclared({ at }: Expr, name: string): Type {
    this.#report(at, `undeclared reference to '${name}' (in container '')`);
    return errorType;
  }

  #lookup(name: string): Type | undefined {
    for (let i = this.#scopes.length - 1; i >= 0; i--) {
      const type = this.#scopes[i]!.get(name);
      if (type !== undefined) return type;
    }
    const variable = this.#declarations.variables.get(name);
    if (variable !== undefined) return variable;
    const type = this.#declarations.types.get(name);
    return type === undefined ? undefined : typeOf(type);
  }

  #ident(expr: Expr, name: string): Type {
    return this.#lookup(name) ?? this.#undeclared(expr, name);
  }

  #select(expr: SelectExpr): Type {
    const name = dottedName(expr);
    if (name !== undefined && this.#isDeclared(name)) {
      this.#names.set(expr, name);
      return this.#lookup(name)!;
    }
    const type = this.#field(expr, expr.operand, { field: expr.field, optional: false });
    return expr.test ? boolType : type;
  }

  /** A dotted name is one name only if no loop variable stands at its start. */
  #isDeclared(name: string): boolean {
    const [head] = name.split('.');
    if (this.#scopes.some((scope) => scope.has(head!))) return false;
    return this.#declarations.variables.has(name) || this.#declarations.types.has(name);
  }

  #field(expr: Expr, operand: Expr, selected: { field: string; optional: boolean }): Type {
    const of = this.#known.apply(this.check(operand));
    const optional = isOptional(of);
    const target = optional ? of.parameters[0]! : of;
    let type: Type = errorType;
    if (target.kind === 'map') type = target.parameters[1]!;
    else if (target.kind === 'object') {
      const field = target.fields?.get(selected.field);
      if (field === undefined) this.#report(expr.at, `undefined field '${selected.field}'`);
      else type = field.type;
    } else if (target.kind === 'param') {
      this.#known.assign([dynType], [target]);
      type = dynType;
    } else {
      if (!isDyn(target))
        this.#report(expr.at, `type '${formatType(target)}' does not support field selection`);
      type = dynType;
    }
    const found = this.#known.apply(type);
    return optional || selected.optional ? optionalOf(found) : found;
  }

  #call(expr: CallExpr): Type {
    const { name, target, args } = expr;
    const [operand, field] = args;
    if (name === '_?._' && field?.kind === 'literal')
      return this.#field(expr, operand!, { field: String(field.value), optional: true });
    for (const arg of args) this.check(arg);
    const { functions } = this.#declarations;
    if (target === undefined) {
      const overloads = functions.get(name);
      return overloads === undefined
        ? this.#undeclared(expr, name)
        : this.#resolve(expr, overloads, { args, member: false });
    }
    const prefix = dottedName(target);
    const qualified = functions.get(`${prefix}.${name}`);
    if (prefix !== undefined && qualified !== undefined) {
      this.#names.set(expr, `${prefix}.${name}`);
      return this.#resolve(expr, qualified, { args, member: false });
    }
    this.check(target);
    const overloads = functions.get(name);
    if (overloads === undefined) return this.#undeclared(expr, name);
    return this.#resolve(expr, overloads, { args: [target, ...args], member: true });
  }

  #resolve(
    expr: CallExpr,
    overloads: readonly Overload[],
    { args, member }: { args: readonly Expr[]; member: boolean },
  ): Type {
    if (expr.name === '_&&_' || expr.name === '_||_') return this.#logical(expr, overloads);
    const types = args.map((arg) => this.#types.get(arg)!);
    const fitting: Overload[] = [];
    let result: Type | undefined;
    for (const overload of overloads) {
      if (overload.member !== member) continue;
      const { parameters, returns } = this.#instantiate(overload);
      if (!this.#known.assign(types, parameters)) continue;
      fitting.push(overload);
      const type = this.#known.apply(returns);
      if (result === undefined) result = type;
      else if (result.kind !== 'dyn' && formatType(type) !== formatType(result)) result = dynType;
    }
    if (result === undefined) {
      const shown = types.map((type) => formatType(this.#known.apply(type, true)));
      const receiver = member ? `${shown.shift()}.` : '';
      const signature = `${receiver}(${shown.join(', ')})`;
      const name = this.#names.get(expr) ?? expr.name;
      this.#report(expr.at, `found no matching overload for '${name}' applied to '${signature}'`);
      return errorType;
    }
    this.#overloads.set(expr, fitting);
    return result;
  }

  #logical(expr: CallExpr, overloads: readonly Overload[]): Type {
    for (const arg of expr.args) this.#require(arg, boolType);
    this.#overloads.set(expr, overloads);
    return boolType;
  }

  #instantiate({ generics, parameters, result }: Overload): { parameters: Type[]; returns: Type } {
    if (generics.length === 0) return { parameters: [...parameters], returns: result };
    const fresh = new Substitution(new Map(generics.map((name) => [name, this.#variable()])));
    return {
      parameters: parameters.map((type) => fresh.apply(type)),
      returns: fresh.apply(result),
    };
  }

  #variable(): Type {
    return { kind: 'param', name: `_var${this.#fresh++}`, parameters: [] };
  }

  #require(expr: Expr, wanted: Type): void {
    const type = this.#types.get(expr)!;
    if (!this.#known.assign([type], [wanted])) this.#mismatch(expr, wanted, type);
  }

  #mismatch({ at }: Expr, wanted: Type, found: Type): void {
    const [expected, actual] = [wanted, found].map((type) => formatType(this.#known.apply(type)));
    this.#report(at, `expected type '${expected}' but found '${actual}'`);
  }

  /** The type of several values in one list; dyn when they have nothing in common. */
  #elements(items: readonly { value: Expr; optional: boolean }[]): Type {
    let common: Type | undefined;
    for (const { value, optional } of items) {
      const type = this.#unwrapped(value, this.check(value), optional);
      common = this.#joined(common, type);
    }
    return common ?? this.#variable();
  }

  #unwrapped(expr: Expr, type: Type, optional: boolean): Type {
    if (!optional) return type;
    if (isOptional(type)) return type.parameters[0]!;
    if (!isDyn(type)) this.#mismatch(expr, optionalOf(type), type);
    return type;
  }

  #joined(before: Type | undefined, type: Type): Type {
    if (before === undefined) return type;
    return this.#known.assign([before], [type]) ? mostGeneral(before, type) : dynType;
  }

  #map(expr: MapExpr): Type {
    let key: Type | undefined;
    let value: Type | undefined;
    for (const entry of expr.entries) {
      key = this.#joined(key, this.check(entry.key));
      const type = this.#unwrapped(entry.value, this.check(entry.value), entry.optional);
      value = this.#joined(value, type);
    }
    return mapOf(key ?? this.#variable(), value ?? this.#variable());
  }

  #struct(expr: StructExpr): Type {
    const type = this.#declarations.types.get(expr.name);
    if (type === undefined) this.#undeclared(expr, expr.name);
    for (const { name, at, value, optional } of expr.fields) {
      const given = this.#unwrapped(value, this.check(value), optional);
      if (type?.fields === undefined) continue;
      const field = type.fields.get(name);
      if (field === undefined) this.#report(at, `undefined field '${name}'`);
      else if (!this.#known.assign([field.type], [given])) {
        const [wanted, found] = [formatType(field.type), formatType(given)];
        this.#report(
          at,
          `expected type of field '${name}' is '${wanted}' but provided type is '${found}'`,
        );
      }
    }
    return type ?? errorType;
  }

  #fold(expr: FoldExpr): Type {
    const range = this.#known.apply(this.check(expr.range));
    const carried = this.check(expr.initial);
    const [variable, second] = this.#loopTypes(expr, range);
    this.#scopes.push(new Map([[expr.accumulator, carried]]));
    const loop = new Map([[expr.variable, variable]]);
    if (expr.second !== undefined) loop.set(expr.second, second);
    this.#scopes.push(loop);
    this.check(expr.condition);
    this.#require(expr.condition, boolType);
    const step = this.check(expr.step);
    if (!this.#known.assign([carried], [step])) this.#mismatch(expr.step, carried, step);
    this.#scopes.pop();
    const result = this.check(expr.result);
    this.#scopes.pop();
    return this.#known.apply(result);
  }

  /** The types of a loop's variables; with one, it is a list's element or a map's key. */
  #loopTypes({ range: at, second }: FoldExpr, range: Type): [Type, Type] {
    const [first, value] = range.parameters;
    if (range.kind === 'list') return second === undefined ? [first!, first!] : [intType, first!];
    if (range.kind === 'map') return [first!, value!];
    if (isDyn(range) || range.kind === 'param') {
      this.#known.assign([dynType], [range]);
      return [dynType, dynType];
    }
    const message =
      `expression of type '${formatType(range)}' cannot be range of a comprehension ` +
      '(must be list, map, or dynamic)';
    this.#report(at.at, message);
    return [errorType, errorType];
  }
}
