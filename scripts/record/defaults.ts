/**
 * Records which fields a real kube-apiserver fills in, as rules by definition:
 * src/kube/data/recorded-defaults.json.
 */
import { writeFile } from 'node:fs/promises';
import type { JsonObject } from '../../src/kube/object.ts';
import { parseApiVersion, pathOf } from '../../src/kube/resource.ts';
import { SchemaSet } from '../../src/kube/schema-set.ts';
import { startFleet } from '../../testbed/fleet.ts';
import { defaultProbes } from './default-probes.ts';
import { DefaultSamples } from './default-rules.ts';

await using fleet = await startFleet({ members: [{ name: 'recorded', full: false }] });
const client = fleet.members[0]!.client;

interface Resource {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

const schemas = new SchemaSet();
const resources = new Map<string, Resource>();

async function learn(apiVersion: string): Promise<void> {
  const { group, version } = parseApiVersion(apiVersion);
  const root = group === '' ? `api/${version}` : `apis/${group}/${version}`;
  const document = (await client.must({ path: `/openapi/v3/${root}` })) as JsonObject;
  schemas.addDocument({ group, version, load: () => document });
  const list = (await client.must({ path: `/${root}` })) as { resources: Resource[] };
  for (const resource of list.resources)
    if (!resource.name.includes('/')) resources.set(`${apiVersion} ${resource.kind}`, resource);
}

const probes = defaultProbes();
for (const apiVersion of new Set(probes.map((probe) => probe.apiVersion))) await learn(apiVersion);

const samples = new DefaultSamples();
for (const probe of probes) {
  const { group, version } = parseApiVersion(probe.apiVersion);
  const resource = resources.get(`${probe.apiVersion} ${probe.kind}`)!;
  const schema = schemas.lookup(group, version, probe.kind)!;
  const namespace = resource.namespaced ? { namespace: 'default' } : {};
  const path = `${pathOf({ group, version, resource: resource.name, ...namespace })}?dryRun=All`;
  const answer = (await client.must({ method: 'POST', path, body: probe })) as JsonObject;
  samples.add(probe.kind, { node: schema.root, sent: probe, answer });
}

const { rules, unexplained } = samples.rules();
for (const field of unexplained) console.log(`not explained: ${field}`);
const lines = Object.entries(rules).map(
  ([definition, list]) =>
    `  ${JSON.stringify(definition)}: [\n${list.map((rule) => `    ${JSON.stringify(rule)}`).join(',\n')}\n  ]`,
);
const file = new URL('../../src/kube/data/recorded-defaults.json', import.meta.url);
await writeFile(file, `{\n${lines.join(',\n')}\n}\n`);
console.log(`${probes.length} probes, ${lines.length} definitions`);
