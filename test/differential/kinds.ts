/** Which objects are written, and the pieces that their writes are put together from. */
import type { JsonObject } from '../../src/kube/object.ts';
import { podPieces, podStrategicPieces } from './pod-pieces.ts';

/** One type of object, with what may be written into it. All pieces fit each other. */
export interface KindModel {
  readonly apiVersion: string;
  readonly kind: string;
  /** Path of the collection. */
  readonly collection: string;
  /** What every object of this kind begins with, besides apiVersion, kind and name. */
  readonly base: JsonObject;
  /** Every apply brings the base. */
  readonly always?: boolean;
  /** Parts of an object; merged in any number they make a valid one. */
  readonly pieces: readonly JsonObject[];
  /** Parts of a merge patch that take away or replace. */
  readonly removals: readonly JsonObject[];
  /** Parts of a strategic patch, with directives. */
  readonly strategic: readonly JsonObject[];
  /** Paths that a JSON patch replaces or removes, with a value that fits. */
  readonly places: readonly (readonly [path: string, value: JsonObject[string]])[];
  /** Parts of a status; absent: no status subresource. */
  readonly status?: readonly JsonObject[];
  readonly scale?: boolean;
  /** Parts that do not fit; absent: none. */
  readonly misfits?: readonly JsonObject[];
  /** Parts that fit a new object only. */
  readonly newOnly?: readonly JsonObject[];
  /** An update without resourceVersion is refused. */
  readonly versioned?: boolean;
  /** No strategic patches. */
  readonly custom?: boolean;
  /** Of the object, from the name of the run; default: the same. */
  readonly nameOf?: (run: string) => string;
}

const labels: readonly JsonObject[] = [
  { metadata: { labels: { tier: 'web' } } },
  { metadata: { labels: { tier: 'db', zone: 'a' } } },
  { metadata: { annotations: { note: 'x' } } },
  { metadata: { annotations: { note: 'y', 'example.com/owner': 'team' } } },
  { metadata: { finalizers: ['example.com/hold'] } },
  { metadata: { finalizers: ['example.com/hold', 'example.com/other'] } },
];

const labelRemovals: readonly JsonObject[] = [
  { metadata: { labels: { tier: null } } },
  { metadata: { annotations: null } },
  { metadata: { finalizers: null } },
  { metadata: { annotations: { note: null } } },
];

const labelStrategic: readonly JsonObject[] = [
  { metadata: { '$deleteFromPrimitiveList/finalizers': ['example.com/hold'] } },
  { metadata: { finalizers: ['example.com/third'] } },
  {
    metadata: {
      '$setElementOrder/finalizers': ['example.com/third', 'example.com/hold'],
      finalizers: ['example.com/third'],
    },
  },
  { metadata: { labels: { $patch: 'replace', tier: 'new' } } },
  { metadata: { annotations: { $patch: 'delete' } } },
  { metadata: { $retainKeys: ['name', 'labels'], labels: { kept: 'yes' } } },
];

const labelPlaces: KindModel['places'] = [
  ['/metadata/labels', { tier: 'patched' }],
  ['/metadata/labels/tier', 'patched'],
  ['/metadata/annotations', { note: 'patched' }],
  ['/metadata/annotations/example.com~1owner', 'me'],
  ['/metadata/finalizers', ['example.com/hold']],
  ['/metadata/finalizers/-', 'example.com/last'],
  ['/metadata/finalizers/0', 'example.com/first'],
];

/**
 * A kind with labels, annotations and finalizers besides its own pieces. DaemonSets are left out:
 * kube-apiserver counts their templates in an annotation, for controllers of 2017.
 */
export function model(
  own: Omit<KindModel, 'base' | 'removals' | 'strategic' | 'places' | 'pieces'> &
    Partial<KindModel>,
): KindModel {
  return {
    ...own,
    base: own.base ?? {},
    pieces: [...(own.pieces ?? []), ...labels],
    removals: [...(own.removals ?? []), ...labelRemovals],
    strategic: [...(own.strategic ?? []), ...labelStrategic],
    places: [...(own.places ?? []), ...labelPlaces],
  };
}

function inTemplate(pieces: readonly JsonObject[]): JsonObject[] {
  return pieces.map((piece) => ({ spec: { template: piece } }));
}

const container = { name: 'c1', image: 'nginx:1' };

const template: JsonObject = {
  metadata: { labels: { app: 'x' } },
  spec: { containers: [container] },
};

const workload = { selector: { matchLabels: { app: 'x' } }, template };

