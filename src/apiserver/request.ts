/**
 * What a request asks for, read from its method and path exactly as kube-apiserver's RequestInfo
 * reads them.
 */
import { quoteGo } from '../kube/quote.ts';
import { badRequest } from '../kube/status.ts';

export interface ResourceTarget {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  /** '' when the path names none; the object's own name for `/namespaces/NAME`. */
  readonly namespace: string;
  /** '' for a collection; for a list or watch, the name that its field selector pins. */
  readonly name: string;
  /** '' for the object itself. */
  readonly subresource: string;
  /** What follows the subresource, as sent, with the query string (`/…?…`, or ''). */
  readonly rest: string;
}

export interface RequestInfo {
  /**
   * get, list, watch, create, update, patch, delete, deletecollection; the method in lower case for
   * other paths.
   */
  readonly verb: string;
  /** Decoded, without the query string. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Absent for paths outside the resource tree. */
  readonly target?: ResourceTarget;
}

const verbOfMethod: ReadonlyMap<string, string> = new Map([
  ['POST', 'create'],
  ['GET', 'get'],
  ['HEAD', 'get'],
  ['PUT', 'update'],
  ['PATCH', 'patch'],
  ['DELETE', 'delete'],
]);

/**
 * Tells `/namespaces/x/status` (the Namespace's) from `/namespaces/x/pods` (a collection in it).
 */
const namespaceSubresources: ReadonlySet<string> = new Set(['status', 'finalize']);

/**
 * Reads a request line. `target` is the absolute path with its query string.
 * @throws ApiError 400 when the path is no path.
 */
export function parseRequest(method: string, target: string): RequestInfo {
  const mark = target.indexOf('?');
  const rawPath = mark < 0 ? target : target.slice(0, mark);
  const search = mark < 0 ? '' : target.slice(mark + 1);
  const path = decodePath(rawPath);
  const query = new URLSearchParams(search);
  const plain: RequestInfo = { verb: method.toLowerCase(), path, query };
  const parts = trimSlashes(path).split('/');
  if (parts.length < 3 || (parts[0] !== 'api' && parts[0] !== 'apis')) return plain;
  const grouped = parts[0] === 'apis';
  if (grouped && parts.length < 4) return plain;
  const group = grouped ? parts[1]! : '';
  const version = parts[grouped ? 2 : 1]!;
  let names = parts.slice(grouped ? 3 : 2);
  let namespace = '';
  // The path of a watch before there was a parameter for it.
  const watches = method === 'GET' && names[0] === 'watch' && names.length > 1;
  if (watches) names = names.slice(1);
  if (names[0] === 'namespaces' && names.length > 1) {
    namespace = names[1]!;
    if (names.length > 2 && !namespaceSubresources.has(names[2]!)) names = names.slice(2);
  }
  const [resource, name = '', subresource = ''] = names as [string, ...string[]];
  const verb = watches ? 'watch' : resolveVerb(verbOfMethod.get(method) ?? '', name, query);
  return {
    verb,
    path,
    query,
    target: {
      group,
      version,
      resource,
      namespace,
      name: name === '' && (verb === 'list' || verb === 'watch') ? pinnedName(query) : name,
      subresource,
      rest: restOf(rawPath, parts.length - names.length + 3, search),
    },
  };
}

function resolveVerb(verb: string, name: string, query: URLSearchParams): string {
  if (verb === 'get' && name === '') return isTrue(query, 'watch') ? 'watch' : 'list';
  if (verb === 'delete' && name === '') return 'deletecollection';
  return verb;
}

/** A query flag: absent, `0` and `false` are false, anything else is true. */
export function isTrue(query: URLSearchParams, name: string): boolean {
  const value = query.get(name);
  return value !== null && value !== '0' && value.toLowerCase() !== 'false';
}

/**
 * The name in `fieldSelector=metadata.name=NAME`, so that resourceNames in RBAC can allow such
 * lists.
 */
function pinnedName(query: URLSearchParams): string {
  for (const term of (query.get('fieldSelector') ?? '').split(',')) {
    const match = /^metadata\.name==?([^=\\]+)$/.exec(term.trim());
    if (match && isPathSegment(match[1]!)) return match[1]!;
  }
  return '';
}

/** Whether a name can be one segment of a path. */
export function isPathSegment(name: string): boolean {
  return name !== '.' && name !== '..' && !/[/%]/.test(name);
}

function decodePath(raw: string): string {
  if (!raw.startsWith('/')) throw badRequest(`invalid URI for request: ${quoteGo(raw)}`);
  try {
    return raw.includes('%') ? decodeURIComponent(raw) : raw;
  } catch {
    throw badRequest(`invalid URL escape in ${quoteGo(raw)}`);
  }
}

function trimSlashes(path: string): string {
  let start = 0;
  let end = path.length;
  while (start < end && path[start] === '/') start++;
  while (end > start && path[end - 1] === '/') end--;
  return path.slice(start, end);
}

/** The raw path after its first `skip` segments, with the query string. */
function restOf(rawPath: string, skip: number, search: string): string {
  let at = 0;
  while (rawPath[at] === '/') at++;
  for (let segment = 0; segment < skip; segment++) {
    const next = rawPath.indexOf('/', at);
    if (next < 0) return search === '' ? '' : `?${search}`;
    at = next + 1;
  }
  const rest = `/${rawPath.slice(at)}`;
  return search === '' ? rest : `${rest}?${search}`;
}
