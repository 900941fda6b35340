import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StepClock } from '../base/clock.ts';
import { Metrics } from '../base/metrics.ts';
import type { Transport } from '../client/transport.ts';
import { MemberMetrics } from './member-metrics.ts';

test('streams of a counted transport can be broken like those of any', () => {
  let resets = 0;
  const inner: Transport = {
    request: () => Promise.reject(new Error('not asked')),
    resetStreams: () => {
      resets++;
    },
    close: () => Promise.resolve(),
  };
  const open = new MemberMetrics(new Metrics(), new StepClock()).metered(() => inner);
  open({ metadata: { name: 'eu' } } as never, () => undefined).resetStreams?.();
  assert.equal(resets, 1);
});
