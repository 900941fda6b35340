/** MutatingAdmissionPolicies: apply configurations and JSON patches that expressions make. */

import { toJson } from '../../kube/cel/to-json.ts';
import { EvaluationError, isList } from '../../kube/cel/values.ts';
import type { Value } from '../../kube/cel.ts';
import { deepEqual } from '../../kube/json.ts';
import { applyJsonPatch, type JsonPatchOperation } from '../../kube/json-patch.ts';
import {
  isObject,
  type Json,
  type JsonObject,
  type KubeObject,
  valueAt,
} from '../../kube/object.ts';
import type { ResourceType } from '../../kube/resource.ts';
import type { SchemaNode } from '../../kube/schema.ts';
import { ApiError, isApiError } from '../../kube/status.ts';
import { fieldNode, isAtomicMap, TypedError } from '../../kube/typed.ts';
import { typedProblems } from '../../kube/typed-check.ts';
import { mergeTyped } from '../../kube/typed-merge.ts';
import type { Activation } from './activation.ts';
import { BudgetSpent } from './activation.ts';
import { Attributes } from './attributes.ts';
import { evaluateConditions } from './conditions.ts';
import { compileExpression, type Expression, misnamed, resultTypes } from './expression.ts';
import { objectsOf } from './field-check.ts';
import { type Mutation, settled } from './mutating-webhooks.ts';
import {
  type Binding,
  collectParams,
  configurationProblem,
  matchResources,
  type Policy,
  paramTypeOf,
  policyOf,
} from './policies.ts';
import { forbiddenBy } from './refusal.ts';
import { activationOf, type PolicyParts } from './validating-policies.ts';

interface PolicyMutation {
  readonly kind: 'ApplyConfiguration' | 'JSONPatch';
  readonly expression: Expression;
}

export interface MutatingPolicy extends Policy {
  readonly mutations: readonly PolicyMutation[];
  readonly reinvoked: boolean;
}

export function mutatingPolicyOf(object: KubeObject): MutatingPolicy {
  const policy = policyOf(object);
  const declared = { params: policy.paramKind !== undefined, authorizer: true, patches: true };
  const options = { declared, variables: policy.declared };
  return {
    ...policy,
    reinvoked: policy.spec['reinvocationPolicy'] === 'IfNeeded',
    mutations: objectsOf(policy.spec['mutations']).map((mutation) => {
      const patch = mutation['patchType'] === 'JSONPatch';
      const text = String(
        valueAt(mutation, patch ? 'jsonPatch' : 'applyConfiguration', 'expression') ?? '',
      );
      const result = patch ? resultTypes.patch : resultTypes.object;
      return {
        kind: patch ? 'JSONPatch' : 'ApplyConfiguration',
        expression: compileExpression(patch ? text.trim() : text, [result], options),
      };
    }),
  };
}

/** What a mutation cannot do. */
class MutationProblem extends Error {
  override readonly name = 'MutationProblem';
}

interface Problem {
  readonly policy: Policy;
  readonly binding: Binding | undefined;
  readonly message: string;
  readonly reason?: string;
}

interface Invocation {
  readonly policy: MutatingPolicy;
  readonly binding: Binding;
  readonly type: ResourceType;
  readonly param: KubeObject | undefined;
}

/** The object as the policies made it. @throws ApiError when one of them fails that may not */
export async function mutateByPolicies(
  mutation: Mutation,
  policies: readonly MutatingPolicy[],
  parts: PolicyParts,
): Promise<KubeObject> {
  const { context, request, reinvocation } = mutation;
  const first = attributesOf(mutation, request.object, parts);
  const problems: Problem[] = [];
  const invocations: Invocation[] = [];
  for (const policy of policies)
    invocations.push(...(await invocationsOf(policy, first, { parts, problems })));
  let { object } = request;
  for (const one of invocations) {
    const { policy, binding, param } = one;
    const activate = activationOf(one, attributesOf(mutation, object, parts), parts);
    const outcome =
      policy.conditions.length === 0
        ? 'match'
        : evaluateConditions(policy.conditions, activate('conditions'));
    if (outcome === 'no match') continue;
    if (outcome !== 'match') {
      problems.push({ policy, binding, message: outcome.error, reason: 'Invalid' });
      continue;
    }
    const where = `${param?.metadata.namespace ?? ''}/${param?.metadata.name ?? ''}`;
    const id = `policy ${policy.name} ${binding.name} ${where}`;
    if (!reinvocation.runs(id)) continue;
    const before = object;
    for (const step of policy.mutations) {
      const attributes = attributesOf(mutation, object, parts);
      if (attributes.operation === 'DELETE') continue;
      try {
        const run = activationOf(one, attributes, parts)('validations');
        object = mutated(step, attributes, { type: one.type, activation: run, parts });
      } catch (error) {
        const message = problemOf(error);
        problems.push({ policy, binding, message, reason: 'Invalid' });
      }
    }
    if (!deepEqual(before, object)) reinvocation.changed();
    else object = before;
    if (policy.reinvoked) reinvocation.ran(id);
  }
  refuse(
    problems.filter(({ policy }) => !policy.ignoreFailures),
    mutation,
  );
  context.signal.throwIfAborted();
  return object;
}

function attributesOf(
  { context, request }: Mutation,
  object: KubeObject,
  { types }: PolicyParts,
): Attributes {
  return new Attributes(context, { ...request, object }, { types, phase: 'mutating' });
}

