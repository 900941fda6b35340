/** What a rule of a webhook or of a policy may say. */
import type { JsonObject } from '../../kube/object.ts';
import type { FieldCheck } from './field-check.ts';
import { textsOf } from './field-check.ts';

const operations = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];
const scopes = ['*', 'Cluster', 'Namespaced'];

export function checkRule(check: FieldCheck, field: string, rule: JsonObject): void {
  checkOperations(check, `${field}.operations`, textsOf(rule['operations']));
  checkList(check, `${field}.apiGroups`, textsOf(rule['apiGroups']), 'API groups');
  const versions = textsOf(rule['apiVersions']);
  checkList(check, `${field}.apiVersions`, versions, 'API versions');
  for (const [i, version] of versions.entries())
    if (version === '') check.required(`${field}.apiVersions[${i}]`);
  checkResources(check, `${field}.resources`, textsOf(rule['resources']));
  check.oneOf(`${field}.scope`, rule['scope'], scopes);
}

function checkOperations(check: FieldCheck, field: string, given: readonly string[]): void {
  checkList(check, field, given, 'operations');
  for (const [i, operation] of given.entries())
    check.oneOf(`${field}[${i}]`, operation, operations);
}

function checkList(
  check: FieldCheck,
  field: string,
  values: readonly string[],
  others: string,
): void {
  if (values.length === 0) check.required(field);
  if (values.length > 1 && values.includes('*'))
    check.invalid(field, values, `if '*' is present, must not specify other ${others}`);
}

function checkResources(check: FieldCheck, field: string, given: readonly string[]): void {
  if (given.length === 0) check.required(field);
  const wholly = new Set<string>();
  const everywhere = new Set<string>();
  for (const [i, text] of given.entries()) {
    if (text === '') {
      check.required(`${field}[${i}]`);
      continue;
    }
    const slash = text.indexOf('/');
    if (slash < 0) continue;
    const [resource, subresource] = [text.slice(0, slash), text.slice(slash + 1)];
    const why = (present: string): string => `if '${present}' is present, must not specify ${text}`;
    if (wholly.has(resource)) check.invalid(`${field}[${i}]`, text, why(`${resource}/*`));
    if (everywhere.has(subresource)) check.invalid(`${field}[${i}]`, text, why(`*/${subresource}`));
    if (subresource === '*') wholly.add(resource);
    if (resource === '*') everywhere.add(subresource);
  }
  if (given.length > 1 && given.includes('*/*'))
    check.invalid(field, given, "if '*/*' is present, must not specify other resources");
  const plain = given.findLast((text) => text !== '' && !text.includes('/'));
  if (given.includes('*') && plain !== undefined && plain !== '*') {
    const why = "if '*' is present, must not specify other resources without subresources";
    check.invalid(field, given, why);
  }
}
