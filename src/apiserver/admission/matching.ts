/** Which of the configured webhooks a write is shown to. */
import type { ResourceType } from '../../kube/resource.ts';
import { ApiError, notFound } from '../../kube/status.ts';
import type { Authorizer } from '../auth/authorizer.ts';
import { Activation, conditionsBudget } from './activation.ts';
import type { AdmissionTypes, Attributes } from './attributes.ts';
import { evaluateConditions } from './conditions.ts';
import { type Hook, type NamespaceLabels, selects } from './hooks.ts';
import { forbiddenBy } from './refusal.ts';
import { matchRules, targetOf } from './rules.ts';

export interface MatchOptions {
  readonly types: AdmissionTypes;
  readonly labelsOf: NamespaceLabels;
  readonly authorizer: Authorizer;
}

/**
 * The type, in the version that the webhook asks for; undefined: it is not called.
 * @throws ApiError 404 without the namespace, 403 when its conditions cannot be evaluated
 */
export function matchHook(
  hook: Hook,
  attributes: Attributes,
  { types, labelsOf, authorizer }: MatchOptions,
): ResourceType | undefined {
  const selected = selects(hook.selectors, attributes, labelsOf);
  if (selected === false) return undefined;
  const equivalents = hook.equivalent ? types.versionsOf(attributes.type) : [];
  const match = matchRules(hook.rules, targetOf(attributes), equivalents);
  if (match === undefined) return undefined;
  if (selected === 'no namespace')
    throw notFound({ group: '', resource: 'namespaces' }, attributes.namespace);
  if (hook.conditions.length === 0) return match.type;
  const activation = new Activation({ attributes, type: match.type, authorizer }, conditionsBudget);
  const outcome = evaluateConditions(hook.conditions, activation);
  if (outcome === 'match') return match.type;
  if (outcome === 'no match' || hook.ignoreFailures) return undefined;
  throw forbiddenBy(attributes, outcome.error);
}

/** 500 with the reason as its cause, as kube-apiserver words what went wrong inside. */
export function internalError(why: string): ApiError {
  return new ApiError('InternalError', `Internal error occurred: ${why}`, {
    details: { causes: [{ message: why }] },
  });
}
