import { test } from 'node:test';
import { requireMembers } from '../../testbed/binaries.ts';
import { waitUntil } from '../../testbed/waiting.ts';
import { type Json, type JsonObject, valueAt } from '../kube/object.ts';
import {
  define,
  definitionsPath,
  post,
  widget,
  widgets,
  widgetsPath,
} from './custom-kinds.fixture.ts';
import { OwnAndReal, ownFederation, type Sent } from './own-and-real.fixture.ts';

const text: JsonObject = { type: 'string' };

function specOf(properties: JsonObject): JsonObject {
  return { type: 'object', properties: { spec: { type: 'object', properties } } };
}

const before = specOf({
  kept: text,
  gone: text,
  inner: { type: 'object', properties: { x: text } },
  list: { type: 'array', items: { type: 'object', properties: { x: text } } },
  nothing: { type: 'string', nullable: true },
});

const after = specOf({
  kept: text,
  added: { type: 'string', default: 'A' },
  inner: { type: 'object', properties: { x: text, y: { type: 'integer', default: 7 } } },
  list: {
    type: 'array',
    items: { type: 'object', properties: { x: text, y: { type: 'boolean', default: false } } },
  },
  nothing: { type: 'string', default: 'something' },
});

const full = { kept: 'k', gone: 'g', inner: { x: '1' }, list: [{ x: '1' }, {}], nothing: null };

function patch(path: string, body: JsonObject): Sent {
  return { method: 'PATCH', path, body };
}

/** Gives the definition other versions, and waits until both read the object by them. */
async function redefine(
  both: OwnAndReal,
  versions: Json,
  { group, shows, version = 'v1' }: { group: string; shows: JsonObject; version?: string },
): Promise<void> {
  const path = `${definitionsPath}/widgets.${group}`;
  await both.same('the definition changes', patch(path, { spec: { versions } }));
  const expected = JSON.stringify(shows);
  for (const send of [both.ours, both.real])
    await waitUntil({
      what: `the object to be read as ${expected}`,
      check: async () => {
        const { body } = await send({ path: `${widgetsPath(group, version)}/full` });
        const spec = valueAt(body, 'spec') as JsonObject | undefined;
        return Object.entries(shows).every(([name, value]) => spec?.[name] === value);
      },
    });
}

function version(name: string, schema: JsonObject, storage = true): JsonObject {
  return { name, served: true, storage, schema: { openAPIV3Schema: schema } };
}

test('objects stored before a schema changed are read as a real kube-apiserver reads them', async (t) => {
  if (!(await requireMembers(t, 'bare'))) return;
  await using both = await OwnAndReal.start(await ownFederation());
  const group = 'changes.example.com';
  await define(both, widgets(before, { group }));
  const path = widgetsPath(group);
  await both.same('full', post(path, widget('full', full, group)));
  await both.same('empty', post(path, widget('empty', {}, group)));
  await both.same('doomed', post(path, widget('doomed', full, group)));
  await redefine(both, [version('v1', after)], { group, shows: { added: 'A' } });
  await reads(both, path);
  await both.same('dry run', patch(`${path}/full?dryRun=All`, { spec: { kept: 'other' } }));
  await both.same('a patch of nothing', patch(`${path}/full`, {}), { path: `${path}/full` });
  await both.same('a patch', patch(`${path}/empty`, { metadata: { labels: { a: 'b' } } }));
  await both.same('deleted', { method: 'DELETE', path: `${path}/doomed` });
  await both.same('fresh', post(path, widget('fresh', {}, group)));
  // What a write has stored stays when the default goes.
  await redefine(both, [version('v1', before)], { group, shows: { kept: 'k' } });
  for (const send of [both.ours, both.real])
    await waitUntil({
      what: 'the default to go',
      check: async () => {
        const made = await send({ ...post(`${path}?dryRun=All`, widget('x', {}, group)) });
        return valueAt(made.body, 'spec', 'added') === undefined;
      },
    });
  await reads(both, path);
  both.settle();
});

