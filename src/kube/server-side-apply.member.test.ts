/**
 * The same writes to a real kube-apiserver and to this code: same object, same owners, same
 * refusals.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { requireMembers } from '../../testbed/binaries.ts';
import { type Fleet, startFleet } from '../../testbed/fleet.ts';
import type { MemberClient } from '../../testbed/member-client.ts';
import { applyDefaults } from './defaults.ts';
import { updateManagedFields } from './managed-fields.ts';
import {
  isObject,
  type Json,
  type JsonObject,
  type KubeObject,
  type ManagedFieldsEntry,
} from './object.ts';
import { parseApiVersion } from './resource.ts';
import type { TypeSchema } from './schema.ts';
import { SchemaSet } from './schema-set.ts';
import { applyPatch } from './server-side-apply.ts';
import { isApiError } from './status.ts';
import { strategicMerge } from './strategic.ts';
import { decodeObject } from './validate.ts';

const runs = Number(process.env.FUZZ_RUNS ?? 25);

const thing: JsonObject = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'things.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'things', singular: 'thing', kind: 'Thing', listKind: 'ThingList' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
              spec: {
                type: 'object',
                properties: {
                  size: { type: 'integer' },
                  mode: { type: 'string', default: 'A' },
                  tags: {
                    type: 'array',
                    items: { type: 'string' },
                    'x-kubernetes-list-type': 'set',
                  },
                  plain: { type: 'array', items: { type: 'string' } },
                  ports: {
                    type: 'array',
                    'x-kubernetes-list-type': 'map',
                    'x-kubernetes-list-map-keys': ['port', 'protocol'],
                    items: {
                      type: 'object',
                      required: ['port'],
                      properties: {
                        port: { type: 'integer' },
                        protocol: { type: 'string', default: 'TCP' },
                        note: { type: 'string' },
                      },
                    },
                  },
                  options: { type: 'object', additionalProperties: { type: 'string' } },
                  whole: {
                    type: 'object',
                    'x-kubernetes-map-type': 'atomic',
                    properties: { a: { type: 'string' }, b: { type: 'string' } },
                  },
                  free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
                  nested: {
                    type: 'object',
                    properties: {
                      x: { type: 'string' },
                      inner: { type: 'object', properties: { y: { type: 'string' } } },
                    },
                  },
                },
              },
            },
          },
        },
      },
    ],
  },
};

interface Subject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly path: string;
  /** What a create must bring. */
  readonly base: JsonObject;
  /** Parts of the object that writers may say. */
  readonly part: fc.Arbitrary<JsonObject>;
  readonly patchType: string;
}

const word = fc.constantFrom('a', 'b', 'c');
const labels = fc.dictionary(word, fc.constantFrom('1', '2'), { maxKeys: 3 });
const meta = fc.record(
  { labels, annotations: labels, finalizers: fc.uniqueArray(word.map((w) => `x.io/${w}`)) },
  { requiredKeys: [] },
) as fc.Arbitrary<JsonObject>;
const optional = (fields: Record<string, fc.Arbitrary<unknown>>, required: string[] = []) =>
  fc.record(fields, { requiredKeys: required as never[] }) as unknown as fc.Arbitrary<JsonObject>;
const keyed = (item: fc.Arbitrary<JsonObject>, ...keys: string[]) =>
  fc.uniqueArray(item, {
    maxLength: 3,
    selector: (one) => JSON.stringify(keys.map((key) => one[key] ?? 'TCP')),
  });

const container = optional(
  {
    name: word,
    image: fc.constantFrom('i:1', 'i:2'),
    env: keyed(optional({ name: word, value: fc.constantFrom('1', '2') }, ['name']), 'name'),
    ports: keyed(
      optional(
        {
          containerPort: fc.constantFrom(80, 81),
          protocol: fc.constantFrom('TCP', 'UDP'),
          name: fc.constantFrom('p', 'q'),
        },
        ['containerPort'],
      ),
      'containerPort',
      'protocol',
    ),
    args: fc.array(word, { maxLength: 2 }),
    resources: optional({ limits: optional({ cpu: fc.constantFrom('1', '2') }) }),
    livenessProbe: optional(
      { httpGet: fc.constant({ port: 80 }), periodSeconds: fc.constantFrom(5, 6) },
      ['httpGet'],
    ),
  },
  ['name', 'image'],
);

