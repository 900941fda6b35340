/**
 * Minimal objects whose dry-run answers show what kube-apiserver fills in; each says only what it
 * must.
 */
import type { JsonObject } from '../../src/kube/object.ts';

type Probe = JsonObject & { readonly apiVersion: string; readonly kind: string };

const image = 'registry.example/app:v1';
const labels = { app: 'probe' };
const selector = { matchLabels: labels };

function pod(spec: JsonObject = {}, container: JsonObject = {}): JsonObject {
  const { containers = [{ name: 'c', image, ...container }], ...others } = spec;
  return { ...others, containers };
}

function template(spec: JsonObject = pod()): JsonObject {
  return { metadata: { labels }, spec };
}

function deployment(spec: JsonObject = {}): Probe {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    spec: { selector, template: template(), ...spec },
  };
}

function inPod(spec: JsonObject): Probe[] {
  return [deployment({ template: template(spec) }), { apiVersion: 'v1', kind: 'Pod', spec }];
}

const port = { containerPort: 80 };
const probes: JsonObject[] = [
  { httpGet: { port: 80 } },
  { httpGet: { port: 80, path: '/x', scheme: 'HTTPS' } },
  {
    httpGet: { port: 80, path: '', scheme: '' },
    timeoutSeconds: 0,
    periodSeconds: 0,
    successThreshold: 0,
    failureThreshold: 0,
  },
  { tcpSocket: { port: 80 } },
  { exec: { command: ['true'] } },
  { grpc: { port: 80 } },
];

const volumes: JsonObject[] = [
  { name: 'v1' },
  { name: 'v2', emptyDir: {} },
  { name: 'v3', secret: { secretName: 's' } },
  { name: 'v4', configMap: { name: 's' } },
  { name: 'v5', hostPath: { path: '/x' } },
  {
    name: 'v6',
    projected: {
      sources: [
        { serviceAccountToken: { path: 't' } },
        { secret: { name: 's' } },
        { configMap: { name: 's' } },
        { downwardAPI: { items: [{ path: 'p', fieldRef: { fieldPath: 'metadata.name' } }] } },
      ],
    },
  },
  {
    name: 'v7',
    downwardAPI: {
      items: [
        { path: 'p', fieldRef: { fieldPath: 'metadata.name' } },
        { path: 'q', resourceFieldRef: { containerName: 'c', resource: 'limits.cpu' } },
      ],
    },
  },
  { name: 'v8', iscsi: { targetPortal: '10.0.0.1', iqn: 'iqn.2001-04.com.example:a', lun: 0 } },
  { name: 'v9', rbd: { monitors: ['10.0.0.1'], image: 'i' } },
  { name: 'va', azureDisk: { diskName: 'd', diskURI: 'https://x.blob.core.windows.net/a/b.vhd' } },
  {
    name: 'vb',
    ephemeral: {
      volumeClaimTemplate: {
        spec: {
          accessModes: ['ReadWriteOnce'],
          resources: { requests: { storage: '1Gi' } },
        },
      },
    },
  },
  { name: 'vc', nfs: { server: 's', path: '/' } },
  { name: 'vd', persistentVolumeClaim: { claimName: 'c' } },
  { name: 've', csi: { driver: 'd.example.com' } },
];

