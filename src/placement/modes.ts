/**
 * How each kind spreads when nobody says anything: divided, copied, in one cluster, or not at all.
 * Data first, then exceptions.
 */
import { isObject, type KubeObject, valueAt } from '../kube/object.ts';
import { groupResource } from '../kube/resource.ts';
import type { Mode } from './rules.ts';

/** What is needed of a type; a ResourceType of the catalog is one. */
export interface ModeType {
  readonly group: string;
  readonly resource: string;
  readonly namespaced: boolean;
  readonly subresources: readonly { readonly name: string }[];
}

export interface ModeAnswer {
  readonly mode: Mode;
  /** For people: 'Deployments are divided', 'uses the claim data' … */
  readonly why: string;
  /** The object owns data in its cluster (One only): it never moves by itself. */
  readonly holdsData?: true;
  /** The author must hold these rights in members: checked before the copy is made. */
  readonly grants?: true;
}

/** Groups whose kinds come with Kubernetes; all others are custom. */
const builtInGroups: ReadonlySet<string> = new Set([
  '',
  'admissionregistration.k8s.io',
  'apiextensions.k8s.io',
  'apiregistration.k8s.io',
  'apps',
  'authentication.k8s.io',
  'authorization.k8s.io',
  'autoscaling',
  'batch',
  'certificates.k8s.io',
  'coordination.k8s.io',
  'discovery.k8s.io',
  'events.k8s.io',
  'extensions',
  'flowcontrol.apiserver.k8s.io',
  'internal.apiserver.k8s.io',
  'metrics.k8s.io',
  'networking.k8s.io',
  'node.k8s.io',
  'policy',
  'rbac.authorization.k8s.io',
  'resource.k8s.io',
  'scheduling.k8s.io',
  'storage.k8s.io',
  'storagemigration.k8s.io',
]);

/** By group and resource; built-in kinds that are not listed are copied. */
const builtIn: ReadonlyMap<string, Mode> = new Map<string, Mode>([
  ...each('Divide', 'deployments.apps', 'replicasets.apps', 'replicationcontrollers'),
  ...each('Divide', 'deployments.extensions', 'replicasets.extensions'),
  ...each('One', 'statefulsets.apps', 'jobs.batch', 'cronjobs.batch'),
  ...each('One', 'pods', 'persistentvolumeclaims'),
  // Counted by the federation, over all of its clusters.
  ...each('Home', 'resourcequotas'),
  // What describes one cluster's own parts, or the API server that holds it, means nothing in
  // another.
  ...each('Home', 'events', 'events.events.k8s.io', 'leases.coordination.k8s.io'),
  ...each('Home', 'leasecandidates.coordination.k8s.io', 'componentstatuses', 'bindings'),
  ...each('Home', 'endpoints', 'endpointslices.discovery.k8s.io', 'nodes', 'persistentvolumes'),
  ...each('Home', 'certificatesigningrequests.certificates.k8s.io'),
  ...each('Home', 'clustertrustbundles.certificates.k8s.io'),
  ...each('Home', 'podcertificaterequests.certificates.k8s.io'),
  ...each('Home', 'controllerrevisions.apps', 'podtemplates'),
  ...each('Home', 'csinodes.storage.k8s.io', 'csistoragecapacities.storage.k8s.io'),
  ...each('Home', 'volumeattachments.storage.k8s.io', 'resourceslices.resource.k8s.io'),
  ...each('Home', 'flowschemas.flowcontrol.apiserver.k8s.io'),
  ...each('Home', 'prioritylevelconfigurations.flowcontrol.apiserver.k8s.io'),
  ...each('Home', 'ipaddresses.networking.k8s.io', 'servicecidrs.networking.k8s.io'),
  ...each('One', 'resourceclaims.resource.k8s.io'),
  ...each('Home', 'clusterprofiles.multicluster.x-k8s.io'),
  ...each('Home', 'storageversions.internal.apiserver.k8s.io'),
  ...each('Home', 'storageversionmigrations.storagemigration.k8s.io'),
]);

/** Groups in which nothing is ever stored or propagated: reviews and metrics. */
const homeGroups: ReadonlySet<string> = new Set([
  'authentication.k8s.io',
  'authorization.k8s.io',
  'metrics.k8s.io',
]);

/** Every cluster makes these by itself. */
const furniture: ReadonlySet<string> = new Set([
  'configmaps/kube-root-ca.crt',
  'serviceaccounts/default',
  'services/default/kubernetes',
  'namespaces/default',
]);

const ownGroup = 'ubernetes.dev';

function each(mode: Mode, ...names: string[]): [string, Mode][] {
  return names.map((name) => [name, mode]);
}

/** The mode of an object without a placement. */
export function modeOf(type: ModeType, object: KubeObject): ModeAnswer {
  const name = groupResource(type);
  const home = staysHome(type, name, object);
  if (home !== undefined) return { mode: 'Home', why: home };
  if (type.group === 'rbac.authorization.k8s.io') return rbacMode(name, object);
  if (type.group === 'admissionregistration.k8s.io') return webhookMode(object);
  if (name === 'apiservices.apiregistration.k8s.io') return apiServiceMode(object);
  const known = builtIn.get(name);
  if (known === undefined && !builtInGroups.has(type.group)) return customMode(type);
  const mode = known ?? 'Copy';
  if (name === 'resourcequotas') return { mode, why: 'the federation counts it over all clusters' };
  if (mode === 'Home') return { mode, why: `${name} belong to one cluster` };
  if (name === 'persistentvolumeclaims' || name === 'statefulsets.apps')
    return { mode, why: `${name} hold data`, holdsData: true };
  const claim = mode === 'Divide' || mode === 'One' ? claimOf(object) : undefined;
  if (claim !== undefined) return { mode: 'One', why: `uses the claim ${claim}`, holdsData: true };
  return { mode, why: `${name} are ${verbs[mode]}` };
}