const selector = { matchLabels: { app: 'x' } };
const podLabels = labels.map((more) => ({ ...more, app: 'x' }));

const deployment: Subject = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  path: '/apis/apps/v1/namespaces/default/deployments',
  base: {
    spec: {
      selector,
      template: {
        metadata: { labels: { app: 'x' } },
        spec: { containers: [{ name: 'a', image: 'i:0' }] },
      },
    },
  },
  part: optional(
    {
      metadata: meta,
      spec: optional(
        {
          replicas: fc.constantFrom(1, 2, 3),
          paused: fc.boolean(),
          strategy: fc.constantFrom(
            { type: 'Recreate' },
            { type: 'RollingUpdate' },
            { type: 'RollingUpdate', rollingUpdate: { maxSurge: 2 } },
          ),
          selector: fc.constant(selector),
          template: optional(
            {
              metadata: fc.record({ labels: podLabels }),
              spec: optional(
                {
                  containers: keyed(container, 'name').filter((list) => list.length > 0),
                  terminationGracePeriodSeconds: fc.constantFrom(3, 30),
                  nodeSelector: labels,
                  tolerations: fc.array(
                    optional({ key: word, operator: fc.constant('Exists') }, ['operator']),
                    { maxLength: 2 },
                  ),
                },
                ['containers'],
              ),
            },
            ['metadata', 'spec'],
          ),
        },
        ['selector', 'template'],
      ),
    },
    ['spec'],
  ),
  patchType: 'application/strategic-merge-patch+json',
};

const service: Subject = {
  apiVersion: 'v1',
  kind: 'Service',
  path: '/api/v1/namespaces/default/services',
  base: { spec: { ports: [{ port: 80 }] } },
  part: optional(
    {
      metadata: meta,
      spec: optional(
        {
          selector: labels,
          // Not 'ClientIP': its configuration is cleared again by code that is no default.
          internalTrafficPolicy: fc.constantFrom('Cluster', 'Local'),
          publishNotReadyAddresses: fc.boolean(),
          ports: keyed(
            optional(
              {
                port: fc.constantFrom(80, 81),
                protocol: fc.constantFrom('TCP', 'UDP'),
                name: word,
                targetPort: fc.constantFrom<number | string>(8080, 'http'),
              },
              ['port', 'name'],
            ),
            'port',
            'protocol',
          ).filter(
            (list) => list.length > 0 && new Set(list.map(({ name }) => name)).size === list.length,
          ),
        },
        ['ports'],
      ),
    },
    ['spec'],
  ),
  patchType: 'application/strategic-merge-patch+json',
};

const configMap: Subject = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  path: '/api/v1/namespaces/default/configmaps',
  base: {},
  part: optional({ metadata: meta, data: labels }),
  patchType: 'application/strategic-merge-patch+json',
};

const custom: Subject = {
  apiVersion: 'example.com/v1',
  kind: 'Thing',
  path: '/apis/example.com/v1/namespaces/default/things',
  base: {},
  part: optional({
    metadata: meta,
    spec: optional({
      size: fc.constantFrom(1, 2),
      mode: fc.constantFrom('A', 'B'),
      tags: fc.uniqueArray(word),
      plain: fc.array(word, { maxLength: 2 }),
      ports: keyed(
        optional(
          {
            port: fc.constantFrom(80, 81),
            protocol: fc.constantFrom('TCP', 'UDP'),
            note: word,
          },
          ['port'],
        ),
        'port',
        'protocol',
      ),
      options: labels,
      whole: optional({ a: word, b: word }),
      free: fc.dictionary(word, fc.oneof(word, labels, fc.array(word, { maxLength: 2 })), {
        maxKeys: 2,
      }),
      nested: optional({ x: word, inner: optional({ y: word }) }),
    }),
  }),
  patchType: 'application/merge-patch+json',
};

type Write =
  | {
      readonly verb: 'apply';
      readonly manager: string;
      readonly part: JsonObject;
      readonly force: boolean;
    }
  | { readonly verb: 'patch' | 'put'; readonly manager: string; readonly part: JsonObject };

