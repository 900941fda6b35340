import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { deepEqual, parseJson } from './json.ts';
import type { Json } from './object.ts';
import { isApiError } from './status.ts';
import { maxYamlBytes, parseYaml, stringifyYaml } from './yaml.ts';

interface Recorded {
  readonly text: string;
  readonly result?: string;
  readonly error?: string;
  readonly problems?: readonly string[];
}

const file = new URL('../../scripts/record/protobuf/formats.json', import.meta.url);
const recorded = (JSON.parse(readFileSync(file, 'utf8')) as { yaml: Recorded[] }).yaml;

function outcome(text: string): { value?: Json; problems?: string[]; error?: string } {
  try {
    return parseYaml(text, { duplicates: 'report' });
  } catch (error) {
    if (isApiError(error, 'BadRequest')) return { error: error.message };
    throw error;
  }
}

describe('YAML', () => {
  it("gives the value, or the refusal, that Go's library gives", () => {
    assert.ok(recorded.length > 80);
    for (const { text, result, error } of recorded) {
      const got = outcome(text);
      assert.equal(
        got.error === undefined,
        error === undefined,
        `${JSON.stringify(text)}: ${got.error}`,
      );
      if (result === undefined) continue;
      const expected = parseJson(result).value;
      if (!deepEqual(got.value, expected)) assert.deepEqual(got.value, expected, text);
    }
  });

  it('names duplicate keys with the lines that Go names', () => {
    let named = 0;
    for (const { text, result, problems = [] } of recorded) {
      // JSON keeps the words of JSON's own duplicates.
      if (result === undefined || text.startsWith('{')) continue;
      assert.deepEqual(outcome(text).problems, problems, text);
      named += problems.length;
    }
    assert.ok(named >= 5);
  });

  it('reads JSON as JSON, with exact integers', () => {
    const { value, problems } = parseYaml('{"a": 9007199254740993, "a": 9007199254740995}', {
      duplicates: 'report',
    });
    assert.deepEqual(value, { a: 9007199254740995n });
    assert.deepEqual(problems, ['duplicate field "a"']);
  });

  it('bounds aliases, depth, cycles and length', () => {
    const line = (i: number) => `a${i + 1}: &a${i + 1} [${Array(10).fill(`*a${i}`).join(',')}]\n`;
    const laughs = `a0: &a0 [x,x,x,x]\n${Array.from({ length: 9 }, (_, i) => line(i)).join('')}`;
    assert.match(outcome(laughs).error ?? '', /excessive aliasing/);
    assert.match(outcome('a: &x [*x]').error ?? '', /anchor 'x' value contains itself/);
    assert.match(outcome(`${'['.repeat(6000)}${']'.repeat(6000)}`).error ?? '', /max depth/);
    const nested = Array.from({ length: 1200 }, (_, i) => `${' '.repeat(i)}a:\n`).join('');
    assert.match(outcome(nested.slice(0, maxYamlBytes)).error ?? '', /max depth/);
    assert.throws(
      () => parseYaml(`a: ${'x'.repeat(maxYamlBytes)}`),
      (error) => isApiError(error, 'RequestEntityTooLarge'),
    );
  });

  it('says which kind could not be read', () => {
    assert.throws(() => parseYaml('a: [1', { kind: 'Deployment' }), {
      message:
        /^the object provided is unrecognized \(must be of type Deployment\): yaml: line 1: .* \(613a205b31\)$/,
    });
  });

  it('writes what it reads back the same, whatever the text looks like', () => {
    const tricky = fc.constantFrom(
      'yes',
      'n',
      '0o17',
      '012',
      '1_000',
      '1e3',
      '.5',
      '<<',
      '=',
      '~',
      '- x',
    );
    const text = fc.oneof(tricky, fc.string(), fc.string({ unit: 'grapheme' }));
    const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
      tree: fc.oneof(
        { depthSize: 'small' },
        text,
        fc.integer(),
        fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n - 1n }),
        fc.boolean(),
        fc.constant(null),
        fc.array(tie('tree'), { maxLength: 4 }),
        fc.dictionary(text, tie('tree'), { maxKeys: 4, noNullPrototype: true }),
      ),
    }));
    fc.assert(
      fc.property(tree, (value) => {
        const again = parseYaml(stringifyYaml({ value })).value;
        if (!deepEqual(again, { value })) assert.deepEqual(again, { value });
      }),
      { numRuns: 300 },
    );
  });

  it('writes an object as kubectl does', () => {
    const object = {
      kind: 'A',
      data: { b: 'no', a: 'x\ny\n' },
      list: [{ c: 1, a: '' }],
      empty: {},
    };
    assert.equal(
      stringifyYaml(object),
      'data:\n  a: |\n    x\n    y\n  b: "no"\nempty: {}\nkind: A\nlist:\n- a: ""\n  c: 1\n',
    );
  });
});
