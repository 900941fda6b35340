/** What expressions see of one write, looked at as far as they ask; and the budget they spend. */

import { dynType } from '../../kube/cel/types.ts';
import { CelMap } from '../../kube/cel/values.ts';
import { EvaluationError, fromJson, perCallLimit, type Value } from '../../kube/cel.ts';
import type { Json, KubeObject } from '../../kube/object.ts';
import type { ResourceType } from '../../kube/resource.ts';
import type { Authorizer } from '../auth/authorizer.ts';
import type { Attributes } from './attributes.ts';
import { AuthorizerValue, ResourceCheck } from './authorizer-library.ts';
import type { Expression } from './expression.ts';
import { admissionRequest } from './review.ts';

/** Units that all expressions of one policy, or all conditions of one webhook, may spend. */
export const policyBudget = 10_000_000;
export const conditionsBudget = 2_500_000;

/** The budget is spent: nothing more of this policy is evaluated. */
export class BudgetSpent extends Error {
  override readonly name = 'BudgetSpent';

  constructor() {
    super(
      'validation failed due to running out of cost budget, no further validation rules will be run',
    );
  }
}

export interface ActivationOptions {
  readonly attributes: Attributes;
  /** The written type in the version that was asked for. */
  readonly type: ResourceType;
  readonly authorizer: Authorizer;
  readonly params?: KubeObject | undefined;
  readonly namespace?: KubeObject | undefined;
  readonly variables?: readonly NamedExpression[];
}

export interface NamedExpression {
  readonly name: string;
  readonly expression: Expression;
}

export interface Evaluated {
  readonly value: Value | undefined;
  /** '' when there is a value. */
  readonly error: string;
}

export class Activation {
  readonly #bindings: Readonly<Record<string, Value | (() => Value)>>;
  #left: number;

  constructor(options: ActivationOptions, budget: number) {
    this.#left = budget;
    const { attributes, type, params, namespace, variables = [] } = options;
    const authorizer = new AuthorizerValue(options.authorizer, attributes.user);
    const lazily = (json: () => unknown): (() => Value) => {
      let value: Value | undefined;
      return () => (value ??= fromJson((json() ?? null) as Json, dynType));
    };
    this.#bindings = {
      object: lazily(() => attributes.object(type)),
      oldObject: lazily(() => attributes.oldObject(type)),
      request: lazily(() => requestOf(attributes, type)),
      namespaceObject: lazily(() => namespace && shownNamespace(namespace)),
      params: lazily(() => params),
      authorizer,
      'authorizer.requestResource': new ResourceCheck(authorizer, {
        group: attributes.type.group,
        resource: attributes.type.resource,
        subresource: attributes.subresource,
        namespace: attributes.namespace,
        name: attributes.name,
      }),
      variables: new VariableMap(variables, (expression) => this.#run(expression)),
    };
  }

  /** @throws BudgetSpent */
  evaluate({ text, program, problem }: Expression): Evaluated {
    if (program === undefined) return { value: undefined, error: `compilation error: ${problem}` };
    const { value, error } = this.#run({ text, program, problem });
    if (error === undefined) return { value, error: '' };
    return { value: undefined, error: `expression '${text}' resulted in error: ${error.message}` };
  }

  #run({ program }: Expression) {
    const result = program!.evaluate(this.#bindings, perCallLimit);
    this.#left -= result.cost;
    if (this.#left < 0) throw new BudgetSpent();
    return result;
  }
}

/** Variables, each evaluated when it is first used. */
class VariableMap extends CelMap {
  readonly #named: ReadonlyMap<string, Expression>;
  readonly #run: (expression: Expression) => { value: Value | undefined; error: Error | undefined };
  readonly #known = new Map<string, Value>();

  constructor(
    named: readonly NamedExpression[],
    run: (expression: Expression) => { value: Value | undefined; error: Error | undefined },
  ) {
    super();
    this.#named = new Map(named.map(({ name, expression }) => [name, expression]));
    this.#run = run;
  }

  get size(): number {
    return this.#named.size;
  }

  get(key: Value): Value | undefined {
    const name = String(key);
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const expression = this.#named.get(name);
    if (expression === undefined) return undefined;
    if (expression.program === undefined)
      throw new EvaluationError(
        `composited variable "${name}" fails to compile: ${expression.problem}`,
      );
    const { value, error } = this.#run(expression);
    if (value === undefined)
      throw new EvaluationError(
        `composited variable "${name}" fails to evaluate: ${error?.message ?? ''}`,
      );
    this.#known.set(name, value);
    return value;
  }

  keys(): Iterable<Value> {
    return this.#named.keys();
  }
}

function requestOf(attributes: Attributes, type: ResourceType): object {
  const request = admissionRequest(attributes, type, '') as Record<string, unknown>;
  const { uid: _uid, object: _object, oldObject: _old, ...rest } = request;
  return rest;
}

/** Without what only the server's own bookkeeping needs. */
function shownNamespace(namespace: KubeObject): object {
  const { managedFields: _managed, ownerReferences: _owners, ...metadata } = namespace.metadata;
  return { metadata, spec: namespace['spec'] ?? {}, status: namespace['status'] ?? {} };
}
