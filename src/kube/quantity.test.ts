import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  addQuantity,
  canonicalQuantity,
  compareQuantity,
  formatQuantity,
  multiplyQuantity,
  parseQuantity,
  QuantityError,
  quantityMilliValue,
  quantityValue,
  subtractQuantity,
} from './quantity.ts';

interface Recorded {
  readonly text: string;
  readonly result?: string;
  readonly error?: string;
}

const file = new URL('../../scripts/record/protobuf/formats.json', import.meta.url);
const recorded = JSON.parse(readFileSync(file, 'utf8')) as {
  readonly quantities: readonly Recorded[];
  readonly sums: readonly [string, string, string][];
};

const suffix = fc.constantFrom('', 'm', 'u', 'n', 'k', 'M', 'Ki', 'Mi', 'Gi', 'e3');
const number = fc.tuple(fc.integer({ min: -9999, max: 9999 }), fc.nat(999));
const quantity = fc
  .tuple(number, suffix)
  .map(([[whole, part], unit]) => parseQuantity(`${whole}.${part}${unit}`));

describe('quantities', () => {
  it('have the canonical form, or the refusal, that Kubernetes gives', () => {
    assert.ok(recorded.quantities.length > 300);
    for (const { text, result, error } of recorded.quantities) {
      if (error === undefined) assert.equal(canonicalQuantity(text), result, JSON.stringify(text));
      else assert.throws(() => parseQuantity(text), { message: error }, JSON.stringify(text));
    }
  });

  it('add up as in Kubernetes', () => {
    for (const [a, b, sum] of recorded.sums)
      assert.equal(
        formatQuantity(addQuantity(parseQuantity(a), parseQuantity(b))),
        sum,
        `${a} + ${b}`,
      );
  });

  it('keep their amount in canonical form', () => {
    fc.assert(
      fc.property(quantity, (one) => {
        const { text: _text, ...computed } = one;
        assert.equal(compareQuantity(parseQuantity(formatQuantity(computed)), one), 0);
      }),
    );
  });

  it('are ordered, and what is added can be taken away', () => {
    fc.assert(
      fc.property(quantity, quantity, quantity, (a, b, c) => {
        assert.equal(compareQuantity(a, b), -compareQuantity(b, a) + 0);
        assert.equal(compareQuantity(subtractQuantity(addQuantity(a, b), b), a), 0);
        assert.equal(compareQuantity(addQuantity(a, c), addQuantity(b, c)), compareQuantity(a, b));
        assert.equal(
          compareQuantity(multiplyQuantity(a, 3n), addQuantity(a, addQuantity(a, a))),
          0,
        );
      }),
    );
  });

  it('are exact beyond 2^53 and rounded away from zero below a billionth', () => {
    assert.equal(quantityValue(parseQuantity('9007199254740993')), 9007199254740993n);
    assert.equal(quantityMilliValue(parseQuantity('1.0001')), 1001n);
    assert.equal(quantityMilliValue(parseQuantity('-1.0001')), -1001n);
    assert.equal(quantityValue(parseQuantity('1.5Gi')), 1610612736n);
    assert.equal(canonicalQuantity('0.0000000001'), '1n');
  });

  it('written as numbers are taken too, and absurd ones refused', () => {
    assert.equal(canonicalQuantity(2), '2');
    assert.equal(canonicalQuantity(0.5), '500m');
    assert.throws(() => parseQuantity('1e99999'), QuantityError);
    assert.throws(() => parseQuantity('1'.repeat(100_000)), QuantityError);
  });
});
