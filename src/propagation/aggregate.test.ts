import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../kube/object.ts';
import { aggregate, type CopyStatus } from './aggregate.ts';

const deployments = { group: 'apps', resource: 'deployments' };

const copy = (
  cluster: string,
  status: JsonObject | undefined,
  more: Partial<CopyStatus> = {},
): CopyStatus => ({
  cluster,
  reachable: true,
  current: true,
  status,
  ...more,
});

const of = (
  copies: readonly CopyStatus[],
  type = deployments,
  previous?: JsonObject,
): JsonObject | undefined => aggregate({ type, generation: 4, previous, copies, replicas: 9 });

const conditionsOf = (status: JsonObject | undefined): JsonObject[] =>
  (status?.['conditions'] ?? []) as JsonObject[];

const full = (n: number): JsonObject => ({
  observedGeneration: 1,
  replicas: n,
  updatedReplicas: n,
  readyReplicas: n,
  availableReplicas: n,
  conditions: [
    { type: 'Available', status: 'True', reason: 'MinimumReplicasAvailable', message: 'fine' },
  ],
});

test("a Deployment's counts are summed and its generation is the template's", () => {
  const status = of([copy('a', full(3)), copy('b', full(3)), copy('c', full(3))]);
  assert.equal(status?.['readyReplicas'], 9);
  assert.equal(status?.['observedGeneration'], 4);
});

test('the generation stays behind until every copy that can be asked has seen the newest template', () => {
  const copies = [copy('a', full(3)), copy('b', full(3), { current: false })];
  assert.equal(of(copies, deployments, { observedGeneration: 3 })?.['observedGeneration'], 3);
  const away = [copy('a', full(3)), copy('b', full(3), { current: false, reachable: false })];
  assert.equal(of(away)?.['observedGeneration'], 4);
});

test('replicas that nobody can ask are not available', () => {
  const status = of([copy('a', full(3)), copy('b', full(3), { reachable: false })]);
  assert.equal(status?.['replicas'], 6);
  assert.equal(status?.['availableReplicas'], 3);
  assert.equal(status?.['readyReplicas'], 3);
  assert.equal(status?.['unavailableReplicas'], 3);
});

test('a positive condition is True only where it is True everywhere, and names who says otherwise', () => {
  const bad = {
    ...full(0),
    conditions: [{ type: 'Available', status: 'False', reason: 'Few', message: 'too few' }],
  };
  const status = of([copy('a', full(3)), copy('b', bad)]);
  const [condition] = conditionsOf(status);
  assert.equal(condition?.['status'], 'False');
  assert.equal(condition?.['reason'], 'Few');
  assert.match(String(condition?.['message']), /^b: /);
});

test('bad news in one cluster is bad news', () => {
  const jobs = { group: 'batch', resource: 'jobs' };
  const failed = {
    failed: 1,
    conditions: [{ type: 'Failed', status: 'True', reason: 'BackoffLimitExceeded' }],
  };
  const status = of([copy('a', { succeeded: 1 }), copy('b', failed)], jobs);
  assert.equal(conditionsOf(status)[0]?.['status'], 'True');
});

test('a Job is complete only when it is complete everywhere', () => {
  const jobs = { group: 'batch', resource: 'jobs' };
  const done = { succeeded: 1, conditions: [{ type: 'Complete', status: 'True' }] };
  const half = of([copy('a', done), copy('b', { active: 1 })], jobs);
  assert.equal(conditionsOf(half)[0]?.['status'], 'False');
  const all = of([copy('a', done), copy('b', done)], jobs);
  assert.equal(conditionsOf(all)[0]?.['status'], 'True');
});

test("a Service's addresses are united without doubles", () => {
  const services = { group: '', resource: 'services' };
  const at = (ip: string): JsonObject => ({ loadBalancer: { ingress: [{ ip }] } });
  const status = of(
    [copy('a', at('1.1.1.1')), copy('b', at('2.2.2.2')), copy('c', at('1.1.1.1'))],
    services,
  );
  assert.deepEqual(status?.['loadBalancer'], { ingress: [{ ip: '1.1.1.1' }, { ip: '2.2.2.2' }] });
});

test('quantities are summed as quantities', () => {
  const quotas = { group: '', resource: 'resourcequotas' };
  const used = (cpu: string): JsonObject => ({ used: { 'requests.cpu': cpu } });
  assert.deepEqual(of([copy('a', used('500m')), copy('b', used('1'))], quotas)?.['used'], {
    'requests.cpu': '1500m',
  });
});

test('an object in one cluster has the status that it has there', () => {
  const pods = { group: '', resource: 'pods' };
  const status = {
    phase: 'Running',
    podIP: '10.1.1.1',
    conditions: [{ type: 'Ready', status: 'True' }],
  };
  assert.deepEqual(of([copy('a', status)], pods), status);
});

test('of an unknown kind, conditions and replica counts are joined and the rest is shown where all agree', () => {
  const widgets = { group: 'example.com', resource: 'widgets' };
  const status = (readyReplicas: number, phase: string): JsonObject => ({
    readyReplicas,
    phase,
    version: 'v1',
  });
  assert.deepEqual(of([copy('a', status(1, 'Up')), copy('b', status(2, 'Down'))], widgets), {
    readyReplicas: 3,
    version: 'v1',
  });
});

test('a Namespace keeps the status that the federation gives it', () => {
  assert.equal(
    of([copy('a', { phase: 'Active' })], { group: '', resource: 'namespaces' }),
    undefined,
  );
});
