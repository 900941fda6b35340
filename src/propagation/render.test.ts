import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TemplateIdentity } from '../api/records.ts';
import type { JsonObject, KubeObject } from '../kube/object.ts';
import { copyOfAnnotation, federationLabel, hashAnnotation, markOf } from './mark.ts';
import { render, withoutAllocated } from './render.ts';

const identity: TemplateIdentity = {
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  resource: 'deployments',
  namespace: 'default',
  name: 'web',
  uid: '11111111-2222-3333-4444-555555555555',
};

const template: KubeObject = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: {
    name: 'web',
    namespace: 'default',
    uid: identity.uid,
    resourceVersion: '7',
    generation: 3,
    labels: { app: 'web' },
    annotations: {
      note: 'kept',
      'kubectl.kubernetes.io/last-applied-configuration': '{}',
      'argocd.argoproj.io/tracking-id': 'x',
      'federation.kubernetes.io/deployment-preferences': '{}',
    },
    finalizers: ['example.com/hold'],
    ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'o', uid: 'u' }],
    managedFields: [{ manager: 'kubectl' }],
  },
  spec: { replicas: 9, selector: { matchLabels: { app: 'web' } } },
  status: { replicas: 9 },
};

const rendered = (cluster = 'eu', share: { share?: number } = { share: 3 }) =>
  render({ template, identity, federation: 'fed-1', cluster, share });

test('a copy carries labels, annotations and spec, and nothing that belongs to the template alone', () => {
  const { object } = rendered();
  assert.deepEqual(Object.keys(object), ['apiVersion', 'kind', 'metadata', 'spec']);
  const { uid, resourceVersion, finalizers, ownerReferences, managedFields, generation } =
    object.metadata;
  assert.deepEqual(
    [uid, resourceVersion, finalizers, ownerReferences, managedFields, generation],
    Array(6).fill(undefined),
  );
  assert.deepEqual(
    Object.keys(object.metadata.annotations!).sort(),
    [copyOfAnnotation, hashAnnotation, 'note'].sort(),
  );
  assert.deepEqual(object.metadata.labels, { app: 'web', [federationLabel]: 'fed-1' });
  assert.equal((object['spec'] as JsonObject)['replicas'], 3);
});

test('the template is not changed by rendering', () => {
  const before = JSON.stringify(template);
  rendered();
  assert.equal(JSON.stringify(template), before);
});

test('the hash differs with share and cluster, and only with them', () => {
  assert.equal(rendered().hash, rendered().hash);
  assert.notEqual(rendered('eu', { share: 3 }).hash, rendered('eu', { share: 4 }).hash);
  assert.notEqual(rendered('eu').hash, rendered('us').hash);
});

test('a copy is known by its mark, and only as itself', () => {
  const { object, hash } = rendered();
  const owner = { federation: 'fed-1', cluster: 'eu' };
  assert.deepEqual(markOf(object, owner)?.uid, identity.uid);
  assert.equal(markOf(object, owner)?.hash, hash);
  assert.equal(markOf(object, { ...owner, cluster: 'us' }), undefined);
  assert.equal(markOf(object, { ...owner, federation: 'fed-2' }), undefined);
  const child = {
    ...object,
    kind: 'ReplicaSet',
    metadata: { ...object.metadata, name: 'web-5d4' },
  };
  assert.equal(
    markOf(child, owner),
    undefined,
    'a ReplicaSet inherits the annotations of its Deployment',
  );
  const pasted = { ...object, metadata: { ...object.metadata, name: 'web2' } };
  assert.equal(markOf(pasted, owner), undefined, 'people copy YAML');
});

test('a copy that lost only its label is still a copy', () => {
  const { object } = rendered();
  const { [federationLabel]: _, ...labels } = object.metadata.labels!;
  const stripped = { ...object, metadata: { ...object.metadata, labels } };
  assert.equal(markOf(stripped, { federation: 'fed-1', cluster: 'eu' })?.uid, identity.uid);
});

test('what a member allocates is dropped and named, but a headless Service stays headless', () => {
  const type = { group: '', resource: 'services' };
  const service = {
    spec: {
      clusterIP: '10.0.0.7',
      clusterIPs: ['10.0.0.7'],
      ports: [{ port: 80, nodePort: 30080 }],
    },
  };
  const { object, dropped } = withoutAllocated(type, service);
  assert.deepEqual(object, { spec: { ports: [{ port: 80 }] } });
  assert.deepEqual(dropped, ['spec.clusterIP', 'spec.clusterIPs', 'spec.ports[0].nodePort']);
  const headless = { spec: { clusterIP: 'None', clusterIPs: ['None'] } };
  assert.deepEqual(withoutAllocated(type, headless).object, headless);
});

test('what a Job knows its pods by stays in the federation', () => {
  const generated = { 'job-name': 'j', 'batch.kubernetes.io/controller-uid': identity.uid };
  const job: KubeObject = {
    ...{ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'j', labels: generated } },
    spec: {
      selector: { matchLabels: { 'batch.kubernetes.io/controller-uid': identity.uid } },
      template: { metadata: { labels: generated }, spec: { restartPolicy: 'Never' } },
    },
  };
  const { object } = render({
    template: job,
    identity: { ...identity, group: 'batch', kind: 'Job', resource: 'jobs' },
    ...{ federation: 'fed-1', cluster: 'eu', share: {} },
  });
  assert.deepEqual(object.metadata.labels, { [federationLabel]: 'fed-1' });
  assert.deepEqual(object['spec'], { template: { spec: { restartPolicy: 'Never' } } });
});

test('a Job with manualSelector keeps its selector', () => {
  const type = { group: 'batch', resource: 'jobs' };
  const job = { spec: { manualSelector: true, selector: { matchLabels: { a: 'b' } } } };
  assert.deepEqual(withoutAllocated(type, job).object, job);
});
