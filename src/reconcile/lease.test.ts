import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { StepClock } from '../base/clock.ts';
import { RestClient } from '../client/rest.ts';
import { TinyApi } from '../client/tiny-api.ts';
import { type LeaseOptions, recordOf, WriterLease } from './lease.ts';
import { decideLease, type LeaseClaim, type LeaseRecord } from './lease-decision.ts';

const path = '/apis/coordination.k8s.io/v1/namespaces/ubernetes-system/leases';

async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}

const claim: LeaseClaim = {
  federation: 'fed',
  instance: 'a',
  process: 'p2',
  term: 5,
  reach: 100,
};
const record: LeaseRecord = {
  holder: 'fed/a',
  federation: 'fed',
  instance: 'a',
  process: 'p1',
  term: 4,
  revision: 90,
  durationMs: 30_000,
};

const cases: [string, Partial<LeaseClaim>, Partial<LeaseRecord> | undefined, number, string][] = [
  ['no lease yet', {}, undefined, 0, 'take 5'],
  ['our own', {}, { process: 'p2', term: 7 }, 0, 'take 7'],
  ['our predecessor on the same data', {}, {}, 0, 'take 5'],
  ['a later start on the same data, or a copy of it', {}, { term: 5 }, 0, 'HeldByReplica'],
  ['the same, long silent', {}, { term: 9 }, 30_000, 'take 10'],
  ['another replica', {}, { instance: 'b', holder: 'fed/b' }, 29_999, 'HeldByReplica'],
  ['another replica, expired', {}, { instance: 'b', holder: 'fed/b' }, 30_000, 'take 5'],
  ['released by another replica', {}, { instance: 'b', holder: '' }, 0, 'take 5'],
  ['a stranger', {}, { federation: 'other' }, 0, 'HeldByStranger'],
  ['a stranger, expired', {}, { federation: 'other' }, 1e9, 'HeldByStranger'],
  ['a restored backup', {}, { revision: 101 }, 1e9, 'RevisionAhead'],
  ['a restored backup, even when released', {}, { revision: 101, holder: '' }, 0, 'RevisionAhead'],
  ['a restored backup, accepted', { reach: 101 }, { revision: 101 }, 0, 'take 5'],
  ['a stranger', { reach: 1e9 }, { federation: 'x', revision: 101 }, 1e9, 'HeldByStranger'],
];

for (const [name, ours, theirs, unchanged, expected] of cases) {
  test(`the lease of ${name}: ${expected}`, () => {
    const decision = decideLease(
      { ...claim, ...ours },
      theirs === undefined ? undefined : { ...record, ...theirs },
      unchanged,
    );
    assert.equal(decision.take ? `take ${decision.term}` : decision.reason, expected);
  });
}

function leaseOver(api: TinyApi, clock: StepClock, options: Partial<LeaseOptions> = {}) {
  const changes: string[] = [];
  const lease = new WriterLease({
    client: new RestClient(api, { userAgent: 'test' }),
    namespace: 'ubernetes-system',
    name: 'writer',
    federation: 'fed',
    instance: 'a',
    term: 1,
    process: `p${options.term ?? 1}`,
    revision: () => 10,
    reach: () => Number.POSITIVE_INFINITY,
    clock,
    onChange: (state) => changes.push(state.reason),
    ...options,
  });
  return { lease, changes };
}

test('a lease is made, renewed with the newest revision, and given back', async () => {
  const api = new TinyApi([path]);
  const clock = new StepClock();
  let revision = 10;
  const { lease, changes } = leaseOver(api, clock, { revision: () => revision });
  lease.start();
  await settle();
  assert.equal(lease.held, true);
  revision = 20;
  for (let i = 0; i < 10; i++) {
    clock.advance(10_000);
    await settle();
    assert.equal(lease.held, true);
  }
  const stored = recordOf(api.get(path, 'writer')!);
  assert.equal(stored.revision, 20);
  assert.equal(stored.holder, 'fed/a');
  assert.deepEqual(changes, ['Held']);
  await lease.stop();
  assert.equal(lease.held, false);
  assert.equal(recordOf(api.get(path, 'writer')!).holder, '');
});

