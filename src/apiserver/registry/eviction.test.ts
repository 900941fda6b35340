import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type KubeObject, valueAt } from '../../kube/object.ts';
import { isApiError } from '../../kube/status.ts';
import { budgetToAsk, spent } from './eviction.ts';

const now = Date.parse('2026-01-01T00:00:00Z');

function budget(status: object, selector: object = {}): KubeObject {
  const metadata = { name: 'b', namespace: 'default', generation: 1 };
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata,
    spec: { selector },
    status,
  };
}

function pod(name: string, phase: string, ready: string): KubeObject {
  const metadata = { name, namespace: 'default', labels: { app: 'x' } };
  const status = { phase, conditions: [{ type: 'Ready', status: ready }] };
  return { apiVersion: 'v1', kind: 'Pod', metadata, status };
}

test('a budget is spent as often as it allows, and says which pods it let go', () => {
  fc.assert(
    fc.property(fc.nat(20), fc.nat(30), (allowed, tries) => {
      let current = budget({ observedGeneration: 1, disruptionsAllowed: allowed });
      let refused = 0;
      for (let i = 0; i < tries; i++)
        try {
          current = spent(current, `p-${i}`, now);
        } catch (error) {
          assert.ok(isApiError(error, 'TooManyRequests'));
          refused++;
        }
      const gone = Math.min(allowed, tries);
      assert.equal(refused, tries - gone);
      assert.equal(valueAt(current, 'status', 'disruptionsAllowed'), allowed - gone);
      const disrupted = valueAt(current, 'status', 'disruptedPods') ?? {};
      assert.equal(Object.keys(disrupted as object).length, gone);
    }),
  );
});

test('a budget that was changed since its controller looked lets nobody go', () => {
  const changed = budget({ observedGeneration: 0, disruptionsAllowed: 3 });
  assert.throws(() => spent(changed, 'p', now), { message: /disruption budget/ });
});

test('whose going disrupts nobody asks no budget', () => {
  const strict = budget({ observedGeneration: 1, disruptionsAllowed: 0 });
  const healthy = budget({ observedGeneration: 1, currentHealthy: 2, desiredHealthy: 2 });
  const others = budget({}, { matchLabels: { app: 'y' } });
  assert.equal(budgetToAsk(pod('p', 'Running', 'True'), [strict]), strict);
  assert.equal(budgetToAsk(pod('p', 'Running', 'True'), [others]), undefined);
  assert.equal(budgetToAsk(pod('p', 'Pending', 'False'), [strict]), undefined);
  assert.equal(budgetToAsk(pod('p', 'Succeeded', 'False'), [strict]), undefined);
  assert.equal(budgetToAsk(pod('p', 'Running', 'False'), [strict]), strict);
  assert.equal(budgetToAsk(pod('p', 'Running', 'False'), [healthy]), undefined);
  assert.throws(() => budgetToAsk(pod('p', 'Running', 'True'), [strict, healthy]), {
    message: /more than one PodDisruptionBudget/,
  });
});