const env: JsonObject[] = [
  { name: 'A', value: '1' },
  { name: 'B', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
  { name: 'C', valueFrom: { configMapKeyRef: { name: 'm', key: 'k' } } },
  { name: 'D', valueFrom: { secretKeyRef: { name: 'm', key: 'k' } } },
  { name: 'E', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
];

const zeroPod = {
  restartPolicy: '',
  dnsPolicy: '',
  schedulerName: '',
  terminationGracePeriodSeconds: 0,
};
const zeroContainer = {
  imagePullPolicy: '',
  terminationMessagePath: '',
  terminationMessagePolicy: '',
  ports: [{ ...port, protocol: '' }],
};

const pods: Probe[] = [
  ...inPod(pod(zeroPod, zeroContainer)),
  ...inPod(pod({}, { resources: { limits: { cpu: '1' } } })),
  ...inPod(pod({}, { resources: { limits: { memory: '1Gi' } } })),
  ...inPod(pod()),
  ...inPod(pod({}, { image: 'app' })),
  ...inPod(pod({}, { image: 'app:latest' })),
  ...inPod(pod({}, { image: 'host:5000/app' })),
  ...inPod(pod({}, { image: `app@sha256:${'a'.repeat(64)}` })),
  ...inPod(pod({}, { ports: [port, { ...port, containerPort: 81, protocol: 'UDP' }] })),
  ...inPod(pod({ serviceAccountName: 'x', volumes, initContainers: [{ name: 'i', image }] })),
  ...inPod(pod({}, { env, resources: {} })),
  ...inPod(pod({ securityContext: { runAsUser: 1 } }, { securityContext: { privileged: true } })),
  ...probes.flatMap((probe) =>
    inPod(pod({}, { livenessProbe: probe, readinessProbe: probe, startupProbe: probe })),
  ),
  ...inPod(pod({}, { lifecycle: { preStop: { httpGet: { port: 80 } } } })),
  ...inPod(
    pod({
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: 'zone',
          whenUnsatisfiable: 'ScheduleAnyway',
          labelSelector: selector,
        },
      ],
      tolerations: [
        { key: 'a', operator: 'Exists' },
        { key: 'b', value: 'c' },
      ],
      imagePullSecrets: [{ name: 'x' }],
    }),
  ),
];

const workloads: Probe[] = [
  deployment(),
  deployment({ strategy: { type: 'Recreate' } }),
  deployment({ strategy: { type: '' }, replicas: 0, revisionHistoryLimit: 0 }),
  deployment({ strategy: { type: 'RollingUpdate' } }),
  deployment({ strategy: { rollingUpdate: { maxSurge: 2 } } }),
  deployment({ strategy: { rollingUpdate: { maxUnavailable: 0 } } }),
  { apiVersion: 'apps/v1', kind: 'ReplicaSet', spec: { selector, template: template() } },
  {
    apiVersion: 'v1',
    kind: 'ReplicationController',
    spec: { selector: labels, template: template() },
  },
  ...[
    {},
    { updateStrategy: { type: 'OnDelete' } },
    { updateStrategy: { type: 'RollingUpdate' } },
  ].flatMap((more): Probe[] => [
    { apiVersion: 'apps/v1', kind: 'DaemonSet', spec: { selector, template: template(), ...more } },
    {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      spec: { selector, serviceName: 's', template: template(), ...more },
    },
  ]),
  {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    spec: {
      selector,
      serviceName: 's',
      template: template(),
      persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete' },
      volumeClaimTemplates: [
        {
          metadata: { name: 'd' },
          spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
        },
      ],
    },
  },
  ...[
    {},
    { completions: 3 },
    { parallelism: 2 },
    { suspend: true },
    { backoffLimit: 0 },
    { completionMode: 'Indexed', completions: 2 },
  ].map(
    (more): Probe => ({
      apiVersion: 'batch/v1',
      kind: 'Job',
      spec: { template: { spec: pod({ restartPolicy: 'Never' }) }, ...more },
    }),
  ),
  {
    apiVersion: 'batch/v1',
    kind: 'Job',
    spec: {
      completionMode: 'Indexed',
      completions: 2,
      backoffLimitPerIndex: 1,
      template: { spec: pod({ restartPolicy: 'Never' }) },
    },
  },
  {
    apiVersion: 'batch/v1',
    kind: 'Job',
    spec: {
      podFailurePolicy: {
        rules: [
          { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget' }] },
          { action: 'FailJob', onExitCodes: { operator: 'In', values: [1] } },
        ],
      },
      template: { spec: pod({ restartPolicy: 'Never' }) },
    },
  },
  {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    spec: {
      schedule: '* * * * *',
      jobTemplate: { spec: { template: { spec: pod({ restartPolicy: 'OnFailure' }) } } },
    },
  },
];

const services: Probe[] = [
  { ports: [{ port: 80 }], selector: labels },
  { ports: [{ port: 79, protocol: '', targetPort: 0 }], type: '', sessionAffinity: '' },
  { ports: [{ port: 81, protocol: 'UDP', targetPort: 'x' }] },
  { ports: [{ port: 82 }], type: 'NodePort' },
  { ports: [{ port: 83 }], type: 'LoadBalancer' },
  { ports: [{ port: 84 }], type: 'LoadBalancer', externalTrafficPolicy: 'Local' },
  { ports: [{ port: 85 }], type: 'ClusterIP', clusterIP: 'None' },
  { type: 'ExternalName', externalName: 'x.example.com' },
  { ports: [{ port: 86 }], sessionAffinity: 'ClientIP' },
  { ports: [{ port: 87 }], sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: {} } },
].map((spec) => ({ apiVersion: 'v1', kind: 'Service', spec }));

