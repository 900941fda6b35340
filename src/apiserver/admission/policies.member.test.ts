import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { requireMembers } from '../../../testbed/binaries.ts';
import { waitUntil } from '../../../testbed/waiting.ts';
import { comparable, type Sent, startBoth } from './both.fixture.ts';

interface Case {
  readonly name: string;
  readonly kind?: 'Validating' | 'Mutating';
  /** Of the policy, beside its match. */
  readonly spec: object;
  readonly binding?: object;
  readonly rules?: readonly object[];
  readonly sent?: readonly Sent[];
}

const maps = '/api/v1/namespaces/team/configmaps';
const deployments = '/apis/apps/v1/namespaces/team/deployments';
const query = '?fieldManager=test&fieldValidation=Strict';

function map(name: string, more: object = {}): Sent {
  const metadata = { name, labels: { case: name } };
  const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { k: 'v', n: '3' }, ...more };
  return { method: 'POST', path: maps + query, body };
}

function deployment(name: string): Sent {
  const container = { name: 'c', image: 'nginx', env: [{ name: 'A', value: 'a' }] };
  return {
    method: 'POST',
    path: deployments + query,
    body: {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, labels: { case: name } },
      spec: {
        replicas: 2,
        selector: { matchLabels: { a: 'b' } },
        template: { metadata: { labels: { a: 'b' } }, spec: { containers: [container] } },
      },
    },
  };
}

function validating(name: string, expression: string, more: object = {}, binding = {}): Case {
  return { name, spec: { validations: [{ expression, ...more }] }, binding };
}

function mutating(name: string, ...mutations: (string | object)[]): Case {
  const list = mutations.map((each) =>
    typeof each === 'string'
      ? { patchType: 'ApplyConfiguration', applyConfiguration: { expression: each } }
      : each,
  );
  return { name, kind: 'Mutating', spec: { mutations: list, reinvocationPolicy: 'Never' } };
}

function patch(expression: string): object {
  return { patchType: 'JSONPatch', jsonPatch: { expression } };
}

const onDeployments = [
  {
    operations: ['*'],
    apiGroups: ['apps'],
    apiVersions: ['v1'],
    resources: ['deployments', 'deployments/scale'],
  },
];
const params = {
  paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
  validations: [{ expression: "object.data.n == params.data['n']", message: 'wrong number' }],
};

