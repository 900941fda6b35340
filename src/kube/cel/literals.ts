/** Literals that can be judged before anything is evaluated. */
import type { CallExpr, Expr, ListExpr, MapExpr } from './ast.ts';
import type { Checked } from './check.ts';
import type { Problem } from './problem.ts';
import { compile } from './regexp.ts';
import { parseNanos } from './time.ts';
import { formatType, isExact, type Type } from './types.ts';

/** Times and patterns that are none, lists and maps of several types. */
export function literalProblems(checked: Checked): Problem[] {
  const judge = new Judge(checked);
  judge.visit(checked.expr, false);
  return judge.problems;
}

class Judge {
  readonly problems: Problem[] = [];
  readonly #checked: Checked;

  constructor(checked: Checked) {
    this.#checked = checked;
  }

  /** `mixed`: inside the arguments of format(), where types may differ. */
  visit(expr: Expr, mixed: boolean): void {
    switch (expr.kind) {
      case 'select':
        this.visit(expr.operand, mixed);
        return;
      case 'call':
        this.#call(expr, mixed || expr.name === 'format');
        return;
      case 'list':
        if (!mixed) this.#list(expr);
        for (const { value } of expr.items) this.visit(value, mixed);
        return;
      case 'map':
        if (!mixed) this.#map(expr);
        for (const { key, value } of expr.entries) {
          this.visit(key, mixed);
          this.visit(value, mixed);
        }
        return;
      case 'struct':
        for (const { value } of expr.fields) this.visit(value, mixed);
        return;
      case 'fold':
        for (const part of [expr.range, expr.initial, expr.condition, expr.step, expr.result])
          this.visit(part, mixed);
        return;
      default:
    }
  }

  #call(expr: CallExpr, mixed: boolean): void {
    const { name, target, args } = expr;
    const at = name === 'matches' && target === undefined ? 1 : 0;
    const literal = args[at];
    if (literal?.kind === 'literal' && typeof literal.value === 'string') {
      const bad =
        name === 'duration' || name === 'timestamp'
          ? parseNanos(name, literal.value) === undefined
          : name === 'matches' && compile(literal.value) === undefined;
      if (bad) this.problems.push({ at: literal.at, message: `invalid ${name} argument` });
    }
    if (target !== undefined) this.visit(target, mixed);
    for (const arg of args) this.visit(arg, mixed);
  }

  #list({ items }: ListExpr): void {
    let first: Type | undefined;
    for (const { value, optional } of items) {
      const type = this.#typeOf(value, optional);
      first ??= type;
      if (isExact(first, type)) continue;
      this.#mismatch(value, first, type);
      return;
    }
  }

  #map({ entries }: MapExpr): void {
    const [head] = entries;
    if (head === undefined) return;
    const key = this.#typeOf(head.key, false);
    const value = this.#typeOf(head.value, head.optional);
    for (const entry of entries.slice(1)) {
      const [otherKey, other] = [
        this.#typeOf(entry.key, false),
        this.#typeOf(entry.value, entry.optional),
      ];
      if (!isExact(key, otherKey)) this.#mismatch(entry.key, key, otherKey);
      if (!isExact(value, other)) this.#mismatch(entry.value, value, other);
    }
  }

  #typeOf(expr: Expr, optional: boolean): Type {
    const type = this.#checked.types.get(expr)!;
    return optional ? (type.parameters[0] ?? type) : type;
  }

  #mismatch({ at }: Expr, expected: Type, found: Type): void {
    const message = `expected type '${formatType(expected)}' but found '${formatType(found)}'`;
    this.problems.push({ at, message });
  }
}
