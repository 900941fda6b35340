/** `auth whoami`, `auth can-i` and their kin: reviews of users, tokens and rights. */
import {
  isObject,
  type Json,
  type JsonObject,
  type KubeObject,
  valueAt,
} from '../../kube/object.ts';
import type { ResourceType } from '../../kube/resource.ts';
import { parseFieldSelector, parseLabelSelector } from '../../kube/selector.ts';
import { badRequest, invalid, type StatusCause } from '../../kube/status.ts';
import { invalidValue, requiredValue } from '../../kube/validate-meta.ts';
import type { ObjectRef, RequestContext, User } from '../backend.ts';
import { type TokenVerifier, verifyToken } from './authenticate.ts';
import type { Attributes, Authorizer } from './authorizer.ts';
import type { PolicyRule, RbacIndex } from './rbac.ts';
import type { VirtualKind } from './virtual.ts';

export interface ReviewOptions {
  readonly authorizer: Authorizer;
  /** For SelfSubjectRulesReview. */
  readonly rules: Pick<RbacIndex, 'grants'>;
  readonly tokens: readonly TokenVerifier[];
  /** What tokens must be for when a TokenReview names no audience. */
  readonly audiences: readonly string[];
}

function reviewType(group: string, kind: string, namespaced = false): ResourceType {
  return {
    group,
    version: 'v1',
    kind,
    resource: `${kind.toLowerCase()}s`,
    singular: kind.toLowerCase(),
    listKind: `${kind}List`,
    namespaced,
    verbs: ['create'],
    shortNames: [],
    categories: [],
    subresources: [],
  };
}

const authentication = 'authentication.k8s.io';
const authorization = 'authorization.k8s.io';

/** All review kinds, each with how it is answered. */
export function reviewKinds(options: ReviewOptions): VirtualKind[] {
  const { authorizer, rules } = options;
  return [
    {
      type: reviewType(authentication, 'SelfSubjectReview'),
      answer: ({ user }, object) => answered(object, { userInfo: userInfo(user) }),
    },
    {
      type: reviewType(authentication, 'TokenReview'),
      answer: async (_context, object) => answered(object, await reviewToken(object, options)),
    },
    {
      type: reviewType(authorization, 'SelfSubjectAccessReview'),
      answer: async ({ user }, object) => {
        check(specCauses(object), selectorCauses(object), metadataCauses(object, []));
        return answered(object, await decide(authorizer, user, object));
      },
    },
    {
      type: reviewType(authorization, 'SubjectAccessReview'),
      answer: async (_context, object) => {
        const selected = selectorCauses(object);
        check(specCauses(object), userCauses(object), selected, metadataCauses(object, []));
        return answered(object, await decide(authorizer, reviewedUser(object), object));
      },
    },
    {
      type: reviewType(authorization, 'LocalSubjectAccessReview', true),
      answer: async (_context, object, ref) => {
        const metadata = metadataCauses(object, ['namespace']);
        check(
          specCauses(object),
          userCauses(object),
          selectorCauses(object),
          metadata,
          localCauses(object, ref),
        );
        return answered(object, await decide(authorizer, reviewedUser(object), object));
      },
    },
    {
      type: reviewType(authorization, 'SelfSubjectRulesReview'),
      answer: (context, object) =>
        answered({ ...object, metadata: {}, spec: {} }, reviewRules(context, object, rules)),
    },
  ];
}

function answered(object: KubeObject, status: JsonObject): KubeObject {
  const { apiVersion, kind, metadata, spec } = object;
  return { apiVersion, kind, metadata, ...(spec !== undefined && { spec }), status };
}

function userInfo(user: User): JsonObject {
  const extra: [string, Json][] = Object.entries(user.extra).map(([key, values]) => [
    key,
    [...values],
  ]);
  return {
    username: user.name,
    ...(user.uid !== undefined && user.uid !== '' && { uid: user.uid }),
    groups: [...user.groups],
    ...(extra.length > 0 && { extra: Object.fromEntries(extra) }),
  };
}

