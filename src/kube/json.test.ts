import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  deepClone,
  deepEqual,
  encodeObject,
  MalformedJsonError,
  maxJsonDepth,
  parseJson,
  setField,
  spliceResourceVersion,
  stringifyJson,
} from './json.ts';
import type { Json, JsonObject } from './object.ts';
import { isApiError } from './status.ts';

interface Recorded {
  readonly text: string;
  readonly result?: string;
  readonly error?: string;
  readonly problems?: readonly string[];
}

const file = new URL('../../scripts/record/protobuf/formats.json', import.meta.url);
const recorded = (JSON.parse(readFileSync(file, 'utf8')) as { json: Recorded[] }).json;

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value) => {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
});
const name = fc.oneof(fc.constantFrom('__proto__', 'constructor', 'a', '"', '\\'), fc.string());
const { json } = fc.letrec<{ json: Json }>((tie) => ({
  json: fc.oneof(
    { depthSize: 'small' },
    fc.string(),
    int64,
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('json'), { maxLength: 4 }),
    fc.array(fc.tuple(name, tie('json')), { maxLength: 4 }).map((entries) => {
      const object: JsonObject = {};
      for (const [key, value] of entries) setField(object, key, value);
      return object;
    }),
  ),
}));

describe('parseJson', () => {
  it("gives the value, the strict problems or the refusal that kube-apiserver's decoder gives", () => {
    assert.ok(recorded.length > 40);
    for (const { text, result, error, problems = [] } of recorded) {
      if (error !== undefined) {
        assert.throws(() => parseJson(text), { message: error }, JSON.stringify(text));
        continue;
      }
      const parsed = parseJson(text, { duplicates: 'report' });
      assert.equal(stringifyJson(sorted(parsed.value)), result, text);
      assert.deepEqual(parsed.problems, problems, text);
    }
  });

  it('reads back what stringifyJson wrote, with exact integers of 64 bits', () => {
    fc.assert(
      fc.property(json, (value) => {
        const again = parseJson(stringifyJson(value)).value;
        assert.ok(deepEqual(again, value));
        assert.equal(stringifyJson(again), stringifyJson(value));
      }),
    );
  });

  it('finds duplicates exactly where a tokenizer by hand would', () => {
    const pairs = fc.array(fc.tuple(name, json), { maxLength: 40 });
    fc.assert(
      fc.property(pairs, (entries) => {
        const body = entries.map(
          ([key, value]) => `${JSON.stringify(key)} : ${stringifyJson(value)}`,
        );
        const { problems, value } = parseJson(`{${body.join(' ,')}}`, { duplicates: 'report' });
        const keys = entries.map(([key]) => key);
        const twice = new Set(keys.filter((key, i) => keys.indexOf(key) < i));
        assert.equal(problems.length, twice.size);
        assert.deepEqual(new Set(Object.keys(value as JsonObject)), new Set(keys));
      }),
    );
  });

  it('does not take an escaped name for one that it has seen before', () => {
    // JSON.parse of V8 13.6 does: the second text gets the first one's field.
    assert.deepEqual(parseJson('{"a":1,"\\\\":2}').value, { a: 1, '\\': 2 });
    assert.deepEqual(parseJson('{"a":1,"\\n":2}').value, { a: 1, '\n': 2 });
  });

  it('keeps __proto__ as an own field and changes no prototype', () => {
    const { value } = parseJson('{"__proto__":{"polluted":true},"n":9007199254740993}');
    assert.deepEqual(Object.keys(value as JsonObject), ['__proto__', 'n']);
    assert.equal(Object.getPrototypeOf(value), Object.prototype);
    const copy = deepClone(value) as JsonObject;
    assert.ok(Object.hasOwn(copy, '__proto__'));
    assert.equal((copy as { polluted?: boolean }).polluted, undefined);
    assert.ok(deepEqual(copy, value));
  });

  it('refuses nesting beyond its limit, and brackets in strings are none', () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
    assert.equal(stringifyJson(parseJson(nested(maxJsonDepth)).value), nested(maxJsonDepth));
    assert.throws(() => parseJson(nested(maxJsonDepth + 1)), /exceeded max depth/);
    assert.throws(() => parseJson(nested(1_000_000)), /exceeded max depth/);
    assert.equal(parseJson(JSON.stringify('[{'.repeat(5000))).value, '[{'.repeat(5000));
  });

  it('says what could not be read, as kube-apiserver does', () => {
    assert.throws(
      () => parseJson('{"kind":', { kind: 'Deployment' }),
      (error) => {
        assert.ok(error instanceof MalformedJsonError);
        assert.equal(error.code, 400);
        assert.equal(error.detail, 'unexpected end of JSON input');
        assert.equal(
          error.message,
          'the object provided is unrecognized (must be of type Deployment): ' +
            'couldn\'t get version/kind; json parse error: unexpected end of JSON input ({"kind":)',
        );
        return true;
      },
    );
    assert.throws(() => parseJson('[1]', { kind: 'Deployment' }), {
      message:
        "the object provided is unrecognized (must be of type Deployment): couldn't get version/kind; " +
        'json parse error: json: cannot unmarshal array into Go value of type struct { APIVersion string ' +
        '"json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" } (5b315d)',
    });
    assert.deepEqual(parseJson('null', { kind: 'Deployment' }).value, {});
    assert.throws(
      () => parseJson('[]', { maxBytes: 1 }),
      (error) => isApiError(error, 'RequestEntityTooLarge'),
    );
  });
});

