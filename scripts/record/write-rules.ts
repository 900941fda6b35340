/**
 * Records how a real kube-apiserver treats the writes of each built-in type where no document tells
 * it: src/apiserver/data/write-rules.json.
 */
import { writeFile } from 'node:fs/promises';
import type { TypeWriteRules } from '../../src/apiserver/registry/write-rules.ts';
import { type JsonObject, objectAt, valueAt } from '../../src/kube/object.ts';
import { groupResource, parseApiVersion, pathOf } from '../../src/kube/resource.ts';
import { startFleet } from '../../testbed/fleet.ts';
import { defaultProbes } from './default-probes.ts';

await using fleet = await startFleet({ members: [{ name: 'recorded', full: false }] });
const client = fleet.members[0]!.client;

interface Resource {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

/** Of kinds that the probes of defaults leave out, because nothing is filled in there. */
const more: readonly JsonObject[] = [
  { apiVersion: 'v1', kind: 'ConfigMap' },
  { apiVersion: 'v1', kind: 'ServiceAccount' },
  { apiVersion: 'v1', kind: 'Endpoints' },
  { apiVersion: 'v1', kind: 'Namespace' },
  { apiVersion: 'v1', kind: 'Node' },
  {
    apiVersion: 'v1',
    kind: 'PodTemplate',
    template: { spec: { containers: [{ name: 'c', image: 'i' }] } },
  },
  { apiVersion: 'v1', kind: 'ResourceQuota' },
  { apiVersion: 'v1', kind: 'LimitRange', spec: { limits: [] } },
  { apiVersion: 'v1', kind: 'Event', involvedObject: { namespace: 'default' } },
  { apiVersion: 'apps/v1', kind: 'ControllerRevision', revision: 1 },
  { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' },
  { apiVersion: 'networking.k8s.io/v1', kind: 'IngressClass', spec: { controller: 'x/y' } },
  {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    spec: { defaultBackend: { service: { name: 'x', port: { number: 80 } } } },
  },
  { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', spec: { podSelector: {} } },
  { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role' },
  { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole' },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'x' },
  },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'x' },
  },
  { apiVersion: 'storage.k8s.io/v1', kind: 'CSINode', spec: { drivers: [] } },
  {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'VolumeAttachment',
    spec: { attacher: 'a', nodeName: 'n', source: { persistentVolumeName: 'p' } },
  },
  { apiVersion: 'storage.k8s.io/v1', kind: 'CSIStorageCapacity', storageClassName: 's' },
  { apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', value: 1 },
  { apiVersion: 'node.k8s.io/v1', kind: 'RuntimeClass', handler: 'h' },
  { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4', endpoints: [] },
  {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    spec: { selector: { matchLabels: { a: 'b' } } },
  },
];

const parts = ['labels', 'annotations', 'finalizers', 'ownerReferences'] as const;

const rules: Record<string, TypeWriteRules> = {};
const left: string[] = [];

for (const probe of [...defaultProbes(), ...more]) {
  const { apiVersion, kind } = probe as { apiVersion: string; kind: string };
  const type = parseApiVersion(apiVersion);
  const root = type.group === '' ? `/api/${type.version}` : `/apis/${apiVersion}`;
  const { resources } = (await client.must({ path: root })) as { resources: Resource[] };
  const resource = resources.find((each) => each.kind === kind && !each.name.includes('/'))!;
  const key = groupResource({ group: type.group, resource: resource.name });
  if (rules[key] !== undefined) continue;
  const namespace = resource.namespaced ? { namespace: 'default' } : {};
  const collection = pathOf({ ...type, resource: resource.name, ...namespace });
  const hasStatus = resources.some(({ name }) => name === `${resource.name}/status`);
  const found = await rulesOf(probe, { collection, hasStatus, namespaced: resource.namespaced });
  if (found === undefined) left.push(key);
  else rules[key] = found;
}
for (const key of new Set(left))
  if (rules[key] === undefined) console.log(`no probe was accepted: ${key}`);

const file = new URL('../../src/apiserver/data/write-rules.json', import.meta.url);
const lines = Object.keys(rules)
  .sort()
  .map((key) => `  ${JSON.stringify(key)}: ${JSON.stringify(rules[key])}`);
await writeFile(file, `{\n${lines.join(',\n')}\n}\n`);
console.log(`${lines.length} types`);

interface Target {
  readonly collection: string;
  readonly hasStatus: boolean;
  readonly namespaced: boolean;
}

/** Undefined when the object is refused. */
async function rulesOf(
  probe: JsonObject,
  { collection, hasStatus, namespaced }: Target,
): Promise<TypeWriteRules | undefined> {
  const given = valueAt(probe, 'metadata', 'name');
  const name = typeof given === 'string' ? given : 'write-probe.example';
  const metadata = {
    ...objectAt(probe, 'metadata'),
    name,
    ...(namespaced ? { namespace: 'default' } : {}),
  };
  const object = { ...probe, metadata };
  const path = `${collection}/${name}`;
  const put = await client.send({ method: 'PUT', path, body: object });
  const createsOnUpdate = put.status === 201;
  if (!createsOnUpdate) {
    const made = await client.send({ method: 'POST', path: collection, body: object });
    if (made.status !== 201) return undefined;
  }
  const created = (await client.must({ path })) as JsonObject;
  const status = hasStatus ? await statusRules(path) : undefined;
  await client.send({ method: 'DELETE', path, body: { gracePeriodSeconds: 0 } });
  return {
    ...(createsOnUpdate && { createsOnUpdate }),
    hasGeneration: valueAt(created, 'metadata', 'generation') !== undefined,
    ...(status !== undefined && { status }),
  };
}

/** Which metadata a write of the status changes, and which its writer comes to own. */
async function statusRules(path: string): Promise<TypeWriteRules['status']> {
  const metadata = {
    labels: { probe: 'x' },
    annotations: { probe: 'x' },
    finalizers: ['example.com/probe'],
    ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'probe', uid: 'u' }],
  };
  const answer = await client.send({
    method: 'PATCH',
    path: `${path}/status?fieldManager=probe`,
    body: { metadata },
  });
  if (answer.status !== 200) console.log(path, JSON.stringify(answer.body));
  const object = answer.body as JsonObject;
  const written = objectAt(object, 'metadata') ?? {};
  // A fresh object has none of these.
  const changes = parts.filter((part) => JSON.stringify(written[part] ?? '').includes('probe'));
  const entries = (written.managedFields ?? []) as JsonObject[];
  const own = entries.find(({ manager }) => manager === 'probe');
  const owned = own === undefined ? {} : (objectAt(own, 'fieldsV1', 'f:metadata') ?? {});
  const owns = parts.filter((part) => owned[`f:${part}`] !== undefined);
  await client.send({
    method: 'PATCH',
    path,
    body: { metadata: { finalizers: null, ownerReferences: null } },
  });
  return { changes, owns };
}
