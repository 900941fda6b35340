/** `auth whoami`, `auth can-i` and their kin: reviews of users, tokens and rights. */
import {
  isObject,
  type Json,
  type JsonObject,
  type KubeObject,
  valueAt,
} from '../../kube/object.ts';
import { quoteGo } from '../../kube/quote.ts';
import type { ResourceType } from '../../kube/resource.ts';
import { badRequest, invalid } from '../../kube/status.ts';
import type { ObjectRef, RequestContext, User } from '../backend.ts';
import type { TokenVerifier } from './authenticate.ts';
import type { Attributes, Authorizer } from './authorizer.ts';
import { adminGroup, type PolicyRule, type RbacIndex } from './rbac.ts';
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
      answer: ({ user }, object) => answered(object, decide(authorizer, user, object)),
    },
    {
      type: reviewType(authorization, 'SubjectAccessReview'),
      answer: (_context, object) =>
        answered(object, decide(authorizer, reviewedUser(object), object)),
    },
    {
      type: reviewType(authorization, 'LocalSubjectAccessReview', true),
      answer: (_context, object, ref) => {
        checkLocal(object, ref);
        return answered(object, decide(authorizer, reviewedUser(object), object));
      },
    },
    {
      type: reviewType(authorization, 'SelfSubjectRulesReview'),
      answer: (context, object) => answered(object, reviewRules(context, object, rules)),
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
  const wanted = stringsAt(object, 'spec', 'audiences');
  const shared =
    wanted.length === 0
      ? options.audiences
      : wanted.filter((each) => options.audiences.includes(each));
  if (shared.length > 0)
    for (const verify of options.tokens) {
      const user = await verify(token);
      if (user !== undefined)
        return { authenticated: true, user: userInfo(user), audiences: [...shared] };
    }
  return { user: {}, error: 'invalid bearer token' };
}

function decide(authorizer: Authorizer, user: User, object: KubeObject): JsonObject {
  const { allowed, reason } = authorizer.authorize(user, reviewedAttributes(object));
  return { allowed, ...(reason !== '' && { reason }) };
}

/** What a review asks about: a resource or a path, exactly one of them. */
function reviewedAttributes(object: KubeObject): Attributes {
  const resource = valueAt(object, 'spec', 'resourceAttributes');
  const path = valueAt(object, 'spec', 'nonResourceAttributes');
  if (isObject(resource) === isObject(path)) {
    const given = isObject(path) ? JSON.stringify(path) : 'null';
    const rule = 'exactly one of nonResourceAttributes or resourceAttributes must be specified';
    throw refused(object, 'spec', `Invalid value: ${given}: ${rule}`);
  }
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
  const name = textAt(object, 'spec', 'user');
  const groups = stringsAt(object, 'spec', 'groups');
  if (name === '' && groups.length === 0) {
    const rule = 'at least one of user or group must be specified';
    throw refused(object, 'spec.user', `Invalid value: "": ${rule}`);
  }
  return { name, groups, extra: {} };
}

function checkLocal(object: KubeObject, ref: ObjectRef): void {
  const asked = textAt(object, 'spec', 'resourceAttributes', 'namespace');
  if (asked === ref.namespace) return;
  const message = `Invalid value: ${quoteGo(asked)}: must match metadata.namespace`;
  throw refused(object, 'spec.resourceAttributes.namespace', message);
}

function refused({ kind }: KubeObject, field: string, message: string): Error {
  const cause = { reason: 'FieldValueInvalid', message, field };
  return invalid({ group: authorization, kind }, '', [cause]);
}

function reviewRules(
  { user }: RequestContext,
  object: KubeObject,
  index: Pick<RbacIndex, 'grants'>,
): JsonObject {
  const namespace = textAt(object, 'spec', 'namespace');
  if (namespace === '') throw badRequest('no namespace on request');
  const rules = user.groups.includes(adminGroup)
    ? everything
    : [...index.grants(user, namespace)].map((grant) => grant.rule);
  return {
    resourceRules: rules.filter((rule) => rule.resources.length > 0).map(resourceRule),
    nonResourceRules: rules
      .filter((rule) => rule.nonResourceURLs.length > 0)
      .map((rule) => ({ verbs: [...rule.verbs], nonResourceURLs: [...rule.nonResourceURLs] })),
    incomplete: false,
  };
}

const everything: readonly PolicyRule[] = [
  {
    verbs: ['*'],
    apiGroups: ['*'],
    resources: ['*'],
    resourceNames: [],
    nonResourceURLs: [],
  },
  { verbs: ['*'], apiGroups: [], resources: [], resourceNames: [], nonResourceURLs: ['*'] },
];

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
