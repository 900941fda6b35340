import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { updateManagedFields } from './managed-fields.ts';
import { type JsonObject, type KubeObject, type ManagedFieldsEntry, objectAt } from './object.ts';
import { fixtureSchemas } from './schema.fixture.ts';
import type { TypeSchema } from './schema.ts';
import { schemalessType } from './schema-set.ts';
import { type ApplyResult, applyPatch } from './server-side-apply.ts';
import { isApiError } from './status.ts';

const schemas = fixtureSchemas();
const thing = schemas.lookup('example.com', 'v1', 'Thing')!;
const deployment = schemas.lookup('apps', 'v1', 'Deployment')!;
const second = 1000;

function object(spec: JsonObject, metadata: JsonObject = {}): KubeObject {
  return {
    apiVersion: 'example.com/v1',
    kind: 'Thing',
    metadata: { name: 'x', namespace: 'd', ...metadata },
    spec,
  };
}

interface Apply {
  readonly live?: KubeObject | undefined;
  readonly patch: KubeObject;
  readonly manager?: string;
  readonly force?: boolean;
  readonly now?: number;
  readonly schema?: TypeSchema;
}

function apply({
  live,
  patch,
  manager = 'm1',
  force = false,
  now = second,
  schema = thing,
}: Apply) {
  return applyPatch({ schema, live, patch, manager, force, now });
}

function created(result: ApplyResult): KubeObject {
  return { ...result.object, metadata: { ...result.object.metadata, uid: 'u' } };
}

function owned(of: KubeObject, manager: string, operation = 'Apply'): JsonObject | undefined {
  const entries = of.metadata.managedFields ?? [];
  return entries.find((one) => one.manager === manager && one.operation === operation)?.fieldsV1;
}

function refusal(run: () => unknown) {
  try {
    run();
  } catch (error) {
    if (isApiError(error)) return error.status;
    throw error;
  }
  throw new Error('it was accepted');
}

