/** Requests that are nearly right: of what clients send, with something broken in it. */
import type { Dice } from '../../sim/dice.ts';
import { encodeProtobuf } from '../../src/kube/protobuf.ts';
import { stringifyYaml } from '../../src/kube/yaml.ts';

export interface FuzzRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: Buffer | undefined;
}

type Value = null | boolean | number | string | Value[] | { [field: string]: Value };

const json = 'application/json';
const yaml = 'application/yaml';
const protobuf = 'application/vnd.kubernetes.protobuf';
const patchTypes = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];

/** Texts that have been trouble somewhere. */
const texts = [
  '',
  '.',
  '..',
  '/',
  '%',
  '%2f',
  '%00',
  '\0',
  '\u2028',
  '\ud800',
  '😀',
  'a'.repeat(300),
  'A',
  '-',
  '0',
  '-1',
  '1e400',
  '9223372036854775808',
  '9007199254740993',
  'null',
  'true',
  '~',
  '*',
  '$(x)',
  '{{.}}',
  '__proto__',
  'constructor',
  'toString',
  'metadata.name=x',
  'a=b,c!=d',
  'a in (b',
  'a in (b),,',
  '!x',
  '=,',
  '\r\nX: y',
  '<script>',
  'default',
  'kube-system',
  'tenant-b',
  'x@nowhere',
  'x@eu-west',
  '2026-01-01T00:00:00Z',
  '1Gi',
  '1e3m',
  'All',
  'Orphan',
];

const values: Value[] = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  1e308,
  2 ** 53,
  [],
  {},
  [[]],
  [null],
  { a: null },
  '',
  'x',
  { name: 'x' },
  ...texts,
];

const objects: { path: string; object: Record<string, Value> }[] = [
  {
    path: '/api/v1/namespaces/tenant-a/configmaps',
    object: {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name: 'c',
        labels: { a: 'b' },
        annotations: { x: 'y' },
        finalizers: ['x.example.com/f'],
      },
      data: { k: 'v' },
      binaryData: { b: 'AAEC' },
      immutable: false,
    },
  },
  {
    path: '/api/v1/namespaces/tenant-a/secrets',
    object: {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's' },
      type: 'Opaque',
      data: { p: 'cGFzcw==' },
      stringData: { q: 'r' },
    },
  },
  {
    path: '/apis/apps/v1/namespaces/tenant-a/deployments',
    object: {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'd' },
      spec: {
        replicas: 2,
        selector: { matchLabels: { app: 'd' } },
        template: {
          metadata: { labels: { app: 'd' } },
          spec: {
            containers: [
              {
                name: 'c',
                image: 'i',
                ports: [{ containerPort: 80 }],
                env: [{ name: 'A', value: 'b' }],
                resources: { limits: { cpu: '1', memory: '1Gi' } },
              },
            ],
          },
        },
      },
    },
  },
  {
    path: '/api/v1/namespaces/tenant-a/services',
    object: {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'svc' },
      spec: { selector: { app: 'd' }, ports: [{ port: 80, targetPort: 'http' }] },
    },
  },
  {
    path: '/api/v1/namespaces/tenant-a/serviceaccounts/default/token',
    object: {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      metadata: {},
      spec: { audiences: ['x'], expirationSeconds: 3600 },
    },
  },
  {
    path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
    object: {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      metadata: {},
      spec: { resourceAttributes: { verb: 'get', resource: 'pods' } },
    },
  },
  {
    path: '/apis/rbac.authorization.k8s.io/v1/namespaces/tenant-a/rolebindings',
    object: {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: 'rb' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
      subjects: [{ kind: 'User', name: 'x', apiGroup: 'rbac.authorization.k8s.io' }],
    },
  },
];

const others = [
  '/',
  '/api',
  '/apis',
  '/api/v1',
  '/apis/apps/v1',
  '/openapi/v2',
  '/openapi/v3',
  '/openapi/v3/apis/apps/v1',
  '/version',
  '/healthz',
  '/readyz',
  '/livez/ping',
  '/metrics',
  '/logs',
  '/api/v1/nodes',
  '/api/v1/namespaces',
  '/api/v1/namespaces/tenant-a',
  '/api/v1/namespaces/tenant-a/finalize',
  '/api/v1/namespaces/tenant-b/secrets',
  '/api/v1/namespaces/tenant-b/secrets/canary',
  '/api/v1/secrets',
  '/api/v1/configmaps?watch=1',
  '/api/v1/namespaces/tenant-a/pods/p/log',
  '/api/v1/namespaces/tenant-a/pods/p/exec?command=sh',
  '/apis/ubernetes.dev/v1alpha1/clusters',
  '/apis/ubernetes.dev/v1alpha1/namespaces/tenant-b/distributions',
  '/apis/records.ubernetes.dev/v1alpha1/decisions',
  '/apis/apiregistration.k8s.io/v1/apiservices',
  '/apis/apps/v1/namespaces/tenant-a/deployments/d/scale',
  '/apis/apps/v1/namespaces/tenant-a/deployments/d/status',
  '/clusters/eu-west/api/v1/secrets',
];

