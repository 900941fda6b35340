/** What a webhook configuration may say: kube-apiserver's own rules for it. */

import { labelKeyProblems } from '../../kube/label-syntax.ts';
import { label1035, label1035Text, subdomainProblems } from '../../kube/name-syntax.ts';
import { isObject, type Json, type JsonObject, type KubeObject } from '../../kube/object.ts';
import type { StatusCause } from '../../kube/status.ts';
import { FieldCheck, objectsOf, textsOf } from './field-check.ts';
import { checkRule } from './rule-check.ts';

const conditionsMax = 64;
/** Says what is wrong with a CEL condition; empty: nothing. */
export type ConditionProblem = (
  expression: string,
  options: { readonly params: boolean },
) => string;

export function checkWebhooks(
  configuration: KubeObject,
  problemOf: ConditionProblem,
): StatusCause[] {
  const check = new FieldCheck();
  const names = new Set<string>();
  for (const [i, webhook] of objectsOf(configuration['webhooks'] as Json).entries()) {
    const field = `webhooks[${i}]`;
    checkWebhook(check, field, { webhook, problemOf });
    checkVersions(check, `${field}.admissionReviewVersions`, webhook['admissionReviewVersions']);
    const name = String(webhook['name'] ?? '');
    if (names.has(name)) check.duplicate(`${field}.name`, name);
    if (name !== '') names.add(name);
  }
  return check.causes;
}

function checkWebhook(
  check: FieldCheck,
  field: string,
  { webhook, problemOf }: { webhook: JsonObject; problemOf: ConditionProblem },
): void {
  checkName(check, `${field}.name`, String(webhook['name'] ?? ''));
  for (const [i, rule] of objectsOf(webhook['rules']).entries())
    checkRule(check, `${field}.rules[${i}]`, rule);
  check.oneOf(`${field}.failurePolicy`, webhook['failurePolicy'], ['Fail', 'Ignore']);
  check.oneOf(`${field}.matchPolicy`, webhook['matchPolicy'], ['Equivalent', 'Exact']);
  const sideEffects = ['None', 'NoneOnDryRun'];
  if (webhook['sideEffects'] === undefined)
    check.required(`${field}.sideEffects`, `must specify one of ${sideEffects.join(', ')}`);
  check.oneOf(`${field}.sideEffects`, webhook['sideEffects'], sideEffects);
  const seconds = webhook['timeoutSeconds'];
  if (typeof seconds === 'number' && (seconds < 1 || seconds > 30))
    check.invalid(
      `${field}.timeoutSeconds`,
      seconds,
      'the timeout value must be between 1 and 30 seconds',
    );
  check.labelSelector(`${field}.namespaceSelector`, webhook['namespaceSelector']);
  check.labelSelector(`${field}.objectSelector`, webhook['objectSelector']);
  const reinvocation = ['IfNeeded', 'Never'];
  check.oneOf(`${field}.reinvocationPolicy`, webhook['reinvocationPolicy'], reinvocation);
  checkAddress(check, `${field}.clientConfig`, webhook['clientConfig']);
  checkConditions(check, `${field}.matchConditions`, {
    conditions: objectsOf(webhook['matchConditions']),
    problemOf: (expression) => problemOf(expression, { params: false }),
  });
}

function checkName(check: FieldCheck, field: string, name: string): void {
  if (name === '') {
    check.required(field);
    return;
  }
  const problems = subdomainProblems(name);
  if (problems.length > 0) check.invalid(field, name, problems.join(','));
  else if (name.split('.').length < 3)
    check.invalid(field, name, 'should be a domain with at least three segments separated by dots');
}

function checkVersions(check: FieldCheck, field: string, value: Json | undefined): void {
  const versions = textsOf(value);
  if (versions.length === 0) {
    check.required(field, 'must specify one of v1, v1beta1');
    return;
  }
  for (const [i, version] of versions.entries())
    if (versions.indexOf(version) < i)
      check.invalid(`${field}[${i}]`, version, 'duplicate version');
    else if (!label1035.test(version)) check.invalid(`${field}[${i}]`, version, label1035Text);
  if (!versions.includes('v1') && !versions.includes('v1beta1'))
    check.invalid(field, versions, 'must include at least one of v1, v1beta1');
}

