/** TokenRequest: short-lived tokens of a service account. */
import { type Random, uuid } from '../../base/random.ts';
import { isObject, type JsonObject, type KubeObject, valueAt } from '../../kube/object.ts';
import { parseApiVersion } from '../../kube/resource.ts';
import { type ApiError, badRequest, conflict, invalid, notFound } from '../../kube/status.ts';
import { formatTime } from '../../kube/time.ts';
import { invalidValue } from '../../kube/validate-meta.ts';
import { itemOfObject, type StoredItem } from './item.ts';

/** Makes ES256 tokens; passed in, since keys live elsewhere. */
export interface TokenSigner {
  /** `iss` of every token. */
  readonly issuer: string;
  /** Of a token that is asked for without any. */
  readonly audiences: readonly string[];
  /** A compact JWS of exactly these claims. */
  sign(claims: JsonObject): Promise<string>;
}

const secondsMin = 600;
const secondsMax = 2 ** 32;
/** Longest life of a token whatever is asked for: as kube-apiserver's own default maximum. */
const servedSecondsMax = 365 * 24 * 3600;
const secondsDefault = 3600;
const audiencesMax = 16;

export interface TokenRequestOptions {
  readonly signer: TokenSigner;
  readonly random: Random;
  readonly now: number;
  /** An object of the core group: pods, secrets, nodes ('' as namespace). */
  readonly find: (
    resource: string,
    namespace: string,
    name: string,
  ) => Promise<StoredItem | undefined>;
}

/** The answer to a POST on serviceaccounts/NAME/token. @throws ApiError 400, 404, 409, 422 */
export async function requestToken(
  account: StoredItem,
  request: KubeObject,
  { signer, random, now, find }: TokenRequestOptions,
): Promise<StoredItem> {
  if (request.kind !== 'TokenRequest') throw badRequest('the body must be a TokenRequest');
  const spec = isObject(request['spec']) ? request['spec'] : {};
  const audiences = Array.isArray(spec['audiences']) ? spec['audiences'].map(String) : [];
  if (audiences.length > audiencesMax) throw badRequest('too many audiences');
  if (audiences.length === 0) audiences.push(...signer.audiences);
  const asked = spec['expirationSeconds'] ?? secondsDefault;
  checkSeconds(asked);
  const seconds = Math.min(Number(asked), servedSecondsMax);
  const issued = Math.floor(now / 1000);
  const bound = await boundObjects(spec, account, find);
  const claims: JsonObject = {
    iss: signer.issuer,
    sub: `system:serviceaccount:${account.namespace}:${account.name}`,
    aud: audiences,
    exp: issued + seconds,
    iat: issued,
    nbf: issued,
    jti: uuid(random),
    'kubernetes.io': {
      namespace: account.namespace,
      serviceaccount: { name: account.name, uid: account.uid },
      ...bound,
    },
  };
  const token = await signer.sign(claims);
  const answer: KubeObject = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    metadata: {
      name: account.name,
      namespace: account.namespace,
      uid: account.uid,
      creationTimestamp: formatTime(now),
    },
    spec: { boundObjectRef: null, ...spec, audiences, expirationSeconds: seconds },
    status: { token, expirationTimestamp: formatTime((issued + seconds) * 1000) },
  };
  return itemOfObject(answer, '');
}

const tokenRequest = { group: 'authentication.k8s.io', kind: 'TokenRequest' };

/**
 * What a request says of its account must be so.
 * @throws ApiError 409, 422
 */
export function checkAccountNamed(account: StoredItem, { metadata = {} }: KubeObject): void {
  const { name = '', namespace = '', uid = '' } = metadata;
  const refuse = (field: string, value: string): ApiError =>
    invalid(tokenRequest, account.name, [
      invalidValue(
        `metadata.${field}`,
        value,
        `must match the service account ${field} if specified`,
      ),
    ]);
  if (name !== '' && name !== account.name) throw refuse('name', name);
  if (namespace !== '' && namespace !== account.namespace) throw refuse('namespace', namespace);
  if (uid === '' || uid === account.uid) return;
  const resource = { group: tokenRequest.group, resource: tokenRequest.kind };
  const of = `the UID of the service account (${account.uid})`;
  const why = `the UID in the token request (${uid}) does not match ${of}`;
  throw conflict(resource, account.name, why);
}

function checkSeconds(seconds: unknown): void {
  const why =
    typeof seconds !== 'number' || seconds < secondsMin
      ? 'may not specify a duration less than 10 minutes'
      : seconds > secondsMax
        ? 'may not specify a duration larger than 2^32 seconds'
        : undefined;
  if (why === undefined) return;
  throw invalid(tokenRequest, '', [
    {
      reason: 'FieldValueInvalid',
      message: `Invalid value: ${String(seconds)}: ${why}`,
      field: 'spec.expirationSeconds',
    },
  ]);
}

/** Claims of the object that the token dies with. */
async function boundObjects(
  spec: JsonObject,
  account: StoredItem,
  find: TokenRequestOptions['find'],
): Promise<JsonObject> {
  const reference = spec['boundObjectRef'];
  if (!isObject(reference)) return {};
  const text = (field: string): string => String(reference[field] ?? '');
  const [kind, name, uid] = [text('kind'), text('name'), text('uid')];
  const { group, version } = parseApiVersion(text('apiVersion'));
  const resource = group === '' ? resources[kind] : undefined;
  if (resource === undefined)
    throw badRequest(`cannot bind token to object of type ${group}/${version}, Kind=${kind}`);
  const bound = await find(resource, kind === 'Node' ? '' : account.namespace, name);
  if (bound === undefined) throw notFound({ group: '', resource }, name);
  const object = bound.object();
  if (kind === 'Pod' && valueAt(object, 'spec', 'serviceAccountName') !== account.name)
    throw badRequest(
      `cannot bind token for serviceaccount "${account.name}" to pod running with different ` +
        'serviceaccount name.',
    );
  if (uid !== '' && uid !== bound.uid)
    throw conflict(
      { group: '', resource: kind },
      name,
      `the UID in the bound object reference (${uid}) does not match the UID in record. ` +
        'The object might have been deleted and then recreated',
    );
  const claims: JsonObject = { [kind.toLowerCase()]: { name, uid: bound.uid } };
  const nodeName = kind === 'Pod' ? valueAt(object, 'spec', 'nodeName') : undefined;
  if (typeof nodeName !== 'string' || nodeName === '') return claims;
  const node = await find('nodes', '', nodeName);
  return { ...claims, node: { name: nodeName, ...(node !== undefined && { uid: node.uid }) } };
}

const resources: Readonly<Record<string, string>> = {
  Pod: 'pods',
  Secret: 'secrets',
  Node: 'nodes',
};