const metric = {
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } },
};
const scaled = {
  scaleTargetRef: { kind: 'Deployment', name: 'x', apiVersion: 'apps/v1' },
  maxReplicas: 3,
};
const backend = { service: { name: 's', port: { number: 80 } } };
const storage = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
const rbac = 'rbac.authorization.k8s.io/v1';
const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'x' };

const others: Probe[] = [
  { apiVersion: 'v1', kind: 'Namespace' },
  { apiVersion: 'v1', kind: 'Secret' },
  { apiVersion: 'v1', kind: 'Secret', type: 'example.com/x' },
  { apiVersion: 'v1', kind: 'Secret', type: '' },
  { apiVersion: 'v1', kind: 'ConfigMap' },
  { apiVersion: 'v1', kind: 'ServiceAccount' },
  { apiVersion: 'v1', kind: 'PersistentVolumeClaim', spec: storage },
  { apiVersion: 'v1', kind: 'PersistentVolumeClaim', spec: { ...storage, volumeMode: 'Block' } },
  {
    apiVersion: 'v1',
    kind: 'Endpoints',
    subsets: [{ addresses: [{ ip: '10.0.0.1' }], ports: [{ port: 80 }] }],
  },
  {
    apiVersion: 'v1',
    kind: 'LimitRange',
    spec: { limits: [{ type: 'Container', max: { cpu: '1' } }] },
  },
  {
    apiVersion: 'v1',
    kind: 'LimitRange',
    spec: {
      limits: [
        { type: 'Container', max: { cpu: '2' } },
        { type: 'Pod', max: { cpu: '3' } },
      ],
    },
  },
  { apiVersion: 'v1', kind: 'ResourceQuota', spec: { hard: { pods: '3' } } },
  {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      hostPath: { path: '/x' },
    },
  },
  { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', spec: scaled },
  {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    spec: { ...scaled, metrics: [metric] },
  },
  { apiVersion: 'autoscaling/v1', kind: 'HorizontalPodAutoscaler', spec: scaled },
  { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', spec: { defaultBackend: backend } },
  {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    spec: { rules: [{ http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } }] },
  },
  {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IngressClass',
    spec: { controller: 'example.com/x' },
  },
  {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IngressClass',
    spec: { controller: 'example.com/x', parameters: { kind: 'K', name: 'n' } },
  },
  { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', spec: { podSelector: {} } },
  {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    spec: { podSelector: {}, egress: [{ ports: [{ port: 80 }] }] },
  },
  {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    spec: { podSelector: {}, ingress: [{ ports: [{ port: 80 }] }], policyTypes: ['Ingress'] },
  },
  { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', spec: { minAvailable: 1, selector } },
  {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    addressType: 'IPv4',
    endpoints: [],
    ports: [{}],
  },
  { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' },
  { apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', provisioner: 'x.example.com/y' },
  { apiVersion: 'storage.k8s.io/v1', kind: 'CSIDriver', spec: {} },
  { apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', value: 1 },
  { apiVersion: rbac, kind: 'ClusterRole' },
  { apiVersion: rbac, kind: 'Role' },
  {
    apiVersion: rbac,
    kind: 'ClusterRoleBinding',
    roleRef,
    subjects: [{ kind: 'User', name: 'u' }],
  },
  {
    apiVersion: rbac,
    kind: 'RoleBinding',
    roleRef,
    subjects: [
      { kind: 'Group', name: 'g' },
      { kind: 'ServiceAccount', name: 's', namespace: 'default' },
    ],
  },
  {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    webhooks: [
      {
        name: 'a.example.com',
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
        clientConfig: { service: { name: 's', namespace: 'n' } },
        rules: [
          { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] },
        ],
      },
    ],
  },
  {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    webhooks: [
      {
        name: 'a.example.com',
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
        clientConfig: { service: { name: 's', namespace: 'n', path: '/x' } },
        rules: [
          { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] },
        ],
      },
    ],
  },
  {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'things.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'things', kind: 'Thing' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object' } },
        },
      ],
    },
  },
  {
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: { name: 'v1.example.com' },
    spec: {
      group: 'example.com',
      version: 'v1',
      groupPriorityMinimum: 1,
      versionPriority: 1,
      service: { name: 's', namespace: 'n' },
      insecureSkipTLSVerify: true,
    },
  },
];

