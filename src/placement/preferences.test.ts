/** Federation v1's annotations: read as they were meant, refused where they cannot be. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { KubeObject } from '../kube/object.ts';
import { matchLabels } from '../kube/selector.ts';
import { check } from './arbitraries.fixture.ts';
import { rulesFromAnnotations, selectorAnnotation } from './preferences.ts';

const deployment = 'federation.kubernetes.io/deployment-preferences';
const replicaSet = 'federation.kubernetes.io/replica-set-preferences';
const job = 'federation.kubernetes.io/job-preferences';

function object(kind: string, annotations: Record<string, string>): KubeObject {
  return { apiVersion: 'apps/v1', kind, metadata: { name: 'web', annotations } };
}

/** `field: message` of every cause. */
function causes(kind: string, annotations: Record<string, string>): string[] {
  const result = rulesFromAnnotations(object(kind, annotations));
  if (result.causes.length > 0) assert.equal(result.rules, undefined);
  return result.causes.map((cause) => `${cause.field}: ${cause.message}`);
}

test('an object without annotations says nothing', () => {
  assert.deepEqual(rulesFromAnnotations(object('Deployment', {})), {
    rules: undefined,
    causes: [],
  });
});

test("the talk's nginx-us goes to two clusters, two to four replicas each, and may be moved", () => {
  const preferences = {
    rebalance: true,
    clusters: {
      'us-east1-b': { minReplicas: 2, maxReplicas: 4, weight: 1 },
      'us-central1-b': { minReplicas: 2, maxReplicas: 4, weight: 1 },
    },
  };
  const { rules } = rulesFromAnnotations(
    object('ReplicaSet', { [replicaSet]: JSON.stringify(preferences) }),
  );
  assert.equal(rules?.mode, 'Divide');
  assert.equal(rules.maxPercent, 100);
  assert.equal(rules.source, replicaSet);
  assert.deepEqual(rules.clusters, { names: ['us-east1-b', 'us-central1-b'] });
  assert.deepEqual(rules.weights?.[0], { names: ['us-east1-b'], weight: 1, min: 2, max: 4 });
});

test('"*" stands for all other clusters, and a missing weight is 0 as it was', () => {
  const text = '{"clusters":{"*":{"weight":1},"a":{"minReplicas":3}}}';
  const { rules } = rulesFromAnnotations(object('Deployment', { [deployment]: text }));
  assert.equal(rules?.clusters, undefined);
  assert.deepEqual(rules?.weights, [
    { weight: 1, min: 0 },
    { names: ['a'], weight: 0, min: 3 },
  ]);
  assert.equal(rules?.maxPercent, 0);
  assert.equal(rules?.spill.return, false);
});

test('a Job is only divided by its own annotation', () => {
  const { rules } = rulesFromAnnotations(
    object('Job', { [job]: '{"clusters":{"*":{"weight":1}}}' }),
  );
  assert.equal(rules?.mode, 'Divide');
  assert.match(
    causes('Job', { [deployment]: '{}' })[0]!,
    /Forbidden: places a Deployment, not a Job; use .*job-preferences$/,
  );
  assert.deepEqual(causes('ConfigMap', { [deployment]: 'whatever' }), []);
});

const at = `metadata.annotations[${deployment}]`;

