/** P13: a shortage is what the scheduler refuses and nobody else accounts for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { KubeObject } from '../kube/object.ts';
import { check } from './arbitraries.fixture.ts';
import { decide } from './decide.ts';
import { countPods, type PodFacts, podFacts } from './pods.ts';
import { defaultRules } from './rules.ts';

const afterMs = 30_000;
const now = 1_000_000;

const pod: fc.Arbitrary<PodFacts> = fc.oneof(
  fc.constant({ bound: true }),
  fc.constant({ bound: false }),
  fc
    .integer({ min: now - 90_000, max: now + 60_000 })
    .map((deadline) => ({ bound: false, deadline })),
  fc
    .integer({ min: now - 90_000, max: now })
    .map((unschedulableSince) => ({ bound: false, unschedulableSince })),
);

function shortage(ask: number, pods: readonly PodFacts[]): number {
  const result = decide({
    template: { group: 'apps', kind: 'Deployment', namespace: 'default', name: 'web' },
    mode: 'Divide',
    replicas: ask,
    rules: defaultRules,
    clusters: [{ name: 'a', labels: {}, zones: [], taints: [], state: 'ready' }],
    copies: new Map([['a', { ready: 0, ...countPods(pods, { afterMs, now }) }]]),
    previous: { number: 1, mode: 'Divide', clusters: { a: { share: ask } } },
    now,
  });
  return result.unplaced;
}

test('P13: the shortage is never more than what is unschedulable, nor than what is not accounted for', () => {
  check(
    fc.property(fc.array(pod, { maxLength: 12 }), fc.nat({ max: 12 }), (pods, ask) => {
      const counts = countPods(pods, { afterMs, now });
      const expected = Math.min(counts.unschedulable, ask - counts.bound - counts.terminating);
      assert.equal(shortage(ask, pods), Math.max(0, expected));
    }),
  );
});

test('P13: a rollout with surge in a full cluster is no shortage', () => {
  const old: PodFacts[] = Array.from({ length: 10 }, () => ({ bound: true }));
  const surge: PodFacts[] = Array.from({ length: 3 }, () => ({
    bound: false,
    unschedulableSince: now - 60_000,
  }));
  assert.equal(countPods([...old, ...surge], { afterMs, now }).unschedulable, 3);
  assert.equal(shortage(10, [...old, ...surge]), 0);
});

test('P13: what terminates counts until 30 seconds after its deadline, and a timer says so', () => {
  const pods = [{ bound: false, deadline: now }];
  assert.deepEqual(countPods(pods, { afterMs, now }), {
    bound: 0,
    terminating: 1,
    unschedulable: 0,
    dueAt: now + 30_000,
  });
  const later = countPods(pods, { afterMs, now: now + 30_000 });
  assert.deepEqual(later, { bound: 0, terminating: 0, unschedulable: 0 });
});

test('P13: the timer fires exactly when the oldest pending pod becomes due', () => {
  check(
    fc.property(fc.array(pod, { maxLength: 12 }), (pods) => {
      const before = countPods(pods, { afterMs, now });
      const { dueAt, ...counts } = before;
      if (dueAt === undefined) {
        assert.deepEqual(countPods(pods, { afterMs, now: now + 10 ** 9 }), counts);
        return;
      }
      assert.ok(dueAt > now);
      const { dueAt: _same, ...justBefore } = countPods(pods, { afterMs, now: dueAt - 1 });
      assert.deepEqual(justBefore, counts);
      const { dueAt: _next, ...then } = countPods(pods, { afterMs, now: dueAt });
      assert.notDeepEqual(then, counts);
    }),
  );
});

test('pods that a quota forbids count like unschedulable ones', () => {
  const counts = countPods([{ bound: true }], {
    afterMs,
    now,
    refused: { count: 2, since: now - afterMs },
  });
  assert.equal(counts.unschedulable, 2);
  const early = countPods([], { afterMs, now, refused: { count: 2, since: now } });
  assert.deepEqual(early, { bound: 0, terminating: 0, unschedulable: 0, dueAt: now + afterMs });
});

function podWith(spec: object, status: object, metadata: object = {}): KubeObject {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', ...metadata }, spec, status };
}

test('a Pod object is read as Kubernetes means it', () => {
  const unschedulable = {
    type: 'PodScheduled',
    status: 'False',
    reason: 'Unschedulable',
    lastTransitionTime: '2026-01-01T00:00:00Z',
  };
  const since = Date.UTC(2026, 0, 1);
  const pending = { phase: 'Pending' };
  assert.deepEqual(podFacts(podWith({}, { ...pending, conditions: [unschedulable] })), {
    bound: false,
    unschedulableSince: since,
  });
  const gated = { ...unschedulable, reason: 'SchedulingGated' };
  assert.deepEqual(podFacts(podWith({}, { ...pending, conditions: [gated] })), { bound: false });
  assert.deepEqual(podFacts(podWith({ nodeName: 'n' }, pending)), { bound: true });
  assert.deepEqual(podFacts(podWith({ nodeName: 'n' }, { phase: 'Failed' })), { bound: false });
  const gone = { deletionTimestamp: '2026-01-01T00:00:00Z' };
  assert.deepEqual(podFacts(podWith({ nodeName: 'n' }, { phase: 'Running' }, gone)), {
    bound: false,
    deadline: since,
  });
});
