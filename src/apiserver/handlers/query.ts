/** The query options of every verb, validated in kube-apiserver's words. */

import { quoteGo } from '../../kube/quote.ts';
import type { ResourceType } from '../../kube/resource.ts';
import { type FieldSelector, parseFieldSelector, parseLabelSelector } from '../../kube/selector.ts';
import { ApiError, badRequest, invalid, type StatusCause } from '../../kube/status.ts';
import type { ListRequest, PatchType, WatchRequest, WriteOptions } from '../backend.ts';
import { isTrue, type ResourceTarget } from '../request.ts';

/** metav1.FieldManagerMaxLength, in bytes. */
const fieldManagerMax = 128;
const int64Max = 2n ** 63n - 1n;

/** 422 about an options object that has no name. */
export function invalidOptions(kind: string, causes: StatusCause[]): ApiError {
  return invalid({ group: 'meta.k8s.io', kind }, '', causes);
}

function forbidden(field: string, detail: string): StatusCause {
  return { reason: 'FieldValueForbidden', message: `Forbidden: ${detail}`, field };
}

function unsupported(field: string, value: unknown, supported: readonly string[]): StatusCause {
  const list = supported.map(quoteGo).join(', ');
  const message = `Unsupported value: ${typeof value === 'string' ? quoteGo(value) : JSON.stringify(value)}: supported values: ${list}`;
  return { reason: 'FieldValueNotSupported', message, field };
}

/**
 * An int64 query parameter; undefined when absent.
 * @throws ApiError 400
 */
export function integerOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  if (!/^[+-]?\d{1,40}$/.test(text))
    throw badRequest(`strconv.ParseInt: parsing ${quoteGo(text)}: invalid syntax`);
  const value = BigInt(text.replace('+', ''));
  if (value > int64Max || value < -int64Max - 1n)
    throw badRequest(`strconv.ParseInt: parsing ${quoteGo(text)}: value out of range`);
  return Number(value);
}

/** Refuses anything but `All`. */
export function dryRunCauses(values: readonly string[]): StatusCause[] {
  return values.every((value) => value === 'All') ? [] : [unsupported('dryRun', values, ['All'])];
}

const validations: readonly string[] = ['', 'Ignore', 'Strict', 'Warn'];

/**
 * The options of a create, update or patch; `kind` names them in errors (CreateOptions …).
 * @throws ApiError 422
 */
export function writeOptions(
  query: URLSearchParams,
  request: { readonly kind: string; readonly userAgent: string; readonly patch?: PatchType },
): WriteOptions {
  const manager = query.get('fieldManager') ?? '';
  const dryRun = query.getAll('dryRun');
  const validation = query.get('fieldValidation') ?? '';
  const apply = request.patch === 'application/apply-patch+yaml';
  const causes: StatusCause[] = [];
  if (apply && manager === '') causes.push(managerRequired);
  if (request.patch !== undefined && !apply && query.has('force'))
    causes.push(forbidden('force', 'may not be specified for non-apply patch'));
  causes.push(...managerCauses(manager), ...dryRunCauses(dryRun));
  if (!validations.includes(validation))
    causes.push(unsupported('fieldValidation', validation, validations));
  if (causes.length > 0) throw invalidOptions(request.kind, causes);
  return {
    dryRun: dryRun.length > 0,
    fieldManager: manager === '' ? managerFromAgent(request.userAgent) : manager,
    fieldValidation: validation === '' ? 'Warn' : (validation as WriteOptions['fieldValidation']),
    force: apply && isTrue(query, 'force'),
  };
}

const managerRequired: StatusCause = {
  reason: 'FieldValueRequired',
  message: 'Required value: is required for apply patch',
  field: 'fieldManager',
};

function managerCauses(manager: string): StatusCause[] {
  const causes: StatusCause[] = [];
  const field = 'fieldManager';
  if (Buffer.byteLength(manager) > fieldManagerMax)
    causes.push({
      reason: 'FieldValueTooLong',
      message: `Too long: may not be more than ${fieldManagerMax} bytes`,
      field,
    });
  const at = [...manager].findIndex((letter) => !isPrintable(letter));
  if (at >= 0) {
    const letter = [...manager][at]!;
    const code = letter.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0');
    const message = `Invalid value: ${quoteGo(manager)}: invalid character U+${code} (at position ${at})`;
    causes.push({ reason: 'FieldValueInvalid', message, field });
  }
  return causes;
}

function isPrintable(letter: string): boolean {
  return letter === ' ' || /^[\p{L}\p{M}\p{N}\p{P}\p{S}]$/u.test(letter);
}

/** The user agent up to its first slash: `kubectl/v1.37` writes as `kubectl`. */
function managerFromAgent(userAgent: string): string {
  let manager = '';
  for (const letter of userAgent.split('/', 1)[0]!) {
    if (!isPrintable(letter)) continue;
    if (Buffer.byteLength(manager) + Buffer.byteLength(letter) > fieldManagerMax) break;
    manager += letter;
  }
  return manager;
}