test('a holder that cannot renew stops before others may begin', async () => {
  const api = new TinyApi([path]);
  const clock = new StepClock();
  const { lease, changes } = leaseOver(api, clock);
  lease.start();
  await settle();
  api.down = true;
  let heldFor = 0;
  while (lease.held) {
    clock.advance(1000);
    heldFor += 1000;
    await settle();
  }
  assert.ok(heldFor > 20_000 && heldFor <= 25_000, `held for ${heldFor} ms`);
  assert.deepEqual(changes, ['Held', 'Unanswered']);
  api.down = false;
  lease.poke();
  await settle();
  assert.equal(lease.held, true);
  await lease.stop();
});

test('a stranger who takes it by force freezes us at the next renewal', async () => {
  const api = new TinyApi([path]);
  const clock = new StepClock();
  const { lease } = leaseOver(api, clock);
  lease.start();
  await settle();
  const object = structuredClone(api.get(path, 'writer')!);
  object.metadata.annotations = { 'ubernetes.dev/federation': 'other' };
  api.put(path, object);
  clock.advance(10_000);
  await settle();
  clock.advance(300);
  await settle();
  assert.equal(lease.held, false);
  assert.equal(lease.state.reason, 'HeldByStranger');
  await lease.stop();
  assert.equal(recordOf(api.get(path, 'writer')!).federation, 'other');
});

test('a server that forbids leases is said so', async () => {
  const api = new TinyApi([]);
  const clock = new StepClock();
  const { lease } = leaseOver(api, clock);
  lease.start();
  await settle();
  assert.equal(lease.state.reason, 'Refused');
  await lease.stop();
});

test('never two writers: replicas that crash, pause, lose sight and come back', async () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 20_000 }) }),
    fc.record({ do: fc.constantFrom('start', 'crash', 'stop'), who: fc.nat(2) }),
    fc.record({ do: fc.constantFrom('cut' as const, 'mend' as const), who: fc.nat(2) }),
  );
  let held = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const api = new TinyApi([path]);
      const clock = new StepClock();
      const cut = [false, false, false];
      const terms = [0, 0, 0];
      const alive: (WriterLease | undefined)[] = [undefined, undefined, undefined];
      const all: WriterLease[] = [];
      const transportOf = (who: number): TinyApi =>
        Object.create(api, {
          request: {
            value: (request: Parameters<TinyApi['request']>[0]) => {
              if (cut[who]) return Promise.reject(new Error('cut'));
              return api.request(request);
            },
          },
        });
      for (const action of steps) {
        if (action.do === 'advance') {
          const until = clock.now() + (action as { ms: number }).ms;
          while (clock.step(until)) {
            await settle();
            check();
          }
          clock.advance(until - clock.now());
        } else {
          const { who } = action as { who: number };
          if (action.do === 'start' && alive[who] === undefined) {
            const { lease } = leaseOver(transportOf(who), clock, {
              instance: `r${who}`,
              term: ++terms[who]!,
              process: `p${all.length}`,
            });
            lease.start();
            alive[who] = lease;
            all.push(lease);
          } else if (action.do === 'cut' || action.do === 'mend') cut[who] = action.do === 'cut';
          else if (action.do === 'crash') {
            void alive[who]?.stop(false);
            alive[who] = undefined;
          } else if (action.do === 'stop') {
            const stopping = alive[who]?.stop();
            alive[who] = undefined;
            await stopping;
          }
        }
        await settle();
        check();
      }
      for (const lease of alive) await lease?.stop(false);

      function check(): void {
        const holders = all.filter((lease) => lease.held);
        assert.ok(holders.length <= 1, 'two writers at one time');
        held += holders.length;
      }
    }),
    { numRuns: 80 },
  );
  assert.ok(held > 100, 'the property saw holders');
});
