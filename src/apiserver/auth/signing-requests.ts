/**
 * CertificateSigningRequests: who asks is written down, what may be asked for is checked, and only
 * who may approves, denies or signs.
 */
import type { Clock } from '../../base/clock.ts';
import { deepEqual } from '../../kube/json.ts';
import {
  isObject,
  type Json,
  type JsonObject,
  type KubeObject,
  valueAt,
} from '../../kube/object.ts';
import { quoteGo } from '../../kube/quote.ts';
import type { ResourceType } from '../../kube/resource.ts';
import { ApiError, invalid, type StatusCause } from '../../kube/status.ts';
import { formatTime } from '../../kube/time.ts';
import { invalidValue, requiredValue } from '../../kube/validate-meta.ts';
import type { AdmissionRequest, Admit } from '../admission.ts';
import type { User } from '../backend.ts';
import type { Authorizer } from './authorizer.ts';
import { parseSigningRequest } from './certificates.ts';
import { certificatesIn } from './client-certificate.ts';
import { adminGroup } from './rbac.ts';

const group = 'certificates.k8s.io';
export const clientSigner = 'kubernetes.io/kube-apiserver-client';
const legacySigner = 'kubernetes.io/legacy-unknown';
const settled = ['Approved', 'Denied'];

const usages: readonly string[] = [
  ...['any', 'cert sign', 'client auth', 'code signing', 'content commitment', 'crl sign'],
  ...['data encipherment', 'decipher only', 'digital signature', 'email protection'],
  ...['encipher only', 'ipsec end system', 'ipsec tunnel', 'ipsec user', 'key agreement'],
  ...['key encipherment', 'microsoft sgc', 'netscape sgc', 'ocsp signing', 's/mime'],
  ...['server auth', 'signing', 'timestamping'],
];

function isSigningRequest(type: ResourceType): boolean {
  return type.group === group && type.resource === 'certificatesigningrequests';
}

export function signingRequestAdmission(authorizer: Authorizer, clock: Clock): Admit {
  return async ({ user }, request) => {
    const { operation, type, object, old, ref } = request;
    if (!isSigningRequest(type) || operation === 'DELETE') return object;
    const prepared = prepare(request, { user, now: formatTime(clock.now()) });
    const causes = [
      ...(old === undefined ? await specCauses(prepared) : []),
      ...conditionCauses(prepared),
      ...certificateCauses(prepared),
      ...(old === undefined ? [] : changeCauses(prepared, old, ref.subresource ?? '')),
    ];
    if (causes.length > 0) throw invalid(type, ref.name, causes);
    if (old === undefined) await checkSubject(prepared, request);
    else await checkRights(prepared, { authorizer, user, request });
    return prepared;
  };
}

function prepare(
  { object, old, ref }: AdmissionRequest,
  { user, now }: { user: User; now: string },
): KubeObject {
  if (old === undefined) {
    const { username: _n, uid: _u, groups: _g, extra: _e, ...asked } = specOf(object);
    return { ...object, spec: { ...asked, ...identity(user) }, status: {} };
  }
  const spec = old['spec'];
  const before = statusOf(old);
  if (ref.subresource === 'approval') {
    const { conditions: _before, ...rest } = before;
    const conditions = timed(conditionsOf(object), conditionsOf(old), now);
    return { ...object, spec, status: { ...rest, ...(conditions.length > 0 && { conditions }) } };
  }
  if (ref.subresource !== 'status') return { ...object, spec, status: before };
  let conditions = conditionsOf(object);
  for (const type of settled) conditions = preserved(conditions, conditionsOf(old), type);
  conditions = timed(conditions, conditionsOf(old), now);
  return {
    ...object,
    spec,
    status: { ...statusOf(object), ...(conditions.length > 0 && { conditions }) },
  };
}

function identity({ name, uid, groups, extra }: User): JsonObject {
  const entries = Object.entries(extra).map(([key, values]): [string, Json] => [key, [...values]]);
  return {
    username: name,
    ...(uid !== undefined && uid !== '' && { uid }),
    ...(groups.length > 0 && { groups: [...groups] }),
    ...(entries.length > 0 && { extra: Object.fromEntries(entries) }),
  };
}

function specOf(object: KubeObject): JsonObject {
  return isObject(object['spec']) ? object['spec'] : {};
}

function statusOf(object: KubeObject): JsonObject {
  return isObject(object['status']) ? object['status'] : {};
}

function conditionsOf(object: KubeObject): JsonObject[] {
  const { conditions } = statusOf(object);
  return Array.isArray(conditions) ? conditions.filter(isObject) : [];
}

