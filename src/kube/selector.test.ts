import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { LabelRequirement, LabelSelector } from './selector.ts';
import {
  formatFieldSelector,
  formatLabelSelector,
  labelSelectorFrom,
  matchFields,
  matchLabels,
  parseFieldSelector,
  parseLabelSelector,
  requiredField,
  requiredLabel,
  selectsNothing,
} from './selector.ts';
import { isApiError } from './status.ts';

interface Recorded {
  readonly text: string;
  readonly result?: string;
  readonly error?: string;
}

const file = new URL('../../scripts/record/protobuf/formats.json', import.meta.url);
const recorded = JSON.parse(readFileSync(file, 'utf8')) as {
  readonly labels: readonly Recorded[];
  readonly fields: readonly Recorded[];
};

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (isApiError(error, 'BadRequest')) return error.message;
    throw error;
  }
  return assert.fail('it was accepted');
}

const key = fc.constantFrom('a', 'b', 'example.com/tier', 'in', 'notin', 'constructor');
const value = fc.constantFrom('', 'x', 'y', '1', '22', 'in');
const requirement: fc.Arbitrary<LabelRequirement> = fc.oneof(
  fc.record({
    key,
    operator: fc.constantFrom('In' as const, 'NotIn' as const),
    values: fc.uniqueArray(value, { minLength: 1 }).map((values) => values.sort()),
  }),
  fc.record({
    key,
    operator: fc.constantFrom('Exists' as const, 'DoesNotExist' as const),
    values: fc.constant([]),
  }),
  fc.record({
    key,
    operator: fc.constantFrom('Gt' as const, 'Lt' as const),
    values: fc.tuple(fc.constantFrom('1', '22', '007')),
  }),
);
const selector = fc.array(requirement, { maxLength: 4 });
const labels = fc.dictionary(key, value, { noNullPrototype: true });

