/** `authorizer` in expressions: may this user do that? */

import type { Library, TypeNames } from '../../kube/cel/overload.ts';
import { opaque, type Type } from '../../kube/cel/types.ts';
import { Opaque } from '../../kube/cel/values.ts';
import { EvaluationError } from '../../kube/cel.ts';
import { labelProblems, subdomainProblems } from '../../kube/name-syntax.ts';
import type { Authorizer, Decision } from '../auth/authorizer.ts';
import type { User } from '../backend.ts';

function typeNamed(name: string): Type {
  return opaque(`kubernetes.authorization.${name}`);
}

export const authorizerTypes = {
  authorizer: typeNamed('Authorizer'),
  pathCheck: typeNamed('PathCheck'),
  groupCheck: typeNamed('GroupCheck'),
  resourceCheck: typeNamed('ResourceCheck'),
  decision: typeNamed('Decision'),
} satisfies TypeNames;

abstract class Step extends Opaque {
  override equals(other: Opaque): boolean {
    return this === other;
  }
}

/** The questions of one user. */
export class AuthorizerValue extends Step {
  readonly type = authorizerTypes.authorizer;
  readonly authorizer: Authorizer;
  readonly user: User;

  constructor(authorizer: Authorizer, user: User) {
    super();
    this.authorizer = authorizer;
    this.user = user;
  }
}

class PathCheck extends Step {
  readonly type = authorizerTypes.pathCheck;
  readonly of: AuthorizerValue;
  readonly path: string;

  constructor(of: AuthorizerValue, path: string) {
    super();
    this.of = of;
    this.path = path;
  }
}

class GroupCheck extends Step {
  readonly type = authorizerTypes.groupCheck;
  readonly of: AuthorizerValue;
  readonly group: string;

  constructor(of: AuthorizerValue, group: string) {
    super();
    this.of = of;
    this.group = group;
  }
}

export interface CheckedResource {
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
}

export class ResourceCheck extends Step {
  readonly type = authorizerTypes.resourceCheck;
  readonly of: AuthorizerValue;
  readonly asked: CheckedResource;

  constructor(of: AuthorizerValue, asked: CheckedResource) {
    super();
    this.of = of;
    this.asked = asked;
  }

  with(change: Partial<CheckedResource>): ResourceCheck {
    return new ResourceCheck(this.of, { ...this.asked, ...change });
  }
}

class DecisionValue extends Step {
  readonly type = authorizerTypes.decision;
  readonly decision: Decision;

  constructor(decision: Decision) {
    super();
    this.decision = decision;
  }
}

function nonEmpty(what: string, text: string): string {
  if (text.trim() === '') throw new EvaluationError(`${what} must not be empty`);
  return text;
}

function asAccount(of: AuthorizerValue, namespace: string, name: string): AuthorizerValue {
  if (subdomainProblems(name).length > 0) throw new EvaluationError('Invalid service account name');
  if (labelProblems(namespace).length > 0)
    throw new EvaluationError('Invalid service account namespace');
  const all = 'system:serviceaccounts';
  const groups = [all, `${all}:${namespace}`];
  const user = { name: `system:serviceaccount:${namespace}:${name}`, groups, extra: {} };
  return new AuthorizerValue(of.authorizer, user);
}

/** Expressions do not wait: what only another server could allow is not allowed in them. */
function atOnce(decision: Decision | Promise<Decision>): Decision {
  if (!(decision instanceof Promise)) return decision;
  decision.catch(() => {});
  return { allowed: false, reason: 'expressions do not ask the webhook for rights' };
}

/** Selectors narrow what is asked; answers here never hang on them. */
export const authorizerLibrary: Library = {
  'authorizer#path(string) -> pathCheck': (of: AuthorizerValue, path: string) =>
    new PathCheck(of, nonEmpty('path', path)),
  'authorizer#group(string) -> groupCheck': (of: AuthorizerValue, group: string) =>
    new GroupCheck(of, group),
  'authorizer#serviceAccount(string, string) -> authorizer': asAccount,
  'groupCheck#resource(string) -> resourceCheck': (check: GroupCheck, resource: string) =>
    new ResourceCheck(check.of, {
      ...{ group: check.group, resource: nonEmpty('resource', resource) },
      ...{ subresource: '', namespace: '', name: '' },
    }),
  'resourceCheck#subresource(string) -> resourceCheck': (of: ResourceCheck, subresource: string) =>
    of.with({ subresource }),
  'resourceCheck#namespace(string) -> resourceCheck': (of: ResourceCheck, namespace: string) =>
    of.with({ namespace }),
  'resourceCheck#name(string) -> resourceCheck': (of: ResourceCheck, name: string) =>
    of.with({ name }),
  'resourceCheck#fieldSelector(string) -> resourceCheck': (of: ResourceCheck) => of,
  'resourceCheck#labelSelector(string) -> resourceCheck': (of: ResourceCheck) => of,
  'pathCheck#check(string) -> decision': ({ of, path }: PathCheck, verb: string) =>
    new DecisionValue(atOnce(of.authorizer.authorize(of.user, { verb, path }))),
  'resourceCheck#check(string) -> decision': ({ of, asked }: ResourceCheck, verb: string) =>
    new DecisionValue(atOnce(of.authorizer.authorize(of.user, { verb, version: '*', ...asked }))),
  'decision#errored() -> bool': () => false,
  'decision#error() -> string': () => '',
  'decision#allowed() -> bool': ({ decision }: DecisionValue) => decision.allowed,
  'decision#reason() -> string': ({ decision }: DecisionValue) => decision.reason,
};