/** As many of a type as before: as they were before. */
function preserved(
  conditions: JsonObject[],
  before: readonly JsonObject[],
  type: string,
): JsonObject[] {
  const old = before.filter((each) => each['type'] === type);
  if (conditions.filter((each) => each['type'] === type).length !== old.length) return conditions;
  return conditions.map((each) => (each['type'] === type ? old.shift()! : each));
}

function timed(
  conditions: readonly JsonObject[],
  before: readonly JsonObject[],
  now: string,
): JsonObject[] {
  return conditions.map((condition) => {
    const known = before.find(
      ({ type, status }) => type === condition['type'] && status === condition['status'],
    );
    return {
      ...condition,
      lastUpdateTime: condition['lastUpdateTime'] ?? now,
      lastTransitionTime: condition['lastTransitionTime'] ?? known?.['lastTransitionTime'] ?? now,
    };
  });
}

async function specCauses(object: KubeObject): Promise<StatusCause[]> {
  const causes: StatusCause[] = [];
  const { request, usages: wanted, signerName = '', expirationSeconds } = specOf(object);
  const wrong = await requestProblem(request);
  if (wrong !== undefined) causes.push(invalidValue('spec.request', request ?? '', wrong));
  const list = Array.isArray(wanted) ? wanted.map(String) : [];
  if (list.length === 0) causes.push(requiredValue('spec.usages'));
  for (const [i, usage] of list.entries())
    if (!usages.includes(usage)) causes.push(notSupported(`spec.usages[${i}]`, usage, usages));
  for (const [i, usage] of list.entries())
    if (list.indexOf(usage) < i) causes.push(duplicate(`spec.usages[${i}]`, usage));
  const signer = String(signerName);
  if (signer === legacySigner)
    causes.push(
      invalidValue(
        'spec.signerName',
        signer,
        'the legacy signerName is not allowed via this API version',
      ),
    );
  else causes.push(...signerCauses(signer));
  if (typeof expirationSeconds === 'number' && expirationSeconds < 600)
    causes.push(
      invalidValue(
        'spec.expirationSeconds',
        expirationSeconds,
        'may not specify a duration less than 600 seconds (10 minutes)',
      ),
    );
  return causes;
}

async function requestProblem(request: unknown): Promise<string | undefined> {
  const parsed = parseSigningRequest(String(request ?? ''));
  if (parsed === 'not PEM') return 'PEM block type must be CERTIFICATE REQUEST';
  if (parsed === 'malformed') return 'asn1: structure error: the request cannot be read';
  return (await parsed.verify().catch(() => false)) ? undefined : 'x509: signature does not match';
}

function signerCauses(signer: string): StatusCause[] {
  const field = 'spec.signerName';
  if (signer === '') return [requiredValue(field)];
  const parts = signer.split('/');
  if (parts.length === 2 && parts.every((part) => /^[a-z0-9]([-a-z0-9.:]*[a-z0-9])?$/.test(part)))
    return [];
  const why =
    'must be a fully qualified domain and path of the form ' + '"example.com/signer-name"';
  return [invalidValue(field, signer, why)];
}

function notSupported(field: string, value: string, supported: readonly string[]): StatusCause {
  const list = supported.map(quoteGo).join(', ');
  const message = `Unsupported value: ${quoteGo(value)}: supported values: ${list}`;
  return { reason: 'FieldValueNotSupported', message, field };
}

function duplicate(field: string, value: string): StatusCause {
  return { reason: 'FieldValueDuplicate', message: `Duplicate value: ${quoteGo(value)}`, field };
}

