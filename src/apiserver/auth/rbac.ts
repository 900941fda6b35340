/** Role-based access control over an index that is fed with every change of a role or binding. */

import { type Json, type KubeObject, valueAt } from '../../kube/object.ts';
import { quoteGo } from '../../kube/quote.ts';
import {
  type LabelSelector,
  labelSelectorFrom,
  matchLabels,
  selectsNothing,
} from '../../kube/selector.ts';
import type { User } from '../backend.ts';
import type { Attributes, Authorizer, Decision, ResourceAttributes } from './authorizer.ts';

export interface PolicyRule {
  readonly verbs: readonly string[];
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames: readonly string[];
  readonly nonResourceURLs: readonly string[];
}

interface Role {
  readonly rules: readonly PolicyRule[];
  readonly labels: Readonly<Record<string, string>>;
  /** Label selectors of the roles whose rules this one unites. */
  readonly aggregates: readonly LabelSelector[];
}

interface Binding {
  readonly kind: 'ClusterRoleBinding' | 'RoleBinding';
  readonly namespace: string;
  readonly name: string;
  readonly roleKind: string;
  readonly roleName: string;
  readonly subjects: readonly Subject[];
}

interface Subject {
  /** As in `subjectKeys`. */
  readonly key: string;
  /** As a reason names it. */
  readonly text: string;
}

/** A rule that holds for a user, and the binding that gives it. */
export interface Grant {
  readonly rule: PolicyRule;
  why(): string;
}

export const adminGroup = 'system:masters';

export class RbacIndex implements Authorizer {
  readonly #clusterRoles = new Map<string, Role>();
  readonly #roles = new Map<string, Role>();
  readonly #bindings = new Map<string, Binding>();
  readonly #bySubject = new Map<string, Set<Binding>>();
  /** Rules of aggregating roles, united; forgotten when any ClusterRole changes. */
  readonly #aggregated = new Map<string, readonly PolicyRule[]>();

  /** Takes in a Role, ClusterRole, RoleBinding or ClusterRoleBinding as it now stands. */
  set(object: KubeObject): void {
    const { namespace = '', name = '' } = object.metadata;
    this.remove(object.kind, namespace, name);
    switch (object.kind) {
      case 'ClusterRole':
        this.#clusterRoles.set(name, roleOf(object));
        break;
      case 'Role':
        this.#roles.set(`${namespace}/${name}`, roleOf(object));
        break;
      case 'ClusterRoleBinding':
      case 'RoleBinding':
        this.#bind(bindingOf(object, object.kind));
        break;
    }
  }

  remove(kind: string, namespace: string, name: string): void {
    if (kind === 'ClusterRole') {
      this.#clusterRoles.delete(name);
      this.#aggregated.clear();
    } else if (kind === 'Role') this.#roles.delete(`${namespace}/${name}`);
    else this.#unbind(`${kind} ${namespace}/${name}`);
  }

  authorize(user: User, attributes: Attributes): Decision {
    if (user.groups.includes(adminGroup)) return { allowed: true, reason: '' };
    const namespace = 'path' in attributes ? '' : attributes.namespace;
    const errors: string[] = [];
    for (const { rule, why } of this.grants(user, namespace, errors))
      if (allows(rule, attributes)) return { allowed: true, reason: why() };
    if (errors.length === 0) return { allowed: false, reason: '' };
    const list = errors.length === 1 ? errors[0] : `[${errors.join(', ')}]`;
    return { allowed: false, reason: `RBAC: ${list}` };
  }

  /**
   * What a user may do cluster-wide and in one namespace ('' = none). Missing roles go to `errors`.
   */
  *grants(user: User, namespace: string, errors: string[] = []): Generator<Grant> {
    const keys = subjectKeys(user);
    const found = new Set<Binding>();
    for (const key of keys)
      for (const binding of this.#bySubject.get(key) ?? [])
        if (binding.kind === 'ClusterRoleBinding' || binding.namespace === namespace)
          found.add(binding);
    const isWide = (binding: Binding): boolean => binding.kind === 'ClusterRoleBinding';
    const bindings = [...found].sort((a, b) => Number(isWide(b)) - Number(isWide(a)));
    for (const binding of bindings) {
      const rules = this.#rulesOf(binding);
      if (rules === undefined) {
        const missing = `${binding.roleKind.toLowerCase()}.rbac.authorization.k8s.io ${quoteGo(binding.roleName)} not found`;
        if (!errors.includes(missing)) errors.push(missing);
        continue;
      }
      const why = (): string => reasonOf(binding, keys);
      for (const rule of rules) yield { rule, why };
    }
  }

  /**
   * The rules that a role reference stands for, aggregation included; undefined when it does not
   * exist.
   */
  rulesOfRole(kind: string, namespace: string, name: string): readonly PolicyRule[] | undefined {
    if (kind !== 'ClusterRole') return this.#roles.get(`${namespace}/${name}`)?.rules;
    const role = this.#clusterRoles.get(name);
    if (role === undefined || role.aggregates.length === 0) return role?.rules;
    let rules = this.#aggregated.get(name);
    if (rules === undefined) {
      rules = this.#unite(role);
      this.#aggregated.set(name, rules);
    }
    return rules;
  }

  #rulesOf(binding: Binding): readonly PolicyRule[] | undefined {
    return this.rulesOfRole(binding.roleKind, binding.namespace, binding.roleName);
  }

