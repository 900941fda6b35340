/** x-kubernetes-validations of a custom kind's schema: compiled once, run over objects. */
import { typeOfSchema } from './cel/schema-type.ts';
import { optionalOf, type Type } from './cel/types.ts';
import { none, Optional } from './cel/values.ts';
import {
  BudgetError,
  CompileError,
  Environment,
  fromJson,
  type Program,
  ProgramError,
  type Value,
} from './cel.ts';
import { deepEqual, stringifyJson } from './json.ts';
import { isObject, type Json, type JsonObject, type KubeObject, objectAt } from './object.ts';
import { quoteGo } from './quote.ts';
import type { StatusCause } from './status.ts';
import { fieldOf } from './typed.ts';
import { invalidValue } from './validate-meta.ts';

/** What all rules of one kind may cost for one object. */
export const objectBudget = 10_000_000;
/** Longer messages of messageExpression are not shown, bytes. */
const messageMax = 5 * 1024;

/** A rule as the schema has it, with its programs. */
export interface CompiledRule {
  readonly rule: JsonObject;
  readonly program: Program | undefined;
  /** In kube-apiserver's words. */
  readonly problem: string | undefined;
  readonly message: Program | undefined;
  readonly messageProblem: string | undefined;
  readonly usesOldSelf: boolean;
}

/** Rules of one place in a schema. */
export function compileRulesAt(
  schema: JsonObject,
  root: boolean,
): { type: Type; rules: CompiledRule[] } | undefined {
  const rules = schema['x-kubernetes-validations'];
  if (!Array.isArray(rules) || rules.length === 0) return undefined;
  const type = typeOfSchema(schema, { root, name: 'selfType' });
  if (type === undefined) return undefined;
  const plain = new Environment({ variables: { self: type, oldSelf: type } });
  const optional = new Environment({ variables: { self: type, oldSelf: optionalOf(type) } });
  const compiled = rules.filter(isObject).map((rule) => {
    return compileRule(rule, rule.optionalOldSelf === true ? optional : plain);
  });
  return { type, rules: compiled };
}

function compileRule(rule: JsonObject, environment: Environment): CompiledRule {
  const main = compile(textOf(rule.rule), environment, {
    type: 'bool',
    failed: 'compilation failed: ',
    other: 'cel expression must evaluate to a bool',
    instantiation: 'program instantiation failed: ',
  });
  const usesOldSelf = main.program?.uses('oldSelf') ?? false;
  const { messageExpression } = rule;
  const base = { rule, program: main.program, problem: main.problem, usesOldSelf };
  if (messageExpression === undefined || main.problem !== undefined)
    return { ...base, message: undefined, messageProblem: undefined };
  const message = compile(textOf(messageExpression), environment, {
    type: 'string',
    failed: 'messageExpression compilation failed: ',
    other: 'messageExpression must evaluate to a string',
    instantiation: 'messageExpression instantiation failed: ',
  });
  return { ...base, message: message.program, messageProblem: message.problem };
}

interface Words {
  readonly type: string;
  readonly failed: string;
  readonly other: string;
  readonly instantiation: string;
}

