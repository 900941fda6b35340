import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TombstoneSpec } from '../api/records.ts';
import type { KubeObject } from '../kube/object.ts';
import type { ResourceType } from '../kube/resource.ts';
import type { Decision } from '../placement/decision.ts';
import { identityOf } from './mark.ts';
import { type Unit, Units } from './unit.ts';

const type: ResourceType = {
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  resource: 'configmaps',
  singular: 'configmap',
  listKind: 'ConfigMapList',
  namespaced: true,
  verbs: ['list', 'watch'],
  shortNames: [],
  categories: [],
  subresources: [],
};
const about = { federation: 'fed', replicasOwned: false };

function template(uid: string): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'a', namespace: 'default', uid, resourceVersion: '1' },
    data: { k: uid },
  };
}

function decided(unit: Unit, uid: string, clusters: Decision['clusters'], removing = {}): void {
  const identity = { ...unit.identity, uid };
  unit.decisions.set(uid, {
    spec: { template: identity, decision: {}, removing },
    decision: { number: 1, mode: 'Copy', clusters },
    resourceVersion: '1',
  });
}

function buried(
  unit: Unit,
  uid: string,
  propagationPolicy: TombstoneSpec['propagationPolicy'] = 'Background',
): void {
  const spec = {
    template: { ...unit.identity, uid },
    deletedAt: '2026-01-01T00:00:00Z',
    deletedBy: 'alice',
    propagationPolicy,
    answered: [],
  };
  unit.tombstones.set(uid, { spec, resourceVersion: '2' });
}

function copyStands(unit: Unit, cluster: string, templateUid: string): void {
  const identity = identityOf({ ...unit.identity, uid: templateUid }, cluster);
  const metadata = {
    name: 'a',
    namespace: 'default',
    uid: `copy-of-${templateUid}`,
    resourceVersion: '5',
    labels: { 'ubernetes.dev/federation': 'fed' },
    annotations: { 'ubernetes.dev/copy-of': identity },
  };
  unit.copy(cluster).observe({ apiVersion: 'v1', kind: 'ConfigMap', metadata }, 'fed');
}

function fresh(): { units: Units; unit: Unit } {
  const units = new Units();
  return { units, unit: units.of(type, 'default/a') };
}

test('a decision wants its copy, and only where it names a cluster', () => {
  const { unit } = fresh();
  unit.template = template('u1');
  decided(unit, 'u1', { eu: {} });
  const wanted = unit.wanted('eu', about);
  assert.equal(wanted.kind, 'copy');
  assert.deepEqual(wanted.kind === 'copy' && wanted.rendering.object['data'], { k: 'u1' });
  assert.deepEqual(unit.wanted('us', about), { kind: 'unknown' });
});

test('without a record nothing is known, whatever stands there', () => {
  const { unit } = fresh();
  copyStands(unit, 'eu', 'u0');
  assert.deepEqual(unit.wanted('eu', about), { kind: 'unknown' });
  unit.template = template('u1');
  assert.deepEqual(unit.wanted('eu', about), { kind: 'unknown' });
});

test("a tombstone takes its own template's copy, also when a new template bears the name", () => {
  const { unit } = fresh();
  unit.template = template('u2');
  decided(unit, 'u2', { eu: {} });
  copyStands(unit, 'eu', 'u1');
  assert.equal(unit.wanted('eu', about).kind, 'copy', 'the older copy has no record of its end');
  buried(unit, 'u1');
  assert.deepEqual(unit.wanted('eu', about), { kind: 'gone', templateUid: 'u1', how: 'Delete' });
  unit.copy('eu').forget();
  assert.equal(unit.wanted('eu', about).kind, 'copy');
});

