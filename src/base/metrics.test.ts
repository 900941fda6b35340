import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { exponential, Metrics } from './metrics.ts';

test('the text has a head per family and a line per series', () => {
  const metrics = new Metrics();
  const requests = metrics.counter('requests_total', 'All of\nthem.', ['verb', 'path']);
  requests.of('GET', 'a"b\\c\nd').add();
  requests.of('GET', 'a"b\\c\nd').add(2);
  metrics.gauge('empty', 'Not shown without a series.', ['x']);
  const depth = metrics.gauge('depth', 'Waiting.').of();
  metrics.collect(() => depth.set(7));
  const seconds = metrics.histogram('seconds', 'Took.', { labels: ['verb'], bounds: [0.1, 1] });
  for (const value of [0.05, 0.1, 0.5, 3]) seconds.of('GET').observe(value);
  assert.equal(
    metrics.render(),
    [
      '# HELP requests_total All of\\nthem.',
      '# TYPE requests_total counter',
      'requests_total{verb="GET",path="a\\"b\\\\c\\nd"} 3',
      '# HELP depth Waiting.',
      '# TYPE depth gauge',
      'depth 7',
      '# HELP seconds Took.',
      '# TYPE seconds histogram',
      'seconds_bucket{verb="GET",le="0.1"} 2',
      'seconds_bucket{verb="GET",le="1"} 3',
      'seconds_bucket{verb="GET",le="+Inf"} 4',
      'seconds_sum{verb="GET"} 3.65',
      'seconds_count{verb="GET"} 4',
      '',
    ].join('\n'),
  );
});

test('a family has no end of series only for who asks, not in memory', () => {
  const metrics = new Metrics();
  const family = metrics.counter('c', 'C.', ['x']);
  for (let i = 0; i < 20_000; i++) family.of(String(i)).add();
  assert.equal([...family.entries()].length, 10_000);
  assert.equal(family.of('7').value, 1);
});

test('every observation is in one bucket, and the buckets grow', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1e6, noNaN: true })), (values) => {
      const metrics = new Metrics();
      const histogram = metrics.histogram('h', 'H.', { bounds: exponential(0.001, 10, 8) }).of();
      for (const value of values) histogram.observe(value);
      const counts = [...metrics.render().matchAll(/^h_bucket\S+ (\d+)$/gm)].map((m) =>
        Number(m[1]),
      );
      assert.deepEqual(
        counts,
        counts.toSorted((a, b) => a - b),
      );
      assert.equal(counts.at(-1), values.length);
      for (const [at, bound] of histogram.bounds.entries())
        assert.equal(counts[at], values.filter((value) => value <= bound).length);
    }),
  );
});
