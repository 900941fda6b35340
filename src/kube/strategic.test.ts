import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Json, JsonObject, KubeObject } from './object.ts';
import { fixtureSchemas } from './schema.fixture.ts';
import { isApiError } from './status.ts';
import { strategicMerge } from './strategic.ts';

const schemas = fixtureSchemas();
const schema = schemas.lookup('apps', 'v1', 'Deployment')!;

function withContainers(containers: Json, more: JsonObject = {}): JsonObject {
  return { spec: { template: { spec: { containers, ...more } } } };
}

const live = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'x', finalizers: ['a', 'b'], labels: { k: '1' } },
  spec: {
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } },
    template: {
      spec: {
        nodeSelector: { a: '1' },
        containers: [
          { name: 'c1', image: 'i1', args: ['x'] },
          { name: 'c2', image: 'i2' },
        ],
      },
    },
  },
} as unknown as KubeObject;

function merged(patch: JsonObject) {
  const before = JSON.stringify([live, patch]);
  const { metadata, spec } = strategicMerge({ schema, live, patch }) as never as {
    metadata: JsonObject;
    spec: { strategy: Json; template: { spec: { containers: Json; nodeSelector: Json } } };
  };
  assert.equal(JSON.stringify([live, patch]), before, 'what was given is not changed');
  return { metadata, ...spec.template.spec, strategy: spec.strategy };
}

function refusal(patch: JsonObject) {
  try {
    strategicMerge({ schema, live, patch });
  } catch (error) {
    if (isApiError(error)) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

const c1 = { name: 'c1', image: 'i1', args: ['x'] };
const c2 = { name: 'c2', image: 'i2' };

describe('a keyed list', () => {
  test('is merged by its key, patched elements in the order of the patch', () => {
    const { containers } = merged(withContainers([{ name: 'c3' }, { name: 'c2', image: 'j' }]));
    assert.deepEqual(containers, [{ name: 'c3' }, c1, { name: 'c2', image: 'j' }]);
  });

  test('loses an element by $patch: delete', () => {
    const { containers } = merged(withContainers([{ name: 'c1', $patch: 'delete' }]));
    assert.deepEqual(containers, [c2]);
  });

  test('is replaced by $patch: replace', () => {
    const { containers } = merged(withContainers([{ $patch: 'replace' }, { name: 'c9' }]));
    assert.deepEqual(containers, [{ name: 'c9' }]);
  });

  test('is ordered by $setElementOrder', () => {
    const order = [{ name: 'c2' }, { name: 'c1' }];
    const patch = withContainers([{ name: 'c1', image: 'j' }], {
      '$setElementOrder/containers': order,
    });
    assert.deepEqual(merged(patch).containers, [c2, { ...c1, image: 'j' }]);
  });

  test('needs its key, and an order that fits', () => {
    const keyless = refusal(withContainers([{ image: 'x' }]));
    assert.equal(keyless.code, 500);
    assert.match(keyless.message, /does not contain declared merge key: name$/);
    const order = { '$setElementOrder/containers': [{ name: 'c2' }] };
    assert.match(
      refusal(withContainers([{ name: 'c1' }], order)).message,
      /^The order in patch list:/,
    );
  });
});

test('a list without a strategy is replaced, null removes a field', () => {
  const { containers } = merged(withContainers([{ name: 'c1', args: ['y'], image: null }]));
  assert.deepEqual(containers, [{ name: 'c1', args: ['y'] }, c2]);
});

test('a merged list of plain values grows, and shrinks by $deleteFromPrimitiveList', () => {
  const patch: JsonObject = {
    metadata: { finalizers: ['c', 'a'], '$deleteFromPrimitiveList/finalizers': ['b'] },
  };
  assert.deepEqual(merged(patch).metadata.finalizers, ['c', 'a']);
});

test('$retainKeys drops what it does not name', () => {
  const patch: JsonObject = { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } };
  assert.deepEqual(merged(patch).strategy, { type: 'Recreate' });
  const bad = refusal({ spec: { strategy: { $retainKeys: ['type'], rollingUpdate: {} } } });
  assert.equal(bad.code, 400);
  assert.equal(bad.message, 'invalid patch format of retainKeys');
});

test('a map is merged, replaced or emptied', () => {
  const nodes = (patch: JsonObject): Json =>
    merged({ spec: { template: { spec: { nodeSelector: patch } } } }).nodeSelector;
  assert.deepEqual(nodes({ b: '2', a: null }), { b: '2' });
  assert.deepEqual(nodes({ $patch: 'replace', b: '2' }), { b: '2' });
  assert.deepEqual(nodes({ $patch: 'delete' }), {});
  assert.match(
    refusal({ spec: { template: { $patch: 'nope' } } }).message,
    /^Unknown patch type: nope in map:/,
  );
});

test('nulls and directives for what is not there mean nothing', () => {
  const patch: JsonObject = {
    metadata: { annotations: { a: '1', b: null }, other: { $patch: 'delete' } },
  };
  const { metadata } = merged(patch);
  assert.deepEqual(metadata.annotations, { a: '1' });
  assert.equal('other' in metadata, false);
});

test('custom kinds do not know strategic merge patches', () => {
  const custom = schemas.lookup('example.com', 'v1', 'Thing')!;
  assert.throws(
    () => strategicMerge({ schema: custom, live, patch: {} }),
    (error) => isApiError(error, 'UnsupportedMediaType'),
  );
});
