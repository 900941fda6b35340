import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { StepClock, WallClock } from '../base/clock.ts';
import { Patience } from './patience.ts';

const limits = { memberMs: 300, queueMs: 1000 };

test("time in which this process itself was busy is not the member's", async () => {
  const patience = new Patience(new WallClock(), limits);
  const answer = patience.wait(async (sent) => {
    sent();
    return delay(350, 'an answer');
  });
  const until = performance.now() + 400;
  while (performance.now() < until);
  assert.equal(await answer, 'an answer');
});

test('a member is waited for as long as it may take, a turn to ask it longer', async () => {
  for (const [asked, ms] of [
    [true, 300],
    [false, 1000],
  ] as const) {
    const clock = new StepClock();
    const patience = new Patience(clock, limits);
    let said: string | undefined;
    const answer = patience.wait<string>((sent) => {
      if (asked) sent();
      return new Promise(() => {});
    });
    void answer.then((each) => {
      said = each;
    });
    clock.advance(ms - 1);
    await delay(1);
    assert.equal(said, undefined);
    clock.advance(1);
    assert.equal(await answer, 'late');
  }
});

test('two questions for one user share the patience', async () => {
  const clock = new StepClock();
  const patience = new Patience(clock, limits);
  const first = patience.wait(async (sent) => {
    sent();
    clock.advance(200);
    return 'first';
  });
  assert.equal(await first, 'first');
  const second = patience.wait((sent) => {
    sent();
    return new Promise<never>(() => {});
  });
  clock.advance(250);
  await delay(1);
  clock.advance(50);
  assert.equal(await second, 'late');
  assert.equal(clock.nextDue(), undefined);
});

test('what fails in time fails', async () => {
  const patience = new Patience(new StepClock(), limits);
  await assert.rejects(
    patience.wait(async () => {
      throw new Error('no');
    }),
    { message: 'no' },
  );
});