const options = [
  'watch',
  'limit',
  'continue',
  'resourceVersion',
  'resourceVersionMatch',
  'labelSelector',
  'fieldSelector',
  'timeoutSeconds',
  'sendInitialEvents',
  'allowWatchBookmarks',
  'dryRun',
  'fieldManager',
  'fieldValidation',
  'force',
  'pretty',
  'propagationPolicy',
  'gracePeriodSeconds',
  'orphanDependents',
  'includeObject',
  'verbose',
  'exclude',
  'timeout',
];
const optionValues = [
  'true',
  'false',
  '1',
  '0',
  '500',
  'Exact',
  'NotOlderThan',
  'Strict',
  'Warn',
  'Ignore',
  'All',
  'Background',
  'Foreground',
  'Orphan',
  'metadata.name=c',
  'a=b',
  'Metadata',
  'None',
  'eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiJhIn0',
];

const usual = ['GET', 'GET', 'POST', 'POST', 'PUT', 'PATCH', 'PATCH', 'PATCH', 'DELETE'];
const unusual = ['HEAD', 'OPTIONS', 'TRACE', 'WHAT'];

export function fuzzRequest(dice: Dice): FuzzRequest {
  const { path, object } = dice.pick(objects);
  const method = dice.pick(dice.chance(0.95) ? usual : unusual);
  const collection = dice.chance(0.75) ? path : dice.pick(others);
  const named = method !== 'POST' && dice.chance(0.8);
  const own = (object['metadata'] as { name?: string }).name ?? 'x';
  const name = dice.chance(0.8) ? own : dice.pick(texts);
  let target = named
    ? `${collection}/${dice.chance(0.5) ? encodeURIComponent(safe(name)) : safe(name)}`
    : collection;
  if (dice.chance(0.1))
    target += `/${dice.pick(['status', 'scale', 'token', 'finalize', 'x', 'proxy/a/b', 'log'])}`;
  if (dice.chance(0.08)) target = broken(dice, target);
  const headers: Record<string, string> = { 'user-agent': 'fuzz/1' };
  if (dice.chance(0.3)) headers['accept'] = accept(dice);
  if (dice.chance(0.05))
    headers[
      dice.pick([
        'impersonate-user',
        'impersonate-group',
        'audit-id',
        'content-length',
        'if-none-match',
        'authorization',
        'content-encoding',
      ])
    ] = printable(dice.pick(texts));
  const body =
    method === 'GET' || method === 'HEAD' ? undefined : bodyOf(dice, { method, object, headers });
  return { method, path: withQuery(dice, target), headers, body };
}

function safe(text: string): string {
  return text.replace(/[\ud800-\udfff]/g, '?');
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?');
}

function broken(dice: Dice, path: string): string {
  const at = below(dice, path.length);
  return dice.pick([
    () => `/${path}`,
    () => path.replaceAll('/', '//'),
    () => path.replace('/api', '/api/../api'),
    () =>
      path.slice(0, at) +
      dice.pick(['%2e%2e', '%2F', '%', '%zz', '%c0%af', '/..', '/./', ';', '#', '\\', '?']) +
      path.slice(at),
    () => `${path}/${'x/'.repeat(200)}`,
    () => `${path}/${'y'.repeat(5000)}`,
    () => path.toUpperCase(),
  ])();
}

function withQuery(dice: Dice, path: string): string {
  if (dice.chance(0.5)) return path;
  const count = 1 + below(dice, 3);
  const pairs = Array.from({ length: count }, () => {
    const value = dice.chance(0.7) ? dice.pick(optionValues) : dice.pick(texts);
    return `${dice.pick(options)}=${dice.chance(0.9) ? encodeURIComponent(safe(value)) : printable(value)}`;
  });
  return `${path}${path.includes('?') ? '&' : '?'}${pairs.join('&')}`;
}

function accept(dice: Dice): string {
  return dice.pick([
    json,
    yaml,
    protobuf,
    '*/*',
    'text/html',
    '',
    ';;;',
    'application/json;as=Table;v=v1;g=meta.k8s.io',
    'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io',
    'application/json;as=Table;v=v9;g=meta.k8s.io,application/json',
    'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io',
    `${protobuf},${json};q=0.1`,
    'x'.repeat(2000),
  ]);
}