const cases: readonly Case[] = [
  validating('allowed', "object.data.k == 'v'"),
  validating('denied', "object.data.k == 'w'"),
  validating('messaged', "object.data.k == 'w'", { message: ' it is not w ', reason: 'Forbidden' }),
  validating('expressed', "object.data.k == 'w'", {
    message: 'plain',
    messageExpression: "'is ' + object.data.k",
    reason: 'RequestEntityTooLarge',
  }),
  validating('no-message', "object.data.k == 'w'", {
    message: 'plain',
    messageExpression: 'string(object.data.missing)',
  }),
  validating('lines', "object.data.k == 'w'", { messageExpression: "'a\\nb'" }),
  validating('broken', "object.data.missing == 'w'"),
  {
    ...validating('ignored', "object.data.missing == 'w'"),
    spec: {
      failurePolicy: 'Ignore',
      validations: [{ expression: "object.data.missing == 'w'" }],
    },
  },
  validating('warned', "object.data.k == 'w'", {}, { validationActions: ['Warn', 'Audit'] }),
  validating('two', "object.data.k == 'v' && size(object.data) == 1"),
  validating('namespaced', "namespaceObject.metadata.labels.team == 'no'"),
  validating('status', "namespaceObject.status.phase == 'Gone'"),
  validating('requested', "request.operation == 'X' || request.userInfo.username == 'ada'"),
  validating('request-field', "request.subResource == ''"),
  validating('resource', "request.resource.resource + '/' + request.name == 'configmaps/x'"),
  validating('may', "authorizer.requestResource.check('delete').allowed()"),
  validating(
    'may-not',
    "!authorizer.group('apps').resource('deployments').check('list').allowed()",
  ),
  validating(
    'account',
    "authorizer.serviceAccount('team', 'x').group('').resource('secrets').check('get').allowed()",
  ),
  validating('path', "authorizer.path('/healthz').check('get').allowed()"),
  validating('has', 'has(object.metadata.annotations)'),
  validating('old', 'oldObject == null'),
  validating('optional', "object.?data.missing.orValue('none') == 'some'"),
  validating(
    'costly',
    '[1,2,3,4,5,6,7,8,9,10].all(a, [1,2,3,4,5,6,7,8,9,10].all(b, [1,2,3,4,5,6,7,8,9,10].all(c, [1,2,3,4,5,6,7,8,9,10].all(d, [1,2,3,4,5,6,7,8,9,10].all(e, a + b + c + d + e > 0)))))',
  ),
  {
    name: 'variables',
    spec: {
      variables: [
        { name: 'n', expression: 'int(object.data.n)' },
        { name: 'twice', expression: 'variables.n * 2' },
      ],
      validations: [
        { expression: 'variables.twice == 6' },
        {
          expression: 'variables.twice == 7',
          messageExpression: "'twice is ' + string(variables.twice)",
        },
      ],
    },
  },
  {
    name: 'bad-variable',
    spec: {
      variables: [{ name: 'n', expression: 'int(object.data.k)' }],
      validations: [{ expression: 'variables.n == 6' }],
    },
  },
  {
    name: 'conditions',
    spec: {
      matchConditions: [{ name: 'not-this', expression: "object.metadata.name != 'conditions'" }],
      validations: [{ expression: 'false' }],
    },
  },
  {
    name: 'bad-condition',
    spec: {
      matchConditions: [
        { name: 'one', expression: "object.data.missing == 'x'" },
        { name: 'two', expression: "object.data.gone == 'x'" },
      ],
      validations: [{ expression: 'true' }],
    },
  },
  {
    name: 'params-there',
    spec: params,
    binding: { paramRef: { name: 'limits', parameterNotFoundAction: 'Deny' } },
  },
  {
    name: 'params-missing',
    spec: params,
    binding: { paramRef: { name: 'nowhere', parameterNotFoundAction: 'Deny' } },
  },
  {
    name: 'params-allowed',
    spec: params,
    binding: { paramRef: { name: 'nowhere', parameterNotFoundAction: 'Allow' } },
  },
  {
    name: 'params-selected',
    spec: params,
    binding: {
      paramRef: { selector: { matchLabels: { limits: 'yes' } }, parameterNotFoundAction: 'Deny' },
    },
  },
  { name: 'params-unused', spec: { ...params, validations: [{ expression: 'params != null' }] } },
  {
    name: 'params-unknown',
    spec: { ...params, paramKind: { apiVersion: 'example.com/v1', kind: 'Limit' } },
    binding: { paramRef: { name: 'x', parameterNotFoundAction: 'Deny' } },
  },
  {
    name: 'narrowed',
    spec: { validations: [{ expression: 'false' }] },
    binding: { matchResources: { namespaceSelector: { matchLabels: { team: 'other' } } } },
  },
  {
    name: 'scaled',
    rules: onDeployments,
    spec: {
      validations: [
        { expression: 'object.spec.replicas < 5', messageExpression: "'many: ' + object.kind" },
      ],
    },
    sent: [
      deployment('scaled'),
      {
        method: 'PATCH',
        path: `${deployments}/scaled/scale${query}`,
        body: { spec: { replicas: 9 } },
      },
      { method: 'PATCH', path: `${deployments}/scaled${query}`, body: { spec: { replicas: 9 } } },
      { method: 'PATCH', path: `${deployments}/scaled${query}`, body: { spec: { replicas: 4 } } },
      { method: 'DELETE', path: `${deployments}/scaled` },
    ],
  },
  {
    name: 'deleted',
    spec: { validations: [{ expression: "request.operation != 'DELETE'" }] },
    sent: [map('deleted'), { method: 'DELETE', path: `${maps}/deleted` }],
  },
  mutating('m-apply', "Object{data: {'added': 'x'}}"),
  mutating('m-meta', "Object{metadata: Object.metadata{labels: {'added': object.data.k}}}"),
  mutating('m-misnamed', 'Object{metadata: Object.meta{name: "x"}}'),
  mutating('m-unknown', 'Object{colour: "red"}'),
  mutating('m-patch', patch("[JSONPatch{op: 'add', path: '/data/p', value: 'x'}]")),
  mutating(
    'm-several',
    patch(
      "[JSONPatch{op: 'add', path: '/data/p', value: 'x'}, JSONPatch{op: 'remove', path: '/data/k'}]",
    ),
    "Object{data: {'q': object.data.p}}",
  ),
  mutating(
    'm-test',
    patch(
      "[JSONPatch{op: 'test', path: '/data/k', value: 'no'}, JSONPatch{op: 'remove', path: '/data/k'}]",
    ),
  ),
  mutating('m-failing', patch("[JSONPatch{op: 'remove', path: '/data/missing'}]")),
  mutating('m-broken', "Object{data: {'x': object.data.missing}}"),
  mutating(
    'm-escape',
    patch(
      "[JSONPatch{op: 'add', path: '/metadata/labels/' + jsonpatch.escapeKey('example.com/a'), value: 'x'}]",
    ),
  ),
  {
    ...mutating('m-replicas', 'Object{spec: Object.spec{replicas: object.spec.replicas + 1}}'),
    rules: onDeployments,
    sent: [deployment('m-replicas'), { path: `${deployments}/m-replicas` }],
  },
  {
    ...mutating(
      'm-sidecar',
      `Object{spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{
        containers: [Object.spec.template.spec.containers{name: 'side', image: 'side'}]}}}}`,
    ),
    rules: onDeployments,
    sent: [deployment('m-sidecar')],
  },
  {
    ...mutating(
      'm-atomic',
      `Object{spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{
        containers: [Object.spec.template.spec.containers{name: 'c', args: ['x']}]}}}}`,
    ),
    rules: onDeployments,
    sent: [deployment('m-atomic')],
  },
];

