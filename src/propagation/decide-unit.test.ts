import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { KubeObject } from '../kube/object.ts';
import type { ResourceType } from '../kube/resource.ts';
import { ApiError } from '../kube/status.ts';
import type { Decision } from '../placement/decision.ts';
import type { ClusterFacts } from '../placement/facts.ts';
import { decideUnit, removingAfter, replicasOf, rulesOf, travels } from './decide-unit.ts';
import { identityOf } from './mark.ts';
import { Unit } from './unit.ts';

const noGuard = { recentRemovals: 0, governedCopies: 0, tripped: false, confirmed: false };

function typeOf(group: string, kind: string, resource: string): ResourceType {
  return {
    group,
    version: 'v1',
    kind,
    resource,
    singular: kind.toLowerCase(),
    listKind: `${kind}List`,
    namespaced: true,
    verbs: ['list', 'watch'],
    shortNames: [],
    categories: [],
    subresources: [],
  };
}

const deployments = typeOf('apps', 'Deployment', 'deployments');
const sets = typeOf('apps', 'StatefulSet', 'statefulsets');

function deployment(uid: string, replicas: number): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default', uid },
    spec: { replicas },
  };
}

function cluster(name: string): ClusterFacts {
  return { name, labels: {}, zones: [], taints: [], state: 'ready' };
}

function deciding(unit: Unit, clusters: readonly string[], unlisted: readonly string[] = []) {
  return decideUnit({
    unit,
    template: unit.template!,
    clusters: clusters.map(cluster),
    unlisted: new Set(unlisted),
    lacking: new Set<string>(),
    guard: noGuard,
    frozen: false,
    now: 0,
  });
}

function shares(decision: Decision): Record<string, number | undefined> {
  return Object.fromEntries(
    Object.entries(decision.clusters).map(([name, { share }]) => [name, share]),
  );
}

function stored(unit: Unit, decision: Decision, removing: Record<string, 'Delete'> = {}): void {
  const spec = { template: unit.identity, decision: {}, removing };
  unit.decisions.set(unit.identity.uid, { spec, decision, resourceVersion: '1' });
}

function stands(unit: Unit, name: string, copy: { uid: string; replicas: number; ready: number }) {
  const identity = identityOf({ ...unit.identity, uid: copy.uid }, name);
  const live: KubeObject = {
    apiVersion: 'apps/v1',
    kind: unit.type.kind,
    metadata: {
      name: unit.name,
      namespace: unit.namespace,
      uid: `live-${name}`,
      resourceVersion: '1',
      annotations: { 'ubernetes.dev/copy-of': identity },
    },
    spec: { replicas: copy.replicas },
    status: { replicas: copy.replicas, readyReplicas: copy.ready },
  };
  unit.copy(name).observe(live, 'fed');
}

test('copies of an earlier object of the name count for nothing', () => {
  const unit = new Unit(deployments, 'default/web');
  unit.template = deployment('new', 4);
  stands(unit, 'a', { uid: 'old', replicas: 9, ready: 9 });
  const spec = { template: { ...unit.identity, uid: 'old' }, decision: {}, removing: {} };
  const decision = { number: 1, mode: 'Divide', clusters: {} } as const;
  unit.decisions.set('old', { spec, decision, resourceVersion: '1' });
  assert.deepEqual(shares(deciding(unit, ['a', 'b']).decision), { a: 2, b: 2 });
});

test('replicas do not move while nobody has looked where they run', () => {
  const unit = new Unit(deployments, 'default/web');
  unit.template = deployment('u', 6);
  stored(unit, { number: 1, mode: 'Divide', clusters: { a: { share: 3 }, b: { share: 3 } } });
  const blind = deciding(unit, ['a', 'b', 'c'], ['a', 'b']);
  assert.equal(shares(blind.decision)['a'], 3);
  assert.equal(shares(blind.decision)['b'], 3);
});

test('a first decision does not wait to look: no copy can stand anywhere', () => {
  const unit = new Unit(deployments, 'default/web');
  unit.template = deployment('u', 2);
  assert.deepEqual(shares(deciding(unit, ['a', 'b'], ['a', 'b']).decision), { a: 1, b: 1 });
});

test('what may run only once stays where it is, whoever has not been looked through', () => {
  const unit = new Unit(sets, 'default/db');
  unit.template = { ...deployment('u', 1), kind: 'StatefulSet' };
  const first = deciding(unit, ['a', 'b']).decision;
  const [home] = Object.keys(first.clusters);
  stored(unit, first);
  const again = deciding(unit, ['a', 'b'], [home!]).decision;
  assert.deepEqual(Object.keys(again.clusters), [home]);
});

test("a Job's replicas are its parallelism, and one when it does not say", () => {
  const jobs = new Unit(typeOf('batch', 'Job', 'jobs'), 'default/j');
  assert.equal(replicasOf(jobs, { ...deployment('u', 1), spec: { parallelism: 3 } }), 3);
  assert.equal(replicasOf(jobs, { ...deployment('u', 1), spec: {} }), 1);
  const maps = new Unit(typeOf('', 'ConfigMap', 'configmaps'), 'default/c');
  assert.equal(replicasOf(maps, deployment('u', 0)), 0);
  assert.equal(replicasOf(maps, { ...deployment('u', 0), spec: {} }), undefined);
});

