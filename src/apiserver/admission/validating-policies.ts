/** Validating policies: every binding that matches is evaluated; the first denial is told. */
import type { KubeObject } from '../../kube/object.ts';
import type { ResourceType } from '../../kube/resource.ts';
import { type ApiError, type StatusReason, statusCodes } from '../../kube/status.ts';
import type { Authorizer } from '../auth/authorizer.ts';
import { Activation, BudgetSpent, conditionsBudget, policyBudget } from './activation.ts';
import type { AdmissionMetrics } from './admission-metrics.ts';
import { type Attributes, isNamespaceType } from './attributes.ts';
import { evaluateConditions } from './conditions.ts';
import type { Configured } from './configured.ts';
import { compileExpression, type Expression, resultTypes } from './expression.ts';
import { objectsOf } from './field-check.ts';
import {
  type Binding,
  collectParams,
  configurationProblem,
  type MatchParts,
  matchResources,
  type ParamParts,
  type Policy,
  paramTypeOf,
  policyOf,
} from './policies.ts';
import { forbiddenBy } from './refusal.ts';

/** Longest value of an audit annotation, and most failures that one lists. */
const annotationMax = 10 * 1024;
const failuresMax = 50;
/** Longest message that an expression may make, bytes. */
const messageMax = 5 * 1024;

interface Validation {
  readonly expression: Expression;
  readonly message: string;
  readonly messageExpression: Expression | undefined;
  readonly reason: string;
}

export interface ValidatingPolicy extends Policy {
  readonly validations: readonly Validation[];
  readonly auditAnnotations: readonly { readonly key: string; readonly value: Expression }[];
}

export function validatingPolicyOf(object: KubeObject): ValidatingPolicy {
  const policy = policyOf(object);
  const params = policy.paramKind !== undefined;
  const variables = policy.declared;
  const whole = { declared: { params, authorizer: true }, variables };
  const { bool, string, null: nothing } = resultTypes;
  return {
    ...policy,
    validations: objectsOf(policy.spec['validations']).map((validation) => ({
      expression: compileExpression(String(validation['expression']), [bool], whole),
      message: String(validation['message'] ?? '').trim(),
      messageExpression: validation['messageExpression']
        ? compileExpression(String(validation['messageExpression']), [string], {
            declared: { params, authorizer: false },
            variables,
          })
        : undefined,
      reason: String(validation['reason'] ?? 'Invalid'),
    })),
    auditAnnotations: objectsOf(policy.spec['auditAnnotations']).map((annotation) => ({
      key: String(annotation['key']),
      value: compileExpression(String(annotation['valueExpression']), [string, nothing], whole),
    })),
  };
}

export interface PolicyParts extends MatchParts, ParamParts {
  /** Absent: nobody counts. */
  readonly counts?: AdmissionMetrics | undefined;
  readonly authorizer: Authorizer;
  readonly bindings: Configured<Binding>;
  readonly namespaceOf: (name: string) => KubeObject | undefined;
}

interface Denial {
  readonly policy: Policy;
  readonly binding: Binding | undefined;
  readonly message: string;
  readonly reason: string;
}

/** @throws ApiError of the first denial; warns and annotates as the bindings say */
export async function validateByPolicies(
  attributes: Attributes,
  policies: readonly ValidatingPolicy[],
  parts: PolicyParts,
): Promise<void> {
  const run = new Run(attributes, parts);
  for (const policy of policies) await run.policy(policy);
  run.finish();
}

class Run {
  readonly #attributes: Attributes;
  readonly #parts: PolicyParts;
  readonly #denials: Denial[] = [];
  readonly #failures: object[] = [];

  constructor(attributes: Attributes, parts: PolicyParts) {
    this.#attributes = attributes;
    this.#parts = parts;
  }

