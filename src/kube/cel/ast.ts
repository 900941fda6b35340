/** An expression as a tree. `at` is where messages point: an index into the text. */
import type { Value } from './values.ts';

export type Expr =
  | LiteralExpr
  | IdentExpr
  | SelectExpr
  | CallExpr
  | ListExpr
  | MapExpr
  | StructExpr
  | FoldExpr;

export interface LiteralExpr {
  readonly kind: 'literal';
  readonly at: number;
  readonly value: Value;
}

export interface IdentExpr {
  readonly kind: 'ident';
  readonly at: number;
  readonly name: string;
}

export interface SelectExpr {
  readonly kind: 'select';
  readonly at: number;
  readonly operand: Expr;
  readonly field: string;
  /** has(operand.field) */
  readonly test: boolean;
}

export interface CallExpr {
  readonly kind: 'call';
  readonly at: number;
  /** Operators by the names that messages use: `_+_`, `_[_]`, `_?._`. */
  readonly name: string;
  readonly target: Expr | undefined;
  readonly args: readonly Expr[];
}

export interface ListExpr {
  readonly kind: 'list';
  readonly at: number;
  readonly items: readonly { readonly value: Expr; readonly optional: boolean }[];
}

export interface Entry {
  readonly key: Expr;
  readonly value: Expr;
  readonly optional: boolean;
}

export interface MapExpr {
  readonly kind: 'map';
  readonly at: number;
  readonly entries: readonly Entry[];
}

export interface StructExpr {
  readonly kind: 'struct';
  readonly at: number;
  readonly name: string;
  readonly fields: readonly {
    readonly name: string;
    readonly at: number;
    readonly value: Expr;
    readonly optional: boolean;
  }[];
}

/** What macros become: a loop over a range that carries an accumulator. */
export interface FoldExpr {
  readonly kind: 'fold';
  readonly at: number;
  readonly range: Expr;
  readonly variable: string;
  /** With two, the first is the index or key. */
  readonly second: string | undefined;
  readonly accumulator: string;
  readonly initial: Expr;
  readonly condition: Expr;
  readonly step: Expr;
  readonly result: Expr;
}

/** `a.b.c` as a dotted name; undefined for anything else. */
export function dottedName(expr: Expr): string | undefined {
  if (expr.kind === 'ident') return expr.name;
  if (expr.kind !== 'select' || expr.test) return undefined;
  const operand = dottedName(expr.operand);
  return operand === undefined ? undefined : `${operand}.${expr.field}`;
}
