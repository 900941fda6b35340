/**
 * The Table cells of nodes, namespaces, events, access rights and whatever else configures a
 * cluster.
 */
import { isObject, type Json, type KubeObject, valueAt } from '../../kube/object.ts';
import {
  age,
  condition,
  flag,
  has,
  humanDuration,
  integer,
  list,
  map,
  nameOf,
  none,
  type Printer,
  selectorText,
  since,
  text,
  unset,
} from './format.ts';

export const printNamespace: Printer = (object, now) => [
  nameOf(object),
  text(object, 'status', 'phase') || 'Active',
  age(object, now),
];

export const printConfigMap: Printer = (object, now) => [
  nameOf(object),
  Object.keys(map(object, 'data')).length + Object.keys(map(object, 'binaryData')).length,
  age(object, now),
];

export const printSecret: Printer = (object, now) => [
  nameOf(object),
  text(object, 'type') || 'Opaque',
  Object.keys(map(object, 'data')).length,
  age(object, now),
];

export const printNameAndAge: Printer = (object, now) => [nameOf(object), age(object, now)];

export const printNameAndCreation: Printer = (object) => [
  nameOf(object),
  object.metadata.creationTimestamp ?? null,
];

export const printNode: Printer = (object, now) => {
  const ready = condition(list(object, 'status', 'conditions'), 'Ready');
  const status = [
    ready === undefined ? 'Unknown' : text(ready, 'status') === 'True' ? 'Ready' : 'NotReady',
    ...(flag(object, 'spec', 'unschedulable') ? ['SchedulingDisabled'] : []),
  ];
  const info = map(object, 'status', 'nodeInfo');
  const architecture = text(info, 'architecture');
  const kernel = text(info, 'kernelVersion') || '<unknown>';
  return [
    nameOf(object),
    status.join(','),
    nodeRoles(object).join(',') || none,
    age(object, now),
    text(info, 'kubeletVersion'),
    nodeAddress(object, 'InternalIP'),
    nodeAddress(object, 'ExternalIP'),
    text(info, 'osImage') || '<unknown>',
    architecture === '' ? kernel : `${kernel} (${architecture})`,
    text(info, 'containerRuntimeVersion') || '<unknown>',
  ];
};

function nodeRoles(node: KubeObject): string[] {
  const roles = new Set<string>();
  for (const [key, value] of Object.entries(node.metadata.labels ?? {})) {
    const role = key.startsWith('node-role.kubernetes.io/')
      ? key.slice('node-role.kubernetes.io/'.length)
      : key === 'kubernetes.io/role'
        ? value
        : '';
    if (role !== '') roles.add(role);
  }
  return [...roles].sort();
}

function nodeAddress(node: KubeObject, type: string): string {
  const address = list(node, 'status', 'addresses').find((each) => text(each, 'type') === type);
  return address === undefined ? none : text(address, 'address');
}

/** Both forms of Event: v1 names the object `involvedObject`, events.k8s.io `regarding`. */
export const printEvent: Printer = (object, now) => {
  const about = map(object, has(object, 'regarding') ? 'regarding' : 'involvedObject');
  const first =
    text(object, 'firstTimestamp') ||
    text(object, 'deprecatedFirstTimestamp') ||
    text(object, 'eventTime');
  const last = text(object, 'lastTimestamp') || text(object, 'deprecatedLastTimestamp') || first;
  const series = valueAt(object, 'series') ?? undefined;
  const count = integer(object, ['count'], Number(integer(object, ['deprecatedCount'])));
  const kind = text(about, 'kind').toLowerCase();
  const name = text(about, 'name');
  return [
    since(series === undefined ? last : text(series, 'lastObservedTime'), now),
    text(object, 'type'),
    text(object, 'reason'),
    name === '' ? kind : `${kind}/${name}`,
    text(about, 'fieldPath'),
    eventSource(object),
    (text(object, 'message') || text(object, 'note')).trim(),
    since(first, now),
    series === undefined ? count || 1 : integer(series, ['count']),
    nameOf(object),
  ];
};

function eventSource(event: KubeObject): string {
  const source = map(event, has(event, 'deprecatedSource') ? 'deprecatedSource' : 'source');
  const component =
    text(source, 'component') ||
    text(event, 'reportingComponent') ||
    text(event, 'reportingController');
  const instance = text(source, 'host') || text(event, 'reportingInstance');
  return instance === '' ? component : `${component}, ${instance}`;
}

export const printLease: Printer = (object, now) => [
  nameOf(object),
  text(object, 'spec', 'holderIdentity'),
  age(object, now),
];

export const printLeaseCandidate: Printer = (object, now) => [
  nameOf(object),
  text(object, 'spec', 'leaseName'),
  text(object, 'spec', 'binaryVersion'),
  text(object, 'spec', 'emulationVersion'),
  age(object, now),
];

