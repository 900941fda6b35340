/**
 * Acting as somebody else: the Impersonate-* headers. The right to is given either for everything
 * (verb `impersonate`), or for one kind of user and certain verbs (`impersonate:MODE` with
 * `impersonate-on:MODE:VERB`).
 */
import { BoundedMap } from '../../base/bounded-map.ts';
import { subdomainProblems } from '../../kube/name-syntax.ts';
import { quoteGo } from '../../kube/quote.ts';
import { type ApiError, badRequest } from '../../kube/status.ts';
import type { User } from '../backend.ts';
import { type Attributes, type Authorizer, forbidden } from './authorizer.ts';
import { adminGroup } from './rbac.ts';

const extraPrefix = 'impersonate-extra-';
const serviceAccountPrefix = 'system:serviceaccount:';
const nodePrefix = 'system:node:';
const authentication = 'authentication.k8s.io';
const nodeNameKey = 'authentication.kubernetes.io/node-name';
/** So many names at once are first asked for as `*`. */
const many = 4;

/** As asked for by headers. */
interface Wanted {
  readonly name: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

interface Mode {
  readonly name: string;
  /** Whether it is a way to become this user at all. */
  applies(wanted: Wanted, requestor: User): boolean;
}

const modes: readonly Mode[] = [
  {
    name: 'associated-node',
    applies: (wanted, { name, extra }) =>
      isNameOnly(wanted) &&
      serviceAccountOf(name) !== undefined &&
      nodeOf(wanted.name) !== undefined &&
      extra[nodeNameKey]?.length === 1 &&
      extra[nodeNameKey][0] === nodeOf(wanted.name),
  },
  {
    name: 'arbitrary-node',
    applies: (wanted) => isNameOnly(wanted) && nodeOf(wanted.name) !== undefined,
  },
  {
    name: 'serviceaccount',
    applies: (wanted) => isNameOnly(wanted) && serviceAccountOf(wanted.name) !== undefined,
  },
  {
    name: 'user-info',
    applies: ({ name }) => nodeOf(name) === undefined && serviceAccountOf(name) === undefined,
  },
];

/** Several values of one header reach us joined by newlines. */
function valuesOf(header: string | undefined): string[] {
  return header === undefined || header === '' ? [] : header.split('\n');
}

/** How many users' last way of impersonation is remembered. */
const rememberedMax = 10_000;

/** Who is to do what. */
interface Asking {
  readonly user: User;
  readonly attributes: Attributes;
}

export class Impersonation {
  readonly #authorizer: Authorizer;
  /** By user name, the place of the mode that was allowed last: it is tried first. */
  readonly #last = new BoundedMap<string, number>(rememberedMax);

  constructor(authorizer: Authorizer) {
    this.#authorizer = authorizer;
  }

  /**
   * The user that a request acts as: `user` when it asks for nobody else. `attributes`: what is to
   * be done.
   * @throws ApiError 400 for headers that make no sense, 403 when `user` may not
   */
  become(headers: Readonly<Record<string, string>>, asking: Asking): User | Promise<User> {
    const wanted = wantedOf(headers);
    return wanted === undefined ? asking.user : this.#become(wanted, asking);
  }

  async #become(wanted: Wanted, asking: Asking): Promise<User> {
    const { user } = asking;
    const last = this.#last.get(user.name);
    const order = [...modes.keys(), modes.length].filter((i) => i !== last);
    let refusal: ApiError | undefined;
    for (const i of last === undefined ? order : [last, ...order]) {
      const mode = modes[i];
      if (mode?.applies(wanted, user) === false) continue;
      const why = await this.#refusalOf(wanted, mode, asking);
      if (why === undefined) {
        this.#last.set(user.name, i);
        return mode === undefined ? legacyUser(wanted) : constrainedUser(wanted);
      }
      refusal ??= why;
    }
    throw refusal!;
  }

  /** `mode` undefined: the right to everything. */
  async #refusalOf(
    wanted: Wanted,
    mode: Mode | undefined,
    { user, attributes }: Asking,
  ): Promise<ApiError | undefined> {
    const check: Check = async (asked, impossible) => {
      if (impossible !== undefined) return forbidden(user, asked, impossible);
      const { allowed, reason } = await this.#authorizer.authorize(user, asked);
      return allowed ? undefined : forbidden(user, asked, reason);
    };
    if (mode === undefined) return checkLegacy(wanted, check);
    const on = { ...attributes, verb: `impersonate-on:${mode.name}:${attributes.verb}` };
    return (await check(on)) ?? checkConstrained(wanted, mode, check);
  }
}

function wantedOf(headers: Readonly<Record<string, string>>): Wanted | undefined {
  const name = headers['impersonate-user'] ?? '';
  const groups = valuesOf(headers['impersonate-group']);
  const uid = headers['impersonate-uid'] ?? '';
  const extra = extrasOf(headers);
  const wanted = { name, uid, groups, extra };
  if (name !== '') return wanted;
  if (groups.length === 0 && uid === '' && Object.keys(extra).length === 0) return undefined;
  throw badRequest(`requested ${goText(wanted)} without impersonating a user name`);
}

