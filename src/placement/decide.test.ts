/** The whole decision of one template: modes, guards, what is stored, and when to look again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { check } from './arbitraries.fixture.ts';
import { type DecideInput, type DecideResult, decide } from './decide.ts';
import { type ClusterShare, type Decision, wantedIn } from './decision.ts';
import type { ClusterFacts, ClusterState, CopyFacts } from './facts.ts';
import { rulesFromAnnotations } from './preferences.ts';
import { defaultRules, type Mode } from './rules.ts';

const template = { group: 'apps', kind: 'Deployment', namespace: 'default', name: 'web' };

function cluster(name: string, given: Partial<ClusterFacts> = {}): ClusterFacts {
  return { name, labels: {}, zones: [], taints: [], state: 'ready', ...given };
}

const three = ['asia', 'europe', 'us'].map((name) => cluster(name));

function run(given: Partial<DecideInput>): DecideResult {
  return decide({
    template,
    mode: 'Divide',
    replicas: given.mode === undefined || given.mode === 'Divide' ? 9 : undefined,
    rules: defaultRules,
    clusters: three,
    copies: new Map(),
    previous: undefined,
    now: 1000,
    ...given,
  });
}

/** Every copy with all that was asked of it ready. */
function settledCopies(decision: Decision): Map<string, CopyFacts> {
  return new Map(
    Object.entries(decision.clusters).map(([name, { share = 0 }]) => [name, { ready: share }]),
  );
}

/** The next decision, all pods ready. */
function next(before: DecideResult, given: Partial<DecideInput>): DecideResult {
  return run({ previous: before.decision, copies: settledCopies(before.decision), ...given });
}

const shares = (result: DecideResult): Record<string, number | undefined> =>
  Object.fromEntries(
    Object.entries(result.decision.clusters)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, { share }]) => [name, share]),
  );

test('nine replicas over three clusters are three in each', () => {
  const result = run({});
  assert.deepEqual(shares(result), { asia: 3, europe: 3, us: 3 });
  assert.equal(result.decision.number, 1);
  assert.ok(result.changed && result.sharesChanged);
  assert.equal(result.unplaced, 0);
  assert.equal(result.lookAgainAt, undefined);
  assert.equal(result.reasons.get('us')?.reason, 'Chosen');
  assert.deepEqual(
    result.conditions.map(({ type, status }) => `${type}=${status}`),
    ['Placed=True', 'Settled=True'],
  );
});

test('when nothing changes, the very same decision is returned', () => {
  const first = run({});
  const again = next(first, {});
  assert.equal(again.decision, first.decision);
  assert.equal(again.changed, false);
  assert.equal(again.sharesChanged, false);
});

test('a decision survives being stored as JSON', () => {
  const first = run({ rooms: new Map([['asia', 1]]) });
  const stored = JSON.parse(JSON.stringify(first.decision)) as Decision;
  assert.deepEqual(stored, first.decision);
  const rooms = new Map([['asia', 0]]);
  assert.deepEqual(run({ previous: stored, rooms }), run({ previous: first.decision, rooms }));
});

test('without a record the copies themselves say what was asked', () => {
  const copies = new Map([
    ['asia', { ask: 5, ready: 5 }],
    ['europe', { ask: 4, ready: 4 }],
  ]);
  const result = run({ copies, rules: { ...defaultRules, maxPercent: 0 } });
  assert.deepEqual(shares(result), { asia: 5, europe: 4, us: 0 });
});

test("the talk's manifests: one in each of four, and two and two in America", () => {
  const four = ['asia-east1-b', 'europe-west1-b', 'us-east1-b', 'us-central1-b'].map((name) =>
    cluster(name),
  );
  const plain = run({ clusters: four, replicas: 4 });
  assert.deepEqual(Object.values(shares(plain)), [1, 1, 1, 1]);
  const entry = { minReplicas: 2, maxReplicas: 4, weight: 1 };
  const preferences = {
    rebalance: true,
    clusters: { 'us-east1-b': entry, 'us-central1-b': entry },
  };
  const { rules } = rulesFromAnnotations({
    apiVersion: 'extensions/v1beta1',
    kind: 'ReplicaSet',
    metadata: {
      name: 'nginx-us',
      annotations: {
        'federation.kubernetes.io/replica-set-preferences': JSON.stringify(preferences),
      },
    },
  });
  const american = run({ clusters: four, replicas: 4, rules: rules! });
  assert.deepEqual(shares(american), { 'us-central1-b': 2, 'us-east1-b': 2 });
  assert.equal(american.reasons.get('asia-east1-b')?.reason, 'NotListed');
});