const flows = 'flowcontrol.apiserver.k8s.io/v1';
const level = { priorityLevelConfiguration: { name: 'global-default' } };
const queuing: JsonObject[] = [
  { type: 'Reject' },
  { type: 'Queue', queuing: {} },
  { type: 'Queue', queuing: { queues: 0, handSize: 0, queueLengthLimit: 0 } },
  { type: 'Queue', queuing: { queues: 3, handSize: 2, queueLengthLimit: 4 } },
];

const limits: Probe[] = [
  { apiVersion: flows, kind: 'FlowSchema', spec: level },
  { apiVersion: flows, kind: 'FlowSchema', spec: { ...level, matchingPrecedence: 0 } },
  { apiVersion: flows, kind: 'FlowSchema', spec: { ...level, matchingPrecedence: 7 } },
  ...[...queuing.map((limitResponse): JsonObject => ({ limitResponse }))].flatMap(
    (limited): Probe[] =>
      [limited, { ...limited, nominalConcurrencyShares: 3, lendablePercent: 5 }].map((each) => ({
        apiVersion: flows,
        kind: 'PriorityLevelConfiguration',
        spec: { type: 'Limited', limited: each },
      })),
  ),
];

const toleration = { key: 'example.com/k', effect: 'NoSchedule' };
const device = { deviceClassName: 'c' };
const requests: JsonObject[] = [
  { name: 'r', exactly: device },
  { name: 'r', exactly: { ...device, allocationMode: 'All' } },
  { name: 'r', exactly: { ...device, count: 2 } },
  { name: 'r', exactly: { ...device, tolerations: [{ ...toleration, value: 'v' }] } },
  { name: 'r', exactly: { ...device, tolerations: [{ ...toleration, operator: 'Exists' }] } },
  { name: 'r', firstAvailable: [{ ...device, name: 's' }] },
  { name: 'r', firstAvailable: [{ ...device, name: 's', allocationMode: 'All' }] },
  { name: 'r', firstAvailable: [{ ...device, name: 's', tolerations: [toleration] }] },
];

const devices: Probe[] = requests.map((request) => ({
  apiVersion: 'resource.k8s.io/v1',
  kind: 'ResourceClaim',
  spec: { devices: { requests: [request] } },
}));

/** Every probe, each with a name. */
export function defaultProbes(): Probe[] {
  const all = [...pods, ...workloads, ...services, ...limits, ...devices, ...others];
  return all.map((probe) => {
    const metadata = { name: 'probe', ...(probe.metadata as JsonObject | undefined) };
    return { ...probe, metadata } as Probe;
  });
}