  /**
   * What will be written into it, known at once. A role that is aggregated may aggregate others:
   * each is taken once.
   */
  #unite(root: Role): PolicyRule[] {
    const rules = new Map<string, PolicyRule>();
    const seen = new Set<Role>([root]);
    for (const role of seen) {
      if (role.aggregates.length === 0)
        for (const rule of role.rules) rules.set(JSON.stringify(rule), rule);
      for (const selector of role.aggregates)
        for (const candidate of this.#clusterRoles.values())
          if (matchLabels(selector, candidate.labels)) seen.add(candidate);
    }
    return [...rules.values()];
  }

  #bind(binding: Binding): void {
    this.#bindings.set(`${binding.kind} ${binding.namespace}/${binding.name}`, binding);
    for (const { key } of binding.subjects) {
      let bindings = this.#bySubject.get(key);
      if (bindings === undefined) {
        bindings = new Set();
        this.#bySubject.set(key, bindings);
      }
      bindings.add(binding);
    }
  }

  #unbind(key: string): void {
    const binding = this.#bindings.get(key);
    if (binding === undefined) return;
    this.#bindings.delete(key);
    for (const { key: subject } of binding.subjects) {
      const bindings = this.#bySubject.get(subject);
      bindings?.delete(binding);
      if (bindings?.size === 0) this.#bySubject.delete(subject);
    }
  }
}

/** Service accounts are bound by the user name that they have. */
function subjectKeys(user: User): string[] {
  return [`User ${user.name}`, ...user.groups.map((group) => `Group ${group}`)];
}

function reasonOf(binding: Binding, keys: readonly string[]): string {
  const { kind, namespace, name, roleKind, roleName } = binding;
  const full = namespace === '' ? name : `${name}/${namespace}`;
  const subject = binding.subjects.find(({ key }) => keys.includes(key))!;
  return `RBAC: allowed by ${kind} ${quoteGo(full)} of ${roleKind} ${quoteGo(roleName)} to ${subject.text}`;
}

function roleOf(object: KubeObject): Role {
  const selectors = valueAt(object, 'aggregationRule', 'clusterRoleSelectors');
  return {
    rules: rulesOf(object.rules),
    labels: object.metadata.labels ?? {},
    aggregates: listOf(selectors).map(selectorOf),
  };
}

/** The rules of a role as they are written in it. */
export function rulesOf(rules: unknown): PolicyRule[] {
  return listOf(rules).map((rule) => ({
    verbs: stringsOf(valueAt(rule, 'verbs')),
    apiGroups: stringsOf(valueAt(rule, 'apiGroups')),
    resources: stringsOf(valueAt(rule, 'resources')),
    resourceNames: stringsOf(valueAt(rule, 'resourceNames')),
    nonResourceURLs: stringsOf(valueAt(rule, 'nonResourceURLs')),
  }));
}

function bindingOf(object: KubeObject, kind: Binding['kind']): Binding {
  const { namespace = '', name = '' } = object.metadata;
  return {
    kind,
    namespace: kind === 'RoleBinding' ? namespace : '',
    name,
    roleKind: textOf(valueAt(object, 'roleRef', 'kind')),
    roleName: textOf(valueAt(object, 'roleRef', 'name')),
    subjects: listOf(object.subjects).map((subject) => subjectOf(subject, namespace)),
  };
}

function subjectOf(subject: Json, namespace: string): Subject {
  const name = textOf(valueAt(subject, 'name'));
  const kind = textOf(valueAt(subject, 'kind'));
  if (kind !== 'ServiceAccount')
    return { key: `${kind} ${name}`, text: `${kind} ${quoteGo(name)}` };
  const home = textOf(valueAt(subject, 'namespace')) || namespace;
  return {
    key: `User system:serviceaccount:${home}:${name}`,
    text: `ServiceAccount ${quoteGo(`${name}/${home}`)}`,
  };
}

function listOf(value: unknown): Json[] {
  return Array.isArray(value) ? (value as Json[]) : [];
}

function stringsOf(value: unknown): string[] {
  return listOf(value).filter((entry): entry is string => typeof entry === 'string');
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** A selector that cannot be read selects nothing: rights are never given by mistake. */
function selectorOf(selector: Json): LabelSelector {
  try {
    return labelSelectorFrom(selector);
  } catch {
    return selectsNothing;
  }
}

/** Whether one rule allows a request. */
export function allows(rule: PolicyRule, attributes: Attributes): boolean {
  if (!rule.verbs.includes('*') && !rule.verbs.includes(attributes.verb)) return false;
  if ('path' in attributes)
    return rule.nonResourceURLs.some((pattern) => pathMatches(pattern, attributes.path));
  return (
    includesOrAll(rule.apiGroups, attributes.group) &&
    resourceMatches(rule.resources, attributes) &&
    (rule.resourceNames.length === 0 || rule.resourceNames.includes(attributes.name))
  );
}

function includesOrAll(list: readonly string[], value: string): boolean {
  return list.includes('*') || list.includes(value);
}

function resourceMatches(resources: readonly string[], attributes: ResourceAttributes): boolean {
  const { resource, subresource } = attributes;
  if (subresource === '') return includesOrAll(resources, resource);
  return (
    includesOrAll(resources, `${resource}/${subresource}`) || resources.includes(`*/${subresource}`)
  );
}

/** `*` at a pattern's end stands for anything. */
export function pathMatches(pattern: string, path: string): boolean {
  if (pattern === '*' || pattern === path) return true;
  return pattern.endsWith('*') && path.startsWith(pattern.slice(0, -1));
}
