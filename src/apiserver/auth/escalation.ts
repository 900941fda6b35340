/** Nobody gives away rights that they do not have: the check on every written role and binding. */
import { deepEqual } from '../../kube/json.ts';
import type { KubeObject } from '../../kube/object.ts';
import { valueAt } from '../../kube/object.ts';
import { quoteGo } from '../../kube/quote.ts';
import { groupResource, type ResourceType } from '../../kube/resource.ts';
import { ApiError, notFound } from '../../kube/status.ts';
import type { Admit } from '../admission.ts';
import type { RequestContext, User } from '../backend.ts';
import { adminGroup, type PolicyRule, pathMatches, type RbacIndex, rulesOf } from './rbac.ts';

const group = 'rbac.authorization.k8s.io';

/** Verbs `escalate` (on roles) and `bind` (on the role that is bound) lift the check. */
export function rbacAdmission(index: RbacIndex): Admit {
  return async (context, { operation, type, object, old }) => {
    if (type.group !== group || operation === 'DELETE') return object;
    if (context.user.groups.includes(adminGroup)) return object;
    if (type.kind === 'Role' || type.kind === 'ClusterRole')
      checkRole(index, context, { type, object, old });
    else checkBinding(index, context, { type, object, old });
    return object;
  };
}

interface Written {
  readonly type: ResourceType;
  readonly object: KubeObject;
  readonly old: KubeObject | undefined;
}

const everything: readonly PolicyRule[] = [
  rule({ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }),
  rule({ verbs: ['*'], nonResourceURLs: ['*'] }),
];

function rule(parts: Partial<PolicyRule>): PolicyRule {
  const none: readonly string[] = [];
  return {
    verbs: none,
    apiGroups: none,
    resources: none,
    resourceNames: none,
    nonResourceURLs: none,
    ...parts,
  };
}

function checkRole(index: RbacIndex, context: RequestContext, written: Written): void {
  const { type, object, old } = written;
  const aggregates = isAggregating(object);
  const same = (field: string): boolean => deepEqual(object[field], old?.[field]);
  if (old !== undefined && same('rules') && same('aggregationRule')) return;
  const namespace = object.metadata.namespace ?? '';
  if (mayLift(index, context.user, { verb: 'escalate', resource: type.resource, namespace }))
    return;
  refuseUncovered(index, context.user, { written, wanted: rulesOf(object.rules), namespace });
  // What an aggregating role will hold is not known yet.
  if (!aggregates && !isAggregating(old)) return;
  const held = [...index.grants(context.user, '')].map((grant) => grant.rule);
  if (everything.every((each) => isCovered(each, held))) return;
  throw refusal(written, 'must have cluster-admin privileges to use the aggregationRule');
}

function isAggregating(role: KubeObject | undefined): boolean {
  const selectors = valueAt(role, 'aggregationRule', 'clusterRoleSelectors');
  return Array.isArray(selectors) && selectors.length > 0;
}

function checkBinding(index: RbacIndex, context: RequestContext, written: Written): void {
  const { object, old } = written;
  const same = (field: string): boolean => deepEqual(object[field], old?.[field]);
  if (old !== undefined && same('subjects') && same('roleRef')) return;
  const namespace = object.metadata.namespace ?? '';
  const kind = valueAt(object, 'roleRef', 'kind') === 'Role' ? 'Role' : 'ClusterRole';
  const name = String(valueAt(object, 'roleRef', 'name') ?? '');
  const resource = kind === 'Role' ? 'roles' : 'clusterroles';
  if (mayLift(index, context.user, { verb: 'bind', resource, namespace, name })) return;
  const wanted = index.rulesOfRole(kind, namespace, name);
  if (wanted === undefined) throw notFound(written.type, name);
  refuseUncovered(index, context.user, { written, wanted, namespace });
}

interface Lift {
  readonly verb: 'bind' | 'escalate';
  readonly resource: string;
  readonly namespace: string;
  readonly name?: string;
}

function mayLift(index: RbacIndex, user: User, lift: Lift): boolean {
  const { name = '' } = lift;
  return index.authorize(user, { group, version: 'v1', subresource: '', ...lift, name }).allowed;
}

interface Wanted {
  readonly written: Written;
  readonly wanted: readonly PolicyRule[];
  readonly namespace: string;
}

