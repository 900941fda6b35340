import assert from 'node:assert/strict';
import { test } from 'node:test';
import { actsOnce, notByFederation } from './acts-once.ts';

const group = 'admissionregistration.k8s.io';
const mine = { name: 'mine', expression: 'true' };

test('copies of policies and of every webhook pass over what the federation writes', () => {
  const body = { spec: { failurePolicy: 'Fail', matchConditions: [mine] } };
  for (const resource of ['validatingadmissionpolicies', 'mutatingadmissionpolicies'])
    assert.deepEqual(actsOnce({ group, resource }, body), {
      spec: { failurePolicy: 'Fail', matchConditions: [notByFederation, mine] },
    });
  for (const resource of ['validatingwebhookconfigurations', 'mutatingwebhookconfigurations'])
    assert.deepEqual(
      actsOnce({ group, resource }, { webhooks: [{ name: 'a' }, { matchConditions: [mine] }] }),
      {
        webhooks: [
          { name: 'a', matchConditions: [notByFederation] },
          { matchConditions: [notByFederation, mine] },
        ],
      },
    );
});

test('bindings, other kinds, and what has no room for one condition more stay as they are', () => {
  const body = { spec: { policyName: 'p' } };
  assert.equal(actsOnce({ group, resource: 'validatingadmissionpolicybindings' }, body), body);
  assert.equal(actsOnce({ group: '', resource: 'services' }, body), body);
  const full = { matchConditions: Array.from({ length: 64 }, () => mine) };
  const resource = 'validatingadmissionpolicies';
  assert.deepEqual(actsOnce({ group, resource }, { spec: full }), { spec: full });
});