async function reads(both: OwnAndReal, path: string): Promise<void> {
  await both.same('get', { path: `${path}/full` }, { path: `${path}/empty` });
  await both.same('list', { path });
  await both.same('list of everything', { path: path.replace('/namespaces/default', '') });
  const watch = `${path}?watch=true&timeoutSeconds=1&fieldSelector=metadata.name%3Dfull`;
  await both.same('watch', { path: watch });
  const accept = 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io';
  await both.same('metadata', { path: `${path}/full`, headers: { accept } });
}

test('a second version with defaults of its own as a real kube-apiserver serves it', async (t) => {
  if (!(await requireMembers(t, 'bare'))) return;
  await using both = await OwnAndReal.start(await ownFederation());
  const group = 'versions.example.com';
  await define(both, widgets(before, { group }));
  await both.same('full', post(widgetsPath(group), widget('full', full, group)));
  const second = specOf({ kept: text, added: { type: 'string', default: 'B' }, second: text });
  const versions = [version('v1', after), version('v2', second, false)];
  await redefine(both, versions, { group, shows: { added: 'A' } });
  await redefine(both, versions, { group, shows: { added: 'A' }, version: 'v2' });
  for (const each of ['v1', 'v2']) await reads(both, widgetsPath(group, each));
  both.settle();
});

const selectable = specOf({
  a: { type: 'string', default: 'x' },
  n: { type: 'integer' },
  on: { type: 'boolean' },
  many: { type: 'array', items: text },
  map: { type: 'object', additionalProperties: text },
  ...Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`s${i}`, text])),
});

function selecting(...paths: string[]): JsonObject {
  return { selectableFields: paths.map((jsonPath) => ({ jsonPath })) };
}

const wrongFields: readonly JsonObject[] = [
  selecting(''),
  selecting('.spec.missing'),
  selecting('spec.a'),
  selecting('.spec.many'),
  selecting('.spec.many[0]'),
  selecting('.spec.map.key', '.spec.'),
  selecting('.metadata.name', '.spec'),
  selecting('.spec.a', '.spec.a'),
  selecting(...Array.from({ length: 9 }, (_, i) => `.spec.s${i}`)),
];

test('fields that a definition calls selectable as a real kube-apiserver selects by them', async (t) => {
  if (!(await requireMembers(t, 'bare'))) return;
  await using both = await OwnAndReal.start(await ownFederation());
  for (const [i, wrong] of wrongFields.entries()) {
    const group = `w${i}.example.com`;
    await both.same(
      JSON.stringify(wrong),
      post(definitionsPath, widgets(selectable, { group, version: wrong })),
    );
  }
  const group = 'selectable.example.com';
  const options = { group, version: selecting('.spec.a', '.spec.n', '.spec.on') };
  await define(both, widgets(selectable, options));
  const path = widgetsPath(group);
  for (const [name, spec] of Object.entries({
    default: {},
    one: { a: 'one', n: 1, on: true },
    two: { a: 'two', n: 2, on: false },
  }))
    await both.same(name, post(path, widget(name, spec, group)));
  for (const selector of [
    ...['spec.a=x', 'spec.a=one', 'spec.a!=one', 'spec.n=1', 'spec.n=', 'spec.on=true'],
    ...['spec.on!=true,spec.a=two', 'metadata.name=one,spec.n=2', 'spec.missing=1', '.spec.a=x'],
    ...['metadata.namespace=default', 'metadata.uid=1'],
  ]) {
    const query = `fieldSelector=${encodeURIComponent(selector)}`;
    await both.same(selector, { path: `${path}?${query}` });
    await both.same(selector, { path: `${path}?${query}&watch=true&timeoutSeconds=1` });
  }
  const gone = { method: 'DELETE', path: `${path}?fieldSelector=spec.n%3D1` };
  await both.same('delete by a field', gone, { path });
  both.settle();
});