describe('label selectors', () => {
  it("are read and refused in Kubernetes' own words", () => {
    assert.ok(recorded.labels.length > 60);
    for (const { text, result, error } of recorded.labels) {
      if (error !== undefined) {
        assert.equal(
          refusal(() => parseLabelSelector(text)),
          error,
          JSON.stringify(text),
        );
        continue;
      }
      // Kubernetes keeps `a==b` and `a in (b)` as they were written; to us they are one
      // requirement.
      const parsed = parseLabelSelector(text);
      assert.deepEqual(parsed, parseLabelSelector(result ?? ''), text);
    }
  });

  it('survive being written and read again', () => {
    fc.assert(
      fc.property(selector, (requirements) => {
        const text = formatLabelSelector(requirements);
        const again = parseLabelSelector(text);
        assert.equal(again.length, requirements.length);
        for (const one of requirements)
          assert.ok(
            again.some((other) => same(one, other)),
            text,
          );
      }),
    );
  });

  it('hold exactly when every requirement does', () => {
    fc.assert(
      fc.property(selector, labels, (requirements, present) => {
        const each = requirements.map((one) => matchLabels([one], present));
        assert.equal(matchLabels(requirements, present), each.every(Boolean));
      }),
    );
  });

  it('are the opposite of each other: In and NotIn, Exists and DoesNotExist', () => {
    fc.assert(
      fc.property(key, fc.array(value, { minLength: 1 }), labels, (name, values, present) => {
        const holds = (operator: LabelRequirement['operator'], list: string[]) =>
          matchLabels([{ key: name, operator, values: list }], present);
        assert.notEqual(holds('In', values), holds('NotIn', values));
        assert.notEqual(holds('Exists', []), holds('DoesNotExist', []));
      }),
    );
  });

  it('never take what every object inherits for a label', () => {
    assert.ok(!matchLabels(parseLabelSelector('constructor'), {}));
    assert.ok(matchLabels(parseLabelSelector('!constructor'), {}));
    assert.ok(!matchLabels(parseLabelSelector('a'), undefined));
  });

  it('compare whole numbers of 64 bits', () => {
    const above = parseLabelSelector('n>9007199254740992');
    assert.ok(matchLabels(above, { n: '9007199254740993' }));
    assert.ok(!matchLabels(above, { n: '9007199254740992' }));
    assert.ok(!matchLabels(above, { n: 'many' }));
  });

  it('are made of LabelSelector objects; null selects nothing, {} everything', () => {
    const made = labelSelectorFrom({
      matchLabels: { tier: 'web' },
      matchExpressions: [
        { key: 'env', operator: 'In', values: ['b', 'a'] },
        { key: 'canary', operator: 'DoesNotExist' },
      ],
    });
    assert.equal(formatLabelSelector(made), '!canary,env in (a,b),tier=web');
    assert.ok(matchLabels(made, { tier: 'web', env: 'a' }));
    assert.ok(!matchLabels(made, { tier: 'web', env: 'a', canary: '' }));
    assert.deepEqual(labelSelectorFrom(null), selectsNothing);
    assert.ok(!matchLabels(labelSelectorFrom(undefined), { a: 'b' }));
    assert.ok(matchLabels(labelSelectorFrom({}), undefined));
  });

  it('of objects are refused for operators, keys and values that Kubernetes refuses', () => {
    const expression = (operator: string, values: string[]) => () =>
      labelSelectorFrom({ matchExpressions: [{ key: 'a', operator, values }] });
    assert.equal(refusal(expression('Is', [])), '"Is" is not a valid label selector operator');
    assert.match(refusal(expression('In', [])), /^values: Invalid value: \[\]: for 'in', 'notin'/);
    assert.match(refusal(expression('Exists', ['x'])), /values set must be empty/);
    assert.match(
      refusal(() => labelSelectorFrom({ matchLabels: { 'a b': 'c' } })),
      /^key: Invalid value: "a b"/,
    );
    assert.match(
      refusal(() => labelSelectorFrom([])),
      /must be an object/,
    );
  });

  it('tell the one value that they demand of a label', () => {
    assert.equal(requiredLabel(parseLabelSelector('a=b,c in (d,e)'), 'a'), 'b');
    assert.equal(requiredLabel(parseLabelSelector('a=b,c in (d,e)'), 'c'), undefined);
  });
});

function same(a: LabelSelector[number], b: LabelSelector[number]): boolean {
  return a.key === b.key && a.operator === b.operator && a.values.join() === b.values.join();
}

describe('field selectors', () => {
  it("are read and refused in Kubernetes' own words", () => {
    for (const { text, result, error } of recorded.fields) {
      if (error === undefined)
        assert.equal(formatFieldSelector(parseFieldSelector(text)), result ?? '', text);
      else
        assert.equal(
          refusal(() => parseFieldSelector(text)),
          error,
          text,
        );
    }
  });

  it('survive being written and read again', () => {
    const one = fc.record({
      field: fc.constantFrom('metadata.name', 'status.phase'),
      operator: fc.constantFrom('=' as const, '!=' as const),
      value: fc.string({ unit: 'grapheme' }),
    });
    fc.assert(
      fc.property(one, (wanted) => {
        assert.deepEqual(parseFieldSelector(formatFieldSelector([wanted])), [{ ...wanted }]);
      }),
    );
  });

  it('match on the text of fields, absent ones being empty', () => {
    const parsed = parseFieldSelector('metadata.name=web,spec.nodeName!=');
    const fields: Record<string, string> = { 'metadata.name': 'web', 'spec.nodeName': 'n1' };
    assert.ok(matchFields(parsed, (field) => fields[field]));
    assert.ok(!matchFields(parsed, (field) => (field === 'metadata.name' ? 'web' : undefined)));
    assert.equal(requiredField(parsed, 'metadata.name'), 'web');
    assert.equal(requiredField(parsed, 'spec.nodeName'), undefined);
  });
});
