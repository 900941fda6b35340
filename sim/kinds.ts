/** What users of a fleet make: a body for each kind that shows which write it came from. */
import type { JsonObject, KubeObject } from '../src/kube/object.ts';

export interface SimKind {
  readonly kind: string;
  readonly group: string;
  readonly resource: string;
  readonly weight: number;
  /** How it spreads when nobody says anything. */
  readonly mode: 'Divide' | 'Copy' | 'One';
  readonly scalable?: true;
  /** Its spec cannot be edited. */
  readonly fixed?: true;
  /** Everything but metadata, with the marker of the write. */
  body(marker: number, replicas: number): JsonObject;
  /** The marker in an object's body; undefined: the kind shows it in its annotation only. */
  markerIn(object: KubeObject): unknown;
}

/** On every object: the marker of the newest write. */
export const markerAnnotation = 'sim/marker';

const labels = { app: 'sim' };

function template(marker: number): JsonObject {
  return {
    metadata: { labels },
    spec: { containers: [{ name: 'main', image: `app:${marker}` }] },
  };
}

function imageOf(object: KubeObject): unknown {
  const spec = object['spec'] as { template: { spec: { containers: { image: string }[] } } };
  return Number(spec.template.spec.containers[0]?.image.split(':')[1]);
}

function dataOf(object: KubeObject): unknown {
  return Number((object['data'] as { marker?: string } | undefined)?.marker);
}

export const simKinds: readonly SimKind[] = [
  {
    ...{ kind: 'Deployment', group: 'apps', resource: 'deployments' },
    ...{ weight: 10, mode: 'Divide', scalable: true },
    body: (marker, replicas) => ({
      spec: { replicas, selector: { matchLabels: labels }, template: template(marker) },
    }),
    markerIn: imageOf,
  },
  {
    ...{ kind: 'ConfigMap', group: '', resource: 'configmaps', weight: 6, mode: 'Copy' },
    body: (marker) => ({ data: { marker: String(marker), other: 'same' } }),
    markerIn: dataOf,
  },
  {
    ...{ kind: 'Secret', group: '', resource: 'secrets', weight: 3, mode: 'Copy' },
    body: (marker) => ({
      type: 'Opaque',
      data: { marker: Buffer.from(String(marker)).toString('base64') },
    }),
    markerIn: (object) => {
      const data = object['data'] as { marker?: string } | undefined;
      return Number(Buffer.from(data?.marker ?? '', 'base64').toString('utf8'));
    },
  },
  {
    ...{ kind: 'Service', group: '', resource: 'services', weight: 2, mode: 'Copy' },
    body: (marker) => ({ spec: { selector: { marker: `m${marker}` }, ports: [{ port: 80 }] } }),
    markerIn: (object) => {
      const spec = object['spec'] as { selector?: { marker?: string } } | undefined;
      return Number(spec?.selector?.marker?.slice(1));
    },
  },
  {
    ...{ kind: 'StatefulSet', group: 'apps', resource: 'statefulsets' },
    ...{ weight: 2, mode: 'One', scalable: true },
    body: (marker, replicas) => ({
      spec: {
        ...{ replicas, serviceName: 'none', selector: { matchLabels: labels } },
        template: template(marker),
      },
    }),
    markerIn: imageOf,
  },
  {
    ...{ kind: 'DaemonSet', group: 'apps', resource: 'daemonsets', weight: 1, mode: 'Copy' },
    body: (marker) => ({ spec: { selector: { matchLabels: labels }, template: template(marker) } }),
    markerIn: imageOf,
  },
  {
    ...{ kind: 'Job', group: 'batch', resource: 'jobs', weight: 1, mode: 'One', fixed: true },
    body: (marker) => ({
      spec: {
        template: {
          spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: `app:${marker}` }] },
        },
      },
    }),
    markerIn: () => undefined,
  },
];

export function kindOf(resource: string): SimKind | undefined {
  return simKinds.find((kind) => kind.resource === resource);
}

export function versionOf({ group }: { readonly group: string }): string {
  return group === '' ? 'v1' : `${group}/v1`;
}
