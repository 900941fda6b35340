/**
 * Records how a real kube-apiserver treats the writes of each built-in type where no document tells
 * it: src/apiserver/data/write-rules.json.
 */
import { writeFile } from 'node:fs/promises';
import type { TypeWriteRules } from '../../src/apiserver/registry/write-rules.ts';
import { parseJson, stringifyJson } from '../../src/kube/json.ts';
import { type JsonObject, objectAt, valueAt } from '../../src/kube/object.ts';
import { groupResource, parseApiVersion, pathOf } from '../../src/kube/resource.ts';
import { bases, names } from '../../test/differential/described-bases.ts';
import { startFleet } from '../../testbed/fleet.ts';
import { defaultProbes } from './default-probes.ts';

await using fleet = await startFleet({ members: [{ name: 'recorded', full: false }] });
const client = fleet.members[0]!.client;

interface Resource {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
}

/** Stands in names of objects. */
const run = 'write1';

/** What nobody else may change, so that it is a new generation. */
const changes: Readonly<Record<string, JsonObject>> = {
  CSIDriver: { spec: { requiresRepublish: true } },
  PriorityClass: { description: 'changed' },
};

const parts = ['labels', 'annotations', 'finalizers', 'ownerReferences'] as const;

const rules: Record<string, TypeWriteRules> = {};
const left: string[] = [];

for (const probe of [...defaultProbes(), ...(await leastObjects())]) {
  const { apiVersion, kind } = probe as { apiVersion: string; kind: string };
  const type = parseApiVersion(apiVersion);
  const resource = (await resourcesOf(apiVersion)).find(
    (each) => each.kind === kind && !each.name.includes('/'),
  )!;
  const key = groupResource({ group: type.group, resource: resource.name });
  if (rules[key] !== undefined) continue;
  const namespace = resource.namespaced ? { namespace: 'default' } : {};
  const collection = pathOf({ ...type, resource: resource.name, ...namespace });
  const hasStatus = (await resourcesOf(apiVersion)).some(
    ({ name }) => name === `${resource.name}/status`,
  );
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

async function resourcesOf(apiVersion: string): Promise<Resource[]> {
  const path = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  return ((await client.must({ path })) as unknown as { resources: Resource[] }).resources;
}

/** The least that is valid of every kind that can be created and changed. */
async function leastObjects(): Promise<JsonObject[]> {
  const { groups } = (await client.must({ path: '/apis' })) as unknown as {
    groups: { preferredVersion: { groupVersion: string } }[];
  };
  const versions = ['v1', ...groups.map(({ preferredVersion }) => preferredVersion.groupVersion)];
  const objects: JsonObject[] = [];
  for (const apiVersion of versions) {
    const group = apiVersion.includes('/') ? `${parseApiVersion(apiVersion).group}/` : '';
    for (const { name, kind, verbs } of await resourcesOf(apiVersion)) {
      if (name.includes('/') || !['create', 'update'].every((verb) => verbs.includes(verb)))
        continue;
      const made = names[kind]?.(run);
      const base = stringifyJson(bases[group + kind] ?? bases[kind] ?? {});
      const object = parseJson(base.replaceAll('{name}', run)).value as JsonObject;
      objects.push({ apiVersion, kind, ...object, ...(made && { metadata: { name: made } }) });
    }
  }
  return objects;
}

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
  const needsVersion = await isRefusedWithoutVersion(path);
  const generation = await generationRule(path, changes[String(probe.kind)]);
  await client.send({ method: 'DELETE', path, body: { gracePeriodSeconds: 0 } });
  return {
    ...(createsOnUpdate && { createsOnUpdate }),
    hasGeneration: valueAt(created, 'metadata', 'generation') !== undefined,
    ...(generation !== undefined && { generation }),
    ...(needsVersion && { needsVersion }),
    ...(status !== undefined && { status }),
  };
}

async function isRefusedWithoutVersion(path: string): Promise<boolean> {
  const live = (await client.must({ path })) as JsonObject;
  const { resourceVersion: _version, ...metadata } = objectAt(live, 'metadata')!;
  const body = { ...live, metadata };
  const { status } = await client.send({ method: 'PUT', path: `${path}?dryRun=All`, body });
  return status === 422;
}

/** Undefined when a change is what it is for all kinds: the next generation. */
async function generationRule(
  path: string,
  change: JsonObject | undefined,
): Promise<TypeWriteRules['generation']> {
  if (change === undefined) return undefined;
  const before = valueAt(await client.must({ path }), 'metadata', 'generation');
  const changed = await client.must({ method: 'PATCH', path, body: change });
  const after = valueAt(changed, 'metadata', 'generation');
  if (after === before) return 'stays';
  return before === undefined ? 'begins with a change' : undefined;
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
