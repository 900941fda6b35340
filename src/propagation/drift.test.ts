import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StepClock } from '../base/clock.ts';
import type { KubeObject } from '../kube/object.ts';
import { Copy } from './copy.ts';
import { correctionDelay, noteCorrection, noteRecreated } from './drift.ts';

function role(verbs: readonly string[], resourceVersion: string): KubeObject {
  const rules = [{ apiGroups: [''], resources: ['pods'], verbs }];
  const metadata = { name: 'r', namespace: 'default', uid: 'u', resourceVersion };
  return { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata, rules };
}

function correct(copy: Copy, clock: StepClock, round: number, after: KubeObject): void {
  noteCorrection({
    ...{ copy, clock, kind: 'Role', salt: 'salt', after },
    before: role(['get', 'delete'], String(2 * round)),
    drift: [{ field: 'rules', expected: [], actual: [] }],
  });
}

test('a correction counts whatever field it was in, so that the fourth waits', () => {
  const clock = new StepClock();
  const copy = new Copy('eu');
  for (let round = 1; round <= 3; round++) {
    assert.equal(correctionDelay(copy, clock.monotonic()), 0);
    correct(copy, clock, round, role(['get'], String(2 * round + 1)));
  }
  assert.equal(copy.drift.length, 3);
  assert.equal(correctionDelay(copy, clock.monotonic()), 10_000);
  clock.advance(10_000);
  assert.equal(correctionDelay(copy, clock.monotonic()), 0);
});

test('what the member keeps as it was had not drifted', () => {
  const copy = new Copy('eu');
  correct(copy, new StepClock(), 1, role(['get', 'delete'], '3'));
  assert.deepEqual(copy.drift, []);
  assert.equal(copy.corrections, 0);
});

test('a copy that is deleted again and again is made again ever more slowly', () => {
  const clock = new StepClock();
  const copy = new Copy('eu');
  for (const wait of [0, 0, 0, 10_000, 20_000]) {
    assert.equal(correctionDelay(copy, clock.monotonic()), wait);
    clock.advance(wait);
    noteRecreated(copy, clock);
  }
});