interface Wanted {
  readonly method: string;
  readonly object: Record<string, Value>;
  readonly headers: Record<string, string>;
}

function bodyOf(dice: Dice, { method, object, headers }: Wanted): Buffer | undefined {
  if (dice.chance(0.05)) return undefined;
  let value: Value = structuredClone(object);
  const changes = dice.pick([0, 0, 1, 1, 2, 5]);
  for (let i = 0; i < changes; i++) value = changed(dice, value);
  let type: string;
  if (method === 'PATCH') {
    type = dice.pick(patchTypes);
    if (type === patchTypes[0]) value = operations(dice);
  } else if (method === 'DELETE') {
    type = json;
    value = changed(dice, {
      kind: 'DeleteOptions',
      apiVersion: 'v1',
      preconditions: { uid: 'x' },
      propagationPolicy: 'Background',
    });
  } else type = dice.pick([json, json, yaml, protobuf]);
  let bytes = encoded(type, value);
  if (dice.chance(0.2)) bytes = damaged(dice, bytes);
  headers['content-type'] = dice.chance(0.95)
    ? type
    : dice.pick([json, yaml, protobuf, 'text/plain', '', ...patchTypes]);
  return bytes;
}

function encoded(type: string, value: Value): Buffer {
  try {
    if (type === protobuf) return encodeProtobuf(value as never);
    if (type === yaml) return Buffer.from(stringifyYaml(value));
  } catch {
    // What has no such form is sent as JSON under that name.
  }
  try {
    return Buffer.from(JSON.stringify(value));
  } catch {
    // Deeper than can be written here, but not than can be sent.
    return Buffer.from(`${'{"a":['.repeat(20_000)}${']}'.repeat(20_000)}`);
  }
}

function operations(dice: Dice): Value {
  const pointers = [
    '',
    '/',
    '/data',
    '/data/k',
    '/metadata',
    '/metadata/labels',
    '/metadata/name',
    '/metadata/uid',
    '/spec/replicas',
    '/spec/template/spec/containers/0',
    '/spec/template/spec/containers/-',
    '/a/b/c',
    '/metadata/resourceVersion',
    '/__proto__/x',
    '~',
    '/~2',
    '/data/~01',
  ];
  return Array.from({ length: 1 + below(dice, 4) }, () => ({
    op: dice.pick(['add', 'remove', 'replace', 'move', 'copy', 'test', 'what', '']),
    path: dice.pick(pointers),
    from: dice.pick(pointers),
    value: dice.pick(values),
  }));
}

/** One place in the value is taken away, replaced, doubled or grown. */
function changed(dice: Dice, value: Value): Value {
  if (value === null || typeof value !== 'object' || dice.chance(0.15)) return dice.pick(values);
  if (Array.isArray(value)) {
    if (value.length === 0) return [dice.pick(values)];
    const at = below(dice, value.length);
    if (dice.chance(0.2)) return [...value, ...value];
    return value.map((each, index) => (index === at ? changed(dice, each) : each));
  }
  const keys = Object.keys(value);
  const key = keys.length === 0 || dice.chance(0.1) ? dice.pick(texts) : dice.pick(keys);
  if (dice.chance(0.15))
    return Object.fromEntries(Object.entries(value).filter(([each]) => each !== key));
  if (dice.chance(0.03)) return deep(dice.pick([50, 500, 5000]));
  return { ...value, [key]: changed(dice, value[key] ?? null) };
}

function deep(levels: number): Value {
  let value: Value = {};
  for (let i = 0; i < levels; i++) value = i % 2 === 0 ? { a: value } : [value];
  return value;
}

export function damaged(dice: Dice, bytes: Buffer): Buffer {
  if (bytes.length === 0) return bytes;
  const copy = Buffer.from(bytes);
  switch (below(dice, 5)) {
    case 0:
      return copy.subarray(0, below(dice, copy.length));
    case 1:
      for (let i = 0; i < 1 + below(dice, 4); i++)
        copy[below(dice, copy.length)] = below(dice, 256);
      return copy;
    case 2: {
      const at = below(dice, copy.length);
      return Buffer.concat([
        copy.subarray(0, at),
        copy.subarray(0, below(dice, copy.length)),
        copy.subarray(at),
      ]);
    }
    case 3:
      return Buffer.concat([copy, copy]);
    default:
      return Buffer.concat([
        Buffer.from(dice.pick(['\ufeff', ' ', '[', '{"a":', '---\n', '\0', 'k8s\0'])),
        copy,
      ]);
  }
}

function below(dice: Dice, limit: number): number {
  return limit <= 1 ? 0 : dice.between(0, limit - 1);
}
