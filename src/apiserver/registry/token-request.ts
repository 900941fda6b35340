/** TokenRequest: short-lived tokens of a service account. */
import { type Random, uuid } from '../../base/random.ts';
import { isObject, type JsonObject, type KubeObject, valueAt } from '../../kube/object.ts';
import { badRequest, invalid } from '../../kube/status.ts';
import { itemOfObject, type StoredItem } from './item.ts';
import { timestamp } from './prepare.ts';

/** Makes ES256 tokens; passed in, since keys live elsewhere. */
export interface TokenSigner {
  /** `iss` of every token, and the audience when none is asked for. */
  readonly issuer: string;
  /** A compact JWS of exactly these claims. */
  sign(claims: JsonObject): Promise<string>;
}

const secondsMin = 600;
const secondsMax = 2 ** 32;
/** Longest life of a token whatever is asked for: as kube-apiserver's own default maximum. */
const servedSecondsMax = 365 * 24 * 3600;
const secondsDefault = 3600;
const audiencesMax = 16;

/** The answer to a POST on serviceaccounts/NAME/token. @throws ApiError 400, 422 */
export async function requestToken(
  account: StoredItem,
  request: KubeObject,
  { signer, random, now }: { signer: TokenSigner; random: Random; now: number },
): Promise<StoredItem> {
  if (request.kind !== 'TokenRequest') throw badRequest('the body must be a TokenRequest');
  const spec = isObject(request['spec']) ? request['spec'] : {};
  const audiences = Array.isArray(spec['audiences']) ? spec['audiences'].map(String) : [];
  if (audiences.length > audiencesMax) throw badRequest('too many audiences');
  if (audiences.length === 0) audiences.push(signer.issuer);
  const asked = spec['expirationSeconds'] ?? secondsDefault;
  checkSeconds(asked);
  const seconds = Math.min(Number(asked), servedSecondsMax);
  const issued = Math.floor(now / 1000);
  const bound = boundObject(spec, account);
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
      creationTimestamp: timestamp(now),
    },
    spec: { ...spec, audiences, expirationSeconds: seconds },
    status: { token, expirationTimestamp: timestamp((issued + seconds) * 1000) },
  };
  return itemOfObject(answer, '');
}

function checkSeconds(seconds: unknown): void {
  const why =
    typeof seconds !== 'number' || seconds < secondsMin
      ? 'may not specify a duration less than 10 minutes'
      : seconds > secondsMax
        ? 'may not specify a duration larger than 2^32 seconds'
        : undefined;
  if (why === undefined) return;
  throw invalid({ group: 'authentication.k8s.io', kind: 'TokenRequest' }, '', [
    {
      reason: 'FieldValueInvalid',
      message: `Invalid value: ${String(seconds)}: ${why}`,
      field: 'spec.expirationSeconds',
    },
  ]);
}

/**
 * Claims of the object that the token dies with. A Secret is ours to name; Pods and Nodes live in
 * members.
 */
function boundObject(spec: JsonObject, account: StoredItem): JsonObject {
  const kind = valueAt(spec, 'boundObjectRef', 'kind');
  if (kind === undefined || kind === null) return {};
  if (kind !== 'Secret')
    throw badRequest(`cannot bind token for service account ${account.name} to a ${String(kind)}`);
  const name = String(valueAt(spec, 'boundObjectRef', 'name') ?? '');
  const uid = String(valueAt(spec, 'boundObjectRef', 'uid') ?? '');
  return { secret: { name, uid } };
}
