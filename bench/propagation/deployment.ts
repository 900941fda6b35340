/** The object that is measured: a Deployment of 3.7 KB, as real ones are. */
import type { KubeObject } from '../../src/kube/object.ts';

export const namespace = 'bench';
export const versionAnnotation = 'bench-version';

export function deployment(name: string): KubeObject {
  const labels = {
    app: name,
    'app.kubernetes.io/name': name,
    'app.kubernetes.io/part-of': 'bench',
  };
  const env = Array.from({ length: 24 }, (_, i) => ({
    name: `SETTING_${i}`,
    value: `value-${i}-of-the-bench`,
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
      replicas: 3,
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

/** A merge patch that changes the template to version `n`. */
export function versionPatch(n: number): object {
  return {
    metadata: { annotations: { [versionAnnotation]: String(n) } },
    spec: { minReadySeconds: n },
  };
}