const wrong: readonly [string, string, RegExp][] = [
  ['no JSON', '{"rebalance":', /^Invalid value: "\{\\"rebalance\\":": must be JSON: /],
  ['no object', '[1]', /^Invalid value: "\[1\]": must be a JSON object$/],
  ['null', 'null', /must be a JSON object$/],
  ['nothing', '', /must be JSON/],
  [
    'an unknown field',
    '{"rebalanced":true}',
    /^\.rebalanced: Invalid value: "rebalanced": unknown/,
  ],
  ['a wrong type', '{"rebalance":"yes"}', /^\.rebalance: Invalid value: "yes": must be a boolean$/],
  ['an empty map', '{"clusters":{}}', /^\.clusters: Required value/],
  ['a list of clusters', '{"clusters":["a"]}', /^\.clusters: .*must be a JSON object$/],
  ['a number as entry', '{"clusters":{"a":1}}', /^\.clusters\[a\]: .*must be a JSON object$/],
  ['a wrong name', '{"clusters":{"A_b":{"weight":1}}}', /^\.clusters\[A_b\]: .*DNS label/],
  [
    'an unknown field of an entry',
    '{"clusters":{"a":{"wieght":1}}}',
    /^\.clusters\[a\]\.wieght: Invalid value: "wieght": unknown field/,
  ],
  [
    'min above max',
    '{"clusters":{"a":{"minReplicas":3,"maxReplicas":2,"weight":1}}}',
    /^\.clusters\[a\]\.minReplicas: Invalid value: 3: must be at most maxReplicas \(2\)$/,
  ],
  [
    'a negative number',
    '{"clusters":{"a":{"minReplicas":-1}}}',
    /^\.clusters\[a\]\.minReplicas: Invalid value: -1: must be greater than or equal to 0$/,
  ],
  [
    'too large a weight',
    '{"clusters":{"a":{"weight":1000001}}}',
    /^\.clusters\[a\]\.weight: Invalid value: 1000001: must be less than or equal to 1000000$/,
  ],
  [
    'too many replicas',
    '{"clusters":{"a":{"maxReplicas":2147483648}}}',
    /^\.clusters\[a\]\.maxReplicas: .*less than or equal to 2147483647$/,
  ],
  ['half a replica', '{"clusters":{"a":{"weight":1.5}}}', /weight: Invalid value: 1.5: must be an/],
  ['a number in quotes', '{"clusters":{"a":{"weight":"1"}}}', /weight: .*must be an integer$/],
  ['a prototype', '{"__proto__":{"rebalance":true}}', /^\.__proto__: .*unknown field/],
];

for (const [what, text, expected] of wrong)
  test(`preferences with ${what} are refused at the door`, () => {
    const [cause, ...others] = causes('Deployment', { [deployment]: text });
    assert.deepEqual(others, []);
    assert.ok(cause?.startsWith(at) === true, cause);
    assert.match(cause!.slice(at.length).replace(/^: /, ''), expected);
  });

test('all mistakes are told at once', () => {
  const text = '{"rebalance":1,"clusters":{"a":{"weight":-1,"x":1},"b":2}}';
  assert.equal(causes('Deployment', { [deployment]: text, [selectorAnnotation]: '{' }).length, 5);
});

const labels = { location: 'europe', environment: 'prod', version: '15' };

/** Upstream's clusterselector_test and every spelling of every operator. */
const selections: readonly [string, object[], boolean][] = [
  ['in', [{ key: 'location', operator: 'in', values: ['europe'] }], true],
  ['In of others', [{ key: 'location', operator: 'In', values: ['asia', 'us'] }], false],
  [
    'two that hold',
    [
      { key: 'location', operator: 'in', values: ['europe'] },
      { key: 'environment', operator: '==', values: ['prod'] },
    ],
    true,
  ],
  [
    'one that does not',
    [
      { key: 'location', operator: 'in', values: ['europe'] },
      { key: 'environment', operator: '==', values: ['test'] },
    ],
    false,
  ],
  ['!=', [{ key: 'location', operator: '!=', values: ['usa'] }], true],
  ['=', [{ key: 'environment', operator: '=', values: ['prod'] }], true],
  ['notin', [{ key: 'location', operator: 'notin', values: ['europe'] }], false],
  ['NotIn', [{ key: 'location', operator: 'NotIn', values: ['us'] }], true],
  ['exists', [{ key: 'version', operator: 'exists' }], true],
  ['Exists', [{ key: 'nothing', operator: 'Exists', values: [] }], false],
  ['!', [{ key: 'nothing', operator: '!' }], true],
  ['DoesNotExist', [{ key: 'version', operator: 'DoesNotExist' }], false],
  ['> 14', [{ key: 'version', operator: '>', values: ['14'] }], true],
  ['gt 15', [{ key: 'version', operator: 'gt', values: ['15'] }], false],
  ['Gt', [{ key: 'version', operator: 'Gt', values: ['14'] }], true],
  ['<', [{ key: 'version', operator: '<', values: ['16'] }], true],
  ['lt', [{ key: 'version', operator: 'lt', values: ['15'] }], false],
  ['Lt', [{ key: 'location', operator: 'Lt', values: ['15'] }], false],
];

