/** Validating and mutating admission policies with their bindings: read and matched. */
import {
  isObject,
  type JsonObject,
  type KubeObject,
  objectAt,
  valueAt,
} from '../../kube/object.ts';
import { parseApiVersion, type ResourceType } from '../../kube/resource.ts';
import { type LabelSelector, labelSelectorFrom, matchLabels } from '../../kube/selector.ts';
import { type ApiError, isApiError, notFound } from '../../kube/status.ts';
import { type Collections, keyBelow } from '../registry/collections.ts';
import { formOf, servedAs } from '../registry/versions.ts';
import type { NamedExpression } from './activation.ts';
import type { AdmissionTypes, Attributes } from './attributes.ts';
import {
  compileExpression,
  declare,
  type Expression,
  noVariables,
  resultTypes,
  type Variables,
} from './expression.ts';
import { objectsOf } from './field-check.ts';
import {
  conditionsOf,
  type NamespaceLabels,
  type Selectors,
  selectorsOf,
  selects,
} from './hooks.ts';
import { matchRules, type Rule, rulesFrom, targetOf } from './rules.ts';

export interface MatchResources {
  readonly rules: readonly Rule[];
  readonly excluded: readonly Rule[];
  readonly equivalent: boolean;
  readonly selectors: Selectors;
}

export interface Policy {
  readonly name: string;
  readonly match: MatchResources;
  readonly paramKind: { readonly apiVersion: string; readonly kind: string } | undefined;
  readonly ignoreFailures: boolean;
  readonly conditions: readonly Expression[];
  readonly variables: readonly NamedExpression[];
  readonly spec: JsonObject;
  readonly declared: Variables;
}

export interface Binding {
  readonly name: string;
  readonly policyName: string;
  /** undefined: whatever the policy matches. */
  readonly match: MatchResources | undefined;
  readonly paramRef: ParamRef | undefined;
  readonly actions: readonly string[];
}

interface ParamRef {
  readonly name: string;
  readonly namespace: string;
  readonly selector: LabelSelector | undefined;
  readonly denyWithout: boolean;
}

export function policyOf(object: KubeObject): Policy {
  const spec = objectAt(object, 'spec') ?? {};
  const { paramKind } = spec;
  const params = isObject(paramKind);
  const declared = noVariables();
  const options = { declared: { params, authorizer: true }, variables: declared };
  const variables: NamedExpression[] = [];
  for (const { name, expression } of objectsOf(spec['variables'])) {
    const compiled = compileExpression(String(expression), [], options);
    variables.push({ name: String(name), expression: compiled });
    declare(declared, String(name), compiled);
  }
  return {
    name: object.metadata.name ?? '',
    match: matchFrom(spec['matchConstraints']),
    paramKind: params
      ? { apiVersion: String(paramKind['apiVersion']), kind: String(paramKind['kind']) }
      : undefined,
    ignoreFailures: spec['failurePolicy'] === 'Ignore',
    conditions: conditionsOf(spec['matchConditions']).map(({ expression }) =>
      compileExpression(expression, [resultTypes.bool], options),
    ),
    variables,
    spec,
    declared,
  };
}

function matchFrom(value: unknown): MatchResources {
  return {
    rules: rulesFrom(valueAt(value, 'resourceRules')),
    excluded: rulesFrom(valueAt(value, 'excludeResourceRules')),
    equivalent: valueAt(value, 'matchPolicy') !== 'Exact',
    selectors: selectorsOf(value),
  };
}

export function bindingOf(object: KubeObject): Binding {
  const spec = objectAt(object, 'spec') ?? {};
  const { matchResources, paramRef, validationActions } = spec;
  return {
    name: object.metadata.name ?? '',
    policyName: String(spec['policyName'] ?? ''),
    match: isObject(matchResources) ? matchFrom(matchResources) : undefined,
    paramRef: isObject(paramRef)
      ? {
          name: String(paramRef['name'] ?? ''),
          namespace: String(paramRef['namespace'] ?? ''),
          selector: isObject(paramRef['selector'])
            ? labelSelectorFrom(paramRef['selector'])
            : undefined,
          denyWithout: paramRef['parameterNotFoundAction'] === 'Deny',
        }
      : undefined,
    actions: Array.isArray(validationActions) ? validationActions.map(String) : [],
  };
}

