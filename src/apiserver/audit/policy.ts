/** Which requests are recorded, and how much of them: audit.k8s.io/v1 Policy. */
import { UserError } from '../../base/errors.ts';
import { isObject, type Json, type JsonObject } from '../../kube/object.ts';
import { parseYaml } from '../../kube/yaml.ts';
import type { Attributes } from '../auth/authorizer.ts';
import type { User } from '../backend.ts';

export const levels = ['None', 'Metadata', 'Request', 'RequestResponse'] as const;
export type AuditLevel = (typeof levels)[number];

export const stages = ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic'] as const;
export type AuditStage = (typeof stages)[number];

export interface AuditSettings {
  readonly level: AuditLevel;
  readonly omitStages: ReadonlySet<string>;
  readonly omitManagedFields: boolean;
}

interface GroupResources {
  readonly group: string;
  readonly resources: readonly string[];
  readonly resourceNames: readonly string[];
}

interface Rule extends AuditSettings {
  readonly users: readonly string[];
  readonly userGroups: readonly string[];
  readonly verbs: readonly string[];
  readonly namespaces: readonly string[];
  readonly resources: readonly GroupResources[];
  readonly nonResourceURLs: readonly string[];
}

export class AuditPolicy {
  readonly #rules: readonly Rule[];
  readonly #unmatched: AuditSettings;

  /** `text` is YAML or JSON. @throws UserError naming the field that is wrong */
  constructor(text: string) {
    const policy = read(text);
    const omitStages = stagesOf(policy['omitStages'], 'omitStages');
    const omitManagedFields = policy['omitManagedFields'] === true;
    const rules = listOf(policy['rules'], 'rules');
    if (rules.length === 0) fail('rules', 'has no rule');
    this.#unmatched = { level: 'None', omitStages: new Set(omitStages), omitManagedFields };
    this.#rules = rules.map((rule, index) =>
      ruleOf(rule, { field: `rules[${index}]`, omitStages, omitManagedFields }),
    );
  }

  /** The first rule that matches; level None when none does. */
  settingsFor(user: User | undefined, attributes: Attributes): AuditSettings {
    return this.#rules.find((rule) => matches(rule, user, attributes)) ?? this.#unmatched;
  }
}

function read(text: string): JsonObject {
  let value: Json;
  try {
    value = parseYaml(Buffer.from(text), { duplicates: 'report' }).value;
  } catch (error) {
    return fail('', error instanceof Error ? error.message : 'is no YAML');
  }
  if (!isObject(value)) return fail('', 'is no object');
  if (value['apiVersion'] !== 'audit.k8s.io/v1' || value['kind'] !== 'Policy')
    return fail('', 'is no Policy of audit.k8s.io/v1');
  known(value, '', ['apiVersion', 'kind', 'metadata', 'omitStages', 'omitManagedFields', 'rules']);
  return value;
}

const ruleFields = [
  'level',
  'users',
  'userGroups',
  'verbs',
  'namespaces',
  'resources',
  'nonResourceURLs',
  'omitStages',
  'omitManagedFields',
];

function ruleOf(
  value: Json,
  given: { field: string; omitStages: readonly string[]; omitManagedFields: boolean },
): Rule {
  const { field } = given;
  if (!isObject(value)) return fail(field, 'is no object');
  known(value, field, ruleFields);
  const level = levels.find((each) => each === value['level']);
  if (level === undefined) return fail(`${field}.level`, `is none of ${levels.join(', ')}`);
  const texts = (name: string) => textsOf(value[name], `${field}.${name}`);
  const rule: Rule = {
    level,
    users: texts('users'),
    userGroups: texts('userGroups'),
    verbs: texts('verbs'),
    namespaces: texts('namespaces'),
    resources: listOf(value['resources'], `${field}.resources`).map((each, index) =>
      groupOf(each, `${field}.resources[${index}]`),
    ),
    nonResourceURLs: texts('nonResourceURLs'),
    omitStages: new Set([
      ...given.omitStages,
      ...stagesOf(value['omitStages'], `${field}.omitStages`),
    ]),
    omitManagedFields:
      typeof value['omitManagedFields'] === 'boolean'
        ? value['omitManagedFields']
        : given.omitManagedFields,
  };
  if (rule.nonResourceURLs.length > 0 && rule.resources.length + rule.namespaces.length > 0)
    return fail(
      `${field}.nonResourceURLs`,
      'rules cannot apply to both regular resources and non-resource URLs',
    );
  return rule;
}