/** Go writes maps with their keys in order. */
function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const object: JsonObject = {};
  for (const key of Object.keys(value).sort()) setField(object, key, sorted(value[key]!));
  return object;
}

describe('names of fields with escapes', () => {
  it('are not taken for others that stood at their place before', () => {
    const before = ['\\', 'k:{\\"n\\":\\', '\\n', 'a\\'];
    const names = ['"', 'k:{"n":"x"}', '\n', 'a"', 'a\n', '\\', '""'];
    for (const known of before)
      for (const name of names) {
        const text = (field: string): string => JSON.stringify({ a: '', [field]: {} });
        for (let i = 0; i < 3; i++) parseJson(text(known));
        const value = parseJson(text(name)).value as JsonObject;
        assert.deepEqual(Object.keys(value), ['a', name], `${name} after ${known}`);
      }
  });
});

describe('encodeObject and spliceResourceVersion', () => {
  it('give an object its resourceVersion without parsing it', () => {
    const rest = fc.dictionary(name, json, { noNullPrototype: true });
    fc.assert(
      fc.property(rest, rest, fc.string(), fc.nat(), (fields, metadata, kind, revision) => {
        const object = { ...fields, apiVersion: 'v1', kind, metadata };
        const bytes = spliceResourceVersion(encodeObject(object), revision);
        const expected = {
          ...object,
          metadata: { ...metadata, resourceVersion: String(revision) },
        };
        assert.ok(deepEqual(parseJson(bytes).value, expected));
        assert.deepEqual(parseJson(bytes, { duplicates: 'report' }).problems, []);
      }),
    );
  });

  it('put apiVersion, kind and metadata first and drop a resourceVersion that stood there', () => {
    const object = {
      spec: {},
      metadata: { name: 'a', resourceVersion: '7' },
      kind: 'B',
      apiVersion: 'v1',
    };
    const bytes = encodeObject(object);
    assert.equal(
      bytes.toString(),
      '{"apiVersion":"v1","kind":"B","metadata":{"name":"a"},"spec":{}}',
    );
    assert.equal(
      spliceResourceVersion(bytes, 9).toString(),
      '{"apiVersion":"v1","kind":"B","metadata":{"resourceVersion":"9","name":"a"},"spec":{}}',
    );
  });
});

describe('deepEqual', () => {
  it('agrees with the text of sorted JSON', () => {
    fc.assert(
      fc.property(json, json, (a, b) => {
        assert.equal(deepEqual(a, b), stringifyJson(sorted(a)) === stringifyJson(sorted(b)));
        assert.ok(deepEqual(a, deepClone(a)));
      }),
    );
  });

  it('takes 1 and 1n, and an absent and an undefined field, for the same', () => {
    assert.ok(deepEqual({ a: 1n, b: undefined }, { a: 1 }));
    assert.ok(deepEqual({ a: 1 }, { a: 1n, b: undefined }));
    assert.ok(!deepEqual({ a: '1' }, { a: 1n }));
    assert.ok(!deepEqual({}, []));
    assert.ok(!deepEqual({ a: undefined, b: 1 }, { b: 1, c: 2 }));
  });
});

it('text that ends too early is refused, whatever is asked for', () => {
  const texts = ['{"kind": "Config', '{"a"', '{', '{"a": ', '{"a": "\\', '["', '"x', '{"a":tru'];
  for (const text of texts) {
    assert.throws(
      () => parseJson(text, { duplicates: 'report', joinDuplicates: true }),
      /unexpected end of JSON input|invalid character/,
      text,
    );
  }
});