function refuseUncovered(
  index: RbacIndex,
  user: User,
  { written, wanted, namespace }: Wanted,
): void {
  const held = [...index.grants(user, namespace)].map((grant) => grant.rule);
  const missing = compact(wanted.flatMap((each) => uncovered(each, held)));
  if (missing.length === 0) return;
  const who = `user ${quoteGo(user.name)} (groups=[${user.groups.map(quoteGo).join(' ')}])`;
  const what = [...new Set(missing.map(ruleText))].sort().join('\n');
  throw refusal(
    written,
    `${who} is attempting to grant RBAC permissions not currently held:\n${what}`,
  );
}

function refusal({ type, object }: Written, why: string): ApiError {
  const name = object.metadata.name ?? '';
  const what = `${groupResource(type)} ${quoteGo(name)}`;
  return new ApiError('Forbidden', `${what} is forbidden: ${why}`, {
    details: { name, group, kind: type.resource },
  });
}

/** Whether each single thing that a rule allows is allowed by one of the rules held. */
export function isCovered(wanted: PolicyRule, held: readonly PolicyRule[]): boolean {
  return uncovered(wanted, held).length === 0;
}

/** What a rule allows and none of those held does, each thing a rule of its own. */
function uncovered(wanted: PolicyRule, held: readonly PolicyRule[]): PolicyRule[] {
  const some = (covers: (each: PolicyRule) => boolean): boolean => held.some(covers);
  const missing: PolicyRule[] = [];
  for (const apiGroup of wanted.apiGroups)
    for (const resource of wanted.resources)
      for (const name of wanted.resourceNames.length === 0 ? [''] : wanted.resourceNames)
        for (const verb of wanted.verbs) {
          if (some((each) => coversOne(each, { verb, apiGroup, resource, name }))) continue;
          const one = { verbs: [verb], apiGroups: [apiGroup], resources: [resource] };
          missing.push(rule({ ...one, resourceNames: name === '' ? [] : [name] }));
        }
  for (const url of wanted.nonResourceURLs)
    for (const verb of wanted.verbs)
      if (!some((each) => coversVerb(each, verb) && coversUrl(each, url)))
        missing.push(rule({ verbs: [verb], nonResourceURLs: [url] }));
  return missing;
}

/** One rule for all verbs of one thing. */
function compact(rules: readonly PolicyRule[]): PolicyRule[] {
  const whole: PolicyRule[] = [];
  const byThing = new Map<string, PolicyRule>();
  for (const each of rules) {
    if (each.nonResourceURLs.length > 0) {
      whole.push(each);
      continue;
    }
    const thing = JSON.stringify({ ...each, verbs: [] });
    const verbs = [...(byThing.get(thing)?.verbs ?? []), ...each.verbs];
    byThing.set(thing, { ...each, verbs });
  }
  return [...whole, ...byThing.values()];
}

interface One {
  readonly verb: string;
  readonly apiGroup: string;
  readonly resource: string;
  /** '' = any name. */
  readonly name: string;
}

function coversOne(held: PolicyRule, { verb, apiGroup, resource, name }: One): boolean {
  return (
    coversVerb(held, verb) &&
    (held.apiGroups.includes('*') || held.apiGroups.includes(apiGroup)) &&
    coversResource(held, resource) &&
    (held.resourceNames.length === 0 || (name !== '' && held.resourceNames.includes(name)))
  );
}

function coversVerb(held: PolicyRule, verb: string): boolean {
  return held.verbs.includes('*') || held.verbs.includes(verb);
}

function coversResource(held: PolicyRule, resource: string): boolean {
  if (held.resources.includes('*') || held.resources.includes(resource)) return true;
  const slash = resource.indexOf('/');
  return slash >= 0 && held.resources.includes(`*${resource.slice(slash)}`);
}

/** A pattern is covered by an equal or a wider one. */
function coversUrl(held: PolicyRule, url: string): boolean {
  return held.nonResourceURLs.some((pattern) => pathMatches(pattern, url));
}

/** As Go prints a compact PolicyRule. */
function ruleText(each: PolicyRule): string {
  const parts: [string, readonly string[]][] = [
    ['APIGroups', each.apiGroups],
    ['Resources', each.resources],
    ['ResourceNames', each.resourceNames],
    ['NonResourceURLs', each.nonResourceURLs],
    ['Verbs', each.verbs],
  ];
  const texts = parts
    .filter(([, values]) => values.length > 0)
    .map(([label, values]) => `${label}:[${values.map(quoteGo).join(' ')}]`);
  return `{${texts.join(', ')}}`;
}