async function reviewToken(object: KubeObject, options: ReviewOptions): Promise<JsonObject> {
  const token = textAt(object, 'spec', 'token');
  if (token === '') throw badRequest('token is required for TokenReview in authentication');
  const asked = stringsAt(object, 'spec', 'audiences');
  const wanted = asked.length === 0 ? options.audiences : asked;
  const verified = await verifyToken(options.tokens, token, wanted);
  if (!('user' in verified))
    return { user: {}, error: aggregate(['invalid bearer token', ...verified.refusals]) };
  const { user } = verified;
  // Tokens for nobody in particular are for this server.
  const audiences = user.audiences ?? wanted.filter((each) => options.audiences.includes(each));
  if (audiences.length === 0) return { user: {}, error: 'invalid bearer token' };
  return { authenticated: true, user: userInfo(user), audiences: [...audiences] };
}

async function decide(authorizer: Authorizer, user: User, object: KubeObject): Promise<JsonObject> {
  const { allowed, denied, reason } = await authorizer.authorize(user, reviewedAttributes(object));
  const errors = selectorErrors(object);
  return {
    allowed,
    ...(denied === true && { denied }),
    ...(reason !== '' && { reason }),
    ...(errors.length > 0 && { evaluationError: errors.join(', ') }),
  };
}

/** What a review asks about: a resource or a path. */
function reviewedAttributes(object: KubeObject): Attributes {
  const resource = valueAt(object, 'spec', 'resourceAttributes');
  const path = valueAt(object, 'spec', 'nonResourceAttributes');
  if (isObject(path)) return { verb: textAt(path, 'verb'), path: textAt(path, 'path') };
  return {
    verb: textAt(resource, 'verb'),
    group: textAt(resource, 'group'),
    version: textAt(resource, 'version'),
    resource: textAt(resource, 'resource'),
    subresource: textAt(resource, 'subresource'),
    namespace: textAt(resource, 'namespace'),
    name: textAt(resource, 'name'),
  };
}

function reviewedUser(object: KubeObject): User {
  const [name, uid] = [textAt(object, 'spec', 'user'), textAt(object, 'spec', 'uid')];
  return {
    name,
    ...(uid !== '' && { uid }),
    groups: stringsAt(object, 'spec', 'groups'),
    extra: {},
  };
}

function specCauses(object: KubeObject): StatusCause[] {
  const resource = valueAt(object, 'spec', 'resourceAttributes');
  const path = valueAt(object, 'spec', 'nonResourceAttributes');
  if (isObject(resource) !== isObject(path)) return [];
  const rule = 'exactly one of nonResourceAttributes or resourceAttributes must be specified';
  return [invalidValue('spec', goPath(path), rule)];
}

/** As Go writes it. */
function goPath(path: unknown): Json {
  if (!isObject(path)) return null;
  return { Path: textAt(path, 'path'), Verb: textAt(path, 'verb') };
}

function userCauses(object: KubeObject): StatusCause[] {
  const named = textAt(object, 'spec', 'user') !== '';
  if (named || stringsAt(object, 'spec', 'groups').length > 0) return [];
  return [invalidValue('spec.user', '', 'at least one of user or group must be specified')];
}

const selectors = ['fieldSelector', 'labelSelector'] as const;

function selectorCauses(object: KubeObject): StatusCause[] {
  return selectors.flatMap((name) => {
    const selector = valueAt(object, 'spec', 'resourceAttributes', name);
    if (!isObject(selector)) return [];
    const field = `spec.resourceAttributes.${name}`;
    const raw = textAt(selector, 'rawSelector');
    const count = requirementsOf(selector).length;
    if (raw !== '' && count > 0) {
      const why = 'may not specified at the same time as requirements';
      return [invalidValue(`${field}.rawSelector`, raw, why)];
    }
    if (raw !== '' || count > 0) return [];
    const why = `when ${field} is specified, requirements or rawSelector is required`;
    return [requiredValue(`${field}.requirements`, why)];
  });
}

function requirementsOf(selector: JsonObject): JsonObject[] {
  const list = selector['requirements'];
  return Array.isArray(list) ? list.filter(isObject) : [];
}