export interface MatchParts {
  readonly types: AdmissionTypes;
  readonly labelsOf: NamespaceLabels;
}

/**
 * The type in the version that was asked for; undefined: it is none of the policy's business.
 * @throws ApiError 404 without the namespace
 */
export function matchResources(
  { rules, excluded, equivalent, selectors }: MatchResources,
  attributes: Attributes,
  { types, labelsOf }: MatchParts,
): ResourceType | undefined {
  const selected = selects(selectors, attributes, labelsOf);
  if (selected === false) return undefined;
  const target = targetOf(attributes);
  const equivalents = equivalent ? types.versionsOf(attributes.type) : [];
  if (matchRules(excluded, target, equivalents) !== undefined) return undefined;
  const match =
    rules.length === 0 ? { type: attributes.type } : matchRules(rules, target, equivalents);
  if (match !== undefined && selected === 'no namespace')
    throw notFound({ group: '', resource: 'namespaces' }, attributes.namespace);
  return match?.type;
}

export interface ParamParts {
  readonly types: AdmissionTypes;
  readonly collections: Collections;
}

/** A wrong configuration: the failure policy says what that means. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}

/** Whether the kind of a policy's parameters is served. @throws ConfigurationError */
export function paramTypeOf(
  { paramKind }: Policy,
  types: AdmissionTypes,
): ResourceType | undefined {
  if (paramKind === undefined) return undefined;
  const type = types.typeOfKind(paramKind.apiVersion, paramKind.kind);
  if (type !== undefined) return type;
  const { group, version } = parseApiVersion(paramKind.apiVersion);
  throw new ConfigurationError(
    `failed to find resource referenced by paramKind: '${group}/${version}, Kind=${paramKind.kind}'`,
  );
}

/** The objects that the policy is evaluated with, one by one. @throws ConfigurationError */
export async function collectParams(
  type: ResourceType | undefined,
  { paramRef }: Binding,
  namespace: string,
  { types, collections }: ParamParts,
): Promise<readonly (KubeObject | undefined)[]> {
  if (type === undefined || paramRef === undefined) return [undefined];
  const within = namespaceOfParams(type, paramRef, namespace);
  const { items } = await collections.load(type);
  const found: KubeObject[] = [];
  const form = formOf(type, types);
  if (paramRef.name !== '') {
    const item = items.get(keyBelow({ namespace: within, name: paramRef.name }));
    if (item !== undefined) found.push(servedAs(item, form).object());
  } else
    items.visit(within, (_key, item) => {
      if (matchLabels(paramRef.selector ?? [], item.labels))
        found.push(servedAs(item, form).object());
    });
  if (found.length === 0 && paramRef.denyWithout)
    throw new ConfigurationError(
      'no params found for policy binding with `Deny` parameterNotFoundAction',
    );
  return found;
}

function namespaceOfParams(type: ResourceType, paramRef: ParamRef, namespace: string): string {
  if (!type.namespaced) {
    if (paramRef.namespace === '') return '';
    throw new ConfigurationError(
      'paramRef.namespace must not be provided for a cluster-scoped `paramKind`',
    );
  }
  const within = paramRef.namespace === '' ? namespace : paramRef.namespace;
  if (within === '')
    throw new ConfigurationError(
      'cannot use namespaced paramRef in policy binding that matches cluster-scoped resources',
    );
  return within;
}

/** What a policy cannot be evaluated for, in words; anything unexpected is thrown on. */
export function configurationProblem(error: unknown): string {
  if (error instanceof ConfigurationError || isApiError(error)) return (error as ApiError).message;
  throw error;
}