function conditionCauses(object: KubeObject): StatusCause[] {
  const conditions = conditionsOf(object);
  const causes: StatusCause[] = [];
  const types = conditions.map(({ type = '' }) => String(type));
  if (settled.every((type) => types.includes(type))) {
    const both = settled.map((type) => `conditions[{"type": "${type}"}]`);
    const why = `must specify at most one of: ${both.map((each) => `\`${each}\``).join(', ')}`;
    causes.push(invalidValue('status.conditions', `{${both.join(', ')}}`, why));
  }
  for (const [i, { status = '' }] of conditions.entries()) {
    const field = `status.conditions[${i}]`;
    const type = types[i]!;
    if (type === '') causes.push(requiredValue(`${field}.type`));
    const onlyTrue = [...settled, 'Failed'].includes(type);
    const allowed = onlyTrue ? ['True'] : ['False', 'True', 'Unknown'];
    if (status === '') causes.push(requiredValue(`${field}.status`));
    else if (!allowed.includes(String(status)))
      causes.push(notSupported(`${field}.status`, String(status), allowed));
    if (types.indexOf(type) < i) causes.push(duplicate(`${field}.type`, type));
  }
  return causes;
}

function certificateCauses(object: KubeObject): StatusCause[] {
  const { certificate = '' } = statusOf(object);
  const wrong = certificate === '' ? undefined : certificateProblem(String(certificate));
  if (wrong === undefined) return [];
  return [invalidValue('status.certificate', '<certificate data>', wrong)];
}

function certificateProblem(base64: string): string | undefined {
  const text = Buffer.from(base64, 'base64').toString('utf8');
  const types = [...text.matchAll(/^-----BEGIN ([A-Z0-9 ]+)-----$/gm)].map(([, type]) => type!);
  const strange = types.find((type) => type !== 'CERTIFICATE');
  if (strange !== undefined)
    return `only CERTIFICATE PEM blocks are allowed, found ${quoteGo(strange)}`;
  if (types.length === 0) return 'must contain at least one CERTIFICATE PEM block';
  try {
    certificatesIn(text);
    return undefined;
  } catch {
    return 'x509: malformed certificate';
  }
}

function changeCauses(object: KubeObject, old: KubeObject, subresource: string): StatusCause[] {
  const causes: StatusCause[] = [];
  const forbid = (field: string, why: string): void =>
    void causes.push({ reason: 'FieldValueForbidden', message: `Forbidden: ${why}`, field });
  for (const type of [...settled, 'Failed']) {
    const of = (one: KubeObject): JsonObject[] =>
      conditionsOf(one).filter((each) => each['type'] === type);
    const [now, before] = [of(object), of(old)];
    const named = `a condition of type ${quoteGo(type)}`;
    if (now.length < before.length) forbid('status.conditions', `updates may not remove ${named}`);
    if (subresource === 'approval' || type === 'Failed') continue;
    if (now.length > before.length) forbid('status.conditions', `updates may not add ${named}`);
    else if (now.length === before.length && !deepEqual(now, before))
      forbid('status.conditions', `updates may not modify ${named}`);
  }
  const [now, before] = [statusOf(object)['certificate'], statusOf(old)['certificate']];
  if ((now ?? '') !== (before ?? '')) {
    if (subresource !== 'status')
      forbid('status.certificate', 'updates may not set certificate content');
    else if (before)
      forbid('status.certificate', 'updates may not modify existing certificate content');
  }
  return causes;
}

/** Nobody becomes a member of system:masters by a certificate of this signer. */
async function checkSubject(object: KubeObject, request: AdmissionRequest): Promise<void> {
  const { signerName, request: pem } = specOf(object);
  if (signerName !== clientSigner) return;
  const parsed = parseSigningRequest(String(pem ?? ''));
  if (typeof parsed === 'string') return;
  if (!parsed.subjectName.getField('O').includes(adminGroup)) return;
  throw forbidden(request, `use of ${clientSigner} signer with ${adminGroup} group is not allowed`);
}

interface Asked {
  readonly authorizer: Authorizer;
  readonly user: User;
  readonly request: AdmissionRequest;
}

async function checkRights(object: KubeObject, asked: Asked): Promise<void> {
  const { request } = asked;
  const old = request.old!;
  const signer = String(valueAt(old, 'spec', 'signerName') ?? '');
  const { subresource = '' } = request.ref;
  if (subresource === 'approval' && !(await mayFor(signer, 'approve', asked)))
    throw forbidden(
      request,
      `user not permitted to approve requests with signerName ${quoteGo(signer)}`,
    );
  if (subresource !== 'status') return;
  const failed = (one: KubeObject): unknown =>
    conditionsOf(one).filter((each) => each['type'] === 'Failed');
  const signs =
    statusOf(object)['certificate'] !== statusOf(old)['certificate'] ||
    !deepEqual(failed(object), failed(old));
  if (signs && !(await mayFor(signer, 'sign', asked)))
    throw forbidden(
      request,
      `user not permitted to sign requests with signerName ${quoteGo(signer)}`,
    );
}

/** The right for one signer, or for all of its domain. */
async function mayFor(
  signer: string,
  verb: 'approve' | 'sign',
  { authorizer, user }: Asked,
): Promise<boolean> {
  const domain = `${signer.split('/', 1)[0]}/*`;
  for (const name of [signer, domain]) {
    const attributes = { verb, group, version: '*', resource: 'signers', subresource: '' };
    const asked = { ...attributes, namespace: '', name };
    if ((await authorizer.authorize(user, asked)).allowed) return true;
  }
  return false;
}

function forbidden({ ref, type }: AdmissionRequest, why: string): ApiError {
  const what = `${type.resource}.${type.group} ${quoteGo(ref.name)}`;
  return new ApiError('Forbidden', `${what} is forbidden: ${why}`, {
    details: { name: ref.name, group: type.group, kind: type.resource },
  });
}