const group = 'admissionregistration.k8s.io';

function configurations(one: Case): Sent[] {
  const { name, kind = 'Validating', spec, binding = {}, rules } = one;
  const all = [{ operations: ['*'], apiGroups: [''], apiVersions: ['v1'], resources: ['*'] }];
  const selector = rules === undefined ? { objectSelector: { matchLabels: { case: name } } } : {};
  const named = rules?.map((rule) => ({ ...rule, resourceNames: [name] }));
  const matchConstraints = { resourceRules: named ?? all, ...selector };
  const actions = kind === 'Validating' ? { validationActions: ['Deny'] } : {};
  const objects: [string, object][] = [
    [`${kind}AdmissionPolicy`, { matchConstraints, ...spec }],
    [`${kind}AdmissionPolicyBinding`, { policyName: name, ...actions, ...binding }],
  ];
  return objects.map(([kindName, its]) => ({
    method: 'POST',
    path: `/apis/${group}/v1/${kindName.toLowerCase().replace(/y$/, 'ie')}s`,
    body: { apiVersion: `${group}/v1`, kind: kindName, metadata: { name }, spec: its },
  }));
}

/** Configured last: when they count, all do. */
const probes: readonly Case[] = [
  validating('probe-validating', 'false'),
  mutating('probe-mutating', "Object{data: {'x': object.data.missing}}"),
];

test('policies decide as in a real kube-apiserver', async (t) => {
  if (!(await requireMembers(t, 'bare'))) return;
  await using both = await startBoth({}, () => {});
  const namespace = { metadata: { name: 'team', labels: { team: 'yes' } } };
  const limits = { metadata: { name: 'limits', labels: { limits: 'yes' } }, data: { n: '4' } };
  for (const who of ['real', 'ours'] as const) {
    await both[who]({ method: 'POST', path: '/api/v1/namespaces', body: namespace });
    await both[who]({ method: 'POST', path: maps, body: limits });
  }
  const different: object[] = [];
  for (const one of [...cases, ...probes])
    for (const sent of configurations(one)) {
      const [real, ours] = [await both.real(sent), await both.ours(sent)];
      const [expected, actual] = [comparable(real), comparable(ours)];
      if (!isDeepStrictEqual(actual, expected)) different.push({ actual, expected });
    }
  assert.deepEqual(different, []);
  for (const { name } of probes)
    await waitUntil({
      what: `the policies up to ${name}`,
      check: async () => {
        const probe = { ...map(name), path: `${maps}?dryRun=All` };
        return (await both.real(probe)).status >= 400;
      },
    });
  let refused = 0;
  for (const one of cases)
    await t.test(one.name, async () => {
      for (const sent of one.sent ?? [map(one.name)]) {
        const [real, ours] = [await both.real(sent), await both.ours(sent)];
        assert.deepEqual(comparable(ours), comparable(real));
        if (real.status >= 400) refused++;
      }
    });
  assert.ok(refused >= 20, `only ${refused} refusals were compared`);
});
