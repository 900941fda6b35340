import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { StepClock } from '../base/clock.ts';
import { TransportError } from '../client/transport.ts';
import { Pace } from './pace.ts';
import { impersonation } from './paced-transport.ts';

async function settle(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
}

test('calls beyond the window wait their turn, in order', async () => {
  const pace = new Pace({ clock: new StepClock(), inFlight: 2, waiting: 10 });
  const admitted: number[] = [];
  for (const i of [0, 1, 2, 3]) {
    const wait = pace.enter();
    if (wait === undefined) admitted.push(i);
    else void wait.then(() => admitted.push(i));
  }
  assert.deepEqual(admitted, [0, 1]);
  pace.leave(200);
  await settle();
  assert.deepEqual(admitted, [0, 1, 2]);
  pace.leave(undefined);
  await settle();
  assert.deepEqual(admitted, [0, 1, 2, 3]);
});

test('429 halves the window and waits as long as the member says, then it grows back', async () => {
  const clock = new StepClock();
  const pace = new Pace({ clock, inFlight: 8, waiting: 10 });
  void pace.enter();
  pace.leave(429, 3);
  assert.equal(pace.window, 4);
  let admitted = false;
  void pace.enter()?.then(() => {
    admitted = true;
  });
  clock.advance(2999);
  await settle();
  assert.equal(admitted, false);
  clock.advance(1);
  await settle();
  assert.equal(admitted, true);
  pace.leave(200);
  for (let i = 0; i < 100; i++) {
    void pace.enter();
    pace.leave(200);
  }
  assert.equal(pace.window, 8);
});

test('a full queue and an open breaker refuse at once', async () => {
  const pace = new Pace({ clock: new StepClock(), inFlight: 1, waiting: 1 });
  void pace.enter();
  const waiting = pace.enter();
  assert.throws(() => pace.enter(), TransportError);
  pace.close(new TransportError('out of reach'));
  await assert.rejects(waiting as Promise<void>, /out of reach/);
  assert.throws(() => pace.enter(), /out of reach/);
  pace.open();
  pace.leave(undefined);
  assert.equal(pace.enter(), undefined);
});

test('never more in flight than the window, and everybody who waits gets in or is told', async () => {
  const step = fc.oneof(
    fc.constant('enter' as const),
    fc.constantFrom(200, 429, 500, undefined).map((status) => ({ leave: status })),
    fc.record({ wait: fc.nat(5000) }),
    fc.constantFrom('close' as const, 'open' as const),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const clock = new StepClock();
      const pace = new Pace({ clock, inFlight: 4, waiting: 5 });
      let flying = 0;
      let pending = 0;
      for (const action of steps) {
        if (action === 'enter') {
          try {
            const wait = pace.enter();
            if (wait === undefined) flying++;
            else {
              pending++;
              wait.then(
                () => {
                  flying++;
                  pending--;
                },
                () => pending--,
              );
            }
          } catch (error) {
            assert.ok(error instanceof TransportError);
          }
        } else if (action === 'close') pace.close(new TransportError('gone'));
        else if (action === 'open') pace.open();
        else if ('wait' in action) clock.advance(action.wait);
        else if (flying > 0) {
          flying--;
          pace.leave(action.leave);
        }
        await settle();
        assert.equal(pace.inFlight, flying);
        assert.equal(pace.waiting, pending);
        assert.ok(flying <= 4);
      }
      pace.open();
      for (let i = 0; i < 40 && (flying > 0 || pending > 0); i++) {
        clock.advance(20_000);
        await settle();
        if (flying > 0) {
          flying--;
          pace.leave(200);
        }
        await settle();
      }
      assert.deepEqual([flying, pending], [0, 0]);
    }),
    { numRuns: 60 },
  );
});

test('names of users stay apart and safe in a header, whatever they are', () => {
  assert.deepEqual(impersonation({ name: 'ann', groups: [] }, 'ubernetes:f'), {
    'impersonate-user': 'ubernetes:f:ann',
  });
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
      const [one, two] = [a, b].map((name) => {
        return impersonation({ name, groups: [name] }, 'ubernetes:f');
      });
      for (const value of Object.values(one!)) assert.match(value, /^ubernetes:f:[\x21-\x7e]*$/);
      assert.equal(one!['impersonate-user'] === two!['impersonate-user'], a === b);
    }),
  );
});