function compile(
  text: string,
  environment: Environment,
  words: Words,
): { program: Program | undefined; problem: string | undefined } {
  if (text.trim() === '') return { program: undefined, problem: undefined };
  try {
    const program = environment.compile(text);
    if (program.typeName !== words.type) return { program: undefined, problem: words.other };
    return { program, problem: undefined };
  } catch (error) {
    if (error instanceof CompileError)
      return { program: undefined, problem: words.failed + error.message };
    if (error instanceof ProgramError)
      return { program: undefined, problem: words.instantiation + error.message };
    throw error;
  }
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

interface RuleNode {
  readonly type: Type | undefined;
  readonly rules: readonly CompiledRule[];
  /** How the schema names the type in messages. */
  readonly typeName: string;
  readonly properties: ReadonlyMap<string, RuleNode>;
  readonly additional: RuleNode | undefined;
  readonly items: RuleNode | undefined;
  /** Keys of a list whose items are known again in an older object. */
  readonly mapKeys: readonly string[] | undefined;
}

/** Undefined where nothing at or below has rules. */
function nodeOf(schema: Json | undefined, root: boolean): RuleNode | undefined {
  if (!isObject(schema)) return undefined;
  const own = compileRulesAt(schema, root || schema['x-kubernetes-embedded-resource'] === true);
  const properties = new Map<string, RuleNode>();
  for (const [name, inner] of Object.entries(objectAt(schema, 'properties') ?? {})) {
    const node = nodeOf(inner, false);
    if (node !== undefined) properties.set(name, node);
  }
  const additional = nodeOf(schema.additionalProperties, false);
  const items = nodeOf(schema.items, false);
  if (own === undefined && properties.size === 0 && additional === undefined && items === undefined)
    return undefined;
  const keys = schema['x-kubernetes-list-map-keys'];
  const isMap = schema['x-kubernetes-list-type'] === 'map' && Array.isArray(keys);
  return {
    type: own?.type,
    rules: own?.rules ?? [],
    typeName: textOf(schema.type),
    properties,
    additional,
    items,
    mapKeys: isMap ? keys.map(String) : undefined,
  };
}

/** What the rules of a schema, which is not the root of one, forbid of a value at `path`. */
export function ruledCauses(schema: JsonObject, value: Json, path: string): StatusCause[] {
  const node = nodeOf(schema, false);
  if (node === undefined) return [];
  const run = new Run(() => {});
  run.value(node, value, { path, old: undefined, unchanged: () => false });
  return run.causes;
}

const known = new WeakMap<JsonObject, CustomRules>();

export class CustomRules {
  readonly #root: RuleNode | undefined;

  private constructor(schema: JsonObject) {
    this.#root = nodeOf(schema, true);
  }

  /** Compiled once for a schema, an openAPIV3Schema of a whole object. */
  static of(schema: JsonObject): CustomRules {
    let rules = known.get(schema);
    if (rules === undefined) {
      rules = new CustomRules(schema);
      known.set(schema, rules);
    }
    return rules;
  }

  get empty(): boolean {
    return this.#root === undefined;
  }

  /**
   * What the rules forbid, in kube-apiserver's words. What was wrong before and has not changed is
   * told to `warn` only.
   */
  check(
    object: KubeObject,
    old: KubeObject | undefined,
    warn: (text: string) => void,
  ): StatusCause[] {
    if (this.#root === undefined) return [];
    const run = new Run(warn);
    const before = old as unknown as Json | undefined;
    run.value(this.#root, object as unknown as Json, {
      path: '',
      old: before,
      unchanged: before === undefined ? () => false : sameAs(object as unknown as Json, before),
    });
    return run.causes;
  }
}

/** Where a run stands. */
interface Place {
  readonly path: string;
  /** The value that was here before; undefined: none, or none that can be told. */
  readonly old: Json | undefined;
  /** Whether this, or the nearest place above that is known again, is as it was. */
  readonly unchanged: () => boolean;
}

function sameAs(value: Json, old: Json): () => boolean {
  let answer: boolean | undefined;
  return () => {
    answer ??= deepEqual(value, old);
    return answer;
  };
}

function lazy(json: Json, type: Type): () => Value {
  let value: Value | undefined;
  return () => {
    value ??= fromJson(json, type);
    return value;
  };
}

class Run {
  readonly causes: StatusCause[] = [];
  readonly #warn: (text: string) => void;
  #left = objectBudget;
  #over = false;

  constructor(warn: (text: string) => void) {
    this.#warn = warn;
  }

  value(node: RuleNode, value: Json, place: Place): void {
    if (this.#over || value === null) return;
    if (node.rules.length > 0) this.#rules(node, value, place);
    if (Array.isArray(value)) this.#items(node, value, place);
    else if (isObject(value)) this.#fields(node, value, place);
  }

  #fields(node: RuleNode, object: JsonObject, place: Place): void {
    const before = isObject(place.old) ? place.old : undefined;
    for (const name of Object.keys(object)) {
      const inner = node.additional ?? node.properties.get(name);
      if (inner === undefined) continue;
      const value = object[name]!;
      const old = before === undefined ? undefined : fieldOf(before, name);
      const path =
        node.additional === undefined ? fieldPath(place.path, name) : `${place.path}[${name}]`;
      this.value(inner, value, this.#below(place, { path, value, old }));
    }
  }

  #items({ items, mapKeys }: RuleNode, list: readonly Json[], place: Place): void {
    if (items === undefined) return;
    const before = mapKeys === undefined || !Array.isArray(place.old) ? [] : place.old;
    const identity = (item: Json): string =>
      stringifyJson(mapKeys!.map((key) => (isObject(item) ? (fieldOf(item, key) ?? null) : null)));
    const byKey = new Map(before.map((item) => [identity(item), item]));
    for (const [i, value] of list.entries()) {
      const path = `${place.path}[${i}]`;
      const old = byKey.size === 0 ? undefined : byKey.get(identity(value));
      if (mapKeys === undefined) this.value(items, value, { ...place, path, old: undefined });
      else this.value(items, value, this.#below(place, { path, value, old }));
    }
  }

  #below(
    place: Place,
    { path, value, old }: { path: string; value: Json; old: Json | undefined },
  ): Place {
    const unchanged = old === undefined ? () => false : sameAs(value, old);
    return { path, old, unchanged: place.old === undefined ? place.unchanged : unchanged };
  }

  #rules(node: RuleNode, value: Json, place: Place): void {
    const self = lazy(value, node.type!);
    const old = place.old ?? undefined;
    const oldSelf = old === undefined ? undefined : lazy(old, node.type!);
    for (const compiled of node.rules) {
      if (this.#over) return;
      const optional = compiled.rule.optionalOldSelf === true;
      if (compiled.problem !== undefined)
        this.#fail(node, place, `rule compile error: ${compiled.problem}`);
      if (compiled.program === undefined) continue;
      if (compiled.usesOldSelf && oldSelf === undefined && !optional) continue;
      const before = optional
        ? (): Value => (oldSelf === undefined ? none : new Optional(oldSelf()))
        : oldSelf;
      const bindings = { self, ...(before === undefined ? {} : { oldSelf: before }) };
      this.#rule(node, compiled, { value, place, bindings });
    }
  }

  #rule(
    node: RuleNode,
    compiled: CompiledRule,
    at: { value: Json; place: Place; bindings: Record<string, () => Value> },
  ): void {
    if (this.#left <= 0) {
      this.#exhausted(node, at.place);
      return;
    }
    const { value: result, error, cost } = compiled.program!.evaluate(at.bindings);
    this.#left -= cost;
    if (this.#left < 0) this.#exhausted(node, at.place);
    else if (error !== undefined) this.#notEvaluated(node, compiled, at.place, error);
    else if (result !== true) this.#refused(node, compiled, at);
  }

  #refused(
    node: RuleNode,
    compiled: CompiledRule,
    at: { value: Json; place: Place; bindings: Record<string, () => Value> },
  ): void {
    const detail = this.#detail(node, compiled, at);
    if (detail === undefined) return;
    const cause = causeOf(compiled.rule, fieldPathOf(compiled.rule, at.place.path), {
      value: at.value,
      detail,
    });
    if (!compiled.usesOldSelf && at.place.unchanged())
      this.#warn(`${cause.field}: ${cause.message}`);
    else this.causes.push(cause);
  }

  #fail({ typeName }: RuleNode, { path }: Place, detail: string): void {
    this.causes.push(invalidValue(path === '' ? '<nil>' : path, typeName, detail));
  }

  #exhausted(node: RuleNode, place: Place): void {
    const why = 'validation failed due to running out of cost budget';
    this.#fail(node, place, `${why}, no further validation rules will be run`);
    this.#over = true;
  }

  #notEvaluated(node: RuleNode, { rule }: CompiledRule, place: Place, error: Error): void {
    const named = ruleName(rule);
    const { message } = error;
    if (error instanceof BudgetError) {
      const why = 'no further validation rules will be run due to call cost exceeds limit for rule';
      this.#fail(node, place, `'${message}': ${why}: ${named}`);
      this.#over = true;
    } else if (message.startsWith('no such overload')) {
      const why = 'call arguments did not match a supported operator, function or macro signature';
      this.#fail(node, place, `'${message}': ${why} for rule: ${named}`);
    } else this.#fail(node, place, `${message} evaluating rule: ${named}`);
  }

  /** Undefined when nothing may be evaluated any more. */
  #detail(
    node: RuleNode,
    { rule, message }: CompiledRule,
    { place, bindings }: { place: Place; bindings: Record<string, () => Value> },
  ): string | undefined {
    const otherwise =
      textOf(rule.message) === '' ? `failed rule: ${ruleName(rule)}` : textOf(rule.message).trim();
    if (message === undefined) return otherwise;
    const { value, error, cost } = message.evaluate(bindings);
    if (cost > this.#left || error instanceof BudgetError) {
      const why =
        error instanceof BudgetError
          ? 'no further validation rules will be run due to call cost exceeds limit for ' +
            `messageExpression: ${quoteGo(textOf(rule.messageExpression))}`
          : 'messageExpression evaluation failed due to running out of cost budget, no further ' +
            'validation rules will be run';
      this.#fail(node, { ...place, path: fieldPathOf(rule, place.path) }, why);
      this.#over = true;
      return undefined;
    }
    this.#left -= cost;
    const text = typeof value === 'string' ? value.trim() : '';
    const usable = text !== '' && !text.includes('\n') && Buffer.byteLength(text) <= messageMax;
    return usable ? text : otherwise;
  }
}

