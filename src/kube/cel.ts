/**
 * The Common Expression Language with Kubernetes' libraries: compiled once, evaluated within a
 * budget.
 */
import { formats, quantities, semvers } from './cel/amounts.ts';
import { check } from './cel/check.ts';
import { estimateCost } from './cel/estimate.ts';
import { lists } from './cel/lists.ts';
import { literalProblems } from './cel/literals.ts';
import { addresses, networks, urls } from './cel/network.ts';
import {
  type Functions,
  functionsOf,
  type Library,
  parseType,
  type TypeNames,
} from './cel/overload.ts';
import { parse } from './cel/parse.ts';
import { planOf } from './cel/plan.ts';
import { formatProblems, type Problem } from './cel/problem.ts';
import { BudgetError, Frame } from './cel/run.ts';
import { standard } from './cel/standard.ts';
import { regex, sets, strings } from './cel/strings.ts';
import { dynType, formatType, listOf, mapOf, type Type } from './cel/types.ts';
import { EvaluationError, type Value } from './cel/values.ts';

export { parseType } from './cel/overload.ts';
export { BudgetError } from './cel/run.ts';
export type { Type } from './cel/types.ts';
export { EvaluationError, fromJson, type Value } from './cel/values.ts';

/** What one expression may cost, as in kube-apiserver. */
export const perCallLimit = 1_000_000;

const typeNames = [
  'bool',
  'bytes',
  'double',
  'int',
  'string',
  'uint',
  'quantity',
  'url',
  'semver',
  'format',
  'ip',
  'cidr',
].map((name) => parseType(name));

const libraries: readonly Library[] = [
  ...standard,
  ...lists,
  strings,
  regex,
  sets,
  addresses,
  networks,
  urls,
  quantities,
  semvers,
  formats,
];
const functions: Functions = functionsOf(libraries);
const named: ReadonlyMap<string, Type> = new Map(
  [
    ...typeNames,
    parseType('timestamp'),
    parseType('duration'),
    parseType('null'),
    listOf(dynType),
    mapOf(dynType, dynType),
    { kind: 'type', name: 'type', parameters: [] } as Type,
  ].map((type) => [type.name, type]),
);

export interface EnvironmentOptions {
  /** Variables and their types: `parseType('map(string, dyn)')`, typeOfSchema(…). */
  readonly variables: Readonly<Record<string, Type>>;
  /** Further functions, with the names of their own types. */
  readonly libraries?: readonly Library[];
  readonly typeNames?: TypeNames;
}

/** What an expression may use; kept and shared by all that use the same. */
export class Environment {
  readonly variables: ReadonlyMap<string, Type>;
  readonly functions: Functions;
  readonly types: ReadonlyMap<string, Type>;

  constructor({ variables, libraries: more = [], typeNames: names = {} }: EnvironmentOptions) {
    this.variables = new Map(Object.entries(variables));
    this.functions = more.length === 0 ? functions : functionsOf([...libraries, ...more], names);
    this.types = new Map([...named, ...Object.values(names).map((t) => [t.name, t] as const)]);
  }

  /**
   * @throws CompileError with all problems, in kube-apiserver's words
   * @throws ProgramError for constants that cannot be converted
   */
  compile(text: string): Program {
    const { expr, problems } = parse(text);
    if (expr === undefined) throw new CompileError(text, problems);
    const checked = check(expr, this);
    if (checked.problems.length > 0) throw new CompileError(text, checked.problems);
    const literals = literalProblems(checked);
    if (literals.length > 0) throw new CompileError(text, literals);
    try {
      const plan = planOf(checked, this.variables.keys(), this.types);
      return new Program(text, checked, plan);
    } catch (error) {
      if (!(error instanceof EvaluationError)) throw error;
      throw new ProgramError(error.message);
    }
  }
}

export class CompileError extends Error {
  override readonly name = 'CompileError';
  readonly problems: readonly Problem[];

  constructor(text: string, problems: readonly Problem[]) {
    super(formatProblems(text, problems));
    this.problems = problems;
  }
}

/** A constant that cannot be what the expression makes of it: `int('x')`. */
export class ProgramError extends Error {
  override readonly name = 'ProgramError';
}

export interface Result {
  readonly value: Value | undefined;
  /** Why there is no value: an EvaluationError, or a BudgetError when it cost too much. */
  readonly error: EvaluationError | BudgetError | undefined;
  /** Units spent. */
  readonly cost: number;
}

export type Bindings = Readonly<Record<string, Value | (() => Value)>>;

/** A compiled expression: immutable, used as often as wanted. */
export class Program {
  readonly text: string;
  readonly checked: ReturnType<typeof check>;
  readonly #plan: ReturnType<typeof planOf>;

  constructor(text: string, checked: ReturnType<typeof check>, plan: ReturnType<typeof planOf>) {
    this.text = text;
    this.checked = checked;
    this.#plan = plan;
  }

  /** The type that it yields; 'dyn' when only a value tells. */
  get type(): Type {
    return this.checked.types.get(this.checked.expr)!;
  }

  /** As messages name it: 'bool', 'list(string)'. */
  get typeName(): string {
    return formatType(this.type);
  }

  /** Whether a declared variable is read anywhere. */
  uses(variable: string): boolean {
    for (const part of this.checked.types.keys())
      if (part.kind === 'ident' && part.name === variable) return true;
    return false;
  }

  /**
   * The most that it may cost, in units, up to 2^64. `root`: the type of all variables, with the
   * sizes that its schema allows.
   */
  mostCost(root: Type): number {
    return estimateCost(this.checked, root);
  }

  /** Never throws for what an expression does. A variable given as a function is read lazily. */
  evaluate(bindings: Bindings, limit = perCallLimit): Result {
    const { evaluate, slots, size } = this.#plan;
    const frame = new Frame(size, limit);
    for (const [name, slot] of slots) {
      const value = bindings[name];
      if (value !== undefined) frame.write(slot, value);
    }
    try {
      return { value: evaluate(frame), error: undefined, cost: frame.cost };
    } catch (error) {
      if (!(error instanceof EvaluationError) && !(error instanceof BudgetError)) throw error;
      return { value: undefined, error, cost: frame.cost };
    }
  }
}
