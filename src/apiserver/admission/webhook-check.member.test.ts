import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requireMembers } from '../../../testbed/binaries.ts';
import { comparable, startBoth } from './both.fixture.ts';

const good = {
  name: 'a.example.com',
  clientConfig: { url: 'https://127.0.0.1:1/x' },
  rules: [{ operations: ['*'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }],
  sideEffects: 'None',
  admissionReviewVersions: ['v1'],
};
const [rule] = good.rules;
const service = { name: 's', namespace: 'n' };

function ruled(more: object): object {
  return { rules: [{ ...rule, ...more }] };
}

/** What a webhook says instead of the good one. */
const changes: readonly object[] = [
  {},
  { name: undefined },
  { name: 'short' },
  { name: 'a.b' },
  { name: 'A.b.c' },
  { sideEffects: undefined },
  { sideEffects: 'Some' },
  { sideEffects: 'What' },
  { failurePolicy: 'Maybe' },
  { matchPolicy: 'Close' },
  { timeoutSeconds: 0 },
  { timeoutSeconds: 31 },
  { admissionReviewVersions: undefined },
  { admissionReviewVersions: [] },
  { admissionReviewVersions: ['v3'] },
  { admissionReviewVersions: ['v1', 'v1'] },
  { admissionReviewVersions: ['V1', 'v1'] },
  { clientConfig: {} },
  { clientConfig: { url: 'https://a.b', service } },
  { clientConfig: { url: 'http://a.b/x' } },
  { clientConfig: { url: 'https:///x' } },
  { clientConfig: { url: 'https://u:p@a.b/x' } },
  { clientConfig: { url: 'https://a.b/x?y=z#f' } },
  { clientConfig: { url: 'a.b' } },
  { clientConfig: { service } },
  { clientConfig: { service: { ...service, port: 0 } } },
  { clientConfig: { service: { ...service, port: 70000 } } },
  { clientConfig: { service: { ...service, path: 'x' } } },
  { clientConfig: { service: { ...service, path: '//' } } },
  { clientConfig: { service: { ...service, path: '/a//B' } } },
  { clientConfig: { service: { name: 's', namespace: '' } } },
  { namespaceSelector: { matchLabels: { 'a b': 'c d' } } },
  { objectSelector: { matchExpressions: [{ key: 'a', operator: 'In' }] } },
  { objectSelector: { matchExpressions: [{ key: 'a', operator: 'Exists', values: ['x'] }] } },
  { objectSelector: { matchExpressions: [{ key: '', operator: 'Is', values: ['x y'] }] } },
  ruled({ operations: [] }),
  ruled({ operations: ['*', 'CREATE'] }),
  ruled({ operations: ['READ'] }),
  ruled({ apiGroups: [] }),
  ruled({ apiGroups: ['*', 'apps'] }),
  ruled({ apiVersions: [] }),
  ruled({ apiVersions: ['*', 'v1'] }),
  ruled({ apiVersions: [''] }),
  ruled({ resources: [] }),
  ruled({ resources: [''] }),
  ruled({ resources: ['*', 'pods'] }),
  ruled({ resources: ['*/*', 'pods'] }),
  ruled({ resources: ['pods/*', 'pods/exec'] }),
  ruled({ resources: ['*/scale', 'pods/scale'] }),
  ruled({ resources: ['*', 'pods/status'] }),
  ruled({ scope: 'Some' }),
  { matchConditions: [{ name: '', expression: '' }] },
  { matchConditions: [{ name: 'a b', expression: 'true' }] },
  { matchConditions: [{ name: 'a', expression: 'object.' }] },
  { matchConditions: [{ name: 'a', expression: "'x'" }] },
  { matchConditions: [{ name: 'a', expression: 'params.x == 1 || variables.y' }] },
  {
    matchConditions: Array.from({ length: 65 }, (_, i) => ({ name: `n${i}`, expression: 'true' })),
  },
  {
    matchConditions: [
      { name: 'a', expression: 'true' },
      { name: 'a', expression: 'true' },
    ],
  },
];

function configuration(kind: string, name: string, webhooks: readonly object[]) {
  return {
    method: 'POST',
    path: `/apis/admissionregistration.k8s.io/v1/${kind.toLowerCase()}s?dryRun=All`,
    body: { apiVersion: 'admissionregistration.k8s.io/v1', kind, metadata: { name }, webhooks },
  };
}

test('webhook configurations are refused as a real kube-apiserver refuses them', async (t) => {
  if (!(await requireMembers(t, 'bare'))) return;
  await using both = await startBoth({}, () => {});
  const kinds = ['ValidatingWebhookConfiguration', 'MutatingWebhookConfiguration'];
  const all = [
    ...changes.map((change) => configuration(kinds[0]!, 'w', [{ ...good, ...change }])),
    configuration(kinds[1]!, 'w', [{ ...good, reinvocationPolicy: 'Often' }]),
    configuration(kinds[1]!, 'w', [good, good]),
    configuration(kinds[0]!, 'W', [good]),
  ];
  for (const sent of all) {
    const [real, ours] = [await both.real(sent), await both.ours(sent)];
    const warnings = ours.warnings.filter((text) => !text.includes('the federation itself'));
    const expected = comparable(real);
    assert.deepEqual(comparable({ ...ours, warnings }), expected, JSON.stringify(sent.body));
  }
});