function checkAddress(check: FieldCheck, field: string, value: Json | undefined): void {
  const { url, service } = isObject(value) ? value : {};
  if ((url === undefined) === (service === undefined))
    check.required(field, 'exactly one of url or service is required');
  else if (url !== undefined) checkUrl(check, `${field}.url`, String(url));
  else if (isObject(service)) checkService(check, `${field}.service`, service);
}

const form = '; desired format: https://host[/path]';

function checkUrl(check: FieldCheck, field: string, text: string): void {
  const match = /^(?:([A-Za-z][-+.A-Za-z0-9]*):)?(?:\/\/([^/?#]*))?[^?#]*(\?[^#]*)?(#.*)?$/s.exec(
    text,
  );
  const [, scheme = '', authority = '', query = '', fragment = ''] = match ?? [];
  const at = authority.lastIndexOf('@');
  const host = authority.slice(at + 1);
  if (match === null || (host !== '' && !URL.canParse(`https://${host}`))) {
    check.required(field, `url must be a valid URL: parse ${JSON.stringify(text)}: invalid${form}`);
    return;
  }
  if (scheme.toLowerCase() !== 'https')
    check.invalid(field, scheme.toLowerCase(), `'https' is the only allowed URL scheme${form}`);
  if (host === '') check.invalid(field, '', `host must be specified${form}`);
  if (at >= 0)
    check.invalid(field, authority.slice(0, at), 'user information is not permitted in the URL');
  if (fragment.length > 1)
    check.invalid(field, fragment.slice(1), 'fragments are not permitted in the URL');
  if (query.length > 1)
    check.invalid(field, query.slice(1), 'query parameters are not permitted in the URL');
}

function checkService(check: FieldCheck, field: string, service: JsonObject): void {
  const { name, namespace, path, port } = service;
  // The one is named for the other: kube-apiserver does so, and tools show what it says.
  if ((namespace ?? '') === '') check.required(`${field}.name`);
  if ((name ?? '') === '') check.required(`${field}.namespace`);
  if (typeof port === 'number' && (port < 1 || port > 65_535))
    check.invalid(
      `${field}.port`,
      port,
      'port is not valid: must be between 1 and 65535, inclusive',
    );
  if (typeof path === 'string') checkPath(check, `${field}.path`, path);
}

function checkPath(check: FieldCheck, field: string, path: string): void {
  if (path === '' || path === '/') return;
  if (path === '//') {
    check.invalid(field, path, 'segment[0] may not be empty');
    return;
  }
  if (!path.startsWith('/')) check.invalid(field, path, "must start with a '/'");
  for (const [i, step] of path.slice(1).replace(/\/$/, '').split('/').entries())
    if (step === '') check.invalid(field, path, `segment[${i}] may not be empty`);
    else
      check.invalid(field, path, ...subdomainProblems(step).map((why) => `segment[${i}]: ${why}`));
}

export function checkConditions(
  check: FieldCheck,
  field: string,
  options: {
    readonly conditions: readonly JsonObject[];
    readonly problemOf: (expression: string) => string;
  },
): void {
  const { conditions, problemOf } = options;
  if (conditions.length > conditionsMax) check.tooMany(field, conditions.length, conditionsMax);
  const names = new Set<string>();
  for (const [i, condition] of conditions.entries()) {
    const at = `${field}[${i}]`;
    const expression = String(condition['expression'] ?? '').trim();
    const name = String(condition['name'] ?? '');
    const problem = expression === '' ? '' : problemOf(expression);
    if (expression === '') check.required(`${at}.expression`);
    else if (problem !== '') check.invalid(`${at}.expression`, expression, problem);
    if (name === '') check.required(`${at}.name`);
    else check.invalid(`${at}.name`, name, ...labelKeyProblems(name));
    if (names.has(name)) check.duplicate(`${at}.name`, name);
    if (name !== '') names.add(name);
  }
}