function writes(subject: Subject): fc.Arbitrary<Write[]> {
  const manager = fc.constantFrom('m1', 'm2', 'm3');
  const apply = fc.record({
    verb: fc.constant('apply' as const),
    manager,
    part: subject.part,
    force: fc.boolean(),
  });
  const others = fc.record({
    verb: fc.constantFrom('patch' as const, 'put' as const),
    manager,
    part: subject.part,
  });
  return fc.array(fc.oneof({ weight: 3, arbitrary: apply }, { weight: 2, arbitrary: others }), {
    minLength: 2,
    maxLength: 7,
  });
}

interface Outcome {
  readonly code: number;
  readonly message?: string;
  readonly causes?: string[];
  readonly object?: JsonObject;
}

let fleet: Fleet | undefined;
let client: MemberClient;
const schemas = new SchemaSet();
let count = 0;

before(async () => {
  if (!(await available())) return;
  fleet = await startFleet({ members: [{ name: 'oracle', full: false }] });
  client = fleet.members[0]!.client;
  await client.must({
    method: 'POST',
    path: '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
    body: thing,
  });
  for (const apiVersion of ['v1', 'apps/v1', 'example.com/v1']) {
    const { group, version } = parseApiVersion(apiVersion);
    const root = group === '' ? 'api/v1' : `apis/${apiVersion}`;
    let answer = await client.send({ path: `/openapi/v3/${root}` });
    while (answer.status !== 200) {
      await new Promise((resolve) => setTimeout(resolve, 200));
      answer = await client.send({ path: `/openapi/v3/${root}` });
    }
    schemas.addDocument({ group, version, load: () => answer.body as JsonObject });
  }
});

after(async () => {
  await fleet?.stop();
});

async function available(): Promise<boolean> {
  return requireMembers({ skip: () => {} } as never, 'bare');
}

for (const subject of [configMap, custom, service, deployment])
  test(`writes of several managers to a ${subject.kind} end as on a real kube-apiserver`, async (t) => {
    if (!(await requireMembers(t, 'bare'))) return;
    const { group, version } = parseApiVersion(subject.apiVersion);
    const schema = schemas.lookup(group, version, subject.kind);
    assert.ok(schema, `no schema of ${subject.kind}`);
    await fc.assert(
      fc.asyncProperty(writes(subject), async (list) => {
        const name = `fuzz-${count++}`;
        try {
          for (const write of list) await compare(subject, schema, { name, write });
        } finally {
          const path = `${subject.path}/${name}`;
          await client.send({ method: 'PATCH', path, body: { metadata: { finalizers: null } } });
          await client.send({ method: 'DELETE', path });
        }
      }),
      { numRuns: runs, ...(process.env.FUZZ_SEED ? { seed: Number(process.env.FUZZ_SEED) } : {}) },
    );
  });

async function compare(
  subject: Subject,
  schema: TypeSchema,
  { name, write }: { name: string; write: Write },
): Promise<void> {
  const path = `${subject.path}/${name}`;
  const got = await client.send({ path });
  const live = got.status === 200 ? (got.body as unknown as KubeObject) : undefined;
  const body = bodyOf(subject, { name, write, live });
  const options = { schema, live, body, write };
  const ours = clean(predict(options), live);
  const theirs = clean(await perform(subject, { path, live, body, write }), live);
  // What validation of the kind itself refuses is not what is compared here.
  if (theirs.code === 422) return;
  assert.deepEqual(
    ours,
    theirs,
    `${write.verb} ${JSON.stringify(body)} on ${JSON.stringify(live)}`,
  );
}

function bodyOf(
  { apiVersion, kind, base }: Subject,
  { name, write, live }: { name: string; write: Write; live: KubeObject | undefined },
): JsonObject {
  const metadata = {
    ...(write.part.metadata as JsonObject | undefined),
    name,
    namespace: 'default',
  };
  const part: JsonObject = { ...write.part, apiVersion, kind, metadata };
  if (write.verb === 'apply') return part;
  if (live === undefined) return mergePatch({ ...base, apiVersion, kind }, part) as JsonObject;
  if (write.verb === 'patch') return part;
  const { metadata: old, ...rest } = live;
  const kept = mergePatch(rest as unknown as Json, { ...write.part, metadata: null }) as JsonObject;
  const { labels: _l, annotations: _a, finalizers: _f, ...system } = old as unknown as JsonObject;
  return { ...kept, metadata: { ...system, ...(write.part.metadata as JsonObject | undefined) } };
}

