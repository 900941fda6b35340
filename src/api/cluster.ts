/** Cluster: one joined member, how to reach it and how it is. */
import { isObject, type JsonObject, type KubeObject, objectAt, valueAt } from '../kube/object.ts';
import type { ResourceType } from '../kube/resource.ts';
import type { StatusCause } from '../kube/status.ts';
import type { Column, Kind } from './kind.ts';

export interface ClusterTaint {
  key: string;
  value?: string;
  effect: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';
}

export interface ClusterSpec {
  server: string;
  /** Base64 of PEM. */
  caBundle?: string;
  insecureSkipTLSVerify?: boolean;
  proxyURL?: string;
  tlsServerName?: string;
  /** A Secret in `ubernetes-system` with `token`, or `tls.crt` and `tls.key`. */
  credentialsRef?: { name: string };
  region?: string;
  zone?: string;
  provider?: string;
  taints?: ClusterTaint[];
  unschedulable?: boolean;
}

export type ClusterConditionType = 'Reachable' | 'Ready' | 'CredentialsValid' | 'Writable';

export interface ClusterCondition {
  type: ClusterConditionType;
  status: 'True' | 'False' | 'Unknown';
  reason: string;
  message: string;
  /** RFC 3339. */
  lastTransitionTime: string;
}

/** Resource name → Kubernetes quantity. */
export type Quantities = Record<string, string>;

export interface ClusterStatus {
  conditions?: ClusterCondition[];
  /** Of the member's namespace kube-system. */
  uid?: string;
  version?: string;
  region?: string;
  zones?: string[];
  provider?: string;
  nodes?: number;
  capacity?: Quantities;
  allocatable?: Quantities;
  requested?: Quantities;
  /** RFC 3339: when capacity and nodes were last seen to change. */
  observedAt?: string;
}

export interface Cluster extends KubeObject {
  spec: ClusterSpec;
  status?: ClusterStatus;
}

/** Where the federation keeps what it needs itself, and its own things in members. */
export const systemNamespace = 'ubernetes-system';

export const clusterType: ResourceType = {
  group: 'ubernetes.dev',
  version: 'v1alpha1',
  kind: 'Cluster',
  resource: 'clusters',
  singular: 'cluster',
  listKind: 'ClusterList',
  namespaced: false,
  verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
  shortNames: ['cl'],
  categories: [],
  subresources: [
    {
      name: 'status',
      group: 'ubernetes.dev',
      version: 'v1alpha1',
      kind: 'Cluster',
      verbs: ['get', 'patch', 'update'],
    },
  ],
};

function text(description: string): JsonObject {
  return { type: 'string', description };
}

function flag(description: string): JsonObject {
  return { type: 'boolean', description };
}

function quantities(description: string): JsonObject {
  return {
    type: 'object',
    description,
    additionalProperties: {
      anyOf: [{ type: 'integer' }, { type: 'string' }],
      'x-kubernetes-int-or-string': true,
    },
  };
}

const taintSchema: JsonObject = {
  type: 'object',
  description: 'Keeps objects away whose placement does not tolerate it.',
  required: ['key', 'effect'],
  properties: {
    key: text('The taint key.'),
    value: text('The taint value.'),
    effect: {
      type: 'string',
      enum: ['NoSchedule', 'PreferNoSchedule', 'NoExecute'],
      description:
        'NoSchedule: nothing new comes here. PreferNoSchedule: other clusters come first. NoExecute: what is here leaves.',
    },
  },
};

const specSchema: JsonObject = {
  type: 'object',
  description: 'How to reach the cluster and what is to be placed there.',
  required: ['server'],
  properties: {
    server: text('Address of the API server, such as https://host:6443.'),
    caBundle: {
      type: 'string',
      format: 'byte',
      description: 'PEM certificates of the authorities that its certificate may come from.',
    },
    insecureSkipTLSVerify: flag('Accept any certificate. Excludes caBundle.'),
    proxyURL: text('An http:// or https:// proxy that takes CONNECT.'),
    tlsServerName: text('Name to expect in its certificate, instead of the host in server.'),
    credentialsRef: {
      type: 'object',
      description:
        'The Secret in namespace ubernetes-system with `token`, or with `tls.crt` and `tls.key`.',
      required: ['name'],
      properties: { name: text('Name of the Secret.') },
    },
    region: text('Where it stands. Learnt from node labels when absent.'),
    zone: text('Where it stands within its region. Learnt from node labels when absent.'),
    provider: text('Who runs it. Learnt from nodes when absent.'),
    taints: {
      type: 'array',
      description: 'Keep away what does not tolerate them.',
      items: taintSchema,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['key', 'effect'],
    },
    unschedulable: flag('Nothing new is placed here; what is here stays.'),
  },
};