const verbs: Readonly<Record<Exclude<Mode, 'Home'>, string>> = {
  Divide: 'divided over the clusters',
  Copy: 'copied to every cluster',
  One: 'kept in one cluster unless a placement divides them',
};

/** Why the object never leaves the federation, or undefined. */
function staysHome(type: ModeType, name: string, object: KubeObject): string | undefined {
  const { namespace, name: objectName = '' } = object.metadata;
  if (type.group === ownGroup || type.group.endsWith(`.${ownGroup}`))
    return 'it is a kind of the federation itself';
  if (homeGroups.has(type.group)) return 'it is a question to one API server';
  const place = name === 'namespaces' ? objectName : (namespace ?? '');
  if (place.startsWith('kube-') || place === 'ubernetes-system')
    return `namespace ${place} belongs to each cluster itself`;
  if (
    furniture.has(`${name}/${objectName}`) ||
    furniture.has(`${name}/${namespace ?? ''}/${objectName}`) ||
    isBootstrap(type, name, object)
  )
    return 'every cluster makes its own';
  if (name === 'secrets') return secretStaysHome(object);
  return undefined;
}

/** The roles and priority classes that every API server starts with. */
function isBootstrap(type: ModeType, name: string, object: KubeObject): boolean {
  const { name: objectName = '', labels } = object.metadata;
  if (name === 'priorityclasses.scheduling.k8s.io') return objectName.startsWith('system-');
  if (type.group !== 'rbac.authorization.k8s.io') return false;
  return (
    objectName.startsWith('system:') ||
    (labels !== undefined &&
      Object.hasOwn(labels, 'kubernetes.io/bootstrapping') &&
      labels['kubernetes.io/bootstrapping'] === 'rbac-defaults')
  );
}

function secretStaysHome(object: KubeObject): string | undefined {
  const type = object['type'];
  if (type === 'helm.sh/release.v1') return 'Helm keeps its releases where it is run';
  if (type === 'kubernetes.io/service-account-token')
    return 'a token is only valid in the cluster that signed it';
  if (type === 'bootstrap.kubernetes.io/token') return 'it lets nodes join one cluster';
  return undefined;
}

/**
 * Rights of people are given in the federation; rights of service accounts are used where their
 * pods run.
 */
function rbacMode(name: string, object: KubeObject): ModeAnswer {
  if (
    name !== 'rolebindings.rbac.authorization.k8s.io' &&
    name !== 'clusterrolebindings.rbac.authorization.k8s.io'
  )
    return {
      mode: 'Copy',
      why: 'bindings of service accounts in members refer to it',
      grants: true,
    };
  const subjects = Array.isArray(object['subjects']) ? object['subjects'] : [];
  if (subjects.length === 0 || !subjects.every(isServiceAccount))
    return { mode: 'Home', why: 'it gives rights to people, who use the federation' };
  const away = subjects.some(
    (subject) => isObject(subject) && String(subject['namespace'] ?? '').startsWith('kube-'),
  );
  if (away) return { mode: 'Home', why: 'it gives rights to an account of a system namespace' };
  return { mode: 'Copy', why: 'it gives rights to service accounts only', grants: true };
}

function isServiceAccount(subject: unknown): boolean {
  if (!isObject(subject)) return false;
  if (subject['kind'] === 'ServiceAccount') return true;
  const name = subject['kind'] === 'Group' ? subject['name'] : undefined;
  return name === 'system:serviceaccounts' || String(name).startsWith('system:serviceaccounts:');
}

/**
 * A webhook follows the Service that it calls; one that is called by url is called by the
 * federation alone.
 */
function webhookMode(object: KubeObject): ModeAnswer {
  const webhooks = object['webhooks'];
  if (!Array.isArray(webhooks)) return { mode: 'Copy', why: 'policies hold in every cluster' };
  const byService = webhooks.every((hook) => isObject(valueAt(hook, 'clientConfig', 'service')));
  if (byService && webhooks.length > 0)
    return { mode: 'Copy', why: 'its webhooks are Services of the clusters', grants: true };
  return { mode: 'Home', why: 'a webhook is called by url' };
}

function apiServiceMode(object: KubeObject): ModeAnswer {
  if (isObject(valueAt(object, 'spec', 'service')))
    return { mode: 'Copy', why: 'its server is a Service of the clusters', grants: true };
  return { mode: 'Home', why: 'every API server registers its own groups' };
}

/** A scale subresource promises that replicas can be counted, not that they can live apart. */
function customMode(type: ModeType): ModeAnswer {
  if (type.subresources.some((subresource) => subresource.name === 'scale'))
    return { mode: 'One', why: 'a custom kind with a scale is only divided when asked for' };
  return { mode: 'Copy', why: 'custom kinds are copied to every cluster' };
}

const podTemplatePaths: readonly (readonly string[])[] = [
  ['spec', 'template', 'spec'],
  ['spec', 'jobTemplate', 'spec', 'template', 'spec'],
  ['spec'],
];

/**
 * The first claim that the object's pods name, or undefined. Generic ephemeral volumes are made per
 * pod and hold nothing.
 */
function claimOf(object: KubeObject): string | undefined {
  for (const path of podTemplatePaths) {
    const volumes = valueAt(object, ...path, 'volumes');
    if (!Array.isArray(volumes)) continue;
    for (const volume of volumes) {
      const claim = valueAt(volume, 'persistentVolumeClaim', 'claimName');
      if (typeof claim === 'string') return claim;
    }
  }
  return undefined;
}