test('Copy puts the whole object into every cluster, also into those out of reach', () => {
  const clusters = [...three, cluster('mars', { state: 'unreachable' })];
  const result = run({ mode: 'Copy', clusters });
  assert.deepEqual(Object.keys(shares(result)).sort(), ['asia', 'europe', 'mars', 'us']);
  assert.ok(Object.values(result.decision.clusters).every((entry) => entry.share === undefined));
  assert.equal(result.reasons.get('mars')?.reason, 'Unreachable');
  const joined = next(result, { mode: 'Copy', clusters: [...clusters, cluster('moon')] });
  assert.ok(joined.decision.clusters['moon']);
  assert.equal(joined.decision.number, 2);
});

test('Home has no copies and nothing to store, whatever a placement says', () => {
  const result = run({ mode: 'Home', rules: { ...defaultRules, mode: 'Copy' } });
  assert.deepEqual(result.decision.clusters, {});
  assert.equal(result.changed, false);
});

test('a placement wins over the mode of the kind', () => {
  const result = run({ mode: 'One', replicas: 6, rules: { ...defaultRules, mode: 'Divide' } });
  assert.deepEqual(shares(result), { asia: 2, europe: 2, us: 2 });
});

test('One stays where it is: when clusters join, are lost, or are tainted', () => {
  const first = run({ mode: 'One' });
  const [home] = Object.keys(first.decision.clusters);
  assert.equal(Object.keys(first.decision.clusters).length, 1);
  for (const state of ['unreachable', 'lost', 'cordoned'] as ClusterState[]) {
    const clusters = three.map((each) => (each.name === home ? { ...each, state } : each));
    const later = next(first, { mode: 'One', clusters: [...clusters, cluster('new')] });
    assert.equal(later.decision, first.decision);
  }
});

test('One places objects fairly, and only where they can start', () => {
  const seen = new Set<string>();
  for (let i = 0; i < 50; i++) {
    const clusters = three.map((each) =>
      each.name === 'us' ? { ...each, state: 'lost' as const } : each,
    );
    const result = run({ mode: 'One', template: { ...template, name: `job-${i}` }, clusters });
    for (const name of Object.keys(result.decision.clusters)) seen.add(name);
  }
  assert.deepEqual([...seen].sort(), ['asia', 'europe']);
  const dark = three.map((each) => ({ ...each, state: 'unreachable' as const }));
  const nowhere = run({ mode: 'One', clusters: dark });
  assert.equal(nowhere.unplacedReasons[0]?.reason, 'NoClusterReady');
  const rooms = new Map([
    ['asia', 0],
    ['europe', 5],
    ['us', 2],
  ]);
  assert.deepEqual(shares(run({ mode: 'One', replicas: 3, rooms })), { europe: undefined });
});

test('One without a record is where its copy stands already', () => {
  for (const { name } of three) {
    const copies = new Map([[name, { ready: 1 }]]);
    assert.deepEqual(Object.keys(run({ mode: 'One', copies }).decision.clusters), [name]);
  }
  const clusters = [...three, cluster('full', { state: 'cordoned' })];
  const copies = new Map([['full', { ready: 1 }]]);
  const [chosen] = Object.keys(run({ mode: 'One', clusters, copies }).decision.clusters);
  assert.notEqual(chosen, 'full', 'a record would keep it there, a copy alone does not');
});

test('One whose cluster has left goes to where a copy of it stands (seed 40356)', () => {
  const previous = { number: 3, mode: 'One', clusters: { gone: {} } } as const;
  for (const { name } of three) {
    const copies = new Map([[name, { ready: 1 }]]);
    const result = run({ mode: 'One', copies, previous });
    assert.deepEqual(Object.keys(result.decision.clusters), [name]);
  }
});

test('One without a record waits for the cluster where its copy stands, if that is out of reach', () => {
  for (const { name } of three) {
    const copies = new Map([[name, { ready: 1 }]]);
    const away = three.map((each) =>
      each.name === name ? cluster(name, { state: 'unreachable' }) : each,
    );
    const waiting = run({ mode: 'One', clusters: away, copies });
    assert.deepEqual(waiting.decision.clusters, {});
    assert.equal(waiting.unplacedReasons[0]?.reason, 'NoClusterReady');
    assert.deepEqual(Object.keys(run({ mode: 'One', copies }).decision.clusters), [name]);
  }
});