const templateRemovals: readonly JsonObject[] = [
  { spec: { template: { spec: { volumes: null } } } },
  { spec: { template: { spec: { nodeSelector: { disk: null } } } } },
  { spec: { template: { spec: { securityContext: null, terminationGracePeriodSeconds: null } } } },
  { spec: { template: { spec: { containers: [{ name: 'c9', image: 'busybox' }] } } } },
  { spec: { template: { metadata: { annotations: null } } } },
];

const templatePlaces: KindModel['places'] = [
  ['/spec/template/spec/containers/0/image', 'nginx:patched'],
  ['/spec/template/spec/containers/0/env', [{ name: 'P', value: 'patched' }]],
  ['/spec/template/spec/containers/0/ports', [{ containerPort: 8080 }]],
  ['/spec/template/spec/containers/-', { name: 'last', image: 'last' }],
  ['/spec/template/spec/containers/1', { name: 'second', image: 'second' }],
  ['/spec/template/spec/nodeSelector', { disk: 'patched' }],
  ['/spec/template/metadata/annotations', { patched: 'yes' }],
];

const deployment = model({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  collection: '/apis/apps/v1/namespaces/default/deployments',
  base: { spec: workload },
  pieces: [
    { spec: { replicas: 0 } },
    { spec: { replicas: 3 } },
    { spec: { minReadySeconds: 5 } },
    { spec: { minReadySeconds: 0 } },
    { spec: { paused: true } },
    { spec: { revisionHistoryLimit: 2, progressDeadlineSeconds: 700 } },
    { spec: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '50%' } } } },
    { spec: { strategy: { rollingUpdate: { maxSurge: 2, maxUnavailable: 1 } } } },
    ...inTemplate(podPieces),
  ],
  removals: [
    { spec: { replicas: null } },
    { spec: { paused: null, minReadySeconds: null } },
    { spec: { strategy: null } },
    ...templateRemovals,
  ],
  strategic: [
    { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } },
    { spec: { strategy: { $patch: 'replace', type: 'RollingUpdate' } } },
    ...inTemplate(podStrategicPieces),
  ],
  places: [
    ['/spec/replicas', 4],
    ['/spec/minReadySeconds', 7],
    ['/spec/paused', true],
    ['/spec/strategy', { type: 'RollingUpdate', rollingUpdate: { maxSurge: 3 } }],
    ...templatePlaces,
  ],
  status: [
    { status: { replicas: 2, readyReplicas: 1, observedGeneration: 1 } },
    { status: { availableReplicas: 0, unavailableReplicas: 2 } },
    {
      status: {
        conditions: [
          {
            type: 'Available',
            status: 'True',
            reason: 'Fine',
            message: 'm',
            lastUpdateTime: '2024-01-01T00:00:00Z',
            lastTransitionTime: '2024-01-01T00:00:00Z',
          },
        ],
      },
    },
    { spec: { replicas: 9 }, status: { collisionCount: 1 } },
  ],
  scale: true,
});

const statefulSet = model({
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  collection: '/apis/apps/v1/namespaces/default/statefulsets',
  base: { spec: { ...workload, serviceName: 'x' } },
  pieces: [
    { spec: { replicas: 2 } },
    { spec: { minReadySeconds: 3 } },
    { spec: { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 1 } } } },
    { spec: { persistentVolumeClaimRetentionPolicy: { whenScaled: 'Delete' } } },
    ...inTemplate(podPieces),
  ],
  removals: [{ spec: { updateStrategy: null } }, ...templateRemovals],
  strategic: inTemplate(podStrategicPieces),
  places: [['/spec/replicas', 4], ...templatePlaces],
  status: [{ status: { replicas: 2, currentReplicas: 1, currentRevision: 'r1' } }],
  scale: true,
});

const replicaSet = model({
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  collection: '/apis/apps/v1/namespaces/default/replicasets',
  base: { spec: workload },
  pieces: [{ spec: { minReadySeconds: 3 } }, { spec: { replicas: 2 } }, ...inTemplate(podPieces)],
  removals: templateRemovals,
  strategic: inTemplate(podStrategicPieces),
  places: templatePlaces,
  status: [{ status: { replicas: 1, readyReplicas: 1, fullyLabeledReplicas: 0 } }],
  scale: true,
});

const podTemplate = model({
  apiVersion: 'v1',
  kind: 'PodTemplate',
  collection: '/api/v1/namespaces/default/podtemplates',
  base: { template },
  pieces: podPieces.map((piece) => ({ template: piece })),
  removals: [
    { template: { spec: { volumes: null } } },
    { template: { spec: { containers: [{ name: 'c9', image: 'busybox' }] } } },
  ],
  strategic: podStrategicPieces.map((piece) => ({ template: piece })),
  places: templatePlaces.map(([path, value]) => [
    path.replace('/spec/template', '/template'),
    value,
  ]),
});

