/**
 * The question that every request is asked before it is served, and the refusal in kube-apiserver's
 * words.
 */
import { quoteGo } from '../../kube/quote.ts';
import { ApiError } from '../../kube/status.ts';
import type { User } from '../backend.ts';
import type { RequestInfo } from '../request.ts';

export interface ResourceAttributes {
  readonly verb: string;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  /** '' = cluster scope or all namespaces. */
  readonly namespace: string;
  /** '' = any. */
  readonly name: string;
}

export interface PathAttributes {
  readonly verb: string;
  readonly path: string;
}

export type Attributes = ResourceAttributes | PathAttributes;

export interface Decision {
  readonly allowed: boolean;
  /** Nobody else is asked. */
  readonly denied?: boolean;
  /** Why; '' when there is nothing to say. */
  readonly reason: string;
}

export interface Authorizer {
  /** From memory at once, or when another server has answered. */
  authorize(user: User, attributes: Attributes): Decision | Promise<Decision>;
}

interface NamedAuthorizer {
  readonly name: string;
  readonly authorizer: Authorizer;
}

/** Asks one after the other until one allows or denies. */
export function authorizerChain(chain: readonly NamedAuthorizer[]): Authorizer {
  return {
    authorize: (user, attributes) => askFrom(chain, { user, attributes, reasons: [] }),
  };
}

interface Question {
  readonly user: User;
  readonly attributes: Attributes;
  readonly reasons: readonly string[];
}

/** At once, as long as all that are asked answer at once. */
function askFrom(
  [first, ...others]: readonly NamedAuthorizer[],
  question: Question,
): Decision | Promise<Decision> {
  const { user, attributes, reasons } = question;
  if (first === undefined) return { allowed: false, reason: reasons.join('\n') };
  const next = (decision: Decision): Decision | Promise<Decision> => {
    if (decision.allowed || decision.denied === true) return decision;
    const why = decision.reason === '' ? [] : [`${first.name}: ${decision.reason}`];
    return askFrom(others, { ...question, reasons: [...reasons, ...why] });
  };
  const decision = first.authorizer.authorize(user, attributes);
  return decision instanceof Promise ? decision.then(next) : next(decision);
}

export function attributesOf({ verb, path, target }: RequestInfo): Attributes {
  if (target === undefined) return { verb, path };
  const { group, version, resource, subresource, namespace, name } = target;
  return { verb, group, version, resource, subresource, namespace, name };
}

/** What a user may not do, as a sentence. */
function forbiddenMessage(user: User, attributes: Attributes): string {
  const who = `User ${quoteGo(user.name)} cannot ${attributes.verb}`;
  if ('path' in attributes) return `${who} path ${quoteGo(attributes.path)}`;
  const { resource, subresource, group, namespace } = attributes;
  const named = subresource === '' ? resource : `${resource}/${subresource}`;
  const what = `${who} resource ${quoteGo(named)} in API group ${quoteGo(group)}`;
  return namespace === ''
    ? `${what} at the cluster scope`
    : `${what} in the namespace ${quoteGo(namespace)}`;
}

/** 403 as kube-apiserver words it. */
export function forbidden(user: User, attributes: Attributes, reason: string): ApiError {
  const sentence = forbiddenMessage(user, attributes)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;');
  const why = reason === '' ? sentence : `${sentence}: ${reason}`;
  if ('path' in attributes) return new ApiError('Forbidden', `forbidden: ${why}`, { details: {} });
  const { group, resource, name } = attributes;
  const qualified = group === '' ? resource : `${resource}.${group}`;
  const subject = name === '' ? qualified : `${qualified} ${quoteGo(name)}`;
  return new ApiError('Forbidden', `${subject} is forbidden: ${why}`, {
    details: {
      ...(name !== '' && { name }),
      ...(group !== '' && { group }),
      kind: resource,
    },
  });
}
