import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { requireMembers } from '../../testbed/binaries.ts';
import { waitUntil } from '../../testbed/waiting.ts';
import { isObject, type JsonObject, objectAt } from '../kube/object.ts';
import { define, widgets } from './custom-kinds.fixture.ts';
import { OwnAndReal, ownFederation, type Sent } from './own-and-real.fixture.ts';

/** Where documents may differ, with the reason: reviewed, and may only shrink. */
const reviewed = JSON.parse(
  readFileSync(new URL('document-differences.json', import.meta.url), 'utf8'),
) as Record<string, string>;

const aggregated = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
const volatile = new Set(['storageVersionHash', 'serverAddressByClientCIDRs', 'serverRelativeURL']);

/** Every leaf by its path; lists of named things by their names. */
function leaves(value: unknown, path: string, into: Map<string, string>): Map<string, string> {
  if (Array.isArray(value) && value.every((one) => nameOf(one) !== undefined))
    for (const one of value) leaves(one, `${path}[${nameOf(one)}]`, into);
  else if (Array.isArray(value)) into.set(path, JSON.stringify(value));
  else if (isObject(value))
    for (const [key, one] of Object.entries(value)) {
      if (!volatile.has(key)) leaves(one, `${path}/${key}`, into);
    }
  else into.set(path, JSON.stringify(value));
  return into;
}

function nameOf(value: unknown): string | undefined {
  if (!isObject(value)) return undefined;
  const name = value['name'] ?? value['resource'] ?? value['subresource'] ?? value['version'];
  const found = name ?? objectAt(value, 'metadata')?.['name'];
  if (found !== undefined) return String(found);
  // The core group has no name.
  return Array.isArray(value['versions']) ? '' : undefined;
}

class Comparison {
  readonly #found = new Map<string, string>();
  readonly #both: OwnAndReal;

  constructor(both: OwnAndReal) {
    this.#both = both;
  }

  async document(sent: Sent, of: (body: JsonObject) => unknown = (body) => body): Promise<void> {
    const [ours, real] = await Promise.all([this.#both.ours(sent), this.#both.real(sent)]);
    const at = sent.path;
    if (ours.status !== real.status) this.#found.set(at, `${ours.status} for ${real.status}`);
    const [a, b] = [ours, real].map(({ body }) =>
      leaves(of(body as unknown as JsonObject), at, new Map()),
    ) as [Map<string, string>, Map<string, string>];
    for (const key of new Set([...a.keys(), ...b.keys()]))
      if (a.get(key) !== b.get(key)) this.#found.set(key, `${a.get(key)} for ${b.get(key)}`);
  }

  /** @throws AssertionError with what is not reviewed, or reviewed for nothing. */
  settle(): void {
    const patterns = Object.keys(reviewed).map((text) => new RegExp(text));
    const lines = [...this.#found].filter(([key]) => !patterns.some((one) => one.test(key)));
    const idle = patterns.filter((one) => ![...this.#found.keys()].some((key) => one.test(key)));
    const shown = lines.slice(0, 40).map(([key, what]) => `${key}: ${what}`.slice(0, 300));
    assert.equal(shown.join('\n'), '');
    assert.deepEqual(idle.map(String), [], 'nothing differs there any more');
  }
}

const spec: JsonObject = {
  type: 'object',
  description: 'A widget.',
  required: ['spec'],
  properties: {
    spec: {
      type: 'object',
      properties: {
        size: { type: 'integer', format: 'int32', minimum: 1, default: 3 },
        port: { 'x-kubernetes-int-or-string': true },
        free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        tags: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
        note: { type: 'string', nullable: true, enum: ['a', 'b'] },
      },
    },
    status: { type: 'object', properties: { replicas: { type: 'integer' } } },
  },
};

test('discovery and OpenAPI as a real kube-apiserver publishes them', async (t) => {
  if (!(await requireMembers(t, 'bare'))) return;
  await using both = await OwnAndReal.start(await ownFederation());
  const group = 'docs.example.com';
  const scale = { specReplicasPath: '.spec.size', statusReplicasPath: '.status.replicas' };
  const names = { shortNames: ['wd'], categories: ['all'] };
  const version = { subresources: { status: {}, scale } };
  await define(both, widgets(spec, { group, names, version }));
  const path = `/openapi/v3/apis/${group}/v1`;
  for (const send of [both.ours, both.real])
    await waitUntil({
      what: 'the document of the kind',
      check: async () => (await send({ path })).status === 200,
    });
  const comparison = new Comparison(both);
  for (const root of ['/api', '/apis']) {
    await comparison.document({ path: root });
    await comparison.document({ path: root, headers: { accept: aggregated } });
  }
  for (const at of [
    '/api/v1',
    `/apis/${group}`,
    `/apis/${group}/v1`,
    '/apis/apps',
    '/apis/apps/v1',
  ])
    await comparison.document({ path: at });
  await comparison.document({ path: '/openapi/v3' }, (body) =>
    Object.fromEntries(Object.keys(objectAt(body, 'paths') ?? {}).map((name) => [name, true])),
  );
  for (const at of ['api/v1', 'apis/apps/v1', `apis/${group}/v1`])
    await comparison.document({ path: `/openapi/v3/${at}` });
  await comparison.document({ path: '/openapi/v2' }, (body) => {
    const all = Object.entries(objectAt(body, 'definitions') ?? {});
    return Object.fromEntries(all.filter(([name]) => name.startsWith('com.example.docs.')));
  });
  comparison.settle();
});