  async policy(policy: ValidatingPolicy): Promise<void> {
    const bindings = this.#parts.bindings.entries.filter(
      ({ policyName }) => policyName === policy.name,
    );
    if (bindings.length === 0) return;
    let type: ResourceType | undefined;
    let paramType: ResourceType | undefined;
    try {
      type = matchResources(policy.match, this.#attributes, this.#parts);
      if (type === undefined) return;
      paramType = paramTypeOf(policy, this.#parts.types);
    } catch (error) {
      this.#misconfigured(policy, undefined, error);
      return;
    }
    const notes = new Map<string, Set<string>>();
    for (const binding of bindings) {
      try {
        const matches =
          binding.match === undefined ||
          matchResources(binding.match, this.#attributes, this.#parts) !== undefined;
        if (!matches) continue;
        const { namespace } = this.#attributes;
        const params = await collectParams(paramType, binding, namespace, this.#parts);
        for (const param of params) this.#evaluate({ policy, binding, type, param, notes });
      } catch (error) {
        this.#misconfigured(policy, binding, error);
      }
    }
    for (const [key, values] of notes)
      this.#attributes.context.annotate?.(`${policy.name}/${key}`, [...values].join(', '));
  }

  finish(): void {
    if (this.#failures.length > 0)
      this.#attributes.context.annotate?.(
        'validation.policy.admission.k8s.io/validation_failure',
        JSON.stringify(this.#failures.slice(0, failuresMax)),
      );
    const [first] = this.#denials;
    if (first !== undefined) throw refusalOf(this.#attributes, first);
  }

  #misconfigured(policy: Policy, binding: Binding | undefined, error: unknown): void {
    const problem = configurationProblem(error);
    if (policy.ignoreFailures) return;
    const what = binding === undefined ? 'policy' : 'binding';
    const message = `failed to configure ${what}: ${problem}`;
    this.#denials.push({ policy, binding, message, reason: 'Invalid' });
  }

  #evaluate(one: Evaluation): void {
    const { policy, binding, notes } = one;
    const decided = evaluatePolicy(policy, activationOf(one, this.#attributes, this.#parts));
    const deny = (message: string, reason: string): void =>
      void this.#denials.push({ policy, binding, message, reason });
    for (const { index, message, reason } of decided.denials) {
      const { actions } = binding;
      for (const action of actions) this.#parts.counts?.objected(policy.name, binding.name, action);
      if (actions.includes('Deny')) deny(message, reason);
      if (actions.includes('Warn'))
        this.#attributes.context.warn(
          `Validation failed for ValidatingAdmissionPolicy '${policy.name}' with binding '${binding.name}': ${message}`,
        );
      if (actions.includes('Audit'))
        this.#failures.push({
          ...{ message, policy: policy.name, binding: binding.name },
          ...{ expressionIndex: index, validationActions: actions },
        });
    }
    for (const { key, value, error } of decided.annotations) {
      if (error !== '') deny(error, 'Invalid');
      else notes.set(key, (notes.get(key) ?? new Set()).add(value.slice(0, annotationMax)));
    }
  }
}

interface Evaluation {
  readonly policy: ValidatingPolicy;
  readonly binding: Binding;
  readonly type: ResourceType;
  readonly param: KubeObject | undefined;
  readonly notes: Map<string, Set<string>>;
}

/** Fresh activations, each with a budget of its own. */
export function activationOf(
  { policy, type, param }: { policy: Policy; type: ResourceType; param: KubeObject | undefined },
  attributes: Attributes,
  { authorizer, namespaceOf }: Pick<PolicyParts, 'authorizer' | 'namespaceOf'>,
): (use: 'conditions' | 'validations') => Activation {
  const { variables } = policy;
  const base = { attributes, type, authorizer, params: param, variables };
  return (use) => {
    if (use === 'conditions') return new Activation(base, conditionsBudget);
    const itself = isNamespaceType(attributes.type);
    const namespace = itself ? undefined : namespaceOf(attributes.namespace);
    return new Activation({ ...base, namespace }, policyBudget);
  };
}

interface Decided {
  readonly denials: readonly { index: number; message: string; reason: string }[];
  readonly annotations: readonly { key: string; value: string; error: string }[];
}

function evaluatePolicy(
  policy: ValidatingPolicy,
  activate: (use: 'conditions' | 'validations') => Activation,
): Decided {
  const failed = (message: string): Decided => ({
    denials: policy.ignoreFailures ? [] : [{ index: 0, message, reason: 'Invalid' }],
    annotations: [],
  });
  if (policy.conditions.length > 0) {
    const outcome = evaluateConditions(policy.conditions, activate('conditions'));
    if (outcome === 'no match') return { denials: [], annotations: [] };
    if (outcome !== 'match') return failed(outcome.error);
  }
  try {
    const activation = activate('validations');
    const results = policy.validations.map(({ expression }) => activation.evaluate(expression));
    const denials = results.flatMap(({ value, error }, index) => {
      if (value === true) return [];
      const { reason } = policy.validations[index]!;
      if (error === '')
        return { index, message: messageOf(policy.validations[index]!, activation), reason };
      return policy.ignoreFailures ? [] : { index, message: error, reason: 'Invalid' };
    });
    return { denials, annotations: annotationsOf(policy, activate('validations')) };
  } catch (error) {
    if (!(error instanceof BudgetSpent)) throw error;
    return failed(error.message);
  }
}

function messageOf(
  { expression, message, messageExpression }: Validation,
  activation: Activation,
): string {
  const given = messageExpression && activation.evaluate(messageExpression).value;
  if (typeof given === 'string') {
    const text = given.trim();
    if (text !== '' && !text.includes('\n') && Buffer.byteLength(text) <= messageMax) return text;
  }
  return message === '' ? `failed expression: ${expression.text.trim()}` : message;
}

function annotationsOf(policy: ValidatingPolicy, activation: Activation): Decided['annotations'] {
  return policy.auditAnnotations.flatMap(({ key, value: expression }) => {
    const { value, error } = activation.evaluate(expression);
    if (error !== '') return policy.ignoreFailures ? [] : { key, value: '', error };
    const text = typeof value === 'string' ? value.trim() : '';
    return text === '' ? [] : { key, value: text, error: '' };
  });
}

function refusalOf(attributes: Attributes, { policy, binding, message, reason }: Denial): ApiError {
  const by = `ValidatingAdmissionPolicy '${policy.name}'`;
  const text = `${binding === undefined ? by : `${by} with binding '${binding.name}'`} denied request: ${message}`;
  const refusal = forbiddenBy({ type: attributes.type, name: attributes.request.ref.name }, text);
  const { status } = refusal;
  status.reason = reason;
  status.code = statusCodes[reason as StatusReason] ?? 422;
  status.details = { ...status.details, causes: [{ message: text }] };
  return refusal;
}
