import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject, KubeObject } from '../../kube/object.ts';
import { parseRequest } from '../request.ts';
import { compileFlows, defaultFlows, type Flows } from './flows.ts';

const account = 'system:serviceaccounts';

function user(name: string, ...groups: string[]) {
  return { name, groups: [...groups, 'system:authenticated'], extra: {} };
}

function flow(flows: Flows, who: ReturnType<typeof user>, line: string) {
  const [method = '', path = ''] = line.split(' ');
  return flows.classify(who, parseRequest(method, path));
}

function schema(name: string, level: string, spec: JsonObject): KubeObject {
  const priorityLevelConfiguration = { name: level };
  return {
    ...{ apiVersion: 'flowcontrol.apiserver.k8s.io/v1', kind: 'FlowSchema' },
    ...{ metadata: { name, uid: `uid-${name}` }, spec: { priorityLevelConfiguration, ...spec } },
  };
}

test('requests are told apart as by the FlowSchemas of every kube-apiserver', () => {
  const flows = compileFlows(defaultFlows());
  const lease = '/apis/coordination.k8s.io/v1/namespaces/a/leases/x';
  const system = [account, `${account}:kube-system`];
  const cases: [ReturnType<typeof user>, string, string, string][] = [
    [user('admin', 'system:masters'), 'GET /api/v1/pods', 'exempt', 'exempt'],
    [user('ada'), 'GET /readyz', 'probes', 'exempt'],
    [user('ada'), 'GET /readyz/store', 'global-default', 'global-default'],
    [user('s', ...system), `PUT ${lease}`, 'system-leader-election', 'leader-election'],
    [user('s', ...system), `DELETE ${lease}`, 'kube-system-service-accounts', 'workload-high'],
    [user('ada', account), `PUT ${lease}`, 'service-accounts', 'workload-low'],
    [user('n', 'system:nodes'), 'GET /api/v1/nodes/n', 'system-node-high', 'node-high'],
    [user('n', 'system:nodes'), 'PATCH /api/v1/nodes/n/status', 'system-node-high', 'node-high'],
    [user('n', 'system:nodes'), 'GET /api/v1/pods', 'system-nodes', 'system'],
    [user('ada', 'devs'), 'POST /api/v1/namespaces/a/pods', 'global-default', 'global-default'],
  ];
  for (const [who, line, expected, level] of cases) {
    const found = flow(flows, who, line);
    assert.deepEqual([found.schema, found.level], [expected, level], line);
  }
  const nobody = { name: 'system:anonymous', groups: [], extra: {} };
  assert.equal(flows.classify(nobody, parseRequest('GET', '/version')).level, 'catch-all');
});

test('the lower precedence wins, then the name; a schema without its level counts for nothing', () => {
  const everything = {
    subjects: [{ kind: 'User', user: { name: 'ada' } }],
    resourceRules: [
      { verbs: ['*'], apiGroups: ['*'], resources: ['*'], namespaces: ['a'], clusterScope: false },
    ],
    nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/logs/*'] }],
  };
  const distinguisherMethod = { type: 'ByNamespace' };
  const of = (name: string, precedence: number, level = 'workload-low') =>
    schema(name, level, {
      matchingPrecedence: precedence,
      rules: [everything],
      distinguisherMethod,
    });
  const objects = [...defaultFlows(), of('late', 60), of('b', 50), of('a', 50)];
  const flows = compileFlows([...objects, of('nowhere', 3, 'none')]);
  const pods = flow(flows, user('ada'), 'GET /api/v1/namespaces/a/pods');
  assert.equal(pods.schema, 'a');
  assert.equal(pods.distinguisher, 'a');
  assert.deepEqual(pods.headers, { 'x-kubernetes-pf-flowschema-uid': 'uid-a' });
  assert.equal(flow(flows, user('ada'), 'GET /logs/x').schema, 'a');
  assert.equal(flow(flows, user('ada'), 'POST /logs/x').schema, 'global-default');
  assert.equal(flow(flows, user('ada'), 'GET /api/v1/pods').schema, 'global-default');
  assert.equal(flow(flows, user('bob'), 'GET /api/v1/namespaces/a/pods').schema, 'global-default');
});

test('levels say how many may be served and how many may wait', () => {
  const { levels } = compileFlows(defaultFlows());
  const found = (name: string) => levels.find((level) => level.name === name);
  assert.equal(found('exempt'), undefined);
  assert.deepEqual(found('catch-all'), {
    ...{ name: 'catch-all', shares: 5 },
    ...{ waitingPerFlow: 0, waiting: 0 },
  });
  assert.equal(found('workload-low')?.waitingPerFlow, 300);
  assert.equal(found('workload-low')?.waiting, 6400);
});