const cronJob = model({
  apiVersion: 'batch/v1',
  kind: 'CronJob',
  collection: '/apis/batch/v1/namespaces/default/cronjobs',
  base: {
    spec: {
      schedule: '0 * * * *',
      jobTemplate: {
        spec: { template: { spec: { restartPolicy: 'Never', containers: [container] } } },
      },
    },
  },
  pieces: [
    { spec: { suspend: true } },
    { spec: { concurrencyPolicy: 'Forbid' } },
    { spec: { timeZone: 'Etc/UTC', startingDeadlineSeconds: 60 } },
    { spec: { jobTemplate: { metadata: { labels: { job: 'x' } }, spec: { backoffLimit: 2 } } } },
  ],
  removals: [{ spec: { suspend: null } }, { spec: { concurrencyPolicy: null } }],
  strategic: [
    {
      spec: {
        jobTemplate: {
          spec: { template: { spec: { containers: [{ name: 'c1', image: 'nginx:9' }] } } },
        },
      },
    },
  ],
  places: [
    ['/spec/schedule', '5 * * * *'],
    ['/spec/suspend', false],
  ],
  status: [
    { status: { lastScheduleTime: '2024-01-01T00:00:00Z' } },
    { status: { active: [{ kind: 'Job', name: 'x-1', namespace: 'default' }] } },
  ],
});

const service = model({
  apiVersion: 'v1',
  kind: 'Service',
  collection: '/api/v1/namespaces/default/services',
  // Without it an address would be allocated, which a federation does not do.
  base: {
    spec: { clusterIP: 'None', selector: { app: 'x' }, ports: [{ name: 'http', port: 80 }] },
  },
  always: true,
  pieces: [
    { spec: { selector: { app: 'x' } } },
    { spec: { selector: { app: 'y', tier: 'web' } } },
    { spec: { ports: [{ name: 'https', port: 443, targetPort: 'tls' }] } },
    { spec: { ports: [{ name: 'dns', port: 53, protocol: 'UDP' }] } },
    { spec: { ports: [{ name: 'http', port: 80, targetPort: 8080 }] } },
    { spec: { publishNotReadyAddresses: true } },
  ],
  removals: [
    { spec: { selector: { app: null } } },
    { spec: { ports: [{ name: 'http', port: 81 }] } },
    { spec: { publishNotReadyAddresses: null } },
  ],
  strategic: [
    { spec: { ports: [{ port: 443, name: 'secure' }] } },
    { spec: { ports: [{ port: 443, $patch: 'delete' }] } },
    {
      spec: {
        '$setElementOrder/ports': [{ port: 8443 }, { port: 80 }],
        ports: [{ port: 8443, name: 'alt' }],
      },
    },
  ],
  places: [
    ['/spec/ports/0/port', 82],
    ['/spec/ports/-', { name: 'last', port: 99 }],
    ['/spec/selector', { patched: 'yes' }],
  ],
  status: [
    { status: { loadBalancer: {} } },
    {
      status: {
        conditions: [
          {
            type: 'T',
            status: 'True',
            reason: 'R',
            message: '',
            lastTransitionTime: '2024-01-01T00:00:00Z',
          },
        ],
      },
    },
  ],
});

const configMap = model({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  collection: '/api/v1/namespaces/default/configmaps',
  pieces: [
    { data: { a: '1' } },
    { data: { a: '2', b: '2' } },
    { data: { 'file.txt': 'line\nline\n', c: '' } },
    { binaryData: { bin: 'AAEC' } },
    { immutable: false },
  ],
  removals: [{ data: { a: null } }, { data: null }, { binaryData: null }],
  strategic: [
    { data: { $patch: 'replace', only: 'this' } },
    { data: { $patch: 'delete' } },
    { data: { b: null, d: 'new' } },
  ],
  places: [
    ['/data', { patched: 'yes' }],
    ['/data/a', 'patched'],
    ['/data/b', 'patched'],
    ['/immutable', false],
  ],
});

