import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { applyDefaults } from './defaults.ts';
import { labelProblems, nameProblems } from './name-syntax.ts';
import type { Json, JsonObject, KubeObject } from './object.ts';
import { fixtureSchemas } from './schema.fixture.ts';
import { isApiError } from './status.ts';
import { type DecodeOptions, decodeObject, settle } from './validate.ts';
import { validateMeta } from './validate-meta.ts';
import { validateBySchema } from './validate-values.ts';

const schemas = fixtureSchemas();
const thing = schemas.lookup('example.com', 'v1', 'Thing')!;
const deployment = schemas.lookup('apps', 'v1', 'Deployment')!;

function custom(spec: Json, metadata: JsonObject = { name: 'x' }): KubeObject {
  return { apiVersion: 'example.com/v1', kind: 'Thing', metadata, spec } as never;
}

function native(spec: JsonObject, metadata: JsonObject = { name: 'x' }): KubeObject {
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec } as never;
}

function decode(object: KubeObject, more: Partial<DecodeOptions> = {}) {
  const warnings: string[] = [];
  const schema = object.kind === 'Thing' ? thing : deployment;
  const decoded = decodeObject({
    schema,
    object,
    fieldValidation: 'Warn',
    warn: (text) => warnings.push(text),
    ...more,
  });
  return { decoded, warnings };
}

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (isApiError(error, 'BadRequest')) return error.message;
    throw error;
  }
  throw new Error('it was accepted');
}

const template = (container: JsonObject): JsonObject => ({
  template: { spec: { containers: [{ name: 'c', ...container }] } },
});