test('One that must leave its cluster goes first, and is made elsewhere when it is gone', () => {
  const first = run({ mode: 'One' });
  const [home] = Object.keys(first.decision.clusters) as [string];
  const drained = three.map((each) =>
    each.name === home ? { ...each, state: 'draining' as const } : each,
  );
  const going = next(first, { mode: 'One', clusters: drained });
  assert.deepEqual(going.decision.clusters, { [home]: { leaving: true } });
  assert.equal(going.removals, 1);
  const gone = run({ mode: 'One', clusters: drained, previous: going.decision });
  const [place] = Object.keys(gone.decision.clusters);
  assert.notEqual(place, home);
  assert.equal(gone.removals, 0);
  const silent = three.map((each) =>
    each.name === home ? { ...each, state: 'unreachable' as const } : each,
  );
  const unsure = run({ mode: 'One', clusters: silent, previous: going.decision });
  assert.equal(unsure.decision, going.decision);
  assert.equal(wantedIn(going.decision, home), undefined);
  const withData = next(first, { mode: 'One', clusters: drained, holdsData: true });
  assert.equal(withData.decision, first.decision);
  const alone = drained.filter((each) => each.name === home);
  assert.equal(next(first, { mode: 'One', clusters: alone }).decision, first.decision);
});

test('One that owns data stays though its cluster is no longer chosen, and says so', () => {
  const first = run({ mode: 'One', holdsData: true });
  const [home] = Object.keys(first.decision.clusters) as [string];
  const rules = {
    ...defaultRules,
    clusters: { names: three.map((c) => c.name).filter((n) => n !== home) },
  };
  const later = next(first, { mode: 'One', holdsData: true, rules });
  assert.equal(later.decision, first.decision);
  assert.equal(later.reasons.get(home)?.reason, 'Stays');
});

test('a cluster that is no longer chosen gives its replicas away before its copy goes', () => {
  let result = run({});
  const rules = { ...defaultRules, clusters: { names: ['asia', 'europe'] } };
  const seen: string[] = [];
  for (let i = 0; i < 20; i++) {
    result = next(result, { rules });
    seen.push(JSON.stringify(shares(result)));
    if (!result.changed) break;
    const total = Object.values(shares(result)).reduce((a = 0, b = 0) => a + b, 0);
    assert.ok(total! >= 9 && total! <= 10);
  }
  assert.deepEqual(Object.keys(result.decision.clusters).sort(), ['asia', 'europe']);
  assert.equal(
    Object.values(shares(result)).reduce((a = 0, b = 0) => a + b, 0),
    9,
  );
  assert.ok(seen.length > 4);
});

const guard = { recentRemovals: 0, governedCopies: 30, tripped: false, confirmed: false };

test('a selection that becomes empty freezes everything until it is confirmed', () => {
  for (const mode of ['Divide', 'Copy', 'One'] as Mode[]) {
    const first = run({ mode });
    const rules = {
      ...defaultRules,
      clusters: { selector: [{ key: 'env', operator: 'Exists' as const, values: [] }] },
    };
    const frozen = next(first, { mode, rules, guard });
    assert.equal(frozen.decision, first.decision);
    assert.equal(frozen.heldBack, 'EmptySelection');
    assert.equal(frozen.conditions.at(-1)?.type, 'Frozen');
    assert.equal(frozen.removals, 0);
    const confirmed = next(first, { mode, rules, guard: { ...guard, confirmed: true } });
    assert.equal(confirmed.removals, Object.keys(first.decision.clusters).length);
    assert.ok(confirmed.sharesChanged);
  }
});

test('too many removals freeze the selection, but scaling still works', () => {
  const first = run({});
  const rules = { ...defaultRules, clusters: { names: ['asia'] } };
  const busy = { ...guard, recentRemovals: 9 };
  const frozen = next(first, { rules, guard: busy, replicas: 12 });
  assert.equal(frozen.heldBack, 'TooManyRemovals');
  assert.deepEqual(shares(frozen), { asia: 4, europe: 4, us: 4 });
  const allowed = next(first, { rules, guard: { ...guard, recentRemovals: 8 } });
  assert.equal(allowed.heldBack, undefined);
  assert.equal(allowed.removals, 2);
  // On its way out once, a cluster is not counted again.
  const later = next(allowed, { rules, guard: { ...guard, recentRemovals: 10, tripped: true } });
  assert.equal(later.heldBack, undefined);
  assert.equal(later.removals, 0);
});