function groupOf(value: Json, field: string): GroupResources {
  if (!isObject(value)) return fail(field, 'is no object');
  known(value, field, ['group', 'resources', 'resourceNames']);
  const { group = '' } = value;
  if (typeof group !== 'string') return fail(`${field}.group`, 'is no string');
  if (group.includes('/')) return fail(`${field}.group`, 'is a group without its version');
  const resources = textsOf(value['resources'], `${field}.resources`);
  const resourceNames = textsOf(value['resourceNames'], `${field}.resourceNames`);
  if (resourceNames.length > 0 && resources.length === 0)
    return fail(`${field}.resourceNames`, 'using resourceNames requires at least one resource');
  return { group, resources, resourceNames };
}

function stagesOf(value: Json | undefined, field: string): string[] {
  const found = textsOf(value, field);
  for (const each of found)
    if (!stages.some((stage) => stage === each))
      fail(field, `has ${each}, use ${stages.join(', ')}`);
  return found;
}

function textsOf(value: Json | undefined, field: string): string[] {
  return listOf(value, field).map((each) =>
    typeof each === 'string' ? each : fail(field, 'holds something else than strings'),
  );
}

function listOf(value: Json | undefined, field: string): readonly Json[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : fail(field, 'is no list');
}

/** kube-apiserver reads its policy strictly: a misspelt field would record too much or nothing. */
function known(value: JsonObject, field: string, names: readonly string[]): void {
  for (const name of Object.keys(value))
    if (!names.includes(name)) fail(field === '' ? name : `${field}.${name}`, 'is unknown');
}

function fail(field: string, why: string): never {
  const where = field === '' ? '' : `${field} `;
  throw new UserError(
    `the audit policy is not understood: ${where}${why}`,
    'see https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/',
  );
}

function matches(rule: Rule, user: User | undefined, attributes: Attributes): boolean {
  const { users, userGroups, verbs } = rule;
  if (users.length > 0 && !(user !== undefined && users.includes(user.name))) return false;
  if (userGroups.length > 0 && !user?.groups.some((group) => userGroups.includes(group)))
    return false;
  if (verbs.length > 0 && !verbs.includes(attributes.verb)) return false;
  if (rule.namespaces.length > 0 || rule.resources.length > 0)
    return matchesResource(rule, attributes);
  if (rule.nonResourceURLs.length > 0)
    return (
      'path' in attributes && rule.nonResourceURLs.some((url) => matchesPath(url, attributes.path))
    );
  return true;
}

function matchesResource({ namespaces, resources }: Rule, attributes: Attributes): boolean {
  if ('path' in attributes) return false;
  const { namespace, group, name } = attributes;
  if (namespaces.length > 0 && !namespaces.includes(namespace)) return false;
  if (resources.length === 0) return true;
  return resources.some((each) => {
    if (each.group !== group) return false;
    if (each.resources.length === 0) return true;
    if (each.resourceNames.length > 0 && !each.resourceNames.includes(name)) return false;
    return each.resources.some((spec) => matchesName(spec, attributes));
  });
}

function matchesName(
  spec: string,
  { resource, subresource }: { readonly resource: string; readonly subresource: string },
): boolean {
  const combined = subresource === '' ? resource : `${resource}/${subresource}`;
  if (spec === '*' || spec === combined) return true;
  if (subresource !== '' && spec === `*/${subresource}`) return true;
  return spec.endsWith('/*') && spec.slice(0, -2) === resource;
}

function matchesPath(spec: string, path: string): boolean {
  if (spec === '*' || spec === path) return true;
  return spec.endsWith('*') && path.startsWith(spec.slice(0, -1));
}
