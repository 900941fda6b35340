import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { deepClone, deepEqual, parseJson, stringifyJson } from './json.ts';
import {
  applyMergePatch,
  createMergePatch,
  parseMergePatch,
  threeWayMergePatch,
} from './merge-patch.ts';
import type { Json, JsonObject } from './object.ts';
import { isObject } from './object.ts';
import { isApiError } from './status.ts';

interface Recorded {
  readonly document: string;
  readonly patch: string;
  readonly result: string;
}

const file = new URL('../../scripts/record/protobuf/formats.json', import.meta.url);
const recorded = (JSON.parse(readFileSync(file, 'utf8')) as { mergePatch: Recorded[] }).mergePatch;

const key = fc.constantFrom('a', 'b', 'c', '__proto__');
const { object } = fc.letrec<{ object: JsonObject; value: Json }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.integer({ min: 0, max: 2 }),
    fc.constantFrom('x', 'y', true),
    fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 2 }),
    tie('object'),
  ),
  object: fc
    .array(fc.tuple(key, tie('value')), { maxLength: 4 })
    .map((entries) => Object.fromEntries(entries) as JsonObject),
}));

/** Every leaf of an object with its path: scalars, lists and empty objects. */
function leaves(value: JsonObject, path: string[] = []): Map<string, Json> {
  const found = new Map<string, Json>();
  for (const name of Object.keys(value)) {
    const here = [...path, name];
    const inner = value[name]!;
    if (isObject(inner) && Object.keys(inner).length > 0)
      for (const [at, leaf] of leaves(inner, here)) found.set(at, leaf);
    else found.set(here.join('/'), inner);
  }
  return found;
}

describe('merge patches', () => {
  it("do what kube-apiserver's library does", () => {
    for (const { document, patch, result } of recorded) {
      const value = parseJson(document).value as JsonObject;
      const got = applyMergePatch(value, parseMergePatch(patch).patch);
      assert.ok(deepEqual(got, parseJson(result).value), `${patch}: ${stringifyJson(got)}`);
      assert.equal(stringifyJson(value), document, 'the document itself is untouched');
    }
  });

  it('created from two objects lead from one to the other, and only when they differ', () => {
    fc.assert(
      fc.property(object, object, (original, modified) => {
        const patch = createMergePatch(original, modified);
        assert.equal(patch === undefined, deepEqual(original, modified));
        if (patch !== undefined) assert.ok(deepEqual(applyMergePatch(original, patch), modified));
      }),
    );
  });

  it('take null for absent', () => {
    assert.equal(createMergePatch({ a: null }, {}), undefined);
    assert.equal(createMergePatch({}, { a: null }), undefined);
    assert.deepEqual(createMergePatch({ a: 1 }, { a: null }), { a: null });
  });

  it('that are no objects are refused as 400, in the words of kube-apiserver', () => {
    const message = (body: string): string => {
      try {
        parseMergePatch(body);
      } catch (error) {
        if (isApiError(error, 'BadRequest')) return error.message;
        throw error;
      }
      return assert.fail('it was accepted');
    };
    assert.equal(message('null'), 'Invalid JSON Patch');
    assert.equal(
      message('[]'),
      'error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}',
    );
    assert.equal(message('{'), 'invalid JSON patch');
    assert.deepEqual(parseMergePatch('{"a":1,"a":2}').problems, ['duplicate field "a"']);
  });
});

describe('three-way merge patches', () => {
  const three = fc.tuple(object, object, object);
  const applied = (last: JsonObject, desired: JsonObject, live: JsonObject): JsonObject => {
    const patch = threeWayMergePatch(last, desired, live);
    return patch === undefined ? live : applyMergePatch(live, patch);
  };

  it('bring every desired leaf', () => {
    fc.assert(
      fc.property(three, ([last, desired, live]) => {
        const got = applied(last, desired, live);
        const patched = leaves(applyMergePatch(got, desired));
        assert.deepEqual(leaves(got), patched, 'what is desired is there already');
      }),
    );
  });

  it('are settled once they are applied', () => {
    fc.assert(
      fc.property(three, ([last, desired, live]) => {
        const got = applied(last, desired, live);
        assert.equal(threeWayMergePatch(desired, desired, got), undefined);
        assert.equal(threeWayMergePatch(last, desired, got), undefined);
      }),
    );
  });

  it('delete what was written and is desired no more, and keep what others added', () => {
    fc.assert(
      fc.property(three, ([last, desired, live]) => {
        const ours = leaves(last);
        const got = leaves(applied(last, desired, live));
        for (const [path, leaf] of leaves(live)) {
          const parents = path.split('/').map((_, i, parts) => parts.slice(0, i + 1).join('/'));
          const overwritten = parents.some((part) => leaves(desired).has(part));
          const written = parents.some((part) => ours.has(part));
          const replaced = [...leaves(desired).keys()].some((other) =>
            other.startsWith(`${path}/`),
          );
          if (written || overwritten || replaced || hasUnder(ours, path)) continue;
          assert.ok(deepEqual(got.get(path), leaf), `${path} is somebody else's`);
        }
        for (const path of ours.keys()) {
          const wanted = [...leaves(desired).keys()].some(
            (other) =>
              other === path || other.startsWith(`${path}/`) || path.startsWith(`${other}/`),
          );
          if (!wanted && !isObject(valueAt(last, path)))
            assert.ok(!got.has(path), `${path} is gone`);
        }
      }),
    );
  });

  it('leave an object whose last field was ours only when others hold something in it', () => {
    const last = { metadata: { labels: { ours: '1' } } };
    assert.deepEqual(
      threeWayMergePatch(last, { metadata: {} }, { metadata: { labels: { ours: '1' } } }),
      {
        metadata: { labels: null },
      },
    );
    assert.deepEqual(
      threeWayMergePatch(
        last,
        { metadata: {} },
        { metadata: { labels: { ours: '1', theirs: '2' } } },
      ),
      { metadata: { labels: { ours: null } } },
    );
    assert.equal(
      threeWayMergePatch(last, {}, { metadata: { labels: { theirs: '2' } } }),
      undefined,
    );
  });

  it('replace lists whole and change none of their inputs', () => {
    const last = { l: [1, 2] };
    const live = { l: [1, 2, 3], other: 1 };
    const before = deepClone([last, live]);
    assert.deepEqual(threeWayMergePatch(last, { l: [1, 4] }, live), { l: [1, 4] });
    assert.deepEqual([last, live], before);
  });
});

function hasUnder(all: Map<string, Json>, path: string): boolean {
  return [...all.keys()].some((other) => other.startsWith(`${path}/`));
}

function valueAt(object: JsonObject, path: string): Json | undefined {
  let current: Json | undefined = object;
  for (const part of path.split('/')) current = (current as JsonObject)[part];
  return current;
}