interface Step {
  readonly live: KubeObject | undefined;
  readonly body: JsonObject;
  readonly write: Write;
}

async function perform(subject: Subject, step: Step & { path: string }): Promise<Outcome> {
  const { path, live, body, write } = step;
  const query = `?fieldManager=${write.manager}`;
  const answer =
    write.verb === 'apply'
      ? await client.send({
          method: 'PATCH',
          path: `${path}${query}&force=${write.force}`,
          body,
          contentType: 'application/apply-patch+yaml',
        })
      : live === undefined
        ? await client.send({ method: 'POST', path: `${subject.path}${query}`, body })
        : write.verb === 'put'
          ? await client.send({ method: 'PUT', path: `${path}${query}`, body })
          : await client.send({
              method: 'PATCH',
              path: `${path}${query}`,
              body,
              contentType: subject.patchType,
            });
  const got = answer.body as JsonObject;
  if (answer.status < 300) return { code: 200, object: got };
  const causes = (got.details as { causes?: { message: string; field: string }[] } | undefined)
    ?.causes;
  return {
    code: answer.status,
    message: String(got.message),
    causes: (causes ?? []).map(({ message, field }) => `${field}: ${message}`),
  };
}

function predict({ schema, live, body, write }: Step & { schema: TypeSchema }): Outcome {
  const now = Date.UTC(2026, 0, 1);
  const resetFields = schema.kind === 'ConfigMap' ? [] : [['status']];
  try {
    if (write.verb === 'apply') {
      const patch = body as unknown as KubeObject;
      const { manager, force } = write;
      const { object } = applyPatch({ schema, live, patch, manager, force, now, resetFields });
      return { code: 200, object: applyDefaults(schema, object) as unknown as JsonObject };
    }
    const merged =
      write.verb === 'put' || live === undefined
        ? (body as unknown as KubeObject)
        : schema.native
          ? strategicMerge({ schema, live, patch: body })
          : (mergePatch(live as unknown as Json, body) as unknown as KubeObject);
    const decoded = decodeObject({
      schema,
      object: merged,
      fieldValidation: 'Ignore',
      warn: () => {},
    });
    const object = applyDefaults(schema, decoded);
    const { manager } = write;
    const managedFields = updateManagedFields({ schema, live, object, manager, now, resetFields });
    const metadata = { ...object.metadata, managedFields };
    return { code: 200, object: { ...object, metadata } as unknown as JsonObject };
  } catch (error) {
    if (!isApiError(error)) throw error;
    const causes = error.status.details?.causes ?? [];
    return {
      code: error.code,
      message: error.message,
      causes: causes.map(({ message, field }) => `${field}: ${message}`),
    };
  }
}

const assigned = ['uid', 'resourceVersion', 'generation', 'creationTimestamp', 'namespace'];
const allocated = ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy'];

/** Without what the server assigns; times only as there or not there; conflicts in no order. */
function clean(outcome: Outcome, live: KubeObject | undefined): Outcome {
  const { object, message, causes } = outcome;
  if (object === undefined)
    return { ...outcome, message: message!.split('\n').sort().join('\n'), causes: causes!.sort() };
  const { metadata, ...rest } = structuredClone(object) as unknown as KubeObject;
  const entries = (metadata.managedFields ?? []).map(({ time, ...entry }) => ({
    ...entry,
    fieldsV1: JSON.stringify(entry.fieldsV1),
    time: time !== undefined,
  }));
  for (const field of assigned) delete (metadata as Record<string, unknown>)[field];
  const order = (entry: ManagedFieldsEntry): string =>
    [entry.manager, entry.operation, entry.subresource].join('/');
  entries.sort((a, b) => (order(a as never) < order(b as never) ? -1 : 1));
  const spec = rest.spec;
  if (live === undefined && isObject(spec)) for (const field of allocated) delete spec[field];
  return {
    code: 200,
    object: { ...rest, metadata: { ...metadata, managedFields: entries } } as never,
  };
}

