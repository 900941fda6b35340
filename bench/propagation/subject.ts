/** The objects that are measured, of 3.7 KB each, as real ones are. */
import type { KubeObject } from '../../src/kube/object.ts';

export const namespace = 'bench';
export const versionAnnotation = 'bench-version';

export const subjectNames = ['deployment', 'configmap', 'custom'] as const;
export type SubjectName = (typeof subjectNames)[number];

/** One kind of object, and what is done with it. */
export interface Subject {
  readonly type: {
    readonly group: string;
    readonly version: string;
    readonly resource: string;
    readonly namespace: string;
  };
  make(name: string): KubeObject;
  /** A merge patch that changes the object to version `n`. */
  change(n: number): object;
  /** A merge patch as somebody makes it behind our back, and whether it has been undone. */
  drift(n: number): object;
  isUndone(object: KubeObject, n: number): boolean;
}

/** `replicas`: of each Deployment; enough that every member gets one. */
export function subjectOf(name: SubjectName, replicas: number, distinct = false): Subject {
  if (name === 'configmap') return configMaps;
  return name === 'custom' ? gadgets : deployments(replicas, distinct);
}

function version(n: number): { metadata: object } {
  return { metadata: { annotations: { [versionAnnotation]: String(n) } } };
}

export function deployments(replicas: number, distinct = false): Subject {
  return {
    type: { group: 'apps', version: 'v1', resource: 'deployments', namespace },
    make: (name) => deployment(name, replicas, distinct ? `-of-${name}` : ''),
    change: (n) => ({ ...version(n), spec: { minReadySeconds: n } }),
    drift: (n) => ({ spec: { replicas: 100 + n } }),
    isUndone: (object, n) => (object['spec'] as { replicas?: number }).replicas !== 100 + n,
  };
}

const settings = Object.fromEntries(
  Array.from({ length: 60 }, (_, i) => [
    `SETTING_${i}`,
    `value-${i}-of-the-bench-${'x'.repeat(24)}`,
  ]),
);

const configMaps: Subject = {
  type: { group: '', version: 'v1', resource: 'configmaps', namespace },
  make: (name) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace, annotations: { [versionAnnotation]: '0' } },
    data: { ...settings, state: '0' },
  }),
  change: (n) => ({ ...version(n), data: { state: String(n) } }),
  drift: (n) => ({ data: { state: `drift-${n}` } }),
  isUndone: (object, n) => (object['data'] as { state?: string }).state !== `drift-${n}`,
};

const gadgets: Subject = {
  type: { group: 'bench.ubernetes.test', version: 'v1', resource: 'gadgets', namespace },
  make: (name) => ({
    apiVersion: 'bench.ubernetes.test/v1',
    kind: 'Gadget',
    metadata: { name, namespace, annotations: { [versionAnnotation]: '0' } },
    spec: { settings, state: '0' },
  }),
  change: (n) => ({ ...version(n), spec: { state: String(n) } }),
  drift: (n) => ({ spec: { state: `drift-${n}` } }),
  isUndone: (object, n) => (object['spec'] as { state?: string }).state !== `drift-${n}`,
};

/** The definition of the custom kind; it is made in the federation and goes from there to all. */
export const gadgetDefinition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'gadgets.bench.ubernetes.test' },
  spec: {
    group: 'bench.ubernetes.test',
    scope: 'Namespaced',
    names: { plural: 'gadgets', singular: 'gadget', kind: 'Gadget', listKind: 'GadgetList' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: {
                type: 'object',
                properties: {
                  state: { type: 'string' },
                  settings: { type: 'object', additionalProperties: { type: 'string' } },
                },
              },
            },
          },
        },
      },
    ],
  },
};

function deployment(name: string, replicas: number, ending: string): KubeObject {
  const labels = {
    app: name,
    'app.kubernetes.io/name': name,
    'app.kubernetes.io/part-of': 'bench',
  };
  const env = Array.from({ length: 24 }, (_, i) => ({
    name: `SETTING_${i}`,
    value: `value-${i}-of-the-bench${ending}`,
  }));
  const probe = {
    httpGet: { path: '/healthz', port: 8080 },
    periodSeconds: 10,
    failureThreshold: 3,
  };
  const container = (containerName: string) => ({
    name: containerName,
    image: 'registry.example.com/bench/web:1.0.0',
    args: ['--listen=:8080', '--log-level=info', '--graceful-shutdown=30s'],
    ports: [
      { name: `${containerName}-http`, containerPort: containerName === 'web' ? 8080 : 9090 },
    ],
    env,
    resources: {
      requests: { cpu: '100m', memory: '128Mi' },
      limits: { cpu: '500m', memory: '256Mi' },
    },
    readinessProbe: probe,
    livenessProbe: probe,
    volumeMounts: [{ name: 'config', mountPath: '/etc/config', readOnly: true }],
  });
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace, labels, annotations: { [versionAnnotation]: '0' } },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels },
        spec: {
          containers: [container('web'), container('proxy')],
          volumes: [{ name: 'config', configMap: { name: 'web-config' } }],
        },
      },
    },
  };
}
