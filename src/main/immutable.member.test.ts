import { test } from 'node:test';
import { requireMembers } from '../../testbed/binaries.ts';
import { OwnAndReal, ownApi, type Sent } from './own-and-real.fixture.ts';

const pod = { spec: { containers: [{ name: 'c', image: 'i' }] } };
const selector = { matchLabels: { a: 'b' } };
const labelled = { metadata: { labels: { a: 'b', c: 'd' } }, ...pod };
const workload = { selector, template: labelled };
const otherSelector = { spec: { selector: { matchLabels: { c: 'd' } } } };
const claim = {
  accessModes: ['ReadWriteOnce'],
  resources: { requests: { storage: '1Gi' } },
};
const rule = { verbs: ['get'], apiGroups: [''], resources: ['pods'] };

interface Kind {
  /** Of the collection, with {ns} where a namespace belongs. */
  readonly path: string;
  readonly object: object;
  /** Merge patches of one such object, each refused or not by the real one. */
  readonly patches: readonly object[];
}

const core = '/api/v1/namespaces/default';
const apps = '/apis/apps/v1/namespaces/default';
const rbac = '/apis/rbac.authorization.k8s.io/v1';

const kinds: readonly Kind[] = [
  {
    path: `${core}/secrets`,
    object: { type: 'a.b/c', data: { a: 'YQ==' } },
    patches: [
      { type: 'Opaque' },
      { data: { a: 'Yg==' } },
      { immutable: true },
      { immutable: false },
    ],
  },
  {
    path: `${core}/secrets`,
    object: { immutable: true, data: { a: 'YQ==' } },
    patches: [{ data: { a: 'Yg==' } }, { stringData: { b: 'c' } }, { immutable: null }],
  },
  {
    path: `${core}/configmaps`,
    object: { immutable: true, data: { a: 'b' } },
    patches: [
      { data: { a: 'c' } },
      { binaryData: { b: 'YQ==' } },
      { immutable: false, data: null },
      { metadata: { labels: { a: 'b' } } },
    ],
  },
  {
    path: `${core}/persistentvolumeclaims`,
    object: { spec: claim },
    patches: [
      { spec: { accessModes: ['ReadWriteMany'] } },
      { spec: { storageClassName: 'x' } },
      { spec: { resources: { requests: { storage: '2Gi' } } } },
      { spec: { volumeName: 'x' } },
    ],
  },
  {
    path: '/api/v1/persistentvolumes',
    object: {
      spec: {
        capacity: { storage: '1Gi' },
        accessModes: ['ReadWriteOnce'],
        hostPath: { path: '/tmp' },
      },
    },
    patches: [
      { spec: { hostPath: { path: '/other' } } },
      { spec: { hostPath: null, nfs: { server: 's', path: '/' } } },
      { spec: { capacity: { storage: '2Gi' } } },
      { spec: { volumeMode: 'Block' } },
    ],
  },
  ...['deployments', 'replicasets', 'daemonsets'].map((resource) => ({
    path: `${apps}/${resource}`,
    object: { spec: workload },
    patches: [otherSelector, { spec: { minReadySeconds: 3 } }],
  })),
  {
    path: `${apps}/statefulsets`,
    object: { spec: { ...workload, serviceName: 's' } },
    patches: [
      otherSelector,
      { spec: { serviceName: 'other' } },
      { spec: { podManagementPolicy: 'Parallel' } },
      { spec: { volumeClaimTemplates: [{ metadata: { name: 'v' }, spec: claim }] } },
      {
        spec: { replicas: 3, minReadySeconds: 2, revisionHistoryLimit: 3, ordinals: { start: 1 } },
      },
    ],
  },
  {
    path: `${apps}/controllerrevisions`,
    object: { revision: 1, data: { a: 'b' } },
    patches: [{ data: { a: 'c' } }, { revision: 2 }],
  },
  {
    path: '/apis/batch/v1/namespaces/default/jobs',
    object: {
      spec: { template: { ...labelled, spec: { ...pod.spec, restartPolicy: 'Never' } } },
    },
    patches: [
      { spec: { selector: { matchLabels: { c: 'd' } } } },
      { spec: { template: { spec: { priorityClassName: 'x' } } } },
      { spec: { template: { metadata: { labels: { a: 'x' } } } } },
      { spec: { completions: 3 } },
      { spec: { completionMode: 'Indexed', completions: 1 } },
      { spec: { parallelism: 2, backoffLimit: 2, activeDeadlineSeconds: 5 } },
      { spec: { managedBy: 'example.test/x' } },
      { spec: { suspend: true } },
    ],
  },
  {
    path: `${rbac}/clusterrolebindings`,
    object: { roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'a' } },
    patches: [{ roleRef: { name: 'b' } }, { subjects: [{ kind: 'User', name: 'u' }] }],
  },
  {
    path: `${rbac}/namespaces/default/rolebindings`,
    object: { roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'a' } },
    patches: [{ roleRef: { kind: 'ClusterRole' } }],
  },
  {
    path: `${rbac}/clusterroles`,
    object: { rules: [rule] },
    patches: [{ rules: [{ ...rule, verbs: ['list'] }] }],
  },
  {
    path: '/apis/storage.k8s.io/v1/storageclasses',
    object: { provisioner: 'a.b/c', parameters: { a: 'b' } },
    patches: [
      { provisioner: 'x.y/z' },
      { parameters: { a: 'c' } },
      { reclaimPolicy: 'Retain' },
      { volumeBindingMode: 'WaitForFirstConsumer' },
      { allowVolumeExpansion: true },
    ],
  },
  {
    path: '/apis/scheduling.k8s.io/v1/priorityclasses',
    object: { value: 5 },
    patches: [{ value: 6 }, { preemptionPolicy: 'Never' }, { description: 'x' }],
  },
  {
    path: '/apis/node.k8s.io/v1/runtimeclasses',
    object: { handler: 'a' },
    patches: [{ handler: 'b' }],
  },
  {
    path: '/apis/networking.k8s.io/v1/ingressclasses',
    object: { spec: { controller: 'a.b/c' } },
    patches: [{ spec: { controller: 'x.y/z' } }],
  },
  {
    path: '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices',
    object: { addressType: 'IPv4', endpoints: [], ports: [] },
    patches: [{ addressType: 'IPv6' }],
  },
  {
    path: `${core}/services`,
    object: { spec: { ports: [{ port: 80 }], selector: { a: 'b' }, clusterIP: 'None' } },
    patches: [{ spec: { clusterIP: '10.96.0.77' } }, { spec: { selector: { c: 'd' } } }],
  },
  {
    path: `${core}/resourcequotas`,
    object: { spec: { hard: { pods: '1' }, scopes: ['BestEffort'] } },
    patches: [{ spec: { scopes: ['NotBestEffort'] } }, { spec: { hard: { pods: '2' } } }],
  },
  {
    path: `${core}/pods`,
    object: pod,
    patches: [
      { spec: { containers: [{ name: 'c', image: 'j' }] } },
      { spec: { restartPolicy: 'Never' } },
      { spec: { activeDeadlineSeconds: 5 } },
    ],
  },
  {
    path: `${core}/replicationcontrollers`,
    object: { spec: { selector: { a: 'b' }, template: labelled } },
    patches: [{ spec: { selector: { c: 'd' } } }],
  },
  {
    path: '/apis/policy/v1/namespaces/default/poddisruptionbudgets',
    object: { spec: { minAvailable: 1, selector } },
    patches: [{ spec: { selector: { matchLabels: { c: 'd' } } } }],
  },
];

test('what may not change is refused in a real kube-apiserver’s words', async (t) => {
  if (!(await requireMembers(t, 'bare'))) return;
  await using both = await OwnAndReal.start(await ownApi());
  for (const { path, object, patches } of kinds)
    for (const patch of patches) {
      const [what, name] = [`${path} ${JSON.stringify(patch)}`, `${path}/x`];
      const body = { metadata: { name: 'x' }, ...object };
      const create: Sent = { method: 'POST', path, body };
      await both.refusedAlike(what, create, { method: 'PATCH', path: name, body: patch });
      for (const send of [both.ours, both.real]) {
        await send({ method: 'PATCH', path: name, body: { metadata: { finalizers: null } } });
        await send({
          method: 'DELETE',
          path: `${name}?gracePeriodSeconds=0&propagationPolicy=Background`,
        });
      }
    }
  both.settle();
});