function fieldPath(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

/** Where a failure is shown: the rule's fieldPath below its place. */
function fieldPathOf(rule: JsonObject, path: string): string {
  const own = textOf(rule.fieldPath);
  if (own === '') return path;
  const normal = own.replace(/\['((?:[^'\\]|\\.)*)'\]/g, '[$1]').replace(/^\./, '');
  return path === '' ? normal : `${path}.${normal}`;
}

function ruleName(rule: JsonObject): string {
  const message = textOf(rule.message);
  return (message === '' ? textOf(rule.rule) : message).trim();
}

function causeOf(
  rule: JsonObject,
  path: string,
  { value, detail }: { value: Json; detail: string },
): StatusCause {
  const field = path === '' ? '<nil>' : path;
  switch (rule.reason) {
    case 'FieldValueForbidden':
      return { reason: 'FieldValueForbidden', message: `Forbidden: ${detail}`, field };
    case 'FieldValueRequired':
      return { reason: 'FieldValueRequired', message: `Required value: ${detail}`, field };
    case 'FieldValueDuplicate': {
      const shown = typeof value === 'object' ? '' : `: ${stringifyJson(value)}`;
      return { reason: 'FieldValueDuplicate', message: `Duplicate value${shown}`, field };
    }
    default:
  }
  if (typeof value !== 'object') return invalidValue(field, value, detail);
  return { reason: 'FieldValueInvalid', message: `Invalid value: ${detail}`, field };
}
