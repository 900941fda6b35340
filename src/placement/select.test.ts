/** Which clusters are chosen, which are not, and why. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { check } from './arbitraries.fixture.ts';
import type { ClusterFacts, ClusterState } from './facts.ts';
import type { ClusterChoice } from './rules.ts';
import { type Selection, select } from './select.ts';

function cluster(name: string, given: Partial<ClusterFacts> = {}): ClusterFacts {
  return { name, labels: {}, zones: [], taints: [], state: 'ready', ...given };
}

function choose(
  clusters: readonly ClusterFacts[],
  choice?: ClusterChoice,
  incumbents: readonly string[] = [],
): Selection {
  return select({ clusters, choice, incumbent: (name) => incumbents.includes(name) });
}

const names = (selection: Selection): string =>
  selection.chosen.map((chosen) => chosen.name).join();

test('without a choice every cluster is chosen, those out of reach too', () => {
  const states: ClusterState[] = ['ready', 'unreachable', 'lost', 'returned'];
  const clusters = states.map((state) => cluster(state, { state }));
  assert.equal(names(choose(clusters)), 'ready,unreachable,lost,returned');
});

test('labels, names and fields must all fit, and each refusal says why', () => {
  const clusters = [
    cluster('a', {
      labels: { env: 'prod' },
      region: 'eu',
      zones: ['eu-1', 'eu-2'],
      provider: 'gcp',
    }),
    cluster('b', { labels: { env: 'test' }, region: 'eu', zones: ['eu-1'], provider: 'gcp' }),
    cluster('c', { labels: { env: 'prod' }, region: 'us', zones: ['us-1'] }),
  ];
  const prod = choose(clusters, { selector: [{ key: 'env', operator: 'In', values: ['prod'] }] });
  assert.equal(names(prod), 'a,c');
  assert.equal(prod.refused.get('b')?.reason, 'NotSelected');
  assert.equal(names(choose(clusters, { fields: { zone: ['eu-2', 'us-1'] } })), 'a,c');
  assert.equal(names(choose(clusters, { fields: { region: ['eu'], provider: ['gcp'] } })), 'a,b');
  assert.match(
    choose(clusters, { fields: { provider: ['gcp'] } }).refused.get('c')!.message,
    /provider/,
  );
  const listed = choose(clusters, { names: ['b'] });
  assert.equal(names(listed), 'b');
  assert.equal(listed.refused.get('a')?.reason, 'NotListed');
});

test('a taint keeps newcomers out unless it is tolerated; NoExecute also moves out who is there', () => {
  const tainted = (effect: 'NoSchedule' | 'NoExecute' | 'PreferNoSchedule'): ClusterFacts[] => [
    cluster('a', { taints: [{ key: 'gpu', value: 'yes', effect }] }),
    cluster('b'),
  ];
  assert.equal(names(choose(tainted('NoSchedule'))), 'b');
  assert.match(choose(tainted('NoSchedule')).refused.get('a')!.message, /gpu=yes:NoSchedule/);
  assert.equal(names(choose(tainted('NoSchedule'), undefined, ['a'])), 'a,b');
  assert.equal(names(choose(tainted('NoExecute'), undefined, ['a'])), 'b');
  assert.equal(names(choose(tainted('PreferNoSchedule'))), 'a,b');
  assert.equal(names(choose(tainted('PreferNoSchedule'), { count: 1 })), 'b');
  const tolerations = (given: object): ClusterChoice => ({ tolerations: [given] });
  assert.equal(names(choose(tainted('NoExecute'), tolerations({ operator: 'Exists' }))), 'a,b');
  assert.equal(
    names(choose(tainted('NoExecute'), tolerations({ key: 'gpu', value: 'yes' }))),
    'a,b',
  );
  assert.equal(names(choose(tainted('NoExecute'), tolerations({ key: 'gpu', value: 'no' }))), 'b');
  assert.equal(
    names(
      choose(
        tainted('NoExecute'),
        tolerations({ key: 'gpu', operator: 'Exists', effect: 'NoSchedule' }),
      ),
    ),
    'b',
  );
});

test('a cordoned cluster keeps what it has and gets nothing new', () => {
  const clusters = [cluster('a', { state: 'cordoned' }), cluster('b')];
  assert.equal(names(choose(clusters)), 'b');
  assert.equal(choose(clusters).refused.get('a')?.reason, 'Cordoned');
  assert.equal(names(choose(clusters, undefined, ['a'])), 'a,b');
});

test('a count keeps who is there, then goes by tie; a lost cluster does not fill a place', () => {
  const clusters = ['a', 'b', 'c', 'd'].map((name) => cluster(name));
  assert.equal(names(choose(clusters, { count: 2 })), 'a,b');
  assert.equal(names(choose(clusters, { count: 2 }, ['c', 'd'])), 'c,d');
  assert.equal(names(choose(clusters, { count: 2 }, ['d'])), 'a,d');
  assert.equal(choose(clusters, { count: 2 }).refused.get('c')?.reason, 'CountReached');
  assert.equal(names(choose(clusters, { count: 0 })), '');
  const lost = clusters.map((each) =>
    each.name === 'd' ? { ...each, state: 'lost' as const } : each,
  );
  assert.equal(names(choose(lost, { count: 2 }, ['c', 'd'])), 'a,c');
});

test('a spread reserves places for other groups, and says when there are too few', () => {
  const clusters = [
    cluster('a', { zones: ['z1'] }),
    cluster('b', { zones: ['z1'] }),
    cluster('c', { zones: ['z1'] }),
    cluster('d', { zones: ['z2'] }),
  ];
  const spread = [{ by: 'zone' as const, minGroups: 2 }];
  const chosen = choose(clusters, { count: 2, spread });
  assert.equal(names(chosen), 'a,d');
  assert.equal(chosen.refused.get('b')?.reason, 'SpreadNeedsOthers');
  assert.equal(chosen.tooFewGroups, undefined);
  assert.equal(names(choose(clusters, { count: 3, spread }, ['b', 'c'])), 'b,c,d');
  const three = choose(clusters, { spread: [{ by: 'zone', minGroups: 3 }] });
  assert.equal(names(three), 'a,b,c,d');
  assert.match(three.tooFewGroups!.message, /3 different zones are asked for, 2 are there/);
});

test('P4: a new cluster never displaces one that is chosen, whatever count and spread are', () => {
  const some = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), { minLength: 1 });
  const zone = (name: string): ClusterFacts =>
    cluster(name, { zones: [`z${name.charCodeAt(0) % 3}`] });
  check(
    fc.property(
      some,
      fc.integer({ min: 1, max: 4 }),
      fc.nat({ max: 3 }),
      (list, count, minGroups) => {
        const choice = { count, spread: [{ by: 'zone' as const, minGroups }] };
        const before = choose(list.map(zone), choice);
        const chosen = before.chosen.map((each) => each.name);
        const after = choose(
          [cluster('new', { zones: ['z0'] }), ...list.map(zone)],
          choice,
          chosen,
        );
        for (const name of chosen) assert.ok(names(after).split(',').includes(name));
        assert.ok(after.chosen.length <= count);
      },
    ),
  );
});
