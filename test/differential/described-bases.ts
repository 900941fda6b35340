/**
 * What OpenAPI does not say of built-in kinds: the least that makes an object of each valid, and
 * what fields may hold whose schema is only a string. `{name}` is the name of the run.
 */
import type { Json, JsonObject } from '../../src/kube/object.ts';

const app = { matchLabels: { app: 'x' } };
const podSpec: JsonObject = { containers: [{ name: 'c1', image: 'nginx:1' }] };
const template: JsonObject = { metadata: { labels: { app: 'x' } }, spec: podSpec };
const target = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };
const rule = { operations: ['CREATE'], apiGroups: ['example.com'], apiVersions: ['v1'] };
const hook = {
  name: 'hook.example.com',
  clientConfig: { url: 'https://127.0.0.1:1/x' },
  sideEffects: 'None',
  admissionReviewVersions: ['v1'],
  matchPolicy: 'Exact',
  rules: [{ ...rule, resources: ['things'] }],
};
const constraints = { resourceRules: [{ ...rule, resources: ['things'] }] };
const claimSpec = { devices: { requests: [{ name: 'r', exactly: { deviceClassName: 'c' } }] } };

/** By kind, or by group and kind where two have one name; absent: nothing is needed. */
export const bases: Readonly<Record<string, JsonObject>> = {
  Event: { involvedObject: { namespace: 'default', kind: 'Pod', name: 'x' } },
  'events.k8s.io/Event': {
    regarding: { namespace: 'default', kind: 'Pod', name: 'x' },
    eventTime: '2024-01-01T00:00:00.000000Z',
    ...{ reportingController: 'example.com/c', reportingInstance: 'c-1', action: 'Act' },
    ...{ reason: 'Why', type: 'Normal' },
  },
  LimitRange: { spec: { limits: [{ type: 'Container' }] } },
  PersistentVolumeClaim: {
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  },
  Pod: { spec: podSpec },
  PodTemplate: { template },
  ReplicationController: { spec: { selector: { app: 'x' }, template } },
  Service: { spec: { clusterIP: 'None', ports: [{ name: 'http', port: 80 }] } },
  PersistentVolume: {
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      hostPath: { path: '/tmp/x' },
    },
  },
  MutatingWebhookConfiguration: { webhooks: [hook] },
  ValidatingWebhookConfiguration: { webhooks: [hook] },
  ValidatingAdmissionPolicy: {
    spec: { matchConstraints: constraints, validations: [{ expression: 'true' }] },
  },
  ValidatingAdmissionPolicyBinding: { spec: { policyName: 'p', validationActions: ['Audit'] } },
  MutatingAdmissionPolicy: {
    spec: {
      matchConstraints: constraints,
      reinvocationPolicy: 'Never',
      mutations: [
        { patchType: 'ApplyConfiguration', applyConfiguration: { expression: 'Object{}' } },
      ],
    },
  },
  MutatingAdmissionPolicyBinding: { spec: { policyName: 'p' } },
  CustomResourceDefinition: {
    spec: {
      group: '{name}.example.com',
      scope: 'Namespaced',
      names: { plural: 'things', singular: 'thing', kind: 'Thing', listKind: 'ThingList' },
      versions: [
        {
          ...{ name: 'v1', served: true, storage: true },
          schema: { openAPIV3Schema: { type: 'object' } },
        },
      ],
    },
  },
  APIService: {
    spec: {
      group: '{name}.example.com',
      version: 'v1',
      groupPriorityMinimum: 10,
      versionPriority: 10,
    },
  },
  ControllerRevision: { revision: 1, data: { a: 1 } },
  DaemonSet: { spec: { selector: app, template } },
  Deployment: { spec: { selector: app, template } },
  ReplicaSet: { spec: { selector: app, template } },
  StatefulSet: { spec: { selector: app, template, serviceName: 'x' } },
  HorizontalPodAutoscaler: { spec: { maxReplicas: 5, scaleTargetRef: target } },
  CronJob: {
    spec: {
      schedule: '0 * * * *',
      jobTemplate: { spec: { template: { spec: { ...podSpec, restartPolicy: 'Never' } } } },
    },
  },
  Job: { spec: { template: { spec: { ...podSpec, restartPolicy: 'Never' } } } },
  EndpointSlice: { addressType: 'IPv4', endpoints: [{ addresses: ['192.0.2.1'] }] },
  FlowSchema: { spec: { priorityLevelConfiguration: { name: 'global-default' } } },
  PriorityLevelConfiguration: {
    spec: { type: 'Limited', limited: { limitResponse: { type: 'Reject' } } },
  },
  IngressClass: { spec: { controller: 'example.com/c' } },
  IPAddress: { spec: { parentRef: { resource: 'services', name: 'x', namespace: 'default' } } },
  ServiceCIDR: { spec: { cidrs: ['192.0.2.0/24'] } },
  Ingress: { spec: { defaultBackend: { service: { name: 'x', port: { number: 80 } } } } },
  NetworkPolicy: { spec: { podSelector: {} } },
  RuntimeClass: { handler: 'runc' },
  ClusterRoleBinding: {
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'none' },
  },
  RoleBinding: { roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'none' } },
  DeviceTaintRule: {
    spec: {
      deviceSelector: { driver: 'd.example.com' },
      taint: { key: 'k', effect: 'NoSchedule' },
    },
  },
  ResourceClaim: { spec: claimSpec },
  ResourceClaimTemplate: { spec: { spec: claimSpec } },
  ResourceSlice: {
    spec: {
      ...{ driver: 'd.example.com', nodeName: 'n' },
      pool: { name: 'p', generation: 1, resourceSliceCount: 1 },
    },
  },
  PriorityClass: { value: 5 },
  CSINode: { spec: { drivers: [] } },
  CSIStorageCapacity: { storageClassName: 's' },
  StorageClass: { provisioner: 'example.com/p' },
  VolumeAttachment: {
    spec: { attacher: 'a.example.com', nodeName: 'n', source: { persistentVolumeName: 'v' } },
  },
  VolumeAttributesClass: { driverName: 'd.example.com', parameters: { a: 'b' } },
  StorageVersionMigration: { spec: { resource: { group: 'example.com', resource: 'things' } } },
};

