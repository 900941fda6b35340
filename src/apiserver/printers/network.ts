/** The Table cells of services, their endpoints, ingress and network policies. */
import { type Json, type KubeObject, valueAt } from '../../kube/object.ts';
import {
  age,
  firstOf,
  has,
  integer,
  labels,
  list,
  nameOf,
  none,
  type Printer,
  selector,
  text,
  unset,
} from './format.ts';

export const printService: Printer = (object, now) => [
  nameOf(object),
  text(object, 'spec', 'type') || 'ClusterIP',
  String(list(object, 'spec', 'clusterIPs')[0] ?? (text(object, 'spec', 'clusterIP') || none)),
  externalAddress(object),
  list(object, 'spec', 'ports').map(portText).join(',') || none,
  age(object, now),
  labels(valueAt(object, 'spec', 'selector')),
];

function portText(port: Json): string {
  const node = integer(port, ['nodePort']);
  const number = integer(port, ['port']);
  const protocol = text(port, 'protocol') || 'TCP';
  return Number(node) > 0 ? `${number}:${node}/${protocol}` : `${number}/${protocol}`;
}

function externalAddress(service: KubeObject): string {
  const external = list(service, 'spec', 'externalIPs').map(String);
  switch (text(service, 'spec', 'type') || 'ClusterIP') {
    case 'ClusterIP':
    case 'NodePort':
      return external.join(',') || none;
    case 'LoadBalancer': {
      const balancer = balancerAddress(service);
      return [...(balancer === '' ? [] : [balancer]), ...external].join(',') || '<pending>';
    }
    case 'ExternalName':
      return text(service, 'spec', 'externalName');
    default:
      return '<unknown>';
  }
}

function balancerAddress(object: KubeObject): string {
  const addresses = list(object, 'status', 'loadBalancer', 'ingress').map(
    (entry) => text(entry, 'ip') || text(entry, 'hostname'),
  );
  return [...new Set(addresses.filter((address) => address !== ''))].sort().join(',');
}

export const printIngress: Printer = (object, now) => [
  nameOf(object),
  has(object, 'spec', 'ingressClassName') ? text(object, 'spec', 'ingressClassName') : none,
  ingressHosts(list(object, 'spec', 'rules')),
  balancerAddress(object),
  list(object, 'spec', 'tls').length > 0 ? '80, 443' : '80',
  age(object, now),
];

/**
 * Counted as kube-apiserver counts: rules without a host make the list longer than what it shows.
 */
function ingressHosts(rules: readonly Json[]): string {
  const hosts: string[] = [];
  let more = false;
  for (const rule of rules) {
    if (hosts.length === 3) more = true;
    const host = text(rule, 'host');
    if (!more && host !== '') hosts.push(host);
  }
  if (hosts.length === 0) return '*';
  return more ? `${hosts.join(',')} + ${rules.length - 3} more...` : hosts.join(',');
}

export const printIngressClass: Printer = (object, now) => {
  const isDefault =
    object.metadata.annotations?.['ingressclass.kubernetes.io/is-default-class'] === 'true';
  const parameters = valueAt(object, 'spec', 'parameters') ?? undefined;
  const group = has(parameters, 'apiGroup') ? `.${text(parameters, 'apiGroup')}` : '';
  return [
    isDefault ? `${nameOf(object)} (default)` : nameOf(object),
    text(object, 'spec', 'controller'),
    parameters === undefined
      ? none
      : `${text(parameters, 'kind')}${group}/${text(parameters, 'name')}`,
    age(object, now),
  ];
};

export const printNetworkPolicy: Printer = (object, now) => [
  nameOf(object),
  selector(valueAt(object, 'spec', 'podSelector') ?? {}),
  age(object, now),
];

export const printEndpoints: Printer = (object, now) => {
  const subsets = list(object, 'subsets');
  const addresses = subsets.flatMap((subset) => {
    const ips = list(subset, 'addresses').map((address) => text(address, 'ip'));
    const ports = list(subset, 'ports');
    if (ports.length === 0) return ips;
    return ports.flatMap((port) => ips.map((ip) => hostPort(ip, integer(port, ['port']))));
  });
  const shown = subsets.length === 0 ? none : firstOf(addresses, 3, '');
  return [nameOf(object), shown, age(object, now)];
};

function hostPort(host: string, port: number | bigint): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

export const printEndpointSlice: Printer = (object, now) => [
  nameOf(object),
  text(object, 'addressType'),
  firstOf(list(object, 'ports').map(slicePort), 3, unset),
  firstOf(
    list(object, 'endpoints').flatMap((endpoint) => list(endpoint, 'addresses').map(String)),
    3,
    unset,
  ),
  age(object, now),
];

function slicePort(port: Json): string {
  return has(port, 'port') ? String(integer(port, ['port'])) : text(port, 'name');
}

export const printServiceCidr: Printer = (object, now) => [
  nameOf(object),
  list(object, 'spec', 'cidrs').join(','),
  age(object, now),
];

export const printIpAddress: Printer = (object, now) => {
  const parent = valueAt(object, 'spec', 'parentRef') ?? undefined;
  return [nameOf(object), parent === undefined ? none : parentText(parent), age(object, now)];
};

function parentText(parent: Json): string {
  const group = text(parent, 'group');
  const resource = text(parent, 'resource');
  const namespace = text(parent, 'namespace');
  const qualified = (group === '' ? resource : `${resource}.${group}`).toLowerCase();
  return [qualified, ...(namespace === '' ? [] : [namespace]), text(parent, 'name')].join('/');
}
