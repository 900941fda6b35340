import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../base/errors.ts';
import { attributesOf } from '../auth/authorizer.ts';
import { parseRequest } from '../request.ts';
import { AuditPolicy } from './policy.ts';

const head = 'apiVersion: audit.k8s.io/v1\nkind: Policy\n';
const ada = { name: 'ada', groups: ['devs', 'system:authenticated'], extra: {} };

function levelOf(policy: AuditPolicy, line: string, user: typeof ada | undefined = ada) {
  const [method = '', path = ''] = line.split(' ');
  return policy.settingsFor(user, attributesOf(parseRequest(method, path))).level;
}

test('the first rule that matches decides, and no rule means nothing', () => {
  const policy = new AuditPolicy(`${head}
rules:
- {level: None, users: [robot]}
- {level: Request, userGroups: [ops], verbs: [delete]}
- {level: Metadata, resources: [{group: "", resources: [pods/log, pods/status]}]}
- {level: Request, resources: [{group: "", resources: ["configmaps/*"], resourceNames: [a]}]}
- {level: Request, resources: [{group: apps, resources: ["*/scale"]}]}
- {level: RequestResponse, namespaces: [prod], resources: [{group: ""}]}
- {level: Metadata, namespaces: [""], resources: [{group: "", resources: ["*"]}]}
- {level: Metadata, nonResourceURLs: ["/healthz*", /version]}
`);
  const cases: [string, string][] = [
    ['GET /api/v1/namespaces/x/pods/p/log', 'Metadata'],
    ['GET /api/v1/namespaces/x/pods/p', 'None'],
    ['PUT /api/v1/namespaces/x/configmaps/a', 'Request'],
    ['PUT /api/v1/namespaces/x/configmaps/b', 'None'],
    ['PUT /apis/apps/v1/namespaces/x/deployments/d/scale', 'Request'],
    ['PUT /apis/apps/v1/namespaces/x/deployments/d', 'None'],
    ['POST /api/v1/namespaces/prod/secrets', 'RequestResponse'],
    ['POST /apis/apps/v1/namespaces/prod/deployments', 'None'],
    ['GET /api/v1/nodes', 'Metadata'],
    ['GET /healthz/etcd', 'Metadata'],
    ['GET /version', 'Metadata'],
    ['GET /versions', 'None'],
  ];
  for (const [line, level] of cases) assert.equal(levelOf(policy, line), level, line);
  assert.equal(levelOf(policy, 'GET /api/v1/nodes', { ...ada, name: 'robot' }), 'None');
  const ops = { ...ada, groups: ['ops'] };
  assert.equal(levelOf(policy, 'DELETE /api/v1/namespaces/x/pods/p', ops), 'Request');
  assert.equal(levelOf(policy, 'GET /version', undefined), 'Metadata');
});

test('stages and managed fields are omitted by the policy, and by its rules', () => {
  const policy = new AuditPolicy(`${head}
omitStages: [RequestReceived]
omitManagedFields: true
rules:
- {level: Metadata, users: [ada], omitStages: [ResponseStarted], omitManagedFields: false}
- {level: Metadata}
`);
  const of = (user: typeof ada) => policy.settingsFor(user, { verb: 'get', path: '/' });
  assert.deepEqual([...of(ada).omitStages], ['RequestReceived', 'ResponseStarted']);
  assert.equal(of(ada).omitManagedFields, false);
  const other = of({ ...ada, name: 'other' });
  assert.deepEqual([...other.omitStages], ['RequestReceived']);
  assert.equal(other.omitManagedFields, true);
});

test('a policy that is wrong is refused by the field', () => {
  const wrong: [string, RegExp][] = [
    ['', /is no object/],
    ['kind: Policy', /is no Policy of audit.k8s.io\/v1/],
    [head, /rules has no rule/],
    [`${head}rules: [{level: All}]`, /rules\[0\].level is none of None, Metadata/],
    [`${head}rules: [{level: None, user: [a]}]`, /rules\[0\].user is unknown/],
    [`${head}omitStages: [Start]\nrules: [{level: None}]`, /omitStages has Start/],
    [
      `${head}rules: [{level: None, namespaces: [a], nonResourceURLs: [/]}]`,
      /cannot apply to both regular resources and non-resource URLs/,
    ],
    [`${head}rules: [{level: None, resources: [{group: apps/v1}]}]`, /without its version/],
    ['a: [', /not understood/],
  ];
  for (const [text, message] of wrong)
    assert.throws(
      () => new AuditPolicy(text),
      (error) => error instanceof UserError && message.test(error.message),
      text,
    );
});
