/** The guards of removals, alone and over time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { check } from './arbitraries.fixture.ts';
import {
  confirm,
  emptyLedger,
  guardFacts,
  holdBack,
  type Ledger,
  recordRemovals,
  removalLimit,
  trip,
  windowMs,
} from './guard.ts';

const facts = { recentRemovals: 0, governedCopies: 100, tripped: false, confirmed: false };

test('ten removals, or five percent of the copies, may go within ten minutes', () => {
  assert.equal(removalLimit(0), 10);
  assert.equal(removalLimit(200), 10);
  assert.equal(removalLimit(219), 10);
  assert.equal(removalLimit(220), 11);
  assert.equal(removalLimit(10_000), 500);
  assert.equal(holdBack(facts, 10, false), undefined);
  assert.equal(holdBack(facts, 11, false)?.reason, 'TooManyRemovals');
  assert.equal(holdBack({ ...facts, recentRemovals: 8 }, 3, false)?.reason, 'TooManyRemovals');
});

test('a selection that becomes empty waits even for one copy', () => {
  assert.equal(holdBack(facts, 1, true)?.reason, 'EmptySelection');
  assert.equal(holdBack(facts, 0, true), undefined);
});

test('once tripped, every removal waits until somebody confirms', () => {
  let ledger: Ledger = recordRemovals(emptyLedger, 10, 1000);
  ledger = trip(ledger, 2000);
  const later = { governedCopies: 100, confirmed: false, now: 2000 + 10 * windowMs };
  assert.equal(holdBack(guardFacts(ledger, later), 1, false)?.reason, 'TooManyRemovals');
  assert.equal(holdBack(guardFacts(ledger, { ...later, confirmed: true }), 1, false), undefined);
  assert.equal(holdBack(guardFacts(confirm(ledger), later), 1, false), undefined);
  assert.equal(trip(ledger, 9000), ledger);
});

test('removals stop counting after ten minutes, and old entries are dropped', () => {
  let ledger: Ledger = recordRemovals(emptyLedger, 4, 1000);
  ledger = recordRemovals(ledger, 3, 1500);
  assert.equal(ledger.removals.length, 1);
  const at = (now: number): number =>
    guardFacts(ledger, { governedCopies: 0, confirmed: false, now }).recentRemovals;
  assert.equal(at(2000), 7);
  assert.equal(at(1000 + windowMs), 0);
  assert.equal(recordRemovals(ledger, 1, 5 * windowMs).removals.length, 1);
  assert.equal(recordRemovals(ledger, 0, 2000), ledger);
});

test('whatever is asked in whatever order, no ten minutes see more removals than the limit', () => {
  const asks = fc.array(
    fc.record({
      wait: fc.integer({ min: 0, max: 400_000 }),
      copies: fc.integer({ min: 1, max: 12 }),
    }),
    { maxLength: 40 },
  );
  check(
    fc.property(asks, fc.nat({ max: 600 }), (list, governedCopies) => {
      let now = 0;
      let ledger = emptyLedger;
      const gone: { at: number; copies: number }[] = [];
      for (const { wait, copies } of list) {
        now += wait;
        const answer = holdBack(
          guardFacts(ledger, { governedCopies, confirmed: false, now }),
          copies,
          false,
        );
        if (answer) ledger = trip(ledger, now);
        else {
          ledger = recordRemovals(ledger, copies, now);
          gone.push({ at: now, copies });
        }
      }
      for (const { at } of gone) {
        // Whole seconds are counted, so the window is up to a second shorter than ten minutes.
        const within = gone.filter((other) => other.at >= at && other.at <= at + windowMs - 1000);
        assert.ok(
          within.reduce((sum, other) => sum + other.copies, 0) <= removalLimit(governedCopies),
        );
      }
    }),
  );
});