test('a cluster that was unjoined is no removal: its replicas are replaced, its copy is not ours', () => {
  const first = run({});
  const result = next(first, { clusters: three.slice(0, 2), guard: { ...guard, tripped: true } });
  assert.equal(result.heldBack, undefined);
  assert.deepEqual(Object.keys(shares(result)).sort(), ['asia', 'europe']);
  assert.equal(result.removals, 0);
});

test('while most members are out of sight nobody is newly lost, who was lost stays lost', () => {
  const first = run({});
  const lost = three.map((each) =>
    each.name === 'us' ? { ...each, state: 'lost' as const } : each,
  );
  assert.equal(next(first, { clusters: lost, frozen: true }).decision, first.decision);
  const replaced = next(first, { clusters: lost });
  assert.deepEqual(replaced.decision.clusters['us'], { share: 3, replaced: true });
  const still = next(replaced, { clusters: lost, frozen: true });
  assert.equal(still.decision, replaced.decision);
});

test('a rollout with surge does not spill, and a spill does not lower a cluster in a rollout', () => {
  const first = run({ replicas: 30 });
  const rolling: CopyFacts = {
    ready: 8,
    bound: 8,
    terminating: 2,
    unschedulable: 5,
    midRollout: true,
  };
  const copies = settledCopies(first.decision).set('asia', rolling);
  assert.equal(run({ replicas: 30, previous: first.decision, copies }).decision, first.decision);
  copies.set('asia', { ...rolling, terminating: 0, bound: 7, ready: 7 });
  const spilled = run({ replicas: 30, previous: first.decision, copies });
  assert.equal(spilled.decision.clusters['asia']?.share, 10);
  assert.equal(
    Object.values(shares(spilled)).reduce((a = 0, b = 0) => a + b, 0),
    33,
  );
});

test('a cluster that has come back is filled though each of its writes begins a rollout', () => {
  const clusters = [cluster('a'), cluster('b'), cluster('c', { state: 'returned' })];
  const asked: Record<string, number> = { a: 5, b: 4, c: 3 };
  const ready: Record<string, number> = { a: 5, b: 4, c: 0 };
  let previous: Decision = {
    ...{ number: 1, mode: 'Divide' },
    clusters: { a: { share: 5 }, b: { share: 4 }, c: { share: 3, replaced: true } },
  };
  let last = 0;
  for (let round = 0; round < 40; round++) {
    // The controllers have not seen the change; then all pods are ready.
    for (const seen of [false, true]) {
      if (seen) for (const name of Object.keys(asked)) ready[name] = asked[name]!;
      const copies = new Map(
        Object.entries(ready).map(([name, count]) => [
          name,
          { ready: count, midRollout: !seen && name === 'c' },
        ]),
      );
      ({ decision: previous } = run({ clusters, copies, previous }));
      for (const name of Object.keys(asked)) asked[name] = previous.clusters[name]?.share ?? 0;
      if (round > 0 || seen)
        assert.ok(asked['c']! >= last, `round ${round}: it gave ${asked['c']}`);
      last = asked['c']!;
    }
  }
  assert.deepEqual(asked, { a: 3, b: 3, c: 3 });
});

test('it looks again when the first pending pod becomes due, or when a try is', () => {
  const first = run({ replicas: 30 });
  const copies = settledCopies(first.decision).set('us', { ready: 9, bound: 9, dueAt: 31_000 });
  const waiting = run({ replicas: 30, previous: first.decision, copies });
  assert.equal(waiting.lookAgainAt, 31_000);
  copies.set('us', { ready: 9, bound: 9, unschedulable: 1 });
  const spilled = run({ replicas: 30, previous: first.decision, copies, now: 31_000 });
  const then = next(spilled, { replicas: 30, now: 32_000 });
  assert.equal(then.lookAgainAt, 31_000 + 60_000);
});

const job = { group: 'batch', kind: 'Job', namespace: 'default', name: 'sum' };

test('a divided Job shares out parallelism and completions once', () => {
  const two = [cluster('k8s-1'), cluster('k8s-2')];
  const begin = (replicas: number, completions?: number): ClusterShare[] =>
    Object.values(
      run({
        template: job,
        replicas,
        clusters: two,
        ...(completions !== undefined && { completions }),
      }).decision.clusters,
    );
  const sorted = (entries: ClusterShare[]): string =>
    entries
      .map((entry) => `${entry.share}/${entry.completions ?? '-'}`)
      .sort()
      .join(' ');
  assert.equal(sorted(begin(2, 7)), '1/3 1/4');
  assert.equal(sorted(begin(2)), '1/- 1/-');
  assert.equal(sorted(begin(7, 2)), '3/1 4/1');
  assert.equal(sorted(begin(7, 1)), '4/1');
  assert.equal(sorted(begin(1, 7)), '1/7');
  const first = run({ template: job, replicas: 4, completions: 8, clusters: two });
  const more = next(first, {
    template: job,
    replicas: 4,
    completions: 8,
    clusters: [...two, cluster('k8s-3')],
    rules: { ...defaultRules, clusters: { names: ['k8s-3'] } },
    guard,
  });
  assert.equal(more.decision, first.decision);
  const wider = next(first, { template: job, replicas: 6, completions: 8, clusters: two });
  assert.equal(sorted(Object.values(wider.decision.clusters)), '3/4 3/4');
});