const conditionSchema: JsonObject = {
  type: 'object',
  description: 'One aspect of how the cluster is.',
  required: ['type', 'status'],
  properties: {
    type: text('Reachable, Ready, CredentialsValid or Writable.'),
    status: {
      type: 'string',
      enum: ['True', 'False', 'Unknown'],
      description: 'Whether it holds.',
    },
    reason: text('Why, in one word for programs.'),
    message: text('Why, in words for people.'),
    lastTransitionTime: {
      type: 'string',
      format: 'date-time',
      description: 'When the status last changed.',
    },
  },
};

const statusSchema: JsonObject = {
  type: 'object',
  description: 'What the federation sees of the cluster.',
  properties: {
    conditions: {
      type: 'array',
      description:
        'Reachable: it answers at all. Ready: its API server says so. CredentialsValid: it accepts ours. ' +
        'Writable: we are its one writer, it is the cluster that joined, and our store is not behind it.',
      items: conditionSchema,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['type'],
    },
    uid: text(
      'uid of its namespace kube-system: the identity of the cluster. If it changes, writing stops.',
    ),
    version: text('Kubernetes version of its API server.'),
    region: text('From spec, or learnt from node labels.'),
    zones: {
      type: 'array',
      items: { type: 'string' },
      description: 'From spec, or learnt from node labels.',
    },
    provider: text('From spec, or learnt from the nodes.'),
    nodes: { type: 'integer', format: 'int32', description: 'How many nodes it has.' },
    capacity: quantities('Sum over its nodes.'),
    allocatable: quantities('Sum over its nodes that are ready and schedulable.'),
    requested: quantities('Sum of the requests of pods that hold a place on a node.'),
    observedAt: {
      type: 'string',
      format: 'date-time',
      description: 'When nodes and capacity were last seen to change.',
    },
  },
};

const schema: JsonObject = {
  type: 'object',
  description: 'A Kubernetes cluster that belongs to the federation.',
  required: ['spec'],
  properties: {
    apiVersion: text('Version of the schema of this object.'),
    kind: text('Cluster.'),
    metadata: { type: 'object', description: 'Standard object metadata.' },
    spec: specSchema,
    status: statusSchema,
  },
};

function condition(type: ClusterConditionType): string {
  return `.status.conditions[?(@.type=="${type}")].status`;
}

const columns: readonly Column[] = [
  {
    name: 'Ready',
    type: 'string',
    priority: 0,
    jsonPath: condition('Ready'),
    description: 'Whether its API server is ready.',
  },
  {
    name: 'Version',
    type: 'string',
    priority: 0,
    jsonPath: '.status.version',
    description: 'Kubernetes version of its API server.',
  },
  {
    name: 'Region',
    type: 'string',
    priority: 0,
    jsonPath: '.status.region',
    description: 'Where it stands.',
  },
  {
    name: 'Zone',
    type: 'string',
    priority: 0,
    jsonPath: '.status.zones[*]',
    description: 'The zones of its nodes.',
  },
  {
    name: 'Nodes',
    type: 'integer',
    priority: 0,
    jsonPath: '.status.nodes',
    description: 'How many nodes it has.',
  },
  {
    name: 'Age',
    type: 'date',
    priority: 0,
    jsonPath: '.metadata.creationTimestamp',
    description: 'Time since it joined.',
  },
  {
    name: 'Writable',
    type: 'string',
    priority: 1,
    jsonPath: condition('Writable'),
    description: 'Whether this federation writes there.',
  },
  {
    name: 'Provider',
    type: 'string',
    priority: 1,
    jsonPath: '.status.provider',
    description: 'Who runs it.',
  },
  {
    name: 'Server',
    type: 'string',
    priority: 1,
    jsonPath: '.spec.server',
    description: 'Address of its API server.',
  },
];

export const clusterKind: Kind = { type: clusterType, schema, columns, validate };

const dnsLabel = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const dnsSubdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const labelName = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const labelPrefix = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;

/** What is wrong with the name of a Cluster, or undefined. */
export function clusterNameProblem(name: string): string | undefined {
  if (name.length <= 63 && dnsLabel.test(name)) return undefined;
  return (
    'a lowercase RFC 1123 label must consist of lower case alphanumeric characters or "-", ' +
    "must start and end with an alphanumeric character and have at most 63 characters (e.g. 'eu-west')"
  );
}

