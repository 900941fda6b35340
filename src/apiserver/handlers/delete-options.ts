/** DeleteOptions, from a body or from a query string. */
import { goKind } from '../../kube/json.ts';
import { isObject, type Json, type JsonObject, valueAt } from '../../kube/object.ts';
import { quoteGo } from '../../kube/quote.ts';
import { badRequest, type StatusCause } from '../../kube/status.ts';
import { invalidValue } from '../../kube/validate-meta.ts';
import type { DeleteOptions, Preconditions } from '../backend.ts';
import { isTrue } from '../request.ts';
import { dryRunCauses, integerOf, invalidOptions } from './query.ts';

/** Asks for the removal of what cannot be read. */
export const unsafe = 'ignoreStoreReadErrorWithClusterBreakingPotential';

const policies: readonly string[] = ['Foreground', 'Background', 'Orphan'];

interface Raw {
  readonly dryRun: readonly string[];
  readonly grace: number | undefined;
  readonly policy: string | undefined;
  readonly orphan: boolean | undefined;
  readonly ignoreReadError: boolean;
  readonly preconditions?: Preconditions;
}

/** @throws ApiError 400, 422 */
export function deleteOptionsOfQuery(query: URLSearchParams): DeleteOptions {
  const orphan = query.get('orphanDependents');
  return checked({
    dryRun: query.getAll('dryRun'),
    grace: integerOf(query, 'gracePeriodSeconds'),
    policy: query.get('propagationPolicy') ?? undefined,
    orphan: orphan === null ? undefined : orphan !== '0' && orphan.toLowerCase() !== 'false',
    ignoreReadError: isTrue(query, unsafe),
  });
}

/** @throws ApiError 400, 422 */
export function deleteOptionsOf(body: JsonObject): DeleteOptions {
  const dryRun = body.dryRun ?? [];
  if (!Array.isArray(dryRun) || !dryRun.every((value) => typeof value === 'string'))
    throw mistyped(dryRun, 'dryRun', '[]string');
  return checked({
    dryRun,
    grace: numberField(body, 'gracePeriodSeconds'),
    policy: stringField(body, 'propagationPolicy'),
    orphan: booleanField(body, 'orphanDependents'),
    ignoreReadError: booleanField(body, unsafe) ?? false,
    ...(isObject(body.preconditions) && { preconditions: preconditionsOf(body) }),
  });
}

function preconditionsOf(body: JsonObject): Preconditions {
  const uid = stringField(body, 'preconditions', 'uid');
  const resourceVersion = stringField(body, 'preconditions', 'resourceVersion');
  return {
    ...(uid !== undefined && { uid }),
    ...(resourceVersion !== undefined && { resourceVersion }),
  };
}

/** What cannot stand beside the option that deletes what cannot be read. */
function unsafeCauses({ policy, orphan, grace, preconditions }: Raw): StatusCause[] {
  const beside = {
    propagationPolicy: policy,
    orphanDependents: orphan,
    gracePeriodSeconds: grace,
    preconditions,
  };
  return Object.entries(beside)
    .filter(([, value]) => value !== undefined)
    .map(([field]) => invalidValue(unsafe, true, `cannot be set together with .${field}`));
}

function checked(raw: Raw): DeleteOptions {
  const { policy, orphan, grace, preconditions = {} } = raw;
  const causes: StatusCause[] = [];
  const field = 'propagationPolicy';
  if (orphan !== undefined && policy !== undefined)
    causes.push({
      reason: 'FieldValueInvalid',
      message: `Invalid value: ${quoteGo(policy)}: orphanDependents and deletionPropagation cannot be both set`,
      field,
    });
  if (policy !== undefined && !policies.includes(policy))
    causes.push({
      reason: 'FieldValueNotSupported',
      message: `Unsupported value: ${quoteGo(policy)}: supported values: "Foreground", "Background", "Orphan", "nil"`,
      field,
    });
  causes.push(...dryRunCauses(raw.dryRun));
  if (raw.ignoreReadError) causes.push(...unsafeCauses(raw));
  if (causes.length > 0) throw invalidOptions('DeleteOptions', causes);
  const chosen = policy ?? (orphan === undefined ? undefined : orphan ? 'Orphan' : 'Background');
  return {
    dryRun: raw.dryRun.length > 0,
    preconditions,
    ...(raw.ignoreReadError && { ignoreReadError: true }),
    ...(grace !== undefined && { gracePeriodSeconds: grace }),
    ...(chosen !== undefined && {
      propagationPolicy: chosen as NonNullable<DeleteOptions['propagationPolicy']>,
    }),
  };
}

function mistyped(found: Json, field: string, type: string): Error {
  const why = `cannot unmarshal ${goKind(found)} into Go struct field DeleteOptions.${field}`;
  return badRequest(`json: ${why} of type ${type}`);
}

function stringField(body: JsonObject, ...path: readonly string[]): string | undefined {
  const value = valueAt(body, ...path) ?? undefined;
  if (value === undefined || typeof value === 'string') return value;
  throw mistyped(value, path.join('.'), 'string');
}

function booleanField(body: JsonObject, field: string): boolean | undefined {
  const value = valueAt(body, field) ?? undefined;
  if (value === undefined || typeof value === 'boolean') return value;
  throw mistyped(value, field, 'bool');
}

function numberField(body: JsonObject, field: string): number | undefined {
  const value = valueAt(body, field) ?? undefined;
  if (value === undefined || (typeof value === 'number' && Number.isInteger(value))) return value;
  throw mistyped(value, field, 'int64');
}
