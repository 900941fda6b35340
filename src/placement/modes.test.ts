/** The mode of every kind, and of the objects that are exceptions. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '../kube/object.ts';
import { type ModeType, modeOf } from './modes.ts';

function type(name: string, subresources: readonly string[] = []): ModeType {
  const dot = name.indexOf('.');
  return {
    group: dot < 0 ? '' : name.slice(dot + 1),
    resource: dot < 0 ? name : name.slice(0, dot),
    namespaced: true,
    subresources: subresources.map((each) => ({ name: each })),
  };
}

function object(given: Record<string, unknown> = {}, metadata: object = {}): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Any',
    metadata: { name: 'web', namespace: 'default', ...metadata },
    ...given,
  };
}

const kinds: Readonly<Record<string, readonly string[]>> = {
  Divide: [
    'deployments.apps',
    'replicasets.apps',
    'replicationcontrollers',
    'replicasets.extensions',
  ],
  Copy: [
    'daemonsets.apps',
    'configmaps',
    'secrets',
    'services',
    'serviceaccounts',
    'namespaces',
    'limitranges',
    'ingresses.networking.k8s.io',
    'networkpolicies.networking.k8s.io',
    'poddisruptionbudgets.policy',
    'horizontalpodautoscalers.autoscaling',
    'priorityclasses.scheduling.k8s.io',
    'storageclasses.storage.k8s.io',
    'customresourcedefinitions.apiextensions.k8s.io',
    'validatingadmissionpolicies.admissionregistration.k8s.io',
    'roles.rbac.authorization.k8s.io',
    'widgets.example.com',
    'gateways.gateway.networking.k8s.io',
  ],
  One: [
    'statefulsets.apps',
    'jobs.batch',
    'cronjobs.batch',
    'pods',
    'persistentvolumeclaims',
    'resourceclaims.resource.k8s.io',
  ],
  Home: [
    'clusters.ubernetes.dev',
    'distributions.ubernetes.dev',
    'events',
    'events.events.k8s.io',
    'leases.coordination.k8s.io',
    'endpoints',
    'endpointslices.discovery.k8s.io',
    'nodes',
    'persistentvolumes',
    'certificatesigningrequests.certificates.k8s.io',
    'rolebindings.rbac.authorization.k8s.io',
    'apiservices.apiregistration.k8s.io',
    'subjectaccessreviews.authorization.k8s.io',
    'pods.metrics.k8s.io',
    'flowschemas.flowcontrol.apiserver.k8s.io',
  ],
};

for (const [mode, names] of Object.entries(kinds))
  for (const name of names)
    test(`${name}: ${mode}`, () => {
      const answer = modeOf(type(name), object());
      assert.equal(answer.mode, mode);
      assert.notEqual(answer.why, '');
    });

test('a custom kind with a scale is kept in one cluster', () => {
  const answer = modeOf(type('databases.example.com', ['status', 'scale']), object());
  assert.equal(answer.mode, 'One');
  assert.equal(answer.holdsData, undefined);
});

const claim = { volumes: [{ name: 'd', persistentVolumeClaim: { claimName: 'data' } }] };

test('a workload that names a claim goes where the claim is', () => {
  const deployment = object({ spec: { template: { spec: claim } } });
  assert.deepEqual(modeOf(type('deployments.apps'), deployment), {
    mode: 'One',
    why: 'uses the claim data',
    holdsData: true,
  });
  const cron = object({ spec: { jobTemplate: { spec: { template: { spec: claim } } } } });
  assert.equal(modeOf(type('cronjobs.batch'), cron).holdsData, true);
  assert.equal(modeOf(type('pods'), object({ spec: claim })).holdsData, true);
  const ephemeral = { volumes: [{ name: 'd', ephemeral: { volumeClaimTemplate: {} } }] };
  const scratch = object({ spec: { template: { spec: ephemeral } } });
  assert.equal(modeOf(type('deployments.apps'), scratch).mode, 'Divide');
  const daemon = object({ spec: { template: { spec: claim } } });
  assert.equal(modeOf(type('daemonsets.apps'), daemon).mode, 'Copy');
});

test('what lies in system namespaces stays home, and so do these namespaces', () => {
  for (const namespace of ['kube-system', 'kube-public', 'kube-flannel', 'ubernetes-system']) {
    assert.equal(modeOf(type('configmaps'), object({}, { namespace })).mode, 'Home');
    const self = object({}, { name: namespace, namespace: undefined });
    assert.equal(modeOf(type('namespaces'), self).mode, 'Home');
  }
  assert.equal(modeOf(type('configmaps'), object({}, { namespace: 'kubernetes' })).mode, 'Copy');
});

test('furniture is never propagated', () => {
  const furniture: [string, object][] = [
    ['configmaps', { name: 'kube-root-ca.crt' }],
    ['serviceaccounts', { name: 'default' }],
    ['services', { name: 'kubernetes', namespace: 'default' }],
    ['namespaces', { name: 'default', namespace: undefined }],
    ['priorityclasses.scheduling.k8s.io', { name: 'system-node-critical' }],
    ['clusterroles.rbac.authorization.k8s.io', { name: 'system:node' }],
    [
      'clusterroles.rbac.authorization.k8s.io',
      { name: 'admin', labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults' } },
    ],
  ];
  for (const [name, metadata] of furniture)
    assert.equal(modeOf(type(name), object({}, metadata)).mode, 'Home', name);
  assert.equal(
    modeOf(type('services'), object({}, { name: 'kubernetes', namespace: 'shop' })).mode,
    'Copy',
  );
  assert.equal(modeOf(type('configmaps'), object({}, { name: 'default' })).mode, 'Copy');
});

test('Secrets of Helm releases and of tokens stay home, others are copied', () => {
  for (const kind of [
    'helm.sh/release.v1',
    'kubernetes.io/service-account-token',
    'bootstrap.kubernetes.io/token',
  ])
    assert.equal(modeOf(type('secrets'), object({ type: kind })).mode, 'Home');
  assert.equal(modeOf(type('secrets'), object({ type: 'kubernetes.io/tls' })).mode, 'Copy');
});

const account = { kind: 'ServiceAccount', name: 'web', namespace: 'default' };
const bindings: readonly [string, unknown, string][] = [
  ['service accounts only', [account, account], 'Copy'],
  [
    'all service accounts of a namespace',
    [{ kind: 'Group', name: 'system:serviceaccounts:shop' }],
    'Copy',
  ],
  ['all service accounts', [{ kind: 'Group', name: 'system:serviceaccounts' }], 'Copy'],
  ['a person', [{ kind: 'User', name: 'ada' }], 'Home'],
  ['a person among accounts', [account, { kind: 'User', name: 'ada' }], 'Home'],
  ['a group', [{ kind: 'Group', name: 'system:authenticated' }], 'Home'],
  ['a group with a like name', [{ kind: 'Group', name: 'system:serviceaccountsx' }], 'Home'],
  ['nobody', [], 'Home'],
  ['nonsense', 'all', 'Home'],
  ['an account of a system namespace', [{ ...account, namespace: 'kube-system' }], 'Home'],
];

for (const [what, subjects, mode] of bindings)
  test(`a binding of ${what}: ${mode}`, () => {
    for (const name of ['rolebindings', 'clusterrolebindings']) {
      const answer = modeOf(type(`${name}.rbac.authorization.k8s.io`), object({ subjects }));
      assert.equal(answer.mode, mode);
      assert.equal(answer.grants, mode === 'Copy' ? true : undefined);
    }
  });

test('webhooks and APIServices follow their Service, and stay home when reached by url', () => {
  const byService = { clientConfig: { service: { name: 'hook', namespace: 'default' } } };
  const byUrl = { clientConfig: { url: 'https://hook.example.com' } };
  const hooks = type('validatingwebhookconfigurations.admissionregistration.k8s.io');
  assert.deepEqual(modeOf(hooks, object({ webhooks: [byService] })).mode, 'Copy');
  assert.equal(modeOf(hooks, object({ webhooks: [byService] })).grants, true);
  assert.equal(modeOf(hooks, object({ webhooks: [byService, byUrl] })).mode, 'Home');
  assert.equal(modeOf(hooks, object({ webhooks: [] })).mode, 'Home');
  const services = type('apiservices.apiregistration.k8s.io');
  assert.equal(modeOf(services, object({ spec: { service: { name: 'x' } } })).mode, 'Copy');
  assert.equal(modeOf(services, object({ spec: {} })).mode, 'Home');
});