export const printBinding: Printer = (object, now) => [
  nameOf(object),
  `${text(object, 'roleRef', 'kind')}/${text(object, 'roleRef', 'name')}`,
  age(object, now),
  subjects(object, 'User'),
  subjects(object, 'Group'),
  subjects(object, 'ServiceAccount'),
];

function subjects(object: KubeObject, kind: string): string {
  return list(object, 'subjects')
    .filter((subject) => text(subject, 'kind') === kind)
    .map((subject) => {
      const name = text(subject, 'name');
      return kind === 'ServiceAccount' ? `${text(subject, 'namespace')}/${name}` : name;
    })
    .join(', ');
}

export const printSigningRequest: Printer = (object, now) => [
  nameOf(object),
  age(object, now),
  text(object, 'spec', 'signerName') || none,
  text(object, 'spec', 'username'),
  has(object, 'spec', 'expirationSeconds')
    ? humanDuration(Number(integer(object, ['spec', 'expirationSeconds'])) * 1000)
    : none,
  signingStatus(object),
];

function signingStatus(request: KubeObject): string {
  const types = list(request, 'status', 'conditions').map((each) => text(each, 'type'));
  const decided = types.includes('Denied')
    ? 'Denied'
    : types.includes('Approved')
      ? 'Approved'
      : 'Pending';
  const failed = types.includes('Failed') ? ',Failed' : '';
  const issued = text(request, 'status', 'certificate') === '' ? '' : ',Issued';
  return `${decided}${failed}${issued}`;
}

export const printTrustBundle: Printer = (object) => [
  nameOf(object),
  text(object, 'spec', 'signerName') || none,
];

export const printComponentStatus: Printer = (object) => {
  const healthy = condition(list(object, 'conditions'), 'Healthy');
  if (healthy === undefined) return [nameOf(object), 'Unknown', '', ''];
  const status = text(healthy, 'status') === 'True' ? 'Healthy' : 'Unhealthy';
  return [nameOf(object), status, text(healthy, 'message'), text(healthy, 'error')];
};

export const printWebhooks: Printer = (object, now) => [
  nameOf(object),
  list(object, 'webhooks').length,
  age(object, now),
];

const admissionPolicy =
  (rules: 'validations' | 'mutations'): Printer =>
  (object, now) => {
    const param = valueAt(object, 'spec', 'paramKind') ?? undefined;
    return [
      nameOf(object),
      list(object, 'spec', rules).length,
      param === undefined ? unset : `${text(param, 'apiVersion')}/${text(param, 'kind')}`,
      age(object, now),
    ];
  };

export const printValidatingPolicy: Printer = admissionPolicy('validations');
export const printMutatingPolicy: Printer = admissionPolicy('mutations');

export const printPolicyBinding: Printer = (object, now) => [
  nameOf(object),
  text(object, 'spec', 'policyName'),
  paramText(valueAt(object, 'spec', 'paramRef')),
  age(object, now),
];

function paramText(param: Json | undefined): string {
  if (!isObject(param)) return unset;
  const name = text(param, 'name');
  if (name !== '') return `${text(param, 'namespace') || '*'}/${name}`;
  return has(param, 'selector') ? selectorText(param.selector) : unset;
}

export const printFlowSchema: Printer = (object, now) => {
  const dangling = condition(list(object, 'status', 'conditions'), 'Dangling');
  return [
    nameOf(object),
    text(object, 'spec', 'priorityLevelConfiguration', 'name'),
    integer(object, ['spec', 'matchingPrecedence'], 1000),
    text(object, 'spec', 'distinguisherMethod', 'type') || none,
    age(object, now),
    dangling === undefined ? '?' : text(dangling, 'status'),
  ];
};

export const printPriorityLevel: Printer = (object, now) => {
  const limited = valueAt(object, 'spec', 'limited') ?? undefined;
  const queuing = valueAt(limited, 'limitResponse', 'queuing') ?? undefined;
  return [
    nameOf(object),
    text(object, 'spec', 'type'),
    limited === undefined ? none : integer(limited, ['nominalConcurrencyShares'], 30),
    queuing === undefined ? none : integer(queuing, ['queues'], 64),
    queuing === undefined ? none : integer(queuing, ['handSize'], 8),
    queuing === undefined ? none : integer(queuing, ['queueLengthLimit'], 50),
    age(object, now),
  ];
};

/** kube-aggregator's own columns. */
export const printApiService: Printer = (object, now) => {
  const service = valueAt(object, 'spec', 'service') ?? undefined;
  const available = condition(list(object, 'status', 'conditions'), 'Available');
  const status = text(available, 'status');
  const reason = text(available, 'reason');
  return [
    nameOf(object),
    service === undefined ? 'Local' : `${text(service, 'namespace')}/${text(service, 'name')}`,
    available === undefined ? 'Unknown' : status === 'True' ? status : `${status} (${reason})`,
    age(object, now),
  ];
};