const word = fc.constantFrom('a', 'b', 'c');
const port = fc.record(
  { port: fc.constantFrom(1, 2), protocol: fc.constantFrom('TCP', 'UDP'), note: word },
  { requiredKeys: ['port'] },
);
const spec = fc.record(
  {
    size: fc.constantFrom(1, 2),
    mode: fc.constantFrom('A', 'B'),
    tags: fc.uniqueArray(word),
    plain: fc.array(word, { maxLength: 2 }),
    ports: fc.uniqueArray(port, { selector: (one) => `${one.port}${one.protocol ?? 'TCP'}` }),
    options: fc.dictionary(word, word),
    whole: fc.record({ a: word, b: word }, { requiredKeys: [] }),
    free: fc.dictionary(word, fc.oneof(word, fc.dictionary(word, word))),
    inner: fc.record({ x: word }, { requiredKeys: [] }),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<JsonObject>;

describe('whatever is applied', () => {
  test('applying the same again changes nothing', () => {
    fc.assert(
      fc.property(spec, spec, (first, next) => {
        const base = created(apply({ patch: object(first) }));
        const live = apply({ live: base, patch: object(next), manager: 'm2', force: true }).object;
        const again = apply({ live, patch: object(next), manager: 'm2', now: 9 * second });
        assert.equal(again.changed, false);
        assert.equal(again.object, live);
      }),
    );
  });

  test('nothing given is changed', () => {
    fc.assert(
      fc.property(spec, spec, (first, next) => {
        const live = created(apply({ patch: object(first) }));
        const patch = object(next);
        const before = JSON.stringify([live, patch]);
        apply({ live, patch, force: true });
        assert.equal(JSON.stringify([live, patch]), before);
      }),
    );
  });

  test('managers of different fields may come in any order', () => {
    fc.assert(
      fc.property(spec, (all) => {
        const names = Object.keys(all);
        const half = (odd: number): KubeObject =>
          object(
            Object.fromEntries(names.filter((_, i) => i % 2 === odd).map((n) => [n, all[n]!])),
          );
        const order = (first: number): KubeObject => {
          const live = created(apply({ patch: half(first), manager: `m${first}` }));
          const other = 1 - first;
          return apply({ live, patch: half(other), manager: `m${other}` }).object;
        };
        const [a, b] = [order(0), order(1)];
        assert.deepEqual(a.spec, b.spec);
        for (const manager of ['m0', 'm1']) assert.deepEqual(owned(a, manager), owned(b, manager));
      }),
    );
  });

  test('a sole applier that applies nothing removes all that it applied', () => {
    fc.assert(
      fc.property(spec, (all) => {
        const live = created(apply({ patch: object(all) }));
        const after = apply({ live, patch: object({}) }).object;
        const left = Object.values((after.spec as JsonObject | undefined) ?? {});
        assert.ok(
          left.every((value) => value === null),
          JSON.stringify(after.spec),
        );
      }),
    );
  });

  test('after a forced apply the object says what was applied', () => {
    fc.assert(
      fc.property(spec, spec, (first, next) => {
        const live = created(apply({ patch: object(first) }));
        const after = apply({ live, patch: object(next), manager: 'm2', force: true }).object;
        const again = apply({ live: after, patch: object(next), manager: 'm3' });
        assert.deepEqual(again.object.spec, after.spec);
      }),
    );
  });
});

describe('conflicts', () => {
  const live = created(apply({ patch: object({ size: 1, ports: [{ port: 1, note: 'a' }] }) }));

  test('one is told in one sentence, with its cause', () => {
    const status = refusal(() => apply({ live, patch: object({ size: 2 }), manager: 'm2' }));
    assert.equal(status.message, 'Apply failed with 1 conflict: conflict with "m1": .spec.size');
    assert.equal(status.code, 409);
    assert.deepEqual(status.details, {
      causes: [
        { reason: 'FieldManagerConflict', message: 'conflict with "m1"', field: '.spec.size' },
      ],
    });
  });

  test('several are listed by manager, keyed elements by their keys', () => {
    const patch = object({ size: 2, ports: [{ port: 1, note: 'b' }] });
    const status = refusal(() => apply({ live, patch, manager: 'm2' }));
    assert.equal(
      status.message,
      'Apply failed with 2 conflicts: conflicts with "m1":\n' +
        '- .spec.size\n- .spec.ports[port=1,protocol="TCP"].note',
    );
  });

  test('an updater is named with its version', () => {
    const managedFields = updateManagedFields({
      schema: thing,
      live: undefined,
      object: object({ size: 1 }),
      manager: 'kubectl-edit',
      now: second,
    });
    const edited = object({ size: 1 }, { uid: 'u', managedFields: managedFields as never });
    const status = refusal(() => apply({ live: edited, patch: object({ size: 2 }) }));
    assert.match(
      status.message ?? '',
      /conflict with "kubectl-edit" using example.com\/v1: .spec.size/,
    );
  });

  test('force takes the field from its owner', () => {
    const after = apply({ live, patch: object({ size: 2 }), manager: 'm2', force: true }).object;
    assert.deepEqual(owned(after, 'm2'), { 'f:spec': { 'f:size': {} } });
    assert.equal(JSON.stringify(owned(after, 'm1')).includes('f:size'), false);
  });

  test('equal values make two owners, and the field stays until both let go', () => {
    const shared = apply({ live, patch: object({ size: 1 }), manager: 'm2' }).object;
    const dropped = apply({ live: shared, patch: object({}), manager: 'm1' }).object;
    assert.equal((dropped.spec as JsonObject).size, 1);
    const gone = apply({ live: dropped, patch: object({}), manager: 'm2' }).object;
    assert.equal((gone.spec as JsonObject | null)?.size, undefined);
  });
});

describe('kubectl takes over what its client-side apply wrote', () => {
  const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';
  const text = JSON.stringify(object({ size: 1, mode: 'A' }));
  const body = object({ size: 1, mode: 'A' }, { annotations: { [lastApplied]: text } });
  const managedFields = updateManagedFields({
    schema: thing,
    live: undefined,
    object: body,
    manager: 'kubectl-client-side-apply',
    now: second,
  });
  const live: KubeObject = {
    ...body,
    metadata: { ...body.metadata, uid: 'u', managedFields: managedFields! },
  };

  test('without conflict, and the annotation follows', () => {
    const after = apply({ live, patch: object({ size: 2 }), manager: 'kubectl' }).object;
    assert.equal((after.spec as JsonObject).size, 2);
    const note = JSON.parse(after.metadata.annotations?.[lastApplied] ?? '');
    assert.deepEqual(note.spec, { size: 2 });
  });

  test('but not what somebody else has changed since', () => {
    const edited: KubeObject = { ...live, spec: { size: 3, mode: 'A' } };
    const entries = updateManagedFields({
      schema: thing,
      live,
      object: edited,
      manager: 'other',
      now: second,
    });
    const changed = { ...edited, metadata: { ...edited.metadata, managedFields: entries! } };
    const status = refusal(() =>
      apply({ live: changed, patch: object({ size: 2, mode: 'B' }), manager: 'kubectl' }),
    );
    assert.match(status.message ?? '', /1 conflict: conflict with "other" .*: .spec.size/);
  });
});

describe('refusals', () => {
  test('an element that is named twice', () => {
    const patch = object({ ports: [{ port: 1 }, { port: 1, protocol: 'TCP' }] });
    const status = refusal(() => apply({ patch }));
    assert.equal(status.code, 500);
    assert.equal(
      status.message,
      'failed to create typed patch object (d/x; example.com/v1, Kind=Thing): ' +
        '.spec.ports: duplicate entries for key [port=1,protocol="TCP"]',
    );
  });

  test('several problems, one a line', () => {
    const patch = object({ size: 'x', tags: [{}], nope: 1 });
    const status = refusal(() => apply({ patch }));
    assert.match(status.message ?? '', /errors:\n {2}\.spec\.size: expected numeric/);
    assert.match(status.message ?? '', /\.spec\.nope: field not declared in schema$/);
  });

  test('another version, and managedFields in the configuration', () => {
    const other = { ...object({}), apiVersion: 'example.com/v2' };
    assert.equal(
      refusal(() => apply({ patch: other })).message,
      'invalid object type: example.com/v2, Kind=Thing',
    );
    const fields = object({}, { managedFields: [] });
    assert.equal(
      refusal(() => apply({ patch: fields })).message,
      'metadata.managedFields must be nil',
    );
  });
});

test('an object that nobody tracked belongs to before-first-apply at its first apply', () => {
  const live = object({ size: 1, mode: 'A' }, { uid: 'u' });
  const after = apply({ live, patch: object({ size: 1 }) }).object;
  assert.deepEqual(owned(after, 'before-first-apply', 'Update'), {
    'f:spec': { '.': {}, 'f:mode': {}, 'f:size': {} },
  });
});

test('a kind without a schema is merged field by field, its lists as a whole', () => {
  const schema = schemalessType({ group: 'example.com', version: 'v1', kind: 'Thing' });
  const live = created(apply({ schema, patch: object({ a: { b: 1 }, list: [1, 2] }) }));
  const after = apply({
    schema,
    live,
    patch: object({ a: { c: 2 }, list: [3] }),
    manager: 'm2',
    force: true,
  });
  assert.deepEqual(after.object.spec, { a: { b: 1, c: 2 }, list: [3] });
});

test('a field called __proto__ is a field like any other', () => {
  const text =
    '{"apiVersion":"example.com/v1","kind":"Thing","metadata":{"name":"x"},"spec":{"options":{"__proto__":"p"}}}';
  const live = created(apply({ patch: JSON.parse(text) }));
  const after = apply({ live, patch: object({ options: { a: '1' } }), manager: 'm2' }).object;
  const options = (after.spec as JsonObject).options as JsonObject;
  assert.deepEqual(Object.keys(options).sort(), ['__proto__', 'a']);
  assert.equal(Object.getPrototypeOf(options), Object.prototype);
});

describe('updates', () => {
  const live = created(apply({ patch: object({ size: 1, mode: 'A' }) }));
  const update = (after: KubeObject, manager = 'u1', now = 2 * second) =>
    updateManagedFields({ schema: thing, live, object: after, manager, now });
  const find = (entries: ManagedFieldsEntry[] | undefined, manager: string) =>
    entries?.find((one) => one.manager === manager);

  test('that change nothing keep the very same entries', () => {
    assert.equal(update(structuredClone(live)), live.metadata.managedFields);
  });

  test('take what they change from the others', () => {
    const entries = update({ ...live, spec: { size: 2, mode: 'A' } });
    assert.deepEqual(find(entries, 'u1'), {
      manager: 'u1',
      operation: 'Update',
      apiVersion: 'example.com/v1',
      time: '1970-01-01T00:00:02Z',
      fieldsType: 'FieldsV1',
      fieldsV1: { 'f:spec': { 'f:size': {} } },
    });
    assert.deepEqual(find(entries, 'm1')?.fieldsV1, { 'f:spec': { 'f:mode': {} } });
    assert.equal(find(entries, 'm1')?.time, '1970-01-01T00:00:01Z');
  });

  test('that only remove own nothing and keep their hands off the time', () => {
    const entries = update({ ...live, spec: { size: 1 } });
    assert.equal(find(entries, 'u1'), undefined);
    assert.deepEqual(find(entries, 'm1')?.fieldsV1, { 'f:spec': { 'f:size': {} } });
  });

  test('may empty managedFields, which ends tracking', () => {
    const metadata = { ...live.metadata, managedFields: [] };
    assert.equal(update({ ...live, metadata }), undefined);
  });

  test('never own what the endpoint does not write', () => {
    const entries = updateManagedFields({
      schema: thing,
      live,
      object: { ...live, spec: { size: 2, mode: 'A' } },
      manager: 'u1',
      now: second,
      subresource: 'status',
      resetFields: [['spec']],
    });
    assert.equal(find(entries, 'u1'), undefined);
    assert.deepEqual(find(entries, 'm1'), live.metadata.managedFields?.[0]);
  });

  test('of more than ten managers are put together, the oldest first', () => {
    let current: KubeObject = object({ options: {} }, { uid: 'u' });
    for (let i = 0; i < 14; i++) {
      const before = i === 0 ? undefined : current;
      const next = object({ options: { [`k${i}`]: 'x' } }, { uid: 'u' });
      const merged = {
        ...next,
        spec: { options: { ...(current.spec as { options: JsonObject }).options, [`k${i}`]: 'x' } },
      };
      const managedFields = updateManagedFields({
        schema: thing,
        live: before,
        object: merged,
        manager: `u${i}`,
        now: i * second,
      });
      current = { ...merged, metadata: { ...merged.metadata, managedFields: managedFields! } };
    }
    const entries = current.metadata.managedFields!;
    assert.equal(entries.length, 10);
    const ancient = find(entries, 'ancient-changes')?.fieldsV1;
    assert.deepEqual(Object.keys(objectAt(ancient, 'f:spec', 'f:options') ?? {}), [
      '.',
      'f:k0',
      'f:k1',
      'f:k2',
      'f:k3',
      'f:k4',
    ]);
  });
});

test('a native struct that is always there is owned only by its fields', () => {
  const container = { name: 'c', image: 'i', resources: {} };
  const body: KubeObject = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'x', labels: { a: '1' } },
    spec: {
      strategy: { type: 'Recreate' },
      template: { metadata: {}, spec: { containers: [container] } },
    },
  };
  const entries = updateManagedFields({
    schema: deployment,
    live: undefined,
    object: body,
    manager: 'm',
    now: second,
  });
  assert.deepEqual(entries?.[0]?.fieldsV1, {
    'f:metadata': { 'f:labels': { '.': {}, 'f:a': {} } },
    'f:spec': {
      'f:strategy': { 'f:type': {} },
      'f:template': {
        'f:spec': {
          'f:containers': {
            'k:{"name":"c"}': { '.': {}, 'f:image': {}, 'f:name': {}, 'f:resources': {} },
          },
        },
      },
    },
  });
});