async function invocationsOf(
  policy: MutatingPolicy,
  attributes: Attributes,
  { parts, problems }: { parts: PolicyParts; problems: Problem[] },
): Promise<Invocation[]> {
  const found: Invocation[] = [];
  const misconfigured = (binding: Binding | undefined, error: unknown): void => {
    const what = binding === undefined ? 'policy' : 'binding';
    const message = `failed to configure ${what}: ${configurationProblem(error)}`;
    problems.push({ policy, binding, message });
  };
  const bindings = parts.bindings.entries.filter(({ policyName }) => policyName === policy.name);
  if (bindings.length === 0) return found;
  let type: ResourceType | undefined;
  let paramType: ResourceType | undefined;
  try {
    type = matchResources(policy.match, attributes, parts);
    if (type === undefined) return found;
    paramType = paramTypeOf(policy, parts.types);
  } catch (error) {
    misconfigured(undefined, error);
    return found;
  }
  for (const binding of bindings) {
    try {
      const { match } = binding;
      if (match !== undefined && matchResources(match, attributes, parts) === undefined) continue;
      for (const param of await collectParams(paramType, binding, attributes.namespace, parts))
        found.push({ policy, binding, type, param });
    } catch (error) {
      misconfigured(binding, error);
    }
  }
  return found;
}

function problemOf(error: unknown): string {
  const expected =
    error instanceof MutationProblem ||
    error instanceof BudgetSpent ||
    error instanceof EvaluationError;
  if (!expected) throw error;
  return error.message;
}

function refuse(problems: readonly Problem[], { request }: Mutation): void {
  const [first] = problems;
  if (first === undefined) return;
  const texts = problems.map(({ policy, binding, message }) =>
    binding === undefined
      ? `policy "${policy.name}" denied request: ${message}`
      : `policy '${policy.name}' with binding '${binding.name}' denied request: ${message}`,
  );
  const { type, ref, nameGenerated, object } = request;
  const name = nameGenerated === true ? (object.metadata.generateName ?? '') : ref.name;
  const refusal = forbiddenBy({ type, name }, '');
  const { status } = refusal;
  status.message = texts[0]!;
  if (first.reason !== undefined) status.reason = first.reason;
  status.details = { ...status.details, causes: texts.map((message) => ({ message })) };
  throw ApiError.fromStatus(status);
}

interface MutationParts {
  readonly type: ResourceType;
  readonly activation: Activation;
  readonly parts: PolicyParts;
}

/** The whole object after one step. @throws MutationProblem, BudgetSpent */
function mutated(
  { kind, expression }: PolicyMutation,
  attributes: Attributes,
  { type, activation, parts }: MutationParts,
): KubeObject {
  if (expression.program === undefined) throw new MutationProblem(expression.problem);
  const { value, error } = activation.evaluate(expression);
  if (value === undefined) throw new MutationProblem(error);
  const wrong = misnamed(expression.program);
  if (wrong !== '') throw new MutationProblem(`type mismatch: ${wrong}`);
  const shown = attributes.object(type)!;
  const result =
    kind === 'JSONPatch'
      ? patched(shown, operationsFrom(value))
      : applied(shown, toJson(value), parts.types.factsOf(type).schema.root);
  if (result === shown) return attributes.request.object;
  return settled(attributes, attributes.restored(result), parts.types);
}

function operationsFrom(value: Value): JsonPatchOperation[] {
  const list = isList(value) ? value : [];
  return list.map((item) => {
    const json = toJson(item) as JsonObject;
    const operation = { op: String(json['op'] ?? ''), path: String(json['path'] ?? '') };
    return {
      ...operation,
      ...(typeof json['from'] === 'string' && json['from'] !== '' && { from: json['from'] }),
      ...(json['value'] !== undefined && { value: json['value'] }),
    };
  });
}

function patched(shown: KubeObject, operations: readonly JsonPatchOperation[]): KubeObject {
  try {
    return applyJsonPatch(shown as unknown as JsonObject, operations) as unknown as KubeObject;
  } catch (error) {
    if (!isApiError(error)) throw error;
    const why = error.cause instanceof Error ? error.cause.message : error.message;
    // A test that fails means: not this object.
    if (/^testing value .* failed|test failed/.test(why)) return shown;
    throw new MutationProblem(`JSON Patch: ${why}`);
  }
}

function applied(shown: KubeObject, configuration: Json, root: SchemaNode): KubeObject {
  const { apiVersion, kind } = shown;
  const patch = { ...(configuration as JsonObject), apiVersion, kind };
  const problems = typedProblems(root, patch);
  if (problems.length > 0)
    throw new MutationProblem(
      `error applying patch: failed to convert patch object to typed object: ${problems.join('\n')}`,
    );
  const atomic = atomicsIn(root, patch, '');
  if (atomic.length > 0)
    throw new MutationProblem(
      `error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: ${atomic.join(', ')}`,
    );
  try {
    return mergeTyped(root, shown as unknown as Json, patch) as unknown as KubeObject;
  } catch (error) {
    if (!(error instanceof TypedError)) throw error;
    throw new MutationProblem(`error applying patch: failed to merge patch: ${error.message}`);
  }
}

/** Paths of what can only be replaced as a whole. */
function atomicsIn(node: SchemaNode, value: Json, path: string): string[] {
  const { map, list } = node.shape;
  if (isObject(value) && map !== undefined) {
    const inner = Object.entries(value).flatMap(([name, each]) => {
      const type = map.fields.has(name) ? fieldNode(map, name) : undefined;
      return type === undefined ? [] : atomicsIn(type, each, `${path}.${name}`);
    });
    return isAtomicMap(node) ? [path, ...inner] : inner;
  }
  if (!Array.isArray(value) || list === undefined) return [];
  const inner = value.flatMap((each, i) => atomicsIn(list.element, each, `${path}[${i}]`));
  return list.relation === 'atomic' ? [path, ...inner] : inner;
}
