import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { requireMembers } from '../../../testbed/binaries.ts';
import type { JsonObject } from '../../kube/object.ts';
import { type Answer, startBoth } from '../admission/both.fixture.ts';
import { listAt } from './custom-kind.ts';

const bound = (name: string, ...sizes: readonly number[]): fc.Arbitrary<JsonObject> =>
  fc.constantFrom({}, ...sizes.map((size) => ({ [name]: size })));

const text = bound('maxLength', 5, 64, 400, 5000).map((more) => ({ type: 'string', ...more }));
const strings = fc
  .tuple(bound('maxItems', 3, 40, 500, 4000), text)
  .map(([more, items]) => ({ type: 'array', ...more, items }));
const labels = fc
  .tuple(bound('maxProperties', 2, 30, 900), text)
  .map(([more, values]) => ({ type: 'object', ...more, additionalProperties: values }));

/** Rules over a place that has text `s`, `e`, `k`, list `l`, map `m` and number `n`. */
const rules = [
  'self.n > 0',
  'has(self.s) && self.s.size() < 5',
  'self.s == self.e',
  "self.s.startsWith('a') || self.e == self.k",
  "self.s.matches('^[a-z]+([0-9]|[a-f])*$')",
  'self.s.contains(self.k)',
  'self.l.all(x, x.size() < 4)',
  'self.l.all(x, self.l.exists(y, x == y))',
  'self.l.all(x, self.l.all(y, self.l.exists(z, x == y && y == z)))',
  "self.l.map(x, x.upperAscii()).exists(x, x.contains('A'))",
  'self.m.all(k, self.m[k] == self.s)',
  'self.m.all(k, v, self.l.exists(x, x == v))',
  "self.l.join(',').matches('[a-z]*')",
  "self.s.split(',').all(p, p.trim() in self.l)",
  'self.l.isSorted()',
  'sets.contains(self.l, [self.s])',
  'self.l == self.l.distinct()',
  'self.l.sort() == self.l',
  "self.?m['a'].orValue(self.s).find('[0-9]+') != ''",
  "self.s.replace('a', self.k).size() < 10",
  "url(self.s).getHost() == 'a'",
  "quantity(self.s).isGreaterThan(quantity('1'))",
  'self.k == oldSelf.k',
  'self.n > 0 &&',
];
const messages = [
  "'no'",
  "'no: ' + self.s",
  "self.l.join(', ') + string(self.n)",
  "'%s'.format([self.s])",
  'self.l.map(x, self.l.map(y, x + y).join()).join()',
];

const place = fc.record({ s: text, l: strings, m: labels }).map(({ s, l, m }) => ({
  type: 'object',
  properties: {
    ...{ s, l, m },
    e: { type: 'string', format: 'date-time' },
    k: { type: 'string', enum: ['one', 'three'] },
    n: { type: 'integer' },
  },
}));

const rule = fc
  .tuple(fc.constantFrom(...rules), fc.option(fc.constantFrom(...messages), { nil: undefined }))
  .map(([text, messageExpression]) =>
    messageExpression === undefined ? { rule: text } : { rule: text, messageExpression },
  );

/** What holds the place: fields, lists and maps around it, with and without a bound. */
const around = fc.array(
  fc.oneof(
    bound('maxItems', 2, 100).map((more) => ({ how: 'items', type: 'array', more })),
    bound('maxProperties', 3, 50).map((more) => {
      return { how: 'additionalProperties', type: 'object', more };
    }),
    fc.constant({ how: 'field', type: 'object', more: {} }),
  ),
  { maxLength: 2 },
);

const schema = fc
  .record({ place, around, rules: fc.array(rule, { minLength: 1, maxLength: 3 }) })
  .map(({ place: inner, around: outer, rules: own }) =>
    outer.reduce<JsonObject>(
      (schema, { how, type, more }) =>
        how === 'field'
          ? { type, required: ['f'], properties: { f: schema } }
          : { type, ...more, [how]: schema },
      { ...inner, 'x-kubernetes-validations': own },
    ),
  );

function definitionOf(specs: readonly JsonObject[]): JsonObject {
  const properties = Object.fromEntries(specs.map((spec, i) => [`spec${i}`, spec]));
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'dears.cost.test.example' },
    spec: {
      group: 'cost.test.example',
      scope: 'Namespaced',
      names: { plural: 'dears', kind: 'Dear' },
      versions: [
        {
          ...{ name: 'v1', served: true, storage: true },
          schema: { openAPIV3Schema: { type: 'object', properties } },
        },
      ],
    },
  };
}

/**
 * Properties come in no order from Go's maps, and so do causes; and which of equally dear rules are
 * named as the dearest is left to chance.
 */
function verdictOf({ status, body }: Answer): unknown {
  const causes = listAt(body, 'details', 'causes').map((cause) => {
    const text = JSON.stringify(cause);
    return text.includes('contributed to') ? 'contributed' : text;
  });
  return { status, reason: body.reason, causes: causes.sort() };
}

test('rules that may cost too much are refused as by kube-apiserver', async (t) => {
  if (!(await requireMembers(t))) return;
  await using both = await startBoth({}, () => {});
  const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions?dryRun=All';
  const drawn = fc.sample(fc.array(schema, { minLength: 1, maxLength: 4 }), {
    seed: 20_261_125,
    numRuns: 120,
  });
  let [refused, tooCostly] = [0, 0];
  for (const specs of drawn) {
    const sent = { method: 'POST', path, body: definitionOf(specs) };
    const [real, ours] = await Promise.all([both.real(sent), both.ours(sent)]);
    assert.deepEqual(verdictOf(ours), verdictOf(real), JSON.stringify(specs));
    if (real.status === 422) refused++;
    if (JSON.stringify(real.body).includes('exceeds budget')) tooCostly++;
  }
  const accepted = drawn.length - refused;
  assert.ok(accepted >= 5 && tooCostly > 40, `${accepted} accepted, ${tooCostly} too costly`);
});