describe('wrong types in a native kind are refused as Go refuses them', () => {
  const cases: [JsonObject, string][] = [
    [{ replicas: '3' }, 'string into Go struct field DeploymentSpec.spec.replicas of type int32'],
    [
      { replicas: 3.5 },
      'number 3.5 into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      { replicas: 3e10 },
      'number 30000000000 into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [{ paused: 'x' }, 'string into Go struct field DeploymentSpec.spec.paused of type bool'],
    [
      { template: { spec: { containers: {} } } },
      'object into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container',
    ],
    [
      { template: { spec: { containers: ['x'] } } },
      'string into Go struct field PodSpec.spec.template.spec.containers of type v1.Container',
    ],
    [
      template({ image: 3 }),
      'number into Go struct field Container.spec.template.spec.containers.image of type string',
    ],
    [
      { strategy: { rollingUpdate: { maxSurge: true } } },
      'bool into Go struct field RollingUpdateDeployment.spec.strategy.rollingUpdate.maxSurge of type int32',
    ],
  ];
  for (const [spec, said] of cases)
    test(JSON.stringify(spec), () => {
      const prefix = 'Deployment in version "v1" cannot be handled as a Deployment: ';
      assert.equal(
        refusal(() => decode(native(spec))),
        `${prefix}json: cannot unmarshal ${said}`,
      );
    });

  test('quantities, times and labels', () => {
    const bad = template({ resources: { limits: { cpu: 'abc' } } });
    assert.match(
      refusal(() => decode(native(bad))),
      /: quantities must match the regular/,
    );
    assert.match(
      refusal(() => decode(native({}, { name: 'x', creationTimestamp: 'abc' }))),
      /parsing time "abc" as "2006-01-02T15:04:05Z07:00": cannot parse "abc" as "2006"$/,
    );
    assert.match(
      refusal(() => decode(native({}, { name: 'x', labels: { a: 1 } }))),
      /cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string$/,
    );
  });
});

describe('unknown fields', () => {
  const object = { ...native({ foo: 1, ...template({ baz: 1 }) }, { name: 'x', bar: 1 }), zip: 2 };
  const known = native(template({}));
  const names = ['metadata.bar', 'spec.foo', 'spec.template.spec.containers[0].baz', 'zip'];

  test('are dropped with a warning each', () => {
    const { decoded, warnings } = decode(object as KubeObject);
    assert.deepEqual(decoded, known);
    assert.deepEqual(
      warnings,
      names.map((name) => `unknown field "${name}"`),
    );
  });

  test('are refused when strict, with duplicates in the order of the document', () => {
    const duplicate = 'duplicate field "spec.template"';
    const said = refusal(() =>
      decode(object as KubeObject, { fieldValidation: 'Strict', problems: [duplicate] }),
    );
    const [bar, foo, ...rest] = names.map((name) => `unknown field "${name}"`);
    assert.equal(
      said,
      'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: ' +
        [bar, foo, duplicate, ...rest].join(', '),
    );
  });

  test('are dropped silently when nobody asks', () => {
    const { decoded, warnings } = decode(object as KubeObject, { fieldValidation: 'Ignore' });
    assert.deepEqual(decoded, known);
    assert.deepEqual(warnings, []);
  });

  test('of a custom kind are cut, but not where the schema preserves them', () => {
    const body = custom({ foo: 1, ports: [{ port: 1, zz: 1 }], free: { any: [null, 1] } });
    const { decoded, warnings } = decode(body);
    assert.deepEqual(decoded.spec, { ports: [{ port: 1 }], free: { any: [null, 1] } });
    assert.deepEqual(warnings, ['unknown field "spec.foo"', 'unknown field "spec.ports[0].zz"']);
  });

  test('called __proto__ are unknown like any other', () => {
    const body = JSON.parse(
      '{"apiVersion":"example.com/v1","kind":"Thing","metadata":{},"spec":{"__proto__":{"x":1}}}',
    );
    const { decoded, warnings } = decode(body);
    assert.deepEqual(Object.keys(decoded.spec as object), []);
    assert.deepEqual(warnings, ['unknown field "spec.__proto__"']);
  });
});

describe('nulls and empty values', () => {
  test('of a native kind are what Go writes: nothing, or the zero of an element', () => {
    const spec = { replicas: null, paused: false, ...template({ args: [], image: '' }) };
    const { decoded } = decode(native(spec, { name: 'x', labels: { a: null }, annotations: {} }));
    assert.deepEqual(decoded, native(template({}), { name: 'x', labels: { a: '' } }));
  });

  test('a pointer keeps its zero', () => {
    assert.deepEqual(decode(native({ replicas: 0 })).decoded.spec, { replicas: 0 });
  });

  test('of a custom kind go unless the field is nullable', () => {
    assert.deepEqual(decode(custom({ size: null, none: null })).decoded.spec, { none: null });
  });

  test('an object with nothing to drop is itself', () => {
    const objects = [custom({ size: 1, free: {} }), native(template({ image: 'i' }))];
    for (const object of objects) assert.equal(decode(object).decoded, object);
  });
});

describe('values of custom kinds', () => {
  const cases: [JsonObject, string, string, string][] = [
    [
      { size: '3' },
      'spec.size',
      'FieldValueTypeInvalid',
      'Invalid value: "string": spec.size in body must be of type integer: "string"',
    ],
    [
      { size: 0 },
      'spec.size',
      'FieldValueInvalid',
      'Invalid value: 0: spec.size in body should be greater than or equal to 1',
    ],
    [
      { size: 11 },
      'spec.size',
      'FieldValueInvalid',
      'Invalid value: 11: spec.size in body should be less than or equal to 10',
    ],
    [
      { code: 'b' },
      'spec.code',
      'FieldValueInvalid',
      'Invalid value: "b": spec.code in body should be at least 2 chars long',
    ],
    [
      { code: 'bb' },
      'spec.code',
      'FieldValueInvalid',
      'Invalid value: "bb": spec.code in body should match \'^a+$\'',
    ],
    [{ code: 'aaaaa' }, 'spec.code', 'FieldValueTooLong', 'Too long: may not be more than 4 bytes'],
    [
      { mode: 'C' },
      'spec.mode',
      'FieldValueNotSupported',
      'Unsupported value: "C": supported values: "A", "B"',
    ],
    [
      { plain: [] },
      'spec.plain',
      'FieldValueInvalid',
      'Invalid value: 0: spec.plain in body should have at least 1 items',
    ],
    [{ tags: ['a', 'a'] }, 'spec.tags[1]', 'FieldValueDuplicate', 'Duplicate value: "a"'],
    [
      { tags: ['a', 'b', 'c', 'd'] },
      'spec.tags',
      'FieldValueTooMany',
      'Too many: 4: must have at most 3 items',
    ],
    [
      { ports: [{ note: 'x', protocol: 'TCP' }] },
      'spec.ports[0].port',
      'FieldValueRequired',
      'Required value',
    ],
    [
      {
        ports: [
          { port: 1, protocol: 'TCP' },
          { port: 1, protocol: 'TCP' },
        ],
      },
      'spec.ports[1]',
      'FieldValueDuplicate',
      'Duplicate value: {"port":1,"protocol":"TCP"}',
    ],
    [
      { options: { a: '1', b: '2', c: '3' } },
      'spec.options',
      'FieldValueTooMany',
      'Too many: 3: must have at most 2 items',
    ],
    [
      { options: { a: 1 } },
      'spec.options.a',
      'FieldValueTypeInvalid',
      'Invalid value: "integer": spec.options.a in body must be of type string: "integer"',
    ],
    [
      { when: 'x' },
      'spec.when',
      'FieldValueTypeInvalid',
      'Invalid value: "x": spec.when in body must be of type date-time: "x"',
    ],
    [
      { amount: true },
      'spec.amount',
      'FieldValueTypeInvalid',
      'Invalid value: "boolean": spec.amount in body must be of type integer,string: "boolean"',
    ],
    [
      { either: { a: '1', b: '2' } },
      '<nil>',
      'FieldValueInvalid',
      'Invalid value: "": "spec.either" must validate one and only one schema (oneOf). Found 2 valid alternatives',
    ],
  ];
  for (const [spec, field, reason, message] of cases)
    test(`${JSON.stringify(spec)} is refused`, () => {
      assert.deepEqual(validateBySchema(thing, custom(spec)), [{ reason, message, field }]);
    });

  test('a missing spec is required', () => {
    const { spec: _none, ...rest } = custom({});
    const causes = validateBySchema(thing, rest as KubeObject);
    assert.deepEqual(causes, [
      { reason: 'FieldValueRequired', message: 'Required value', field: 'spec' },
    ]);
  });

  test('a pattern that backtracks without end is answered at once', () => {
    const evil = fixtureSchemas();
    evil.addKind(
      { group: 'e', version: 'v1', kind: 'Evil' },
      {
        type: 'object',
        properties: { spec: { type: 'string', pattern: '^(a+)+$' } },
      },
    );
    const object = { ...custom(`${'a'.repeat(60)}!`), apiVersion: 'e/v1', kind: 'Evil' };
    const causes = validateBySchema(evil.lookup('e', 'v1', 'Evil')!, object as KubeObject);
    assert.equal(causes.length, 1);
  });
});

describe('metadata', () => {
  const type = { group: '', resource: 'things', namespaced: true };
  const fields = (metadata: JsonObject, old?: JsonObject): string[] =>
    validateMeta({
      type,
      object: { apiVersion: 'v1', kind: 'T', metadata: { namespace: 'd', ...metadata } } as never,
      ...(old
        ? { old: { apiVersion: 'v1', kind: 'T', metadata: { namespace: 'd', ...old } } as never }
        : {}),
      native: true,
    }).map(({ field, message }) => `${field}: ${message}`);

  test('a name is needed', () => {
    assert.deepEqual(fields({}), [
      'metadata.name: Required value: name or generateName is required',
    ]);
  });

  test('labels, annotations, finalizers and owners have their syntax', () => {
    const found = fields({
      name: 'a',
      labels: { '-a': 'b', c: '-d' },
      annotations: { a: 'b'.repeat(262_145) },
      finalizers: ['foo'],
      ownerReferences: [{ apiVersion: 'v1', kind: 'Event', name: 'n', uid: '' }],
    });
    assert.deepEqual(
      found.map((text) => text.slice(0, 60)),
      [
        'metadata.labels: Invalid value: "-a": name part must consist',
        'metadata.labels: Invalid value: "-d": a valid label must be ',
        'metadata.annotations: Too long: may not be more than 262144 ',
        'metadata.ownerReferences[0].uid: Required value: must not be',
        'metadata.ownerReferences[0]: Invalid value: {"apiVersion":"v',
        'metadata.finalizers[0]: Invalid value: "foo": name is neithe',
      ],
    );
  });

  test('an update may not change who the object is', () => {
    const old = { name: 'a', uid: 'u', resourceVersion: '1', generation: 2 };
    assert.deepEqual(fields({ ...old, uid: 'v', generation: 1 }, old), [
      'metadata.generation: Invalid value: 1: must not be decremented',
      'metadata.uid: Invalid value: "v": field is immutable',
    ]);
    const gone = { ...old, deletionTimestamp: '2026-01-01T00:00:00Z' };
    assert.deepEqual(fields({ ...gone, finalizers: ['x.io/b', 'x.io/a'] }, gone), [
      'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being ' +
        'deleted, found new finalizers []string{"x.io/a", "x.io/b"}',
    ]);
  });

  test('names follow their type', () => {
    const rbac = { group: 'rbac.authorization.k8s.io', resource: 'clusterroles' };
    assert.deepEqual(nameProblems(rbac, 'a@b:C'), []);
    assert.deepEqual(nameProblems(rbac, 'a/b%'), ["may not contain '/'", "may not contain '%'"]);
    assert.deepEqual(nameProblems({ group: '', resource: 'namespaces' }, 'a.b'), [
      'must not contain dots',
    ]);
    assert.deepEqual(nameProblems({ group: '', resource: 'pods' }, 'a.b'), []);
    assert.deepEqual(nameProblems({ group: '', resource: 'pods' }, 'web-', true), []);
    assert.equal(nameProblems({ group: '', resource: 'pods' }, 'web-').length, 1);
    assert.deepEqual(labelProblems('a'.repeat(64)), ['must be no more than 63 characters']);
  });
});

const anything = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom<Json>(null, true, 0, 1.5, -3, '', 'x', 10n ** 17n, '2026-01-01T00:00:00Z'),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(
      fc.constantFrom(
        'spec',
        'metadata',
        'name',
        'labels',
        'template',
        'containers',
        'ports',
        '__proto__',
        'toString',
      ),
      tie('value'),
    ),
  ) as fc.Arbitrary<Json>,
})).value;

test('no body breaks decoding, defaults or validation: it is accepted or refused', () => {
  fc.assert(
    fc.property(anything, anything, (spec, metadata) => {
      for (const object of [
        custom(spec, metadata as never),
        native(spec as never, metadata as never),
      ]) {
        const schema = object.kind === 'Thing' ? thing : deployment;
        try {
          const filled = applyDefaults(schema, settle(schema, object));
          validateBySchema(schema, filled);
          assert.equal(applyDefaults(schema, filled), filled);
        } catch (error) {
          if (!isApiError(error, 'BadRequest')) throw error;
        }
      }
    }),
    { numRuns: 500 },
  );
});
