/**
 * What one object takes of a quota. A template takes what its pods will ask for in all members
 * together: its replicas times its containers' requests. Everything else counts once, however many
 * clusters have a copy.
 */
import { type JsonObject, type KubeObject, objectAt, valueAt } from '../../kube/object.ts';
import { containersOf, isBestEffort, podResources, resourcesOf } from '../../kube/pod-resources.ts';
import { type PodsAsked, podAskingKinds, podsAsked } from '../../kube/pod-template.ts';
import { parseQuantity, type Quantity } from '../../kube/quantity.ts';
import {
  addResources,
  multipliedResources,
  type ResourceList,
  resourceListOf,
} from '../../kube/resource-list.ts';
import { type ContainerDefaults, withContainerDefaults } from './container-defaults.ts';
import { objectsOf } from './field-check.ts';

const claims = 'persistentvolumeclaims';
const byClass = '.storageclass.storage.k8s.io/';

/** Core kinds that are counted under their plain name, too. */
const plainCounts: ReadonlySet<string> = new Set([
  'configmaps',
  claims,
  'replicationcontrollers',
  'resourcequotas',
  'secrets',
  'services',
]);

/** The kinds, as `RESOURCE.GROUP`, whose objects may take of this resource of a quota. */
export function kindsTaking(name: string): readonly string[] {
  if (name === 'count/pods') return podAskingKinds;
  if (name.startsWith('count/')) return [name.slice('count/'.length)];
  if (name.startsWith('services.')) return ['services'];
  if (name === claims || name === 'requests.storage' || name.includes(byClass))
    return [claims, 'statefulsets.apps'];
  if (plainCounts.has(name)) return [name];
  return podAskingKinds;
}

/** Of an object of this kind (`RESOURCE.GROUP`). */
export function usageOf(
  kind: string,
  object: KubeObject,
  defaults: ContainerDefaults,
): Map<string, Quantity> {
  const usage = new Map<string, Quantity>();
  count(usage, `count/${kind}`, 1);
  if (plainCounts.has(kind)) count(usage, kind, 1);
  if (kind === 'services') addService(usage, object);
  if (kind === claims) addClaim(usage, objectAt(object, 'spec'), 1);
  const asked = podsAsked(kind, object);
  if (asked === undefined) return usage;
  if (kind !== 'pods') count(usage, 'count/pods', asked.count);
  addPods(usage, asked, defaults);
  if (kind === 'statefulsets.apps')
    for (const template of objectsOf(valueAt(object, 'spec', 'volumeClaimTemplates'))) {
      count(usage, claims, asked.count);
      addClaim(usage, objectAt(template, 'spec'), asked.count);
    }
  return usage;
}

function count(usage: Map<string, Quantity>, name: string, by: number): void {
  addResources(usage, new Map([[name, parseQuantity(by)]]));
}

function addPods(
  usage: Map<string, Quantity>,
  { count: pods, spec }: PodsAsked,
  defaults: ContainerDefaults,
): void {
  if (pods === 0) return;
  const filled = withContainerDefaults(spec, defaults).spec;
  const each = computeUsage(podResources(filled, 'requests'), podResources(filled, 'limits'));
  addResources(usage, multipliedResources(each, pods));
}

/** The names under which a quota counts what is asked for. */
function computeUsage(requests: ResourceList, limits: ResourceList): Map<string, Quantity> {
  const usage = new Map<string, Quantity>([['pods', parseQuantity(1)]]);
  for (const [name, amount] of requests) {
    const native = name === 'cpu' || name === 'memory' || name === 'ephemeral-storage';
    if (native || name.startsWith('hugepages-')) usage.set(name, amount);
    if (native || name.startsWith('hugepages-') || name.includes('/'))
      usage.set(`requests.${name}`, amount);
  }
  for (const [name, amount] of limits)
    if (name === 'cpu' || name === 'memory' || name === 'ephemeral-storage')
      usage.set(`limits.${name}`, amount);
  return usage;
}

function addService(usage: Map<string, Quantity>, object: KubeObject): void {
  const spec = objectAt(object, 'spec') ?? {};
  const ports = objectsOf(spec['ports']);
  const balanced = spec['type'] === 'LoadBalancer';
  const chosen = balanced && spec['allocateLoadBalancerNodePorts'] === false;
  const open = chosen ? ports.filter(({ nodePort }) => nodePort !== undefined) : ports;
  const exposed = balanced || spec['type'] === 'NodePort';
  count(usage, 'services.nodeports', exposed ? open.length : 0);
  count(usage, 'services.loadbalancers', balanced ? 1 : 0);
}

