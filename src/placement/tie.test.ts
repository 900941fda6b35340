/** P17: ties are fair, and known before the object exists. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { byTie, type Identity } from './tie.ts';

const clusters = ['asia', 'europe', 'us-east', 'us-central', 'africa'];

function object(name: string, namespace = 'default'): Identity {
  return { group: 'apps', kind: 'Deployment', namespace, name };
}

function firsts(names: readonly string[], of = clusters): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) {
    const first = byTie(of, object(name), (cluster) => cluster)[0]!;
    counts.set(first, (counts.get(first) ?? 0) + 1);
  }
  return counts;
}

for (const [kind, name] of [
  ['numbered', (i: number) => `web-${i}`],
  ['short', (i: number) => i.toString(36)],
  ['alike', (i: number) => `service-frontend-production-${String.fromCharCode(97 + (i % 26))}${i}`],
] as const)
  test(`P17: single replicas of ${kind} names spread evenly over five clusters`, () => {
    const counts = firsts(Array.from({ length: 5000 }, (_, i) => name(i)));
    // Five deviations of a fair draw: sqrt(5000 · 1/5 · 4/5) = 28.
    for (const cluster of clusters) assert.ok(Math.abs((counts.get(cluster) ?? 0) - 1000) < 142);
  });

test('P17: clusters that differ in one letter are as fair', () => {
  const alike = ['member-1', 'member-2', 'member-3', 'member-4'];
  const counts = firsts(
    Array.from({ length: 4000 }, (_, i) => `web-${i}`),
    alike,
  );
  for (const cluster of alike) assert.ok(Math.abs((counts.get(cluster) ?? 0) - 1000) < 138);
});

test('P17: the second place is fair as well, whatever the first is', () => {
  const second = new Map<string, number>();
  let total = 0;
  for (let i = 0; i < 20_000; i++) {
    const order = byTie(clusters, object(`web-${i}`), (cluster) => cluster);
    if (order[0] !== 'asia') continue;
    total++;
    second.set(order[1]!, (second.get(order[1]!) ?? 0) + 1);
  }
  const fair = total / 4;
  for (const cluster of clusters.slice(1))
    assert.ok(Math.abs(second.get(cluster)! - fair) < 5 * Math.sqrt(fair));
});

test('P17: the order depends on group, kind, namespace and name, and on nothing else', () => {
  const of = (identity: Identity): string => byTie(clusters, identity, (name) => name).join();
  assert.equal(of(object('web')), of({ ...object('web') }));
  const reversed = [...clusters].reverse();
  assert.equal(byTie(reversed, object('web'), (name) => name).join(), of(object('web')));
  const orders = new Set(
    Array.from({ length: 40 }, (_, i) => [
      of(object('web', `ns-${i}`)),
      of({ ...object('web'), kind: `Kind${i}` }),
      of({ ...object('web'), group: `g${i}` }),
    ]).flat(),
  );
  assert.ok(orders.size > 50);
});

test('P4: one more cluster changes the order of no others', () => {
  for (let i = 0; i < 200; i++) {
    const order = byTie(clusters, object(`web-${i}`), (name) => name);
    const fewer = byTie(clusters.slice(1), object(`web-${i}`), (name) => name);
    assert.deepEqual(
      order.filter((name) => name !== clusters[0]),
      fewer,
    );
  }
});