/** Objects whose names follow from what they hold. */
export const names: Readonly<Record<string, (run: string) => string>> = {
  CustomResourceDefinition: (run) => `things.${run}.example.com`,
  APIService: (run) => `v1.${run}.example.com`,
  IPAddress: (run) => `2001:db8::${(Number.parseInt(run.replace(/\D+/g, ''), 10) % 9999) + 1}`,
};

/** Kinds that are left out, by name or by group, version and name, and why. */
export const leftOut: Readonly<Record<string, string>> = {
  CertificateSigningRequest: 'its request is a certificate request that somebody signed',
  PodCertificateRequest: 'its request is signed by a key of a pod that runs',
  ClusterTrustBundle: 'holds certificates that must be valid',
  Node: 'members have nodes',
  Pod: 'members give its status: phase, class of service, time of grace',
  DaemonSet: 'its templates are counted in an annotation there',
  CustomResourceDefinition:
    'a controller writes its status while it is compared; `custom` has them',
  'autoscaling/v1/HorizontalPodAutoscaler': 'its fields are owned as those of autoscaling/v2 here',
};

/**
 * Fields that a kube-apiserver drops while their feature gate is off, as it is in 1.37. The
 * federation keeps them: it may have members with the gate, and those without drop them themselves.
 */
export const gated: Readonly<Record<string, readonly string[]>> = {
  'io.k8s.api.coordination.v1.LeaseSpec': ['preferredHolder', 'strategy'],
  'io.k8s.api.resource.v1.ResourceSliceSpec': ['partitionTypeAttribute', 'skipNodeOperations'],
};

/** What fields of these names hold, wherever they are strings. */
export const hints: Readonly<Record<string, readonly Json[]>> = {
  name: ['c1', 'x-1', 'web'],
  image: ['nginx:1', 'busybox'],
  namespace: ['default'],
  key: ['tier', 'example.com/k'],
  mountPath: ['/m', '/n'],
  path: ['/p', 'p'],
  apiVersion: ['v1'],
  apiGroup: ['rbac.authorization.k8s.io', 'example.com'],
  protocol: ['TCP', 'UDP'],
  cidr: ['192.0.2.0/24'],
  ip: ['192.0.2.1'],
  addresses: [['192.0.2.1'], ['192.0.2.2', '192.0.2.3']],
  topologyKey: ['zone', 'kubernetes.io/hostname'],
  expression: ['true', 'object.metadata.name != ""'],
  timeZone: ['Etc/UTC'],
  schedule: ['5 * * * *', '@daily'],
  host: ['a.example.com'],
  hosts: [['a.example.com']],
  nodeName: ['n'],
};