const secret = model({
  apiVersion: 'v1',
  kind: 'Secret',
  collection: '/api/v1/namespaces/default/secrets',
  pieces: [
    { data: { a: 'MQ==' } },
    { data: { a: 'Mg==', b: 'Mg==' } },
    { stringData: { s: 'plain' } },
    { stringData: { a: 'over' } },
  ],
  removals: [{ data: { a: null } }, { data: null }],
  strategic: [{ data: { $patch: 'replace', only: 'dGhpcw==' } }, { stringData: { t: 'x' } }],
  places: [
    ['/data', { patched: 'eWVz' }],
    ['/data/a', 'eWVz'],
  ],
});

const scaler = model({
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  collection: '/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers',
  base: {
    spec: {
      maxReplicas: 5,
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
    },
  },
  pieces: [
    { spec: { minReplicas: 2 } },
    { spec: { maxReplicas: 9 } },
    {
      spec: {
        metrics: [
          {
            type: 'Resource',
            resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } },
          },
        ],
      },
    },
    {
      spec: {
        metrics: [
          {
            type: 'Resource',
            // No quantity: kube-apiserver thinks that a list with one has changed in every update.
            resource: { name: 'memory', target: { type: 'Utilization', averageUtilization: 70 } },
          },
        ],
      },
    },
    { spec: { behavior: { scaleDown: { stabilizationWindowSeconds: 10 } } } },
    {
      spec: {
        behavior: { scaleUp: { policies: [{ type: 'Pods', value: 2, periodSeconds: 15 }] } },
      },
    },
  ],
  removals: [{ spec: { minReplicas: null } }, { spec: { behavior: null } }],
  strategic: [{ spec: { behavior: { $patch: 'delete' } } }],
  places: [
    ['/spec/maxReplicas', 7],
    ['/spec/minReplicas', 1],
    ['/spec/behavior', {}],
  ],
  status: [{ status: { currentReplicas: 1, desiredReplicas: 2 } }],
});

const networkPolicy = model({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  collection: '/apis/networking.k8s.io/v1/namespaces/default/networkpolicies',
  base: { spec: { podSelector: {} } },
  pieces: [
    { spec: { podSelector: { matchLabels: { app: 'x' } } } },
    { spec: { ingress: [{ from: [{ podSelector: {} }], ports: [{ port: 80 }] }] } },
    { spec: { egress: [{}], policyTypes: ['Ingress', 'Egress'] } },
  ],
  removals: [{ spec: { ingress: null } }],
  places: [['/spec/ingress', [{ ports: [{ port: 'http', protocol: 'UDP' }] }]]],
});

const ingress = model({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'Ingress',
  collection: '/apis/networking.k8s.io/v1/namespaces/default/ingresses',
  base: { spec: { defaultBackend: { service: { name: 'x', port: { number: 80 } } } } },
  pieces: [
    { spec: { ingressClassName: 'nginx' } },
    { spec: { tls: [{ hosts: ['a.example', 'b.example'], secretName: 's' }] } },
    {
      spec: {
        rules: [
          {
            host: 'a.example',
            http: {
              paths: [
                {
                  path: '/',
                  pathType: 'Prefix',
                  backend: { service: { name: 'y', port: { name: 'http' } } },
                },
              ],
            },
          },
        ],
      },
    },
  ],
  removals: [{ spec: { tls: null } }, { spec: { rules: null } }],
  places: [['/spec/ingressClassName', 'patched']],
  status: [{ status: { loadBalancer: { ingress: [{ ip: '192.0.2.9' }] } } }],
});

const role = model({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'Role',
  collection: '/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles',
  pieces: [
    { rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] }] },
    { rules: [{ apiGroups: ['apps'], resources: ['deployments'], verbs: ['*'] }] },
  ],
  removals: [{ rules: null }],
  places: [['/rules', [{ apiGroups: [''], resources: ['secrets'], verbs: ['get'] }]]],
});

const serviceAccount = model({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  collection: '/api/v1/namespaces/default/serviceaccounts',
  pieces: [
    { automountServiceAccountToken: false },
    { imagePullSecrets: [{ name: 'a' }, { name: 'b' }] },
    { secrets: [{ name: 's1' }] },
    { secrets: [{ name: 's2' }] },
  ],
  removals: [{ imagePullSecrets: null }],
  strategic: [
    { imagePullSecrets: [{ name: 'a', $patch: 'delete' }] },
    { secrets: [{ name: 's3' }, { $patch: 'replace' }] },
  ],
  places: [['/imagePullSecrets', [{ name: 'patched' }]]],
});

export const kinds: readonly KindModel[] = [
  deployment,
  statefulSet,
  replicaSet,
  podTemplate,
  cronJob,
  service,
  configMap,
  secret,
  scaler,
  networkPolicy,
  ingress,
  role,
  serviceAccount,
];