test('an annotation that cannot be read is refused with its name', () => {
  const annotations = { 'federation.kubernetes.io/deployment-preferences': '{' };
  const template = { ...deployment('u', 1), metadata: { name: 'web', annotations } };
  assert.throws(
    () => rulesOf(template),
    (error: unknown) =>
      error instanceof ApiError &&
      error.code === 422 &&
      /deployment-preferences/.test(error.message),
  );
});

test('kinds of which no object ever leaves are not watched as templates', () => {
  assert.equal(travels(typeOf('', 'Event', 'events')), false);
  assert.equal(travels(typeOf('coordination.k8s.io', 'Lease', 'leases')), false);
  assert.equal(travels(typeOf('', 'Secret', 'secrets')), true);
  assert.equal(travels(typeOf('rbac.authorization.k8s.io', 'RoleBinding', 'rolebindings')), true);
  assert.equal(travels(typeOf('example.com', 'Widget', 'widgets')), true);
});

const everywhere = (): boolean => true;
const to = (...names: string[]): Decision => ({
  number: 2,
  mode: 'Copy',
  clusters: Object.fromEntries(names.map((name) => [name, {}])),
});

test('a cluster that is no longer named owes an answer until its copy is gone', () => {
  const unit = new Unit(deployments, 'default/web');
  unit.template = deployment('u', 2);
  stored(unit, to('a', 'b'));
  assert.deepEqual(removingAfter(unit, to('a'), everywhere), { b: 'Delete' });
  stands(unit, 'b', { uid: 'u', replicas: 1, ready: 1 });
  stored(unit, to('a'), { b: 'Delete' });
  assert.deepEqual(removingAfter(unit, to('a'), everywhere), { b: 'Delete' });
  unit.copy('b').forget();
  assert.deepEqual(removingAfter(unit, to('a'), everywhere), { b: 'Delete' }, 'in no watch');
  unit.copy('b').goneFrom.add('u');
  assert.deepEqual(removingAfter(unit, to('a'), everywhere), {});
});

test('a cluster that is named again owes nothing, and one that left keeps its copy', () => {
  const unit = new Unit(deployments, 'default/web');
  unit.template = deployment('u', 2);
  stored(unit, to('a'), { b: 'Delete' });
  assert.deepEqual(removingAfter(unit, to('a', 'b'), everywhere), {});
  assert.deepEqual(
    removingAfter(unit, to('a'), (name) => name !== 'b'),
    {},
  );
  stored(unit, to('a', 'b'));
  assert.deepEqual(
    removingAfter(unit, to('a'), (name) => name !== 'b'),
    {},
  );
});

/** What may happen to one object between two decisions. */
const happening = fc.oneof(
  fc.record({ what: fc.constant('ready' as const), in: fc.nat(2), ready: fc.nat(5) }),
  fc.record({ what: fc.constant('scaled' as const), to: fc.nat(9) }),
  fc.record({ what: fc.constant('fleet' as const), states: fc.tuple(state(), state(), state()) }),
  fc.record({ what: fc.constant('stored' as const) }),
  fc.record({ what: fc.constant('guard' as const), tripped: fc.boolean() }),
  fc.record({ what: fc.constant('later' as const), ms: fc.nat(400_000) }),
  fc.record({ what: fc.constant('frozen' as const), frozen: fc.boolean() }),
);

function state() {
  return fc.constantFrom<ClusterFacts['state']>(
    'ready',
    'ready',
    'unreachable',
    'lost',
    'draining',
  );
}

test('a decision that is remembered is the one that would be made', () => {
  let remembered = 0;
  fc.assert(
    fc.property(fc.array(happening, { minLength: 1, maxLength: 30 }), (happenings) => {
      const unit = new Unit(deployments, 'default/web');
      unit.template = deployment('web', 4);
      const names = ['eu', 'us', 'asia'];
      let clusters = names.map(cluster);
      let [frozen, now, guard] = [false, 0, noGuard];
      for (const one of happenings) {
        if (one.what === 'ready')
          stands(unit, names[one.in]!, { uid: 'web', replicas: 3, ready: one.ready });
        else if (one.what === 'scaled') unit.template = deployment('web', one.to);
        else if (one.what === 'fleet')
          clusters = one.states.map((state, i) => ({ ...cluster(names[i]!), state }));
        else if (one.what === 'stored' && unit.decided !== undefined)
          stored(unit, unit.decided.result.decision);
        else if (one.what === 'guard') guard = { ...noGuard, tripped: one.tripped };
        else if (one.what === 'later') now += one.ms;
        else if (one.what === 'frozen') frozen = one.frozen;
        const none = new Set<string>();
        const facts = { clusters, unlisted: none, lacking: none, guard, frozen, now };
        const before = unit.decided;
        const result = decideUnit({ unit, template: unit.template!, ...facts });
        if (unit.decided === before) remembered++;
        unit.decided = undefined;
        const anew = decideUnit({ unit, template: unit.template!, ...facts });
        assert.deepEqual(result, anew);
      }
    }),
  );
  assert.ok(remembered > 100, `${remembered}`);
});
