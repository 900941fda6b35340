/** What ConfigMaps and Secrets must hold: keys that are names of files, the data of a type. */
import { MalformedJsonError, parseJson } from '../../kube/json.ts';
import { type KubeObject, objectAt } from '../../kube/object.ts';
import type { StatusCause } from '../../kube/status.ts';
import { invalidValue, requiredValue } from '../../kube/validate-meta.ts';

const accountName = 'kubernetes.io/service-account.name';
/** All of them must be there. */
const required: ReadonlyMap<string, readonly string[]> = new Map([
  ['kubernetes.io/dockercfg', ['.dockercfg']],
  ['kubernetes.io/dockerconfigjson', ['.dockerconfigjson']],
  ['kubernetes.io/ssh-auth', ['ssh-privatekey']],
  ['kubernetes.io/tls', ['tls.crt', 'tls.key']],
]);

const keyMax = 253;
const keyRule =
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.' " +
  "(e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is " +
  "'[-._a-zA-Z0-9]+')";

/** Keys become names of files. */
export function dataKeyCauses(object: KubeObject, ...fields: readonly string[]): StatusCause[] {
  return fields.flatMap((field) =>
    Object.keys(objectAt(object, field) ?? {}).flatMap((key) =>
      keyProblems(key).map((why) => invalidValue(`${field}[${key}]`, key, why)),
    ),
  );
}

function keyProblems(key: string): string[] {
  const problems: string[] = [];
  if (key.length > keyMax) problems.push(`must be no more than ${keyMax} characters`);
  if (!/^[-._a-zA-Z0-9]+$/.test(key)) problems.push(keyRule);
  if (key === '.') problems.push("must not be '.'");
  else if (key === '..') problems.push("must not be '..'");
  else if (key.startsWith('..')) problems.push("must not start with '..'");
  return problems;
}

export function secretDataCauses(secret: KubeObject): StatusCause[] {
  return [...dataKeyCauses(secret, 'data'), ...typeCauses(secret)];
}

function typeCauses(secret: KubeObject): StatusCause[] {
  const data = objectAt(secret, 'data') ?? {};
  const has = (key: string): boolean => Object.hasOwn(data, key);
  const type = String(secret['type'] ?? '');
  const field = (key: string): string => `data[${key}]`;
  if (type === 'kubernetes.io/service-account-token') {
    if (secret.metadata.annotations?.[accountName]) return [];
    return [requiredValue(`metadata.annotations[${accountName}]`)];
  }
  if (type === 'kubernetes.io/basic-auth') {
    if (has('username') || has('password')) return [];
    return [requiredValue(field('username')), requiredValue(field('password'))];
  }
  return (required.get(type) ?? []).flatMap((key) => {
    if (!has(key)) return [requiredValue(field(key))];
    if (key === 'ssh-privatekey' && data[key] === '') return [requiredValue(field(key))];
    const wrong = key.startsWith('.docker') ? jsonProblem(String(data[key])) : undefined;
    return wrong === undefined
      ? []
      : [invalidValue(field(key), '<secret contents redacted>', wrong)];
  });
}

function jsonProblem(base64: string): string | undefined {
  try {
    parseJson(Buffer.from(base64, 'base64'));
    return undefined;
  } catch (error) {
    return error instanceof MalformedJsonError ? error.detail : 'it is no JSON';
  }
}
