/** AdmissionReview v1 and v1beta1: what a webhook is asked, and what its answer means. */
import { isObject, type Json, type JsonObject } from '../../kube/object.ts';
import { quoteGo } from '../../kube/quote.ts';
import type { ResourceType } from '../../kube/resource.ts';
import { ApiError, type Status } from '../../kube/status.ts';
import type { DeleteOptions } from '../backend.ts';
import { type Attributes, kindFor } from './attributes.ts';

const group = 'admission.k8s.io';

/** The first version that we speak, or undefined. */
export function reviewVersion(accepted: readonly string[]): 'v1' | 'v1beta1' | undefined {
  return accepted.find((version) => version === 'v1' || version === 'v1beta1') as 'v1' | undefined;
}

/** The body of a question; `type` is the written resource in the version that the rule names. */
export function reviewOf(
  attributes: Attributes,
  { type, uid, version }: { type: ResourceType; uid: string; version: string },
): object {
  return {
    kind: 'AdmissionReview',
    apiVersion: `${group}/${version}`,
    request: admissionRequest(attributes, type, uid),
  };
}

export function admissionRequest(attributes: Attributes, type: ResourceType, uid: string): object {
  const { subresource, name, namespace, user } = attributes;
  return {
    uid,
    kind: kindFor(type, subresource),
    resource: resourceOf(type),
    ...(subresource === '' ? {} : { subResource: subresource }),
    requestKind: kindFor(attributes.type, subresource),
    requestResource: resourceOf(attributes.type),
    ...(subresource === '' ? {} : { requestSubResource: subresource }),
    ...(name === '' ? {} : { name }),
    ...(namespace === '' ? {} : { namespace }),
    operation: attributes.operation,
    userInfo: {
      username: user.name,
      ...(user.uid === undefined || user.uid === '' ? {} : { uid: user.uid }),
      ...(user.groups.length === 0 ? {} : { groups: user.groups }),
      ...(Object.keys(user.extra).length === 0 ? {} : { extra: user.extra }),
    },
    object: attributes.object(type) ?? null,
    oldObject: attributes.oldObject(type) ?? null,
    dryRun: attributes.dryRun,
    options: optionsOf(attributes),
  };
}

function resourceOf({ group, version, resource }: ResourceType): object {
  return { group, version, resource };
}

const optionKinds = {
  CREATE: 'CreateOptions',
  UPDATE: 'UpdateOptions',
  DELETE: 'DeleteOptions',
  CONNECT: '',
} as const;

function optionsOf({ operation, request, dryRun }: Attributes): object | null {
  if (operation === 'CONNECT') return null;
  const { fieldManager, fieldValidation } = request.options;
  return {
    kind: optionKinds[operation],
    apiVersion: 'meta.k8s.io/v1',
    ...(dryRun ? { dryRun: ['All'] } : {}),
    ...(operation === 'DELETE'
      ? deleteFields(request.deletion)
      : {
          ...(fieldManager === '' ? {} : { fieldManager }),
          ...(fieldValidation === undefined ? {} : { fieldValidation }),
        }),
  };
}

function deleteFields(options: DeleteOptions | undefined): object {
  if (options === undefined) return {};
  const { gracePeriodSeconds, propagationPolicy, preconditions } = options;
  return {
    ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    ...(Object.keys(preconditions).length === 0 ? {} : { preconditions }),
    ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
  };
}

export interface Verdict {
  readonly allowed: boolean;
  /** A JSON patch in text; undefined: none. */
  readonly patch: string | undefined;
  readonly patchType: string;
  readonly status: Partial<Status> | undefined;
  readonly warnings: readonly string[];
  readonly auditAnnotations: Readonly<Record<string, string>>;
}

/** What makes an answer worthless. */
export class BadReview extends Error {
  override readonly name = 'BadReview';
}

export interface Asked {
  readonly uid: string;
  readonly version: string;
  readonly mutating: boolean;
}

/** @throws BadReview in kube-apiserver's words */
export function verdictOf(answer: JsonObject, { uid, version, mutating }: Asked): Verdict {
  const { apiVersion, kind, response } = answer;
  if (apiVersion !== `${group}/${version}`)
    throw new BadReview(
      `expected webhook response of ${group}/${version}, Kind=AdmissionReview, ` +
        `got ${textOf(apiVersion)}, Kind=${textOf(kind)}`,
    );
  if (!isObject(response)) throw new BadReview('webhook response was absent');
  const strict = version === 'v1';
  if (strict && response['uid'] !== uid)
    throw new BadReview(
      `expected response.uid=${quoteGo(uid)}, got ${quoteGo(textOf(response['uid']))}`,
    );
  const patch = patchOf(response['patch']);
  const patchType = response['patchType'] ?? undefined;
  if (strict) checkPatch(patch, patchType, mutating);
  const { status, warnings, auditAnnotations } = response;
  return {
    allowed: response['allowed'] === true,
    patch: mutating ? patch : undefined,
    patchType: strict ? textOf(patchType) : 'JSONPatch',
    status: isObject(status) ? (status as unknown as Partial<Status>) : undefined,
    warnings: Array.isArray(warnings) ? warnings.map(textOf) : [],
    auditAnnotations: isObject(auditAnnotations)
      ? Object.fromEntries(Object.entries(auditAnnotations).map(([k, v]) => [k, textOf(v)]))
      : {},
  };
}

function checkPatch(
  patch: string | undefined,
  patchType: Json | undefined,
  mutating: boolean,
): void {
  if (!mutating) {
    if (patch !== undefined)
      throw new BadReview('validating webhook may not return response.patch');
    if (patchType !== undefined)
      throw new BadReview('validating webhook may not return response.patchType');
    return;
  }
  if (patch !== undefined && patchType === undefined)
    throw new BadReview('webhook returned response.patch but not response.patchType');
  if (patch === undefined && patchType !== undefined)
    throw new BadReview('webhook returned response.patchType but not response.patch');
  if (patchType === '') throw new BadReview('webhook returned invalid response.patchType of ""');
}

function patchOf(value: Json | undefined): string | undefined {
  if (typeof value !== 'string' || value === '') return undefined;
  return Buffer.from(value, 'base64').toString('utf8');
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string'
    ? value
    : value === undefined || value === null
      ? ''
      : `${value}`;
}

/** The refusal of a webhook that said no, with its own status, code and details. */
export function deniedBy(name: string, given: Partial<Status> | undefined): ApiError {
  const said = `admission webhook ${quoteGo(name)} denied the request`;
  const { code, status, metadata, details } = given ?? {};
  const [message, reason] = [given?.message, given?.reason].map((text) =>
    typeof text === 'string' ? text : '',
  ) as [string, string];
  const why = message === '' ? reason : message;
  return ApiError.fromStatus({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: isObject(metadata) ? metadata : {},
    status: typeof status !== 'string' || status === 'Success' ? 'Failure' : status,
    message: why === '' ? `${said} without explanation` : `${said}: ${why}`,
    ...(reason === '' ? {} : { reason }),
    ...(isObject(details) ? { details } : {}),
    code: typeof code === 'number' && code >= 400 && code <= 599 ? Math.floor(code) : 400,
  });
}
