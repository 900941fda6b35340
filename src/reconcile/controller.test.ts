import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { StepClock } from '../base/clock.ts';
import { SeededRandom } from '../base/random.ts';
import { Controller, type ControllerOptions } from './controller.ts';

async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}

function setUp(options: Partial<ControllerOptions> & Pick<ControllerOptions, 'reconcile'>) {
  const clock = new StepClock();
  const controller = new Controller({ name: 't', clock, random: new SeededRandom(1), ...options });
  return { clock, controller };
}

test('keys run in the order they came, each once', async () => {
  const seen: string[] = [];
  const { controller } = setUp({
    reconcile: async (key) => {
      seen.push(key);
    },
  });
  for (const key of ['a', 'b', 'a', 'c', 'b']) controller.add(key);
  assert.deepEqual(seen, []);
  controller.start();
  await controller.whenIdle();
  assert.deepEqual(seen, ['a', 'b', 'c']);
});

test('a key that changes while in flight runs once more, never twice at a time', async () => {
  const gates: (() => void)[] = [];
  let flying = 0;
  let runs = 0;
  const { controller } = setUp({
    workers: 4,
    reconcile: async () => {
      assert.equal(++flying, 1);
      runs++;
      await new Promise<void>((resolve) => gates.push(resolve));
      flying--;
    },
  });
  controller.start();
  controller.add('a');
  controller.add('a');
  controller.add('a');
  gates.shift()!();
  await settle();
  assert.equal(runs, 2);
  gates.shift()!();
  await controller.whenIdle();
  assert.equal(runs, 2);
});

test('failures of one key back off by the clock and do not hold up another', async () => {
  const seen: string[] = [];
  const { clock, controller } = setUp({
    backoff: { firstMs: 100, maxMs: 400 },
    reconcile: async (key) => {
      seen.push(`${key}@${clock.now() - start}`);
      if (key === 'bad') throw new Error('no');
    },
  });
  const start = clock.now();
  controller.start();
  controller.add('bad');
  controller.add('good');
  await settle();
  assert.deepEqual(seen, ['bad@0', 'good@0']);
  const waits: number[] = [];
  for (let i = 0; i < 5; i++) {
    const before = clock.now();
    clock.step();
    waits.push(clock.now() - before);
    await settle();
  }
  for (const [i, wait] of waits.entries()) {
    const full = Math.min(400, 100 * 2 ** i);
    assert.ok(wait >= full / 2 && wait <= full, `wait ${i} is ${wait}`);
  }
});

test('an add overtakes a waiting retry, and success forgets the failures', async () => {
  let fail = true;
  let runs = 0;
  const { clock, controller } = setUp({
    reconcile: async () => {
      runs++;
      if (fail) throw new Error('no');
    },
  });
  controller.start();
  controller.add('a');
  await settle();
  fail = false;
  controller.add('a');
  await settle();
  assert.equal(runs, 2);
  assert.equal(clock.nextDue(), undefined);
});

test('requeueAfterMs looks again; the earlier of two wishes stands', async () => {
  let runs = 0;
  const { clock, controller } = setUp({
    reconcile: async () => {
      runs++;
      return { requeueAfterMs: 1000 };
    },
  });
  controller.start();
  controller.add('a');
  await settle();
  controller.addAfter('a', 5000);
  controller.addAfter('a', 300);
  clock.advance(299);
  await settle();
  assert.equal(runs, 1);
  clock.advance(1);
  await settle();
  assert.equal(runs, 2);
});

test('stop drains what is in flight, aborts its signal and starts nothing more', async () => {
  let aborted = false;
  const done: string[] = [];
  const { clock, controller } = setUp({
    reconcile: async (key, signal) => {
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      aborted = signal.aborted;
      done.push(key);
      return { requeueAfterMs: 1 };
    },
  });
  controller.start();
  for (const key of ['a', 'b']) controller.add(key);
  await settle();
  await controller.stop();
  controller.add('c');
  clock.advance(1000);
  await settle();
  assert.equal(aborted, true);
  assert.deepEqual(done, ['a']);
  assert.equal(controller.depth, 0);
});

test('after any sequence every key has run after its last change, one at a time, within the workers', async () => {
  const step = fc.oneof(
    fc.record({ add: fc.nat(3) }),
    fc.record({ finish: fc.boolean() }),
    fc.record({ wait: fc.nat(200) }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 40 }),
      fc.integer({ min: 1, max: 3 }),
      async (steps, workers) => {
        let version = 0;
        const wanted = new Map<string, number>();
        const reached = new Map<string, number>();
        const flying = new Map<string, (ok: boolean) => void>();
        const { clock, controller } = setUp({
          workers,
          reconcile: async (key) => {
            const seen = wanted.get(key)!;
            assert.equal(flying.has(key), false);
            assert.ok(flying.size < workers);
            const ok = await new Promise<boolean>((resolve) => flying.set(key, resolve));
            flying.delete(key);
            if (!ok) throw new Error('no');
            reached.set(key, seen);
          },
        });
        controller.start();
        for (const action of steps) {
          if ('add' in action) {
            wanted.set(`k${action.add}`, ++version);
            controller.add(`k${action.add}`);
          } else if ('finish' in action) {
            const [first] = flying.values();
            first?.(action.finish);
          } else clock.advance(action.wait);
          await settle();
        }
        for (let i = 0; i < 40 && (controller.depth > 0 || clock.nextDue() !== undefined); i++) {
          for (const finish of [...flying.values()]) finish(true);
          await settle();
          clock.advance(60_000);
          await settle();
        }
        assert.deepEqual([...reached].sort(), [...wanted].sort());
      },
    ),
    { numRuns: 60 },
  );
});
