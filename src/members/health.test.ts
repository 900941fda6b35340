import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { LeaseState } from '../reconcile/lease.ts';
import {
  afterProbe,
  conditionsOf,
  defaultThresholds,
  type HealthState,
  initialHealth,
  memberHealthOf,
  type Probe,
  withTimes,
} from './health.ts';

const held: LeaseState = { held: true, reason: 'Held', message: '', term: 1 };
const probes: Readonly<Record<Probe['kind'], Probe>> = {
  ready: { kind: 'ready', uid: 'u1' },
  unready: { kind: 'unready', message: 'etcd' },
  unauthorized: { kind: 'unauthorized', message: 'Unauthorized' },
  forbidden: { kind: 'forbidden', message: 'forbidden' },
  busy: { kind: 'busy', message: 'slow down' },
  failing: { kind: 'failing', message: 'bad gateway' },
  silent: { kind: 'silent', message: 'connection refused' },
};

function run(start: HealthState, ...kinds: Probe['kind'][]): HealthState {
  return kinds.reduce((state, kind, i) => afterProbe(state, probes[kind], 1000 * i), start);
}

/** Reachable, Ready, CredentialsValid, Writable as T, F or U. */
function short(state: HealthState, lease = held): string {
  return conditionsOf(state, lease)
    .map(({ status }) => status[0])
    .join('');
}

const fresh = initialHealth('');
const good = run(fresh, 'ready');
const starts: Readonly<Record<string, HealthState>> = {
  fresh,
  ready: good,
  'ready, two silent': run(good, 'silent', 'silent'),
  'ready, two unready': run(good, 'unready', 'unready'),
  unreachable: run(good, 'silent', 'silent', 'silent'),
  'not ready': run(good, 'unready', 'unready', 'unready'),
  'credential refused': run(good, 'unauthorized'),
  'another cluster': afterProbe(good, { kind: 'ready', uid: 'u2' }, 0),
  'too large to be known': { ...good, crowded: 'it has too many objects' },
};

// Order of columns: ready, unready, unauthorized, forbidden, busy, failing, silent.
const table: Readonly<Record<string, string>> = {
  fresh: 'TTTT TFTU TFFF TFTU TFUU TFUU FFUF',
  ready: 'TTTT TTTT TFFF TFTT TTTT TTTT TTTT',
  'ready, two silent': 'TTTT TTTT TFFF TFTT TTTT TTTT FFTF',
  'ready, two unready': 'TTTT TFTT TFFF TFTT TFTT TFTT TTTT',
  unreachable: 'TTTT TFTT TFFF TFTT TFTT TFTT FFTF',
  'not ready': 'TTTT TFTT TFFF TFTT TFTT TFTT TFTT',
  'credential refused': 'TTTT TFTT TFFF TFTT TFFF TFFF TFFF',
  'another cluster': 'TTTT TTTF TFFF TFTF TTTF TTTF TTTF',
  'too large to be known': 'TFTT TFTT TFFF TFTT TFTT TFTT TFTT',
};

for (const [name, start] of Object.entries(starts)) {
  test(`every probe of a member that is ${name} leads where the table says`, () => {
    const seen = Object.values(probes).map((probe) => short(afterProbe(start, probe, 0)));
    assert.equal(seen.join(' '), table[name]);
  });
}

test('the table of KubeFed, with the fault of its counter mended', () => {
  // Any first probe sets the state.
  assert.equal(run(fresh, 'ready').reachable, 'True');
  assert.equal(run(fresh, 'silent').reachable, 'False');
  // Ready, then a failure: still ready.
  assert.equal(run(fresh, 'ready', 'ready', 'silent').reachable, 'True');
  // KubeFed counted successes towards the failures and fell at the first one after three; ours must
  // not.
  assert.equal(run(fresh, 'ready', 'ready', 'ready', 'silent').reachable, 'True');
  assert.equal(run(fresh, 'ready', 'silent', 'silent', 'ready', 'silent').reachable, 'True');
  assert.equal(run(fresh, 'ready', 'silent', 'silent', 'silent').reachable, 'False');
  // Not ready, then a success: ready at once.
  assert.equal(run(fresh, 'ready', 'silent', 'silent', 'silent', 'ready').reachable, 'True');
});

test('the first silence counts, not the one that crossed the threshold', () => {
  const state = run(good, 'silent', 'silent', 'silent');
  assert.equal(state.silentSince, 0);
  assert.equal(run(state, 'failing').silentSince, undefined);
});

test('a recorded identity is compared with the first answer', () => {
  const state = afterProbe(initialHealth('u0'), probes.ready, 0);
  assert.equal(state.same, 'False');
  const health = memberHealthOf(state, held);
  assert.deepEqual(
    [health.reachable, health.ready, health.writable, health.reason],
    [true, true, false, 'OtherCluster'],
  );
});

test('writing waits for the lease and says whose it is', () => {
  const lease: LeaseState = { held: false, reason: 'HeldByStranger', message: 'other', term: 1 };
  const health = memberHealthOf(good, lease);
  assert.equal(health.writable, false);
  assert.equal(health.reason, 'HeldByStranger');
  assert.equal(memberHealthOf(good, held).reason, '');
});

test('the time of a condition moves only with its status', () => {
  const first = withTimes(conditionsOf(good, held), [], 't1');
  const second = withTimes(conditionsOf(run(good, 'unauthorized'), held), first, 't2');
  assert.deepEqual(
    second.map(({ lastTransitionTime }) => lastTransitionTime),
    ['t1', 't2', 't2', 't2'],
  );
});

test('answers of any kind keep a member reachable, and only silences in a row lose it', () => {
  const kind = fc.constantFrom(...(Object.keys(probes) as Probe['kind'][]));
  fc.assert(
    fc.property(fc.array(kind, { minLength: 1, maxLength: 60 }), (kinds) => {
      let state = good;
      let silentRun = 0;
      for (const [i, one] of kinds.entries()) {
        state = afterProbe(state, probes[one], i);
        silentRun = one === 'silent' ? silentRun + 1 : 0;
        const expected = silentRun >= defaultThresholds.silent ? 'False' : 'True';
        assert.equal(state.reachable, expected);
        assert.equal(state.silentSince === undefined, silentRun === 0);
        const health = memberHealthOf(state, held);
        assert.ok(!health.ready || health.reachable);
        assert.ok(!health.writable || health.reachable);
        assert.equal(health.reason === '', health.reachable && health.ready && health.writable);
      }
    }),
  );
});
