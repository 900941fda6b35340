import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cluster, ClusterStatus } from '../api/cluster.ts';
import type { CapacityFacts } from './capacity.ts';
import { type StatusFacts, statusOf, urgency } from './cluster-status.ts';
import { renewalDueInMs } from './tokens.ts';

const now = Date.UTC(2026, 0, 1);
const later = now + 60_000;

const capacity: CapacityFacts = {
  nodes: 2,
  region: 'r1',
  zones: ['z1'],
  provider: 'gce',
  capacity: { cpu: '8', memory: '16Gi' },
  allocatable: { cpu: '7' },
  requested: { cpu: '1' },
};

const facts: StatusFacts = {
  conditions: [{ type: 'Ready', status: 'True', reason: 'Ready', message: '' }],
  uid: 'u1',
  version: 'v1.37.2',
  capacity,
};

function cluster(status?: ClusterStatus, spec: Partial<Cluster['spec']> = {}): Cluster {
  return {
    apiVersion: 'ubernetes.dev/v1alpha1',
    kind: 'Cluster',
    metadata: { name: 'eu' },
    spec: { server: 'https://h', ...spec },
    ...(status === undefined ? {} : { status }),
  };
}

test('what spec says stands before what the nodes tell', () => {
  const status = statusOf(cluster(undefined, { region: 'mine', zone: 'own' }), facts, now);
  assert.deepEqual([status.region, status.zones, status.provider], ['mine', ['own'], 'gce']);
});

test('the recorded identity never changes, and what is not known yet stays', () => {
  const first = statusOf(cluster(), facts, now);
  const blank: StatusFacts = { ...facts, uid: 'u2', version: '', capacity: undefined };
  const second = statusOf(cluster(first), blank, later);
  assert.equal(second.uid, 'u1');
  assert.equal(urgency(first, second), 'no');
});

test('the order of fields is no difference, conditions press, amounts wait', () => {
  const first = statusOf(cluster(), facts, now);
  const stored: ClusterStatus = { ...first, capacity: { memory: '16Gi', cpu: '8' } };
  assert.equal(urgency(stored, statusOf(cluster(stored), facts, later)), 'no');
  const fuller = { ...facts, capacity: { ...capacity, requested: { cpu: '2' } } };
  const grown = statusOf(cluster(first), fuller, later);
  assert.equal(urgency(first, grown), 'later');
  assert.equal(grown.observedAt, '2026-01-01T00:01:00Z');
  const broken: StatusFacts = {
    ...facts,
    conditions: [{ type: 'Ready', status: 'False', reason: 'NotReady', message: 'etcd' }],
  };
  const lost = statusOf(cluster(first), broken, later);
  assert.equal(urgency(first, lost), 'now');
  assert.equal(lost.observedAt, first.observedAt);
  assert.equal(lost.conditions?.[0]?.lastTransitionTime, '2026-01-01T00:01:00Z');
  assert.equal(urgency(undefined, first), 'now');
});

test('a token is renewed before half of its life, if it is one of ours', () => {
  const day = 24 * 3600_000;
  const credential = { token: 't', issuedAt: now, expiresAt: now + 30 * day };
  assert.equal(renewalDueInMs({ credential, renewable: true }, now), 12 * day);
  assert.equal(renewalDueInMs({ credential, renewable: true }, now + 13 * day), 0);
  assert.equal(renewalDueInMs({ credential, renewable: false }, now), undefined);
  assert.equal(renewalDueInMs({ credential: { token: 't' }, renewable: true }, now), undefined);
  assert.equal(renewalDueInMs({ credential: undefined, renewable: true }, now), undefined);
});