interface Scope {
  readonly type: ResourceType;
  readonly target: ResourceTarget;
}

/**
 * The options of a list or a deletecollection.
 * @throws ApiError 400, 422
 */
export function listRequest(query: URLSearchParams, { type, target }: Scope): ListRequest {
  const limit = integerOf(query, 'limit') ?? 0;
  integerOf(query, 'timeoutSeconds');
  const token = query.get('continue') ?? '';
  const revision = query.get('resourceVersion') ?? '';
  const match = query.get('resourceVersionMatch') ?? '';
  const selectors = selectorsOf(query, target);
  const causes: StatusCause[] = [];
  const field = 'resourceVersionMatch';
  if (match !== '') {
    if (revision === '')
      causes.push(
        forbidden(field, 'resourceVersionMatch is forbidden unless resourceVersion is provided'),
      );
    if (token !== '')
      causes.push(forbidden(field, 'resourceVersionMatch is forbidden when continue is provided'));
    if (match !== 'Exact' && match !== 'NotOlderThan')
      causes.push(unsupported(field, match, ['Exact', 'NotOlderThan', '']));
    if (match === 'Exact' && revision === '0')
      causes.push(
        forbidden(field, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'),
      );
  }
  if (query.has('sendInitialEvents'))
    causes.push(forbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list'));
  if (causes.length > 0) throw invalidOptions('ListOptions', causes);
  return {
    type,
    namespace: type.namespaced ? target.namespace : '',
    ...selectors,
    ...(limit > 0 && { limit }),
    ...(token !== '' && { continue: token }),
    ...(revision !== '' && { resourceVersion: revision }),
    ...(match !== '' && { resourceVersionMatch: match as 'Exact' | 'NotOlderThan' }),
  };
}

export interface TimedWatch {
  readonly request: WatchRequest;
  /** Undefined: the server chooses. */
  readonly timeoutSeconds: number | undefined;
}

/**
 * The options of a watch. As in kube-apiserver, a watch from nowhere or from 0 begins with what
 * exists.
 * @throws ApiError 400, 422
 */
export function watchRequest(query: URLSearchParams, { type, target }: Scope): TimedWatch {
  const timeoutSeconds = integerOf(query, 'timeoutSeconds');
  integerOf(query, 'limit');
  const revision = query.get('resourceVersion') ?? '';
  let match = query.get('resourceVersionMatch') ?? '';
  let initial = query.has('sendInitialEvents') ? isTrue(query, 'sendInitialEvents') : undefined;
  const selectors = selectorsOf(query, target);
  const causes = watchCauses(query, match, initial);
  if (causes.length > 0) throw invalidOptions('ListOptions', causes);
  if (initial === undefined && match === '' && (revision === '' || revision === '0')) {
    initial = true;
    match = 'NotOlderThan';
  }
  return {
    timeoutSeconds,
    request: {
      type,
      namespace: type.namespaced ? target.namespace : '',
      ...selectors,
      allowWatchBookmarks: isTrue(query, 'allowWatchBookmarks'),
      ...(revision !== '' && { resourceVersion: revision }),
      ...(match !== '' && { resourceVersionMatch: 'NotOlderThan' as const }),
      ...(initial !== undefined && { sendInitialEvents: initial }),
    },
  };
}

function watchCauses(
  query: URLSearchParams,
  match: string,
  initial: boolean | undefined,
): StatusCause[] {
  const field = 'resourceVersionMatch';
  const causes: StatusCause[] = [];
  if (initial !== undefined && match !== 'NotOlderThan')
    causes.push(
      forbidden(field, 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'),
    );
  if (match === '') return causes;
  if (initial === undefined)
    causes.push(
      forbidden(
        field,
        'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
      ),
    );
  if (match !== 'NotOlderThan') causes.push(unsupported(field, match, ['NotOlderThan']));
  if ((query.get('continue') ?? '') !== '')
    causes.push(forbidden(field, 'resourceVersionMatch is forbidden when continue is provided'));
  return causes;
}

function selectorsOf(
  query: URLSearchParams,
  target: ResourceTarget,
): Pick<ListRequest, 'labelSelector' | 'fieldSelector'> {
  const labelSelector = readSelector(() => parseLabelSelector(query.get('labelSelector') ?? ''));
  const fieldSelector = readSelector(() => parseFieldSelector(query.get('fieldSelector') ?? ''));
  return { labelSelector, fieldSelector: checkPinned(fieldSelector, target.name) };
}

/** Selector parsers throw plain errors as well; whatever they say is the client's fault. */
function readSelector<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw badRequest(error instanceof Error ? error.message : String(error));
  }
}

/** A collection asked for by name may select by that name only. */
function checkPinned(selector: FieldSelector, name: string): FieldSelector {
  if (name === '') return selector;
  if (selector.length === 0) return [{ field: 'metadata.name', operator: '=', value: name }];
  const pinned = selector.some(
    (term) => term.field === 'metadata.name' && term.operator === '=' && term.value === name,
  );
  if (!pinned) throw badRequest("fieldSelector metadata.name doesn't match requested name");
  return selector;
}