function mergePatch(target: Json, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const out: JsonObject = isObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete out[name];
    else out[name] = mergePatch(out[name] ?? null, value);
  }
  return out;
}

test('writes to status and scale own what they write, and nothing else', async (t) => {
  if (!(await requireMembers(t, 'bare'))) return;
  const name = 'subresources';
  const apply = 'application/apply-patch+yaml';
  const said = (subject: Subject, more: JsonObject): JsonObject => {
    const { apiVersion, kind } = subject;
    return { apiVersion, kind, metadata: { name, namespace: 'default' }, ...more };
  };
  const steps: {
    subject: Subject;
    subresource?: string;
    body: JsonObject;
    after: (live: KubeObject) => JsonObject;
    resetFields: string[][];
    verb: 'apply' | 'update';
  }[] = [];
  const outside = [['metadata'], ['spec']];
  const status = { phase: 'A', list: [1], more: { x: 'y' } };
  steps.push(
    {
      subject: custom,
      body: said(custom, { spec: { size: 1 }, status: { phase: 'no' } }),
      after: () => ({ spec: { size: 1, mode: 'A' } }),
      resetFields: [['status']],
      verb: 'apply',
    },
    {
      subject: custom,
      subresource: 'status',
      body: said(custom, { spec: { size: 2 }, status }),
      after: () => ({ status }),
      resetFields: outside,
      verb: 'apply',
    },
    {
      subject: custom,
      subresource: 'status',
      body: { status: { phase: 'B', more: { z: '1' } } },
      after: () => ({ status: { ...status, phase: 'B', more: { x: 'y', z: '1' } } }),
      resetFields: outside,
      verb: 'update',
    },
    {
      subject: deployment,
      body: said(deployment, deployment.base),
      after: () => ({}),
      resetFields: [['status']],
      verb: 'apply',
    },
    {
      subject: deployment,
      subresource: 'scale',
      body: { spec: { replicas: 5 } },
      after: (live) => ({ spec: { ...(live.spec as JsonObject), replicas: 5 } }),
      resetFields: [],
      verb: 'update',
    },
    {
      subject: deployment,
      body: said(deployment, mergePatch(deployment.base, { spec: { replicas: 6 } }) as JsonObject),
      after: () => ({}),
      resetFields: [['status']],
      verb: 'apply',
    },
    {
      subject: deployment,
      subresource: 'scale',
      body: { spec: { replicas: 7 } },
      after: (live) => ({ spec: { ...(live.spec as JsonObject), replicas: 7 } }),
      resetFields: [],
      verb: 'update',
    },
  );
  for (const { subject, subresource, body, after: next, resetFields, verb } of steps) {
    const { group, version } = parseApiVersion(subject.apiVersion);
    const schema = schemas.lookup(group, version, subject.kind)!;
    const path = `${subject.path}/${name}`;
    const got = await client.send({ path });
    const live = got.status === 200 ? (got.body as unknown as KubeObject) : undefined;
    await client.must({
      method: 'PATCH',
      path: `${path}${subresource ? `/${subresource}` : ''}?fieldManager=m${subresource ?? ''}`,
      body,
      contentType: verb === 'apply' ? apply : 'application/merge-patch+json',
    });
    const stored = (await client.must({ path })) as unknown as KubeObject;
    const manager = `m${subresource ?? ''}`;
    const now = Date.UTC(2026, 0, 1);
    const common = {
      schema,
      live,
      manager,
      now,
      resetFields,
      ...(subresource ? { subresource } : {}),
    };
    const patch = body as unknown as KubeObject;
    const managedFields =
      verb === 'apply'
        ? applyPatch({ ...common, patch, force: true }).object.metadata.managedFields
        : updateManagedFields({ ...common, object: { ...live!, ...next(live!) } });
    const entries = (list: readonly ManagedFieldsEntry[] | undefined) =>
      (list ?? [])
        .map(({ time: _time, ...entry }) => JSON.stringify(sorted(entry as never)))
        .sort();
    assert.deepEqual(
      entries(managedFields),
      entries(stored.metadata.managedFields),
      JSON.stringify(body),
    );
  }
});

function sorted(value: Json): Json {
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sorted(value[key]!)]),
  );
}
