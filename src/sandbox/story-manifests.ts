/** The objects of the story, as users would write them. */
import type { KubeObject } from '../kube/object.ts';

export const namespace = 'shop';
export const app = 'web';

export function webApp(replicas: number): KubeObject {
  const labels = { app };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: app, namespace, labels },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          containers: [{ name: 'web', image: 'nginx:1.29', ports: [{ containerPort: 80 }] }],
        },
      },
    },
  };
}

export const shop: KubeObject = {
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: namespace },
};

export const secret: KubeObject = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'payment', namespace },
  type: 'Opaque',
  stringData: { key: 'a-key-for-the-demo' },
};

export const paths = {
  namespaces: '/api/v1/namespaces',
  shop: `/api/v1/namespaces/${namespace}`,
  secrets: `/api/v1/namespaces/${namespace}/secrets`,
  secret: `/api/v1/namespaces/${namespace}/secrets/payment`,
  deployments: `/apis/apps/v1/namespaces/${namespace}/deployments`,
  web: `/apis/apps/v1/namespaces/${namespace}/deployments/${app}`,
  pods: `/api/v1/namespaces/${namespace}/pods`,
  clusters: '/apis/ubernetes.dev/v1alpha1/clusters',
  distributions: `/apis/ubernetes.dev/v1alpha1/namespaces/${namespace}/distributions`,
  distribution: `/apis/ubernetes.dev/v1alpha1/namespaces/${namespace}/distributions/${app}.deployments.apps`,
} as const;