test('a copy is taken over when no record knows its template', () => {
  const { unit } = fresh();
  unit.template = template('u2');
  decided(unit, 'u2', { eu: {} });
  copyStands(unit, 'eu', 'u1');
  const adopts = (): unknown => {
    const wanted = unit.wanted('eu', about);
    return wanted.kind === 'copy' && wanted.adopts;
  };
  assert.equal(adopts(), true);
  decided(unit, 'u1', { eu: {} });
  assert.equal(adopts(), false, 'its tombstone is still on its way');
  unit.decisions.delete('u1');
  assert.equal(adopts(), true);
});

test('a deletion that orphans takes the mark off', () => {
  const { unit } = fresh();
  copyStands(unit, 'eu', 'u1');
  buried(unit, 'u1', 'Orphan');
  assert.deepEqual(unit.wanted('eu', about), { kind: 'gone', templateUid: 'u1', how: 'Orphan' });
});

test('a tombstone that is known before the template is seen to go forbids making copies again', () => {
  const { unit } = fresh();
  unit.template = template('u1');
  decided(unit, 'u1', { eu: {} });
  buried(unit, 'u1');
  assert.deepEqual(unit.wanted('eu', about), { kind: 'unknown' });
});

test('a cluster that owes the removal of its copy is asked for it', () => {
  const { unit } = fresh();
  unit.template = template('u1');
  decided(unit, 'u1', { us: {} }, { eu: 'Delete' });
  assert.deepEqual(unit.wanted('eu', about), { kind: 'gone', templateUid: 'u1', how: 'Delete' });
});

test('copies are counted while they stand, and not when their cluster has left', () => {
  const { units, unit } = fresh();
  copyStands(unit, 'eu', 'u1');
  copyStands(unit, 'us', 'u1');
  assert.equal(units.governedCopies, 2);
  unit.dropCopy('eu');
  assert.equal(units.governedCopies, 1);
  assert.equal(unit.copies.has('eu'), false);
  unit.copy('us').forget();
  assert.equal(units.governedCopies, 0);
});

test('what bears our label and the identity of something else is a stranger', () => {
  const { units, unit } = fresh();
  copyStands(unit, 'eu', 'u1');
  const pasted = structuredClone(unit.copy('eu').live!);
  pasted.metadata.name = 'b';
  const other = units.of(type, 'default/b');
  assert.equal(other.copy('eu').observe(pasted, 'fed'), false);
  assert.equal(other.copy('eu').live, undefined);
  assert.equal(units.governedCopies, 1);
  const robbed = structuredClone(unit.copy('eu').live!);
  robbed.metadata.resourceVersion = '6';
  delete robbed.metadata.annotations;
  assert.equal(unit.copy('eu').observe(robbed, 'fed'), true, 'that it is no copy any more is news');
  assert.equal(unit.copy('eu').live, undefined);
});

test('what is known of a dropped copy later is not counted', () => {
  const { units, unit } = fresh();
  const copy = unit.copy('eu');
  unit.dropCopy('eu');
  copy.live = template('late answer');
  assert.equal(units.governedCopies, 0);
});

test('a unit that nothing is known of is forgotten', () => {
  const { units, unit } = fresh();
  unit.template = template('u1');
  units.changed(unit);
  assert.equal(units.get(unit.key), unit);
  unit.template = undefined;
  copyStands(unit, 'eu', 'u1');
  units.changed(unit);
  assert.equal(units.get(unit.key), unit);
  unit.copy('eu').forget();
  units.changed(unit);
  assert.equal(units.get(unit.key), undefined);
});

test('of a template that was forgotten nothing is kept', () => {
  const { unit } = fresh();
  copyStands(unit, 'eu', 'u1');
  buried(unit, 'u1');
  unit.copy('eu').forget();
  unit.copy('eu').goneFrom.add('u1');
  unit.answered.set('u1', new Set(['eu']));
  unit.forgetTemplate('u1');
  assert.deepEqual([...unit.copy('eu').goneFrom], []);
  assert.equal(unit.answered.size + unit.tombstones.size, 0);
});
