/** Parts of a pod template: every list and map type that its schema has. */
import type { JsonObject } from '../../src/kube/object.ts';

function containers(...list: JsonObject[]): JsonObject {
  return { spec: { containers: list } };
}

/** Valid in any combination; lists of the same name are joined by their merge keys. */
export const podPieces: readonly JsonObject[] = [
  containers({ name: 'c1', image: 'nginx:2' }),
  containers({ name: 'c1', image: 'nginx' }),
  containers({ name: 'c2', image: 'redis', command: ['run', '-v'], args: [] }),
  containers({ name: 'c1', image: 'nginx:1', env: [{ name: 'A', value: '1' }] }),
  containers({
    name: 'c1',
    image: 'nginx:1',
    env: [
      { name: 'B', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
      { name: 'A', value: '' },
    ],
  }),
  containers({ name: 'c1', image: 'nginx:1', ports: [{ containerPort: 80 }] }),
  containers({
    name: 'c1',
    image: 'nginx:1',
    ports: [
      { containerPort: 80, name: 'http', protocol: 'TCP' },
      { containerPort: 53, protocol: 'UDP' },
    ],
  }),
  containers({
    name: 'c1',
    image: 'nginx:1',
    resources: { requests: { cpu: '100m', memory: '64Mi' }, limits: { cpu: 1 } },
  }),
  containers({ name: 'c1', image: 'nginx:1', resources: { requests: { cpu: '0.2' } } }),
  containers({
    name: 'c1',
    image: 'nginx:1',
    livenessProbe: { httpGet: { port: 80 }, periodSeconds: 5 },
  }),
  containers({
    name: 'c1',
    image: 'nginx:1',
    readinessProbe: { tcpSocket: { port: 'http' }, initialDelaySeconds: 0 },
  }),
  containers({
    name: 'c1',
    image: 'nginx:1',
    securityContext: { runAsUser: 0, capabilities: { add: ['NET_ADMIN', 'SYS_TIME'] } },
  }),
  containers({
    name: 'c1',
    image: 'nginx:1',
    envFrom: [{ configMapRef: { name: 'x' } }, { prefix: 'P_', secretRef: { name: 'y' } }],
  }),
  containers({
    name: 'c1',
    image: 'nginx:1',
    lifecycle: { preStop: { exec: { command: ['sleep', '5'] } } },
  }),
  { spec: { volumes: [{ name: 'v1', emptyDir: {} }] } },
  {
    spec: { volumes: [{ name: 'v2', configMap: { name: 'x', items: [{ key: 'k', path: 'p' }] } }] },
  },
  { spec: { volumes: [{ name: 'v3', secret: { secretName: 's', defaultMode: 256 } }] } },
  { spec: { volumes: [{ name: 'v4', hostPath: { path: '/tmp' } }] } },
  {
    spec: {
      volumes: [
        { name: 'v5', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } },
      ],
    },
  },
  { spec: { tolerations: [{ key: 'a', operator: 'Exists' }] } },
  { spec: { tolerations: [{ key: 'b', operator: 'Equal', value: 'v', effect: 'NoSchedule' }] } },
  { spec: { nodeSelector: { disk: 'ssd' } } },
  { spec: { nodeSelector: { disk: 'hdd', zone: 'a' } } },
  { spec: { imagePullSecrets: [{ name: 'p1' }] } },
  { spec: { imagePullSecrets: [{ name: 'p2' }, { name: 'p1' }] } },
  { spec: { hostAliases: [{ ip: '192.0.2.1', hostnames: ['h1', 'h2'] }] } },
  { spec: { terminationGracePeriodSeconds: 0 } },
  { spec: { terminationGracePeriodSeconds: 45, dnsPolicy: 'Default' } },
  { spec: { securityContext: { runAsNonRoot: true, fsGroup: 1000, supplementalGroups: [1, 2] } } },
  { spec: { serviceAccountName: 'sa' } },
  { spec: { initContainers: [{ name: 'i1', image: 'busybox' }] } },
  {
    spec: {
      topologySpreadConstraints: [
        {
          topologyKey: 'zone',
          maxSkew: 1,
          whenUnsatisfiable: 'ScheduleAnyway',
          labelSelector: { matchLabels: { app: 'x' } },
        },
      ],
    },
  },
  {
    spec: {
      affinity: {
        podAntiAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [
            {
              weight: 1,
              podAffinityTerm: {
                topologyKey: 'host',
                labelSelector: { matchLabels: { app: 'x' } },
              },
            },
          ],
        },
      },
    },
  },
  { metadata: { labels: { extra: 'yes' } } },
  { metadata: { annotations: { 'example.com/a': '1' } } },
];

/** Parts of strategic merge patches of a pod template. */
export const podStrategicPieces: readonly JsonObject[] = [
  containers({ name: 'c2', $patch: 'delete' }),
  containers({ name: 'c3', image: 'new' }),
  containers({ name: 'c1', image: 'nginx:1', env: [{ name: 'A', $patch: 'delete' }] }),
  containers({ name: 'c1', env: [{ $patch: 'replace' }, { name: 'Z', value: 'z' }] }),
  containers({
    name: 'c1',
    '$setElementOrder/env': [{ name: 'Z' }, { name: 'A' }],
    env: [{ name: 'Z', value: 'first' }],
  }),
  containers({ name: 'c1', ports: [{ containerPort: 53, protocol: 'UDP', hostPort: 53 }] }),
  containers({ name: 'c1', ports: [{ containerPort: 80, $patch: 'delete' }] }),
  containers({ name: 'c1', resources: { limits: { cpu: null, memory: '1Gi' } } }),
  containers({ name: 'c1', command: ['replaced'] }),
  containers({ name: 'c1', livenessProbe: null }),
  {
    spec: {
      '$setElementOrder/containers': [{ name: 'c3' }, { name: 'c1' }],
      containers: [{ name: 'c3', image: 'front' }],
    },
  },
  { spec: { volumes: [{ name: 'v1', $patch: 'delete' }] } },
  {
    spec: {
      volumes: [{ $retainKeys: ['name', 'secret'], name: 'v1', secret: { secretName: 's' } }],
    },
  },
  {
    spec: {
      '$setElementOrder/volumes': [{ name: 'v1' }, { name: 'v2' }],
      volumes: [{ $retainKeys: ['name', 'emptyDir'], name: 'v2', emptyDir: { medium: 'Memory' } }],
    },
  },
  { spec: { tolerations: [{ key: 'only', operator: 'Exists' }] } },
  { spec: { imagePullSecrets: [{ name: 'p1', $patch: 'delete' }] } },
  { spec: { nodeSelector: { $patch: 'replace', disk: 'nvme' } } },
  { spec: { hostAliases: [{ ip: '192.0.2.1', hostnames: ['h3'] }] } },
  {
    spec: {
      topologySpreadConstraints: [
        {
          topologyKey: 'zone',
          whenUnsatisfiable: 'ScheduleAnyway',
          maxSkew: 2,
          labelSelector: { matchLabels: { app: 'y' } },
        },
      ],
    },
  },
];
