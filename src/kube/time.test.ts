import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { StepClock } from '../base/clock.ts';
import {
  formatMicroMoment,
  formatMicroTime,
  formatTime,
  microTimestamp,
  parseMoment,
  parseTime,
  timestamp,
} from './time.ts';

describe('times', () => {
  it('are written in UTC, in whole seconds or in microseconds', () => {
    const clock = new StepClock(Date.UTC(2026, 10, 23, 8, 50, 1, 999));
    assert.equal(timestamp(clock), '2026-11-23T08:50:01Z');
    assert.equal(microTimestamp(clock), '2026-11-23T08:50:01.999000Z');
    assert.equal(formatTime(-1), '1969-12-31T23:59:59Z');
    assert.equal(formatMicroTime(-1), '1969-12-31T23:59:59.999000Z');
  });

  it('are read with any offset and any number of decimals', () => {
    assert.deepEqual(parseMoment('2026-11-23T10:50:01.1234567+02:00'), {
      seconds: Date.UTC(2026, 10, 23, 8, 50, 1) / 1000,
      micros: 123456,
    });
    assert.equal(parseTime('1970-01-01T00:00:00.5Z'), 500);
    assert.equal(parseTime('0001-01-01T00:00:00Z'), -62135596800000);
  });

  it('that are none are not read', () => {
    for (const text of [
      '',
      'now',
      '2026-11-23',
      '2026-02-30T00:00:00Z',
      '2026-13-01T00:00:00Z',
      '2026-01-01T24:00:00Z',
      '2026-01-01T00:00:60Z',
      '2026-01-01T00:00:00',
      '2026-01-01 00:00:00Z',
    ])
      assert.equal(parseMoment(text), undefined, text);
  });

  it('keep every microsecond from year 1 to 9999', () => {
    const seconds = fc.integer({ min: -62135596800, max: 253402300799 });
    fc.assert(
      fc.property(seconds, fc.nat(999_999), (at, micros) => {
        const text = formatMicroMoment({ seconds: at, micros });
        assert.deepEqual(parseMoment(text), { seconds: at, micros });
      }),
    );
  });
});