function validate(object: KubeObject): StatusCause[] {
  const causes: StatusCause[] = [];
  const name = object.metadata.name ?? '';
  const nameProblem = clusterNameProblem(name);
  if (nameProblem !== undefined) causes.push(wrong('metadata.name', name, nameProblem));
  const spec = objectAt(object, 'spec');
  if (spec === undefined) {
    causes.push({ reason: 'FieldValueRequired', field: 'spec', message: 'Required value' });
    return causes;
  }
  checkConnection(spec, causes);
  for (const field of ['region', 'zone', 'provider']) {
    const value = spec[field];
    if (typeof value === 'string' && value !== '' && !isLabelValue(value)) {
      causes.push(wrong(`spec.${field}`, value, 'must be a valid label value'));
    }
  }
  checkTaints(spec['taints'], causes);
  return causes;
}

function checkConnection(spec: JsonObject, causes: StatusCause[]): void {
  const { server, caBundle, proxyURL, tlsServerName } = spec;
  if (typeof server !== 'string' || server === '') {
    causes.push({ reason: 'FieldValueRequired', field: 'spec.server', message: 'Required value' });
  } else if (!isServer(server)) {
    const why = 'must be an https:// address of an API server without user, query or fragment';
    causes.push(wrong('spec.server', server, why));
  }
  if (typeof caBundle === 'string' && caBundle !== '') {
    const pem = Buffer.from(caBundle, 'base64').toString('latin1');
    if (!pem.includes('-----BEGIN CERTIFICATE-----')) {
      causes.push(wrong('spec.caBundle', '…', 'must hold certificates in PEM'));
    }
    if (spec['insecureSkipTLSVerify'] === true) {
      const why = 'may not be set together with insecureSkipTLSVerify';
      causes.push(wrong('spec.caBundle', '…', why));
    }
  }
  if (typeof proxyURL === 'string' && proxyURL !== '' && !isUrl(proxyURL, ['http:', 'https:'])) {
    causes.push(wrong('spec.proxyURL', proxyURL, 'must be an http:// or https:// address'));
  }
  if (typeof tlsServerName === 'string' && tlsServerName !== '' && !isSubdomain(tlsServerName)) {
    causes.push(wrong('spec.tlsServerName', tlsServerName, 'must be a DNS name'));
  }
  const reference = valueAt(spec, 'credentialsRef', 'name');
  if (
    spec['credentialsRef'] !== undefined &&
    !(typeof reference === 'string' && isSubdomain(reference))
  ) {
    const why = 'must be the name of a Secret';
    causes.push(wrong('spec.credentialsRef.name', String(reference ?? ''), why));
  }
}

function checkTaints(taints: unknown, causes: StatusCause[]): void {
  if (!Array.isArray(taints)) return;
  const seen = new Set<string>();
  for (const [i, taint] of taints.entries()) {
    if (!isObject(taint)) continue;
    const field = `spec.taints[${i}]`;
    const key = String(taint['key'] ?? '');
    if (!isLabelKey(key)) causes.push(wrong(`${field}.key`, key, 'must be a valid label key'));
    const value = taint['value'];
    if (typeof value === 'string' && value !== '' && !isLabelValue(value)) {
      causes.push(wrong(`${field}.value`, value, 'must be a valid label value'));
    }
    const identity = `${key}:${String(taint['effect'])}`;
    if (seen.has(identity)) {
      const message = `Duplicate value: ${JSON.stringify(identity)}`;
      causes.push({ reason: 'FieldValueDuplicate', field, message });
    }
    seen.add(identity);
  }
}

function wrong(field: string, value: string, why: string): StatusCause {
  const message = `Invalid value: ${JSON.stringify(value)}: ${why}`;
  return { reason: 'FieldValueInvalid', field, message };
}

function isUrl(value: string, protocols: readonly string[]): boolean {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  return url !== undefined && protocols.includes(url.protocol) && url.hostname !== '';
}

function isServer(value: string): boolean {
  if (!isUrl(value, ['https:', 'http:'])) return false;
  const { username, password, search, hash } = new URL(value);
  return username === '' && password === '' && search === '' && hash === '';
}

function isSubdomain(value: string): boolean {
  return value.length <= 253 && dnsSubdomain.test(value);
}

function isLabelValue(value: string): boolean {
  return value.length <= 63 && labelName.test(value);
}

function isLabelKey(value: string): boolean {
  const slash = value.indexOf('/');
  if (slash < 0) return isLabelValue(value);
  const prefix = value.slice(0, slash);
  return prefix.length <= 253 && labelPrefix.test(prefix) && isLabelValue(value.slice(slash + 1));
}
