import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { requireMembers } from '../../../testbed/binaries.ts';
import { comparable, type Sent, startBoth } from './both.fixture.ts';

const rule = { operations: ['*'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] };
const matchConstraints = { resourceRules: [rule] };
const validations = [{ expression: 'true' }];
const apply = { patchType: 'ApplyConfiguration', applyConfiguration: { expression: 'Object{}' } };

function validation(more: object): object {
  return { validations: [{ expression: 'true', ...more }] };
}

function constrained(more: object): object {
  return { matchConstraints: { resourceRules: [{ ...rule, ...more }] } };
}

const ofPolicies: readonly object[] = [
  {},
  { failurePolicy: 'Maybe' },
  { matchConstraints: undefined },
  { matchConstraints: {} },
  { matchConstraints: { ...matchConstraints, matchPolicy: 'Close' } },
  { matchConstraints: { ...matchConstraints, objectSelector: { matchLabels: { 'a b': 'c' } } } },
  constrained({ operations: [] }),
  constrained({ resourceNames: ['a/b', 'c', 'c'] }),
  { paramKind: { apiVersion: '', kind: '' } },
  { paramKind: { apiVersion: 'a/b/c', kind: 'x y' } },
  { paramKind: { apiVersion: 'A/V1', kind: 'X' } },
  { matchConditions: [{ name: 'a', expression: 'variables.x' }] },
  { matchConditions: [{ name: 'a', expression: 'params == null' }] },
  { variables: [{ name: '', expression: '' }] },
  { variables: [{ name: 'in', expression: '1' }] },
  { variables: [{ name: 'a', expression: 'variables.b' }] },
  { variables: [{ name: 'a', expression: '1 +' }] },
];

const ofValidating: readonly object[] = [
  ...ofPolicies,
  { validations: undefined },
  validation({ expression: '' }),
  validation({ expression: 'object.' }),
  validation({ expression: '1' }),
  validation({ expression: 'params.x' }),
  validation({ expression: 'variables.x' }),
  validation({ expression: 'request.colour' }),
  validation({ expression: 'namespaceObject.metadata.uid' }),
  validation({ message: ' ' }),
  validation({ message: 'a\nb' }),
  validation({ reason: 'NotFound' }),
  validation({ messageExpression: ' ' }),
  validation({ messageExpression: '1' }),
  validation({ messageExpression: "authorizer.path('/x').check('get').reason()" }),
  { auditAnnotations: [{ key: 'a b', valueExpression: "'x'" }] },
  { auditAnnotations: [{ key: 'a', valueExpression: '' }] },
  { auditAnnotations: [{ key: 'a', valueExpression: '1' }] },
  {
    auditAnnotations: [
      { key: 'a', valueExpression: "'x'" },
      { key: 'a', valueExpression: 'null' },
    ],
  },
];

const ofMutating: readonly object[] = [
  ...ofPolicies,
  { mutations: [] },
  { reinvocationPolicy: undefined },
  { reinvocationPolicy: 'Often' },
  { mutations: [{}] },
  { mutations: [{ patchType: 'Merge' }] },
  { mutations: [{ patchType: 'JSONPatch' }] },
  { mutations: [{ ...apply, jsonPatch: { expression: '[]' } }] },
  { mutations: [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression: '' } }] },
  { mutations: [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression: '{}' } }] },
  { mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression: '[1]' } }] },
  { mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression: "JSONPatch{op: 'add'}" } }] },
  constrained({ operations: ['DELETE'] }),
];

const binding = { policyName: 'p', validationActions: ['Deny'] };
const ofBindings: readonly object[] = [
  {},
  { policyName: '' },
  { policyName: 'A b' },
  { validationActions: [] },
  { validationActions: ['Deny', 'Warn'] },
  { validationActions: ['Deny', 'Deny'] },
  { validationActions: ['Log'] },
  { paramRef: {} },
  { paramRef: { name: 'a', selector: {}, parameterNotFoundAction: 'Deny' } },
  { paramRef: { name: 'a/b', parameterNotFoundAction: 'Maybe' } },
  { matchResources: { resourceRules: [{ ...rule, operations: ['READ'] }] } },
];

const group = 'admissionregistration.k8s.io';

function object(kind: string, spec: object): Sent {
  const plural = `${kind.toLowerCase().replace(/y$/, 'ie')}s`;
  return {
    method: 'POST',
    path: `/apis/${group}/v1/${plural}?dryRun=All`,
    body: { apiVersion: `${group}/v1`, kind, metadata: { name: 'p' }, spec },
  };
}

test('policies and bindings are refused as a real kube-apiserver refuses them', async (t) => {
  if (!(await requireMembers(t, 'bare'))) return;
  await using both = await startBoth({}, () => {});
  const { validationActions: _actions, ...mutatingBinding } = binding;
  const mutating = { matchConstraints, mutations: [apply], reinvocationPolicy: 'Never' };
  const all = [
    ...ofValidating.map((more) =>
      object('ValidatingAdmissionPolicy', { matchConstraints, validations, ...more }),
    ),
    ...ofMutating.map((more) => object('MutatingAdmissionPolicy', { ...mutating, ...more })),
    ...ofBindings.map((more) =>
      object('ValidatingAdmissionPolicyBinding', { ...binding, ...more }),
    ),
    object('MutatingAdmissionPolicyBinding', mutatingBinding),
  ];
  const different: object[] = [];
  let refused = 0;
  for (const sent of all) {
    const [real, ours] = [await both.real(sent), await both.ours(sent)];
    if (real.status === 422) refused++;
    const [expected, actual] = [comparable(real), comparable(ours)];
    if (!isDeepStrictEqual(actual, expected)) different.push({ sent, actual, expected });
  }
  assert.deepEqual(different, []);
  assert.ok(refused > 50);
});