/** Selectors narrow a right down; what is not understood of one is left out of account. */
function selectorErrors(object: KubeObject): string[] {
  return selectors.flatMap((name) => {
    const selector = valueAt(object, 'spec', 'resourceAttributes', name);
    if (!isObject(selector)) return [];
    const raw = textAt(selector, 'rawSelector');
    const requirements = requirementsOf(selector);
    const understood = requirements.filter((each) => isUnderstood(name, each)).length;
    const wrong = raw === '' ? understood < requirements.length : !parses(name, raw);
    if (!wrong) return [];
    const how = understood > 0 ? 'partially ignored' : 'ignored';
    return [`spec.resourceAttributes.${name} ${how} due to parse error`];
  });
}

function parses(name: (typeof selectors)[number], raw: string): boolean {
  try {
    if (name === 'labelSelector') parseLabelSelector(raw);
    else parseFieldSelector(raw);
    return true;
  } catch {
    return false;
  }
}

function isUnderstood(name: (typeof selectors)[number], requirement: JsonObject): boolean {
  const operator = textAt(requirement, 'operator');
  const values = stringsAt(requirement, 'values').length;
  if (name === 'fieldSelector') return values === 1 && ['In', 'NotIn'].includes(operator);
  if (operator === 'Exists' || operator === 'DoesNotExist') return values === 0;
  return values > 0 && ['In', 'NotIn'].includes(operator);
}

/** All metadata but what `allowed` names must be empty. */
function metadataCauses({ metadata }: KubeObject, allowed: readonly string[]): StatusCause[] {
  const { managedFields: _managed, ...rest } = metadata;
  const set = Object.entries(rest).filter(([name]) => !allowed.includes(name));
  if (set.length === 0) return [];
  const except = allowed.length === 0 ? '' : ` except for ${allowed.join(', ')}`;
  return [invalidValue('metadata', rest, `must be empty${except}`)];
}

function localCauses(object: KubeObject, { namespace }: ObjectRef): StatusCause[] {
  const resource = valueAt(object, 'spec', 'resourceAttributes');
  const path = valueAt(object, 'spec', 'nonResourceAttributes');
  const causes: StatusCause[] = [];
  const asked = textAt(resource, 'namespace');
  const field = 'spec.resourceAttributes.namespace';
  if (isObject(resource) && asked !== namespace)
    causes.push(invalidValue(field, asked, 'must match metadata.namespace'));
  if (isObject(path))
    causes.push(
      invalidValue(
        'spec.nonResourceAttributes',
        goPath(path),
        'disallowed on this kind of request',
      ),
    );
  return causes;
}

/** @throws ApiError 422, which names no kind: kube-apiserver leaves it out, too */
function check(...causes: readonly StatusCause[][]): void {
  const all = causes.flat();
  if (all.length > 0) throw invalid({ group: authorization, kind: '' }, '', all);
}

function reviewRules(
  { user }: RequestContext,
  object: KubeObject,
  index: Pick<RbacIndex, 'grants'>,
): JsonObject {
  const namespace = textAt(object, 'spec', 'namespace');
  if (namespace === '') throw badRequest('no namespace on request');
  const errors: string[] = [];
  const granted = [...index.grants(user, namespace, errors)].map((grant) => grant.rule);
  return {
    resourceRules: granted.filter((rule) => rule.resources.length > 0).map(resourceRule),
    nonResourceRules: granted
      .filter((rule) => rule.nonResourceURLs.length > 0)
      .map((rule) => ({ verbs: [...rule.verbs], nonResourceURLs: [...rule.nonResourceURLs] })),
    incomplete: false,
    ...(errors.length > 0 && { evaluationError: aggregate(errors) }),
  };
}

/** As Go prints several errors. */
function aggregate(errors: readonly string[]): string {
  return errors.length === 1 ? errors[0]! : `[${errors.join(', ')}]`;
}

function resourceRule(rule: PolicyRule): JsonObject {
  return {
    verbs: [...rule.verbs],
    apiGroups: [...rule.apiGroups],
    resources: [...rule.resources],
    ...(rule.resourceNames.length > 0 && { resourceNames: [...rule.resourceNames] }),
  };
}

function textAt(value: unknown, ...path: readonly string[]): string {
  const found = valueAt(value, ...path);
  return typeof found === 'string' ? found : '';
}

function stringsAt(value: unknown, ...path: readonly string[]): string[] {
  const found = valueAt(value, ...path);
  if (!Array.isArray(found)) return [];
  return (found as Json[]).filter((each): each is string => typeof each === 'string');
}
