/**
 * Acting as somebody else: the Impersonate-* headers, each name allowed by the verb `impersonate`.
 */
import { quoteGo } from '../../kube/quote.ts';
import { badRequest } from '../../kube/status.ts';
import type { User } from '../backend.ts';
import { type Attributes, type Authorizer, forbidden } from './authorizer.ts';

const extraPrefix = 'impersonate-extra-';
const serviceAccountPrefix = 'system:serviceaccount:';

/** Several values of one header reach us joined by commas. */
function valuesOf(header: string | undefined): string[] {
  if (header === undefined || header === '') return [];
  return header.split(',').map((value) => value.trim());
}

/**
 * The user that a request acts as: `user` when it asks for nobody else.
 * @throws ApiError 400 for headers that make no sense, 403 when `user` may not
 */
export function impersonate(
  headers: Readonly<Record<string, string>>,
  user: User,
  authorizer: Authorizer,
): User {
  const name = headers['impersonate-user'] ?? '';
  const groups = valuesOf(headers['impersonate-group']);
  const uid = headers['impersonate-uid'] ?? '';
  const extras = extrasOf(headers);
  if (name === '' && groups.length === 0 && uid === '' && extras.size === 0) return user;
  if (name === '')
    throw badRequest(
      `requested [${groups.map(quoteGo).join(' ')}] without impersonating a user name`,
    );
  const check = (
    resource: string,
    rest: Partial<Record<'group' | 'namespace' | 'name' | 'subresource', string>>,
  ): void => {
    const attributes: Attributes = {
      verb: 'impersonate',
      version: 'v1',
      resource,
      group: rest.group ?? '',
      namespace: rest.namespace ?? '',
      name: rest.name ?? '',
      subresource: rest.subresource ?? '',
    };
    const { allowed, reason } = authorizer.authorize(user, attributes);
    if (!allowed) throw forbidden(user, attributes, reason);
  };
  const account = serviceAccountOf(name);
  if (account === undefined) check('users', { name });
  else check('serviceaccounts', account);
  for (const group of groups) check('groups', { name: group });
  const authentication = 'authentication.k8s.io';
  for (const [key, values] of extras)
    for (const value of values)
      check('userextras', { group: authentication, subresource: key, name: value });
  if (uid !== '') check('uids', { group: authentication, name: uid });
  return {
    name,
    ...(uid !== '' && { uid }),
    groups: groupsOf(name, groups, account),
    extra: Object.fromEntries(extras),
  };
}

function groupsOf(
  name: string,
  groups: readonly string[],
  account: { readonly namespace: string } | undefined,
): string[] {
  const all = new Set(groups);
  if (account !== undefined && groups.length === 0) {
    all.add('system:serviceaccounts');
    all.add(`system:serviceaccounts:${account.namespace}`);
  }
  if (name === 'system:anonymous') all.add('system:unauthenticated');
  else if (!all.has('system:unauthenticated')) all.add('system:authenticated');
  return [...all];
}

/** Namespace and name in `system:serviceaccount:NAMESPACE:NAME`. */
export function serviceAccountOf(user: string): { namespace: string; name: string } | undefined {
  if (!user.startsWith(serviceAccountPrefix)) return undefined;
  const [namespace, name, more] = user.slice(serviceAccountPrefix.length).split(':');
  if (!namespace || !name || more !== undefined) return undefined;
  return { namespace, name };
}

function extrasOf(headers: Readonly<Record<string, string>>): Map<string, string[]> {
  const extras = new Map<string, string[]>();
  for (const [header, value] of Object.entries(headers)) {
    if (!header.startsWith(extraPrefix)) continue;
    const raw = header.slice(extraPrefix.length);
    let key: string;
    try {
      key = decodeURIComponent(raw).toLowerCase();
    } catch {
      throw badRequest(`invalid impersonation extra key ${quoteGo(raw)}`);
    }
    extras.set(key, valuesOf(value));
  }
  return extras;
}