for (const [name, requirements, expected] of selections)
  test(`the cluster selector ${name} ${expected ? 'matches' : 'does not match'}`, () => {
    const { rules, causes: found } = rulesFromAnnotations(
      object('Secret', { [selectorAnnotation]: JSON.stringify(requirements) }),
    );
    assert.deepEqual(found, []);
    assert.equal(rules?.mode, undefined);
    assert.equal(matchLabels(rules!.clusters!.selector!, labels), expected);
  });

const wrongSelectors: readonly [string, string, RegExp][] = [
  ['no JSON', 'environment=prod', /^Invalid value: "environment=prod": must be JSON/],
  ['no array', '{"key":"a"}', /must be a JSON array/],
  ['nothing in it', '[]', /^Required value: an empty selector would choose every cluster/],
  [
    'an unknown operator',
    '[{"key":"a","operator":"is"}]',
    /^\[0\]\.operator: Unsupported value: "is"/,
  ],
  ['no operator', '[{"key":"a"}]', /^\[0\]\.operator: Unsupported value: null/],
  ['no key', '[{"operator":"exists"}]', /^\[0\]\.key: .*must be a string/],
  [
    'an unknown field',
    '[{"key":"a","operator":"!","value":"b"}]',
    /^\[0\]\.value: .*unknown field/,
  ],
  ['no values', '[{"key":"a","operator":"in","values":[]}]', /^\[0\]: .*can't be empty/],
  [
    'two values for =',
    '[{"key":"a","operator":"=","values":["b","c"]}]',
    /^\[0\]\.values: .*exactly one/,
  ],
  [
    'values for exists',
    '[{"key":"a","operator":"exists","values":["b"]}]',
    /^\[0\]: .*must be empty/,
  ],
  [
    'a word to compare',
    '[{"key":"a","operator":"gt","values":["b"]}]',
    /^\[0\]: .*must be an integer/,
  ],
  [
    'a number as value',
    '[{"key":"a","operator":"in","values":[1]}]',
    /^\[0\]\.values: .*of strings/,
  ],
  ['a wrong key', '[{"key":"a b","operator":"exists"}]', /^\[0\]: Invalid value/],
];

for (const [what, text, expected] of wrongSelectors)
  test(`a cluster selector with ${what} is refused at the door`, () => {
    const [cause, ...others] = causes('ConfigMap', { [selectorAnnotation]: text });
    assert.deepEqual(others, []);
    const field = `metadata.annotations[${selectorAnnotation}]`;
    assert.ok(cause?.startsWith(field) === true, cause);
    assert.match(cause!.slice(field.length).replace(/^: /, ''), expected);
  });

test('preferences and selector together both hold', () => {
  const { rules } = rulesFromAnnotations(
    object('Deployment', {
      [deployment]: '{"rebalance":true,"clusters":{"a":{"weight":2},"b":{"weight":1}}}',
      [selectorAnnotation]: '[{"key":"env","operator":"==","values":["prod"]}]',
    }),
  );
  assert.deepEqual(rules?.clusters?.names, ['a', 'b']);
  assert.equal(rules?.clusters?.selector?.length, 1);
  assert.equal(rules?.weights?.length, 2);
});

test('no text at all makes either reader throw, or mean "everywhere" by mistake', () => {
  const text = fc.oneof(fc.string(), fc.json(), fc.json({ maxDepth: 1 }));
  check(
    fc.property(text, text, (a, b) => {
      const { rules, causes: found } = rulesFromAnnotations(
        object('Deployment', { [deployment]: a, [selectorAnnotation]: b }),
      );
      assert.equal(rules === undefined, found.length > 0);
      for (const cause of found) assert.ok(cause.field?.startsWith('metadata.annotations['));
    }),
  );
});
