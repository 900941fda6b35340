/** What roles and bindings must say, in kube-apiserver's words. */
import {
  isObject,
  type Json,
  type JsonObject,
  type KubeObject,
  valueAt,
} from '../../kube/object.ts';
import { quoteGo } from '../../kube/quote.ts';
import type { StatusCause } from '../../kube/status.ts';
import { invalidValue, requiredValue } from '../../kube/validate-meta.ts';

const group = 'rbac.authorization.k8s.io';

function listAt(value: unknown, ...path: readonly string[]): Json[] {
  const found = valueAt(value, ...path);
  return Array.isArray(found) ? (found as Json[]) : [];
}

function notSupported(field: string, value: string, supported: readonly string[]): StatusCause {
  const list = supported.map(quoteGo).join(', ');
  const message = `Unsupported value: ${quoteGo(value)}: supported values: ${list}`;
  return { reason: 'FieldValueNotSupported', message, field };
}

function textAt(value: unknown, field: string): string {
  const found = valueAt(value, field);
  return typeof found === 'string' ? found : '';
}

/** The API group of the role and of people is understood. */
export function prepareBinding(binding: KubeObject): KubeObject {
  const { roleRef, subjects } = binding;
  const reference =
    isObject(roleRef) && !roleRef['apiGroup'] ? { ...roleRef, apiGroup: group } : roleRef;
  if (!Array.isArray(subjects)) return { ...binding, roleRef: reference };
  return { ...binding, subjects: (subjects as Json[]).map(withGroup), roleRef: reference };
}

function withGroup(subject: Json): Json {
  if (!isObject(subject) || subject['apiGroup']) return subject;
  const isPerson = subject['kind'] === 'User' || subject['kind'] === 'Group';
  return isPerson ? { ...subject, apiGroup: group } : subject;
}

export function validateRole(role: KubeObject): StatusCause[] {
  const namespaced = role.kind === 'Role';
  const causes = listAt(role, 'rules').flatMap((rule, i) =>
    ruleCauses(rule, `rules[${i}]`, namespaced),
  );
  const aggregates = isObject(role['aggregationRule']);
  if (aggregates && listAt(role, 'aggregationRule', 'clusterRoleSelectors').length === 0)
    causes.push(
      requiredValue(
        'aggregationRule.clusterRoleSelectors',
        'at least one clusterRoleSelector required if aggregationRule is non-nil',
      ),
    );
  return causes;
}

function ruleCauses(rule: Json, field: string, namespaced: boolean): StatusCause[] {
  const causes: StatusCause[] = [];
  const isEmpty = (name: string): boolean => listAt(rule, name).length === 0;
  const add = (name: string, why: string): void => {
    if (isEmpty(name)) causes.push(requiredValue(`${field}.${name}`, why));
  };
  const urls = listAt(rule, 'nonResourceURLs');
  if (urls.length === 0) {
    add('apiGroups', 'resource rules must supply at least one api group');
    add('resources', 'resource rules must supply at least one resource');
    add('verbs', '');
    return causes;
  }
  const refuse = (why: string): void =>
    void causes.push(invalidValue(`${field}.nonResourceURLs`, urls, why));
  if (namespaced) refuse('namespaced rules cannot apply to non-resource URLs');
  if (!['apiGroups', 'resources', 'resourceNames'].every(isEmpty))
    refuse('rules cannot apply to both regular resources and non-resource URLs');
  add('verbs', '');
  return causes;
}

export function validateBinding(binding: KubeObject): StatusCause[] {
  const namespaced = binding.kind === 'RoleBinding';
  const { roleRef } = binding;
  const causes: StatusCause[] = [];
  if (textAt(roleRef, 'apiGroup') !== group)
    causes.push(notSupported('roleRef.apiGroup', textAt(roleRef, 'apiGroup'), [group]));
  const kinds = namespaced ? ['Role', 'ClusterRole'] : ['ClusterRole'];
  const kind = textAt(roleRef, 'kind');
  if (!kinds.includes(kind)) causes.push(notSupported('roleRef.kind', kind, kinds));
  const name = textAt(roleRef, 'name');
  if (name === '') causes.push(requiredValue('roleRef.name'));
  else if (name === '.' || name === '..' || /[/%]/.test(name))
    causes.push(invalidValue('roleRef.name', name, unfit(name)));
  for (const [i, subject] of listAt(binding, 'subjects').entries())
    if (isObject(subject)) causes.push(...subjectCauses(subject, `subjects[${i}]`, namespaced));
  return causes;
}

function unfit(name: string): string {
  return name.startsWith('.')
    ? `may not be '${name}'`
    : `may not contain '${/[/%]/.exec(name)![0]}'`;
}

function subjectCauses(subject: JsonObject, field: string, namespaced: boolean): StatusCause[] {
  const causes: StatusCause[] = [];
  if (textAt(subject, 'name') === '') causes.push(requiredValue(`${field}.name`));
  const [kind, apiGroup] = [textAt(subject, 'kind'), textAt(subject, 'apiGroup')];
  if (kind === 'ServiceAccount') {
    if (apiGroup !== '') causes.push(notSupported(`${field}.apiGroup`, apiGroup, ['']));
    if (!namespaced && textAt(subject, 'namespace') === '')
      causes.push(requiredValue(`${field}.namespace`));
  } else if (kind === 'User' || kind === 'Group') {
    if (apiGroup !== group) causes.push(notSupported(`${field}.apiGroup`, apiGroup, [group]));
  } else causes.push(notSupported(`${field}.kind`, kind, ['ServiceAccount', 'User', 'Group']));
  return causes;
}