/** As Go prints a user.DefaultInfo. */
function goText({ name, uid, groups, extra }: Wanted): string {
  const list = (values: readonly string[]): string =>
    values.length === 0 ? '[]string(nil)' : `[]string{${values.map(quoteGo).join(', ')}}`;
  const keys = Object.keys(extra).sort();
  const map =
    keys.length === 0
      ? '(nil)'
      : `{${keys.map((key) => `${quoteGo(key)}:${list(extra[key]!)}`).join(', ')}}`;
  return (
    `&user.DefaultInfo{Name:${quoteGo(name)}, UID:${quoteGo(uid)}, ` +
    `Groups:${list(groups)}, Extra:map[string][]string${map}}`
  );
}

/** The refusal, or undefined; `impossible`: why nobody may, whatever rights there are. */
type Check = (asked: Attributes, impossible?: string) => Promise<ApiError | undefined>;

interface Named {
  readonly group?: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name: string;
}

function asking(verb: string, named: Named): Attributes {
  return { verb, version: 'v1', group: '', subresource: '', namespace: '', ...named };
}

async function checkLegacy(wanted: Wanted, check: Check): Promise<ApiError | undefined> {
  const { name, uid, groups, extra } = wanted;
  const account = serviceAccountOf(name);
  const asked: Named[] = [
    account === undefined
      ? { resource: 'users', name }
      : { resource: 'serviceaccounts', ...account },
  ];
  if (uid !== '') asked.push({ group: authentication, resource: 'uids', name: uid });
  for (const group of groups) asked.push({ resource: 'groups', name: group });
  asked.push(...extraNames(extra));
  return firstRefusal('impersonate', asked, check);
}

async function checkConstrained(
  wanted: Wanted,
  mode: Mode,
  check: Check,
): Promise<ApiError | undefined> {
  const verb = `impersonate:${mode.name}`;
  const { uid, groups, extra } = wanted;
  const asked: Named[] = [nameOf(wanted, mode)];
  if (uid !== '') asked.push({ resource: 'uids', name: uid });
  const refused = await firstRefusal(verb, asked.map(inGroup), check);
  if (refused !== undefined) return refused;
  const names = groups.map((name) => inGroup({ resource: 'groups', name }));
  for (const name of ['', adminGroup])
    if (groups.includes(name))
      return check(
        asking(verb, inGroup({ resource: 'groups', name })),
        `impersonating the ${name === '' ? 'empty string' : name} group is not allowed`,
      );
  const everyGroup = inGroup({ resource: 'groups', name: '*' });
  const group = await refusalOfMany(verb, { names, every: everyGroup }, check);
  if (group !== undefined) return group;
  const every = { group: authentication, resource: 'userextras', subresource: '*', name: '*' };
  return refusalOfMany(verb, { names: extraNames(extra), every }, check);
}

function nameOf({ name }: Wanted, mode: Mode): Named {
  const node = nodeOf(name);
  if (node !== undefined)
    return { resource: 'nodes', name: mode.name === 'associated-node' ? '*' : node };
  const account = serviceAccountOf(name);
  if (account !== undefined) return { resource: 'serviceaccounts', ...account };
  return { resource: 'users', name };
}

function inGroup(named: Named): Named {
  return { group: authentication, ...named };
}

function extraNames(extra: Wanted['extra']): Named[] {
  return Object.entries(extra).flatMap(([subresource, values]) =>
    values.map((name) => ({ group: authentication, resource: 'userextras', subresource, name })),
  );
}

async function firstRefusal(
  verb: string,
  names: readonly Named[],
  check: Check,
): Promise<ApiError | undefined> {
  for (const named of names) {
    const refusal = await check(asking(verb, named));
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

async function refusalOfMany(
  verb: string,
  { names, every }: { readonly names: readonly Named[]; readonly every: Named },
  check: Check,
): Promise<ApiError | undefined> {
  if (names.length >= many && (await check(asking(verb, every))) === undefined) return undefined;
  return firstRefusal(verb, names, check);
}

function isNameOnly({ uid, groups, extra }: Wanted): boolean {
  return uid === '' && groups.length === 0 && Object.keys(extra).length === 0;
}

/** Nodes and service accounts have the groups that they have. */
function constrainedUser(wanted: Wanted): User {
  const isNode = nodeOf(wanted.name) !== undefined;
  return legacyUser(isNode ? { ...wanted, groups: ['system:nodes'] } : wanted);
}

function legacyUser({ name, uid, groups, extra }: Wanted): User {
  const account = serviceAccountOf(name);
  return {
    name,
    ...(uid !== '' && { uid }),
    groups: groupsOf(name, groups, account),
    extra,
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

/** The node's name in `system:node:NAME`. */
function nodeOf(user: string): string | undefined {
  if (!user.startsWith(nodePrefix)) return undefined;
  const name = user.slice(nodePrefix.length);
  return subdomainProblems(name).length === 0 ? name : undefined;
}

function extrasOf(headers: Readonly<Record<string, string>>): Record<string, string[]> {
  const extras: Record<string, string[]> = Object.create(null);
  for (const [header, value] of Object.entries(headers))
    if (header.startsWith(extraPrefix))
      extras[unescaped(header.slice(extraPrefix.length))] = valuesOf(value);
  return { ...extras };
}

/** A key that is not properly escaped is taken as it is. */
function unescaped(key: string): string {
  try {
    return decodeURIComponent(key).toLowerCase();
  } catch {
    return key;
  }
}