function addClaim(usage: Map<string, Quantity>, spec: JsonObject | undefined, times: number): void {
  const storage = resourceListOf(valueAt(spec, 'resources', 'requests')).get('storage');
  const storageClass = valueAt(spec, 'storageClassName');
  const prefixes = typeof storageClass === 'string' && storageClass !== '' ? [storageClass] : [];
  for (const prefix of prefixes) count(usage, `${prefix}${byClass}${claims}`, times);
  if (storage === undefined) return;
  const asked = multipliedResources(new Map([['requests.storage', storage]]), times);
  addResources(usage, asked);
  for (const prefix of prefixes)
    addResources(
      usage,
      new Map([[`${prefix}${byClass}requests.storage`, asked.get('requests.storage')!]]),
    );
}

export interface Scope {
  readonly name: string;
  readonly operator: string;
  readonly values: readonly string[];
}

export function scopesOf(quota: KubeObject): Scope[] {
  const scopes = valueAt(quota, 'spec', 'scopes');
  const selected = objectsOf(valueAt(quota, 'spec', 'scopeSelector', 'matchExpressions'));
  return [
    ...(Array.isArray(scopes) ? scopes : []).map((name) => ({
      ...{ name: String(name), operator: 'Exists', values: [] },
    })),
    ...selected.map(({ scopeName, operator, values }) => ({
      name: String(scopeName),
      operator: String(operator),
      values: Array.isArray(values) ? values.map(String) : [],
    })),
  ];
}

/** Whether an object of the kind is in all scopes; only what asks for pods can be in one. */
export function inScopes(scopes: readonly Scope[], kind: string, object: KubeObject): boolean {
  if (scopes.length === 0) return true;
  const spec = podsAsked(kind, object)?.spec;
  return spec !== undefined && scopes.every((scope) => inScope(scope, spec));
}

function inScope({ name, operator, values }: Scope, spec: JsonObject): boolean {
  switch (name) {
    case 'Terminating':
      return isTerminating(spec);
    case 'NotTerminating':
      return !isTerminating(spec);
    case 'BestEffort':
      return isBestEffort(spec);
    case 'NotBestEffort':
      return !isBestEffort(spec);
    case 'CrossNamespacePodAffinity':
      return crossesNamespaces(spec);
    case 'PriorityClass': {
      const priority = String(spec['priorityClassName'] ?? '');
      if (operator === 'In') return values.includes(priority);
      if (operator === 'NotIn') return !values.includes(priority);
      return (priority !== '') === (operator === 'Exists');
    }
    default:
      return false;
  }
}

function isTerminating(spec: JsonObject): boolean {
  return Number(spec['activeDeadlineSeconds'] ?? -1) >= 0;
}

function crossesNamespaces(spec: JsonObject): boolean {
  return ['podAffinity', 'podAntiAffinity'].some((field) => {
    const affinity = objectAt(spec, 'affinity', field);
    const terms = [
      ...objectsOf(affinity?.['requiredDuringSchedulingIgnoredDuringExecution']),
      ...objectsOf(affinity?.['preferredDuringSchedulingIgnoredDuringExecution']).map(
        (weighted) => objectAt(weighted, 'podAffinityTerm') ?? {},
      ),
    ];
    return terms.some(
      ({ namespaces, namespaceSelector }) =>
        (Array.isArray(namespaces) && namespaces.length > 0) || namespaceSelector !== undefined,
    );
  });
}

/** Resources that every container must ask for once a quota counts them. */
const mustBeAsked = [
  ...['cpu', 'limits.cpu', 'limits.memory'],
  ...['memory', 'requests.cpu', 'requests.memory'],
];

/** `must specify limits.cpu for: a,b; memory for: a`; '' when nothing is missing. */
export function missingRequests(
  hard: ResourceList,
  { spec }: PodsAsked,
  defaults: ContainerDefaults,
): string {
  if (spec['resources'] !== undefined) return '';
  const filled = withContainerDefaults(spec, defaults).spec;
  const containers = [
    ...containersOf(filled, 'containers'),
    ...containersOf(filled, 'initContainers'),
  ];
  const texts = mustBeAsked
    .filter((name) => hard.has(name))
    .map((name) => {
      const lacking = containers.filter((one) => !asks(one, name));
      const names = [...new Set(lacking.map((one) => String(one['name'] ?? '')))].sort();
      return names.length === 0 ? '' : `${name} for: ${names.join(',')}`;
    })
    .filter((text) => text !== '');
  return texts.length === 0 ? '' : `must specify ${texts.join('; ')}`;
}

function asks(container: JsonObject, name: string): boolean {
  const usage = computeUsage(resourcesOf(container, 'requests'), resourcesOf(container, 'limits'));
  return usage.has(name);
}
