/**
 * What no audit log may hold, whatever its policy says: values of Secrets stand in it as salted
 * hashes, so that equal ones can be told, and credentials not at all.
 */
import { createHmac } from 'node:crypto';
import { stringifyJson } from '../../kube/json.ts';
import { isObject, type Json, type JsonObject } from '../../kube/object.ts';

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';
const hidden = '(hidden)';

export interface Redaction {
  readonly salt: string;
  readonly omitManagedFields: boolean;
}

/** A copy of a body, of a request or an answer to `resource`, that may be written down. */
export function redacted(
  body: Json,
  { group, resource }: { readonly group: string; readonly resource: string },
  { salt, omitManagedFields }: Redaction,
): Json {
  const secrets = group === '' && resource === 'secrets';
  const hash = (value: Json): Json =>
    `hash:${createHmac('sha256', salt)
      .update(String(stringifyJson(value)))
      .digest('hex')
      .slice(0, 12)}`;
  const hashes = (values: Json | undefined): Json =>
    isObject(values)
      ? Object.fromEntries(Object.entries(values).map(([key, value]) => [key, hash(value)]))
      : hash(values ?? null);
  const clean = (value: Json): Json => {
    if (Array.isArray(value)) return value.map(clean);
    if (!isObject(value)) return value;
    const out: JsonObject = Object.create(null);
    for (const [key, each] of Object.entries(value)) {
      if (key === 'metadata') out[key] = metadata(each);
      else if (key === 'items' || key === 'rows' || key === 'object') out[key] = clean(each);
      else if (secrets && (key === 'data' || key === 'stringData')) out[key] = hashes(each);
      else if (secrets && key === 'value') out[key] = hash(each);
      else if (key === 'spec' || key === 'status') out[key] = withoutToken(each);
      else out[key] = each;
    }
    return out;
  };
  /** TokenReview and TokenRequest. */
  const withoutToken = (value: Json): Json =>
    group === 'authentication.k8s.io' || resource === 'serviceaccounts'
      ? isObject(value) && value['token']
        ? { ...value, token: hidden }
        : value
      : value;
  const metadata = (value: Json): Json => {
    if (!isObject(value)) return value;
    const { managedFields, annotations, ...rest } = value;
    return {
      ...rest,
      ...(annotations !== undefined && { annotations: annotationsOf(annotations, secrets) }),
      ...(managedFields !== undefined && !omitManagedFields && { managedFields }),
    };
  };
  return clean(body);
}

/** What was last applied to a Secret is the Secret. */
function annotationsOf(annotations: Json, secrets: boolean): Json {
  if (!secrets || !isObject(annotations) || annotations[lastApplied] === undefined)
    return annotations;
  return { ...annotations, [lastApplied]: hidden };
}

/** A request's path without what in its query is a credential. */
export function redactedUri(path: string): string {
  return path.replace(/([?&](?:access_)?token=)[^&]*/gi, `$1${hidden}`);
}
