import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { deepEqual, parseJson, stringifyJson } from './json.ts';
import type { JsonPatchOperation } from './json-patch.ts';
import { applyJsonPatch, maxJsonPatchOperations, parseJsonPatch } from './json-patch.ts';
import type { Json, JsonObject } from './object.ts';
import { ApiError } from './status.ts';

interface Recorded {
  readonly document: string;
  readonly patch: string;
  readonly result?: string;
  readonly error?: string;
}

const file = new URL('../../scripts/record/protobuf/formats.json', import.meta.url);
const recorded = (JSON.parse(readFileSync(file, 'utf8')) as { jsonPatch: Recorded[] }).jsonPatch;

function refusal(run: () => unknown): ApiError {
  try {
    run();
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  return assert.fail('it was accepted');
}

describe('JSON patches', () => {
  it("do what kube-apiserver's library does, and fail in its words", () => {
    assert.ok(recorded.length > 60);
    for (const { document, patch, result, error } of recorded) {
      const value = parseJson(document).value as JsonObject;
      const run = () => applyJsonPatch(value, parseJsonPatch(patch).operations);
      if (error === undefined) {
        const got = run();
        assert.ok(deepEqual(got, parseJson(result!).value), `${patch}: ${stringifyJson(got)}`);
      } else {
        const refused = refusal(run);
        assert.equal(refused.code, 422);
        // The library prints the nil of an error that it forgot to set.
        const wanted = error.replace(': %!w(<nil>)', '');
        assert.equal((refused.cause as Error).message, wanted, patch);
      }
      assert.equal(stringifyJson(value), document, 'the document itself is untouched');
    }
  });

  it('never change the document or a value of the patch, whatever is done to copies', () => {
    const path = fc.constantFrom('/a', '/a/x', '/b', '/b/0', '/b/-', '/c', '/c/x/y', '/a/x/0');
    const value = fc.constantFrom<Json>(1, {}, { x: [1, { y: 2 }] }, [], [[0]]);
    const operation = fc.record({
      op: fc.constantFrom('add', 'remove', 'replace', 'move', 'copy'),
      path,
      from: path,
      value,
    });
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 12 }), (operations) => {
        let document: JsonObject = { a: { x: [1] }, b: [{ z: 1 }, 2], c: { x: { y: 3 } } };
        for (const one of operations as JsonPatchOperation[]) {
          const before = stringifyJson([document, operations]);
          const together = tryApply({ ...document }, [one, one]);
          const once = tryApply(document, [one]);
          if (together !== undefined && once !== undefined)
            assert.ok(deepEqual(together, tryApply(once, [one])));
          assert.equal(stringifyJson([document, operations]), before);
          document = once ?? document;
        }
      }),
    );
  });

  it('are bounded in number and in what they copy', () => {
    const one = '{"op":"test","path":"/a","value":1}';
    const many = `[${Array(maxJsonPatchOperations + 1)
      .fill(one)
      .join(',')}]`;
    const tooMany = refusal(() => parseJsonPatch(many));
    assert.equal(tooMany.code, 413);
    assert.match(tooMany.message, /maximum operations in a JSON patch is 10000, got 10001$/);
    const doubling = Array(64).fill({ op: 'copy', from: '/a', path: '/a/-' });
    const tooBig = refusal(() => applyJsonPatch({ a: ['x'.repeat(1000)] }, doubling));
    assert.match((tooBig.cause as Error).message, /accumulated size increase of copy/);
  });

  it('that are no list of operations are refused as 400', () => {
    const message = (body: string) => refusal(() => parseJsonPatch(body)).message;
    assert.equal(
      message('{}'),
      'error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp',
    );
    assert.match(
      message('[1]'),
      /cannot unmarshal number into Go value of type handlers.jsonPatchOp/,
    );
    assert.match(
      message('[{"op":1}]'),
      /cannot unmarshal number into Go struct field .*op of type string/,
    );
    assert.equal(message('[{'), 'invalid JSON patch');
  });

  it('name duplicate and unknown fields for strict validation', () => {
    const { problems } = parseJsonPatch('[{"op":"add","op":"add","path":"/a","value":1,"x":2}]');
    assert.deepEqual(problems, [
      'json patch duplicate field "[0].op"',
      'json patch unknown field "[0].x"',
    ]);
  });
});

function tryApply(
  document: JsonObject,
  operations: readonly JsonPatchOperation[],
): JsonObject | undefined {
  try {
    return applyJsonPatch(document, operations) as JsonObject;
  } catch (error) {
    if (error instanceof ApiError) return undefined;
    throw error;
  }
}
