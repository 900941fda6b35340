/** Which writes a rule of a webhook or of a policy speaks of. */
import { isObject, type JsonObject } from '../../kube/object.ts';
import type { ResourceType } from '../../kube/resource.ts';
import { type AdmissionOperation, type Attributes, isNamespaceType } from './attributes.ts';

export interface Rule {
  readonly operations: readonly string[];
  readonly groups: readonly string[];
  readonly versions: readonly string[];
  /** 'pods', 'pods/status', '*', 'pods/*', any resource's scale … */
  readonly resources: readonly string[];
  readonly scope: string;
  /** Of policies only; empty: any. */
  readonly names: readonly string[];
}

export function rulesFrom(value: unknown): Rule[] {
  return (Array.isArray(value) ? value : []).filter(isObject).map((rule: JsonObject) => ({
    operations: texts(rule['operations']),
    groups: texts(rule['apiGroups']),
    versions: texts(rule['apiVersions']),
    resources: texts(rule['resources']),
    scope: typeof rule['scope'] === 'string' ? rule['scope'] : '*',
    names: texts(rule['resourceNames']),
  }));
}

export function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

export interface Target {
  readonly operation: AdmissionOperation;
  readonly type: ResourceType;
  readonly subresource: string;
  readonly name: string;
}

export function targetOf(attributes: Attributes): Target {
  const { operation, type, subresource, name } = attributes;
  return { operation, type, subresource, name };
}

export interface RuleMatch {
  /** The type in the version that the rule names. */
  readonly type: ResourceType;
}

/**
 * The first version of the written resource that a rule names: the one that was asked for, then,
 * unless the match must be exact, the other ones that are the same objects.
 */
export function matchRules(
  rules: readonly Rule[],
  target: Target,
  equivalents: readonly ResourceType[],
): RuleMatch | undefined {
  if (rules.some((rule) => matches(rule, target))) return { type: target.type };
  for (const rule of rules)
    for (const type of equivalents) {
      if (type.version === target.type.version && type.group === target.type.group) continue;
      if (matches(rule, { ...target, type })) return { type };
    }
  return undefined;
}

function matches(rule: Rule, { operation, type, subresource, name }: Target): boolean {
  return (
    inScope(rule.scope, type) &&
    holds(rule.operations, operation) &&
    holds(rule.groups, type.group) &&
    holds(rule.versions, type.version) &&
    rule.resources.some((pattern) => names(pattern, type.resource, subresource)) &&
    (rule.names.length === 0 || rule.names.includes(name))
  );
}

function holds(values: readonly string[], wanted: string): boolean {
  return values.includes('*') || values.includes(wanted);
}

/** Namespaces themselves belong to no namespace. */
function inScope(scope: string, type: ResourceType): boolean {
  if (scope === '*') return true;
  const namespaced = type.namespaced && !isNamespaceType(type);
  return scope === 'Namespaced' ? namespaced : scope === 'Cluster' && !namespaced;
}

function names(pattern: string, resource: string, subresource: string): boolean {
  const slash = pattern.indexOf('/');
  const first = slash < 0 ? pattern : pattern.slice(0, slash);
  const second = slash < 0 ? '' : pattern.slice(slash + 1);
  return (first === '*' || first === resource) && (second === '*' || second === subresource);
}
