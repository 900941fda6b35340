import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '../kube/object.ts';
import { clusterKind, clusterNameProblem } from './cluster.ts';

const pem = Buffer.from('-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----').toString(
  'base64',
);

function cluster(spec: object | undefined, name = 'eu-west'): KubeObject {
  return {
    apiVersion: 'ubernetes.dev/v1alpha1',
    kind: 'Cluster',
    metadata: { name },
    ...(spec === undefined ? {} : { spec }),
  };
}

function fields(object: KubeObject): string[] {
  return clusterKind.validate!(object, undefined).map(({ field }) => field ?? '');
}

test('a full and proper Cluster is accepted', () => {
  const spec = {
    server: 'https://[2001:db8::1]:6443/prefix',
    caBundle: pem,
    proxyURL: 'http://proxy:3128',
    tlsServerName: 'kubernetes.default',
    credentialsRef: { name: 'cluster-eu-west' },
    region: 'europe-west1',
    zone: 'europe-west1-b',
    provider: 'gcp',
    taints: [
      { key: 'example.com/spot', effect: 'NoSchedule' },
      { key: 'example.com/spot', effect: 'NoExecute', value: 'x' },
    ],
    unschedulable: true,
  };
  assert.deepEqual(fields(cluster(spec)), []);
});

const server = 'https://h:6443';
const refused: [string, KubeObject, string[]][] = [
  ['no spec', cluster(undefined), ['spec']],
  ['no server', cluster({}), ['spec.server']],
  ['a server without a scheme', cluster({ server: 'h:6443' }), ['spec.server']],
  ['a server with a password', cluster({ server: 'https://a:b@h' }), ['spec.server']],
  ['a server with a query', cluster({ server: 'https://h?x=1' }), ['spec.server']],
  ['a file as server', cluster({ server: 'file:///etc/passwd' }), ['spec.server']],
  ['a name with a dot', cluster({ server }, 'a.b'), ['metadata.name']],
  ['a name with an at sign', cluster({ server }, 'a@b'), ['metadata.name']],
  ['a long name', cluster({ server }, 'a'.repeat(64)), ['metadata.name']],
  ['authorities that are no PEM', cluster({ server, caBundle: 'AAAA' }), ['spec.caBundle']],
  [
    'authorities and no verification',
    cluster({ server, caBundle: pem, insecureSkipTLSVerify: true }),
    ['spec.caBundle'],
  ],
  ['a proxy of another kind', cluster({ server, proxyURL: 'ftp://p' }), ['spec.proxyURL']],
  ['an empty reference', cluster({ server, credentialsRef: {} }), ['spec.credentialsRef.name']],
  ['a region that is no label', cluster({ server, region: 'a b' }), ['spec.region']],
  [
    'taints that repeat or are malformed',
    cluster({
      server,
      taints: [
        { key: 'a', effect: 'NoSchedule' },
        { key: 'a', effect: 'NoSchedule' },
        { key: '-', effect: 'NoSchedule', value: '!' },
      ],
    }),
    ['spec.taints[1]', 'spec.taints[2].key', 'spec.taints[2].value'],
  ],
];

for (const [name, object, expected] of refused) {
  test(`${name} is refused`, () => assert.deepEqual(fields(object), expected));
}

test('names of clusters are DNS labels', () => {
  assert.equal(clusterNameProblem('eu-west-1'), undefined);
  for (const name of ['', '-a', 'a-', 'A', 'a_b', 'a/b']) {
    assert.notEqual(clusterNameProblem(name), undefined, name);
  }
});

test('every field and column says what it means', () => {
  const missing: string[] = [];
  const visit = (schema: unknown, path: string): void => {
    const { description, properties } = schema as { description?: string; properties?: object };
    if (!description) missing.push(path);
    for (const [name, part] of Object.entries(properties ?? {})) visit(part, `${path}.${name}`);
  };
  visit(clusterKind.schema, '');
  assert.deepEqual(missing, []);
  assert.equal(
    clusterKind.columns.every(({ description }) => description !== ''),
    true,
  );
});