test('a cluster may be called constructor', () => {
  const clusters = [cluster('constructor'), cluster('a')];
  const first = run({ clusters, replicas: 4 });
  assert.deepEqual(shares(first), { a: 2, constructor: 2 });
  const empty = run({
    clusters,
    previous: { number: 1, mode: 'Divide', clusters: {} },
    replicas: 4,
  });
  assert.deepEqual(shares(empty), { a: 2, constructor: 2 });
});

const states: fc.Arbitrary<ClusterState> = fc.constantFrom(
  'ready',
  'ready',
  'ready',
  'cordoned',
  'draining',
  'unreachable',
  'lost',
  'returned',
);

const steps = fc.array(
  fc.record({
    replicas: fc.nat({ max: 30 }),
    states: fc.array(states, { minLength: 4, maxLength: 4 }),
    unready: fc.array(fc.nat({ max: 3 }), { minLength: 4, maxLength: 4 }),
    short: fc.array(fc.nat({ max: 3 }), { minLength: 4, maxLength: 4 }),
    chosen: fc.subarray(['a', 'b', 'c', 'd']),
    frozen: fc.boolean(),
    mode: fc.constantFrom<Mode>('Divide', 'Divide', 'Divide', 'Copy', 'One'),
    wait: fc.integer({ min: 1, max: 900_000 }),
  }),
  { minLength: 1, maxLength: 8 },
);

test('over any history: deciding is deterministic, comes to rest, and every cluster has a reason', () => {
  check(
    fc.property(steps, (list) => {
      let previous: Decision | undefined;
      let now = 0;
      for (const given of list) {
        now += given.wait;
        const copies = new Map<string, CopyFacts>(
          Object.entries(previous?.clusters ?? {}).map(([name, { share = 0 }]) => {
            const i = 'abcd'.indexOf(name);
            const ready = Math.max(0, share - given.unready[i]!);
            return [name, { ready, bound: ready, unschedulable: given.short[i]! }];
          }),
        );
        const input: DecideInput = {
          template,
          mode: given.mode,
          replicas: given.replicas,
          rules: { ...defaultRules, clusters: { names: given.chosen } },
          clusters: ['a', 'b', 'c', 'd'].map((name, i) =>
            cluster(name, { state: given.states[i]! }),
          ),
          copies,
          previous,
          now,
          frozen: given.frozen,
          guard: { ...guard, confirmed: given.chosen.length % 2 === 1 },
        };
        const result = decide(input);
        assert.deepEqual(decide(input), result);
        assert.deepEqual([...result.reasons.keys()].sort(), ['a', 'b', 'c', 'd']);
        assert.ok(result.lookAgainAt === undefined || result.lookAgainAt > now);
        assert.equal(
          result.decision === previous || result.decision.number === (previous?.number ?? 0) + 1,
          true,
        );
        if (given.mode === 'One')
          assert.ok(
            Object.values(result.decision.clusters).filter((entry) => !entry.leaving).length <= 1,
          );
        for (const [name, entry] of Object.entries(result.decision.clusters)) {
          const before = previous?.clusters[name]?.share;
          const state = given.states['abcd'.indexOf(name)];
          if (given.mode === 'Divide' && state === 'unreachable')
            assert.equal(entry.share, before ?? 0);
        }
        previous = result.decision;
      }
      const last = list.at(-1)!;
      for (let round = 0; ; round++) {
        assert.ok(round < 200, 'never comes to rest');
        const result = decide({
          template,
          mode: last.mode,
          replicas: last.replicas,
          rules: { ...defaultRules, clusters: { names: last.chosen } },
          clusters: ['a', 'b', 'c', 'd'].map((name, i) =>
            cluster(name, { state: last.states[i]! }),
          ),
          copies: settledCopies(previous!),
          previous,
          now,
        });
        if (!result.changed) break;
        previous = result.decision;
      }
    }),
  );
});
