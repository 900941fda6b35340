import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RequestContext } from './backend.ts';
import { HealthChecks } from './health.ts';
import { Warnings } from './warnings.ts';

const signal = new AbortController().signal;
const context: RequestContext = {
  user: { name: 'probe', groups: [], extra: {} },
  auditId: 'a',
  signal,
  warn: () => {},
};

async function ask(health: HealthChecks, path: string): Promise<[number, string] | undefined> {
  const request = { method: 'GET', path, headers: {}, body: undefined, signal };
  const response = await health.handle(context, request);
  return response && [response.status, String(response.body)];
}

test('a server that is well says ok, and with whom when asked', async () => {
  const health = new HealthChecks();
  health.add('store', ['livez', 'readyz'], () => {});
  health.add('members', ['readyz'], async () => {});
  assert.deepEqual(await ask(health, '/livez'), [200, 'ok']);
  assert.deepEqual(await ask(health, '/readyz?verbose'), [
    200,
    '[+]ping ok\n[+]store ok\n[+]members ok\nreadyz check passed\n',
  ]);
  assert.deepEqual(await ask(health, '/livez?verbose=1&exclude=store'), [
    200,
    '[+]ping ok\n[+]store excluded: ok\nlivez check passed\n',
  ]);
  assert.deepEqual(await ask(health, '/readyz/members'), [200, 'ok']);
  assert.deepEqual(await ask(health, '/livez/members'), [404, '404 page not found\n']);
  assert.equal(await ask(health, '/version'), undefined);
});

test('one check that fails makes its probe fail, and only that', async () => {
  const health = new HealthChecks();
  health.add('members', ['readyz'], () => {
    throw new Error('none is reachable');
  });
  assert.deepEqual(await ask(health, '/livez'), [200, 'ok']);
  assert.deepEqual(await ask(health, '/readyz'), [
    500,
    '[+]ping ok\n[-]members failed: reason withheld\nreadyz check failed\n',
  ]);
  assert.deepEqual(await ask(health, '/readyz/members'), [
    500,
    'internal server error: none is reachable\n',
  ]);
  assert.deepEqual(await ask(health, '/readyz?exclude=members&exclude=b&exclude=a&verbose'), [
    200,
    [
      '[+]ping ok',
      '[+]members excluded: ok',
      'warn: some health checks cannot be excluded: no matches for "a","b"',
      'readyz check passed\n',
    ].join('\n'),
  ]);
});

test('warnings are said once, quoted, without control characters and within bounds', () => {
  const warnings = new Warnings();
  for (const text of ['a "b" \\', 'a "b" \\', '', 'line\nbreak', 'ü']) warnings.add(text);
  assert.deepEqual(warnings.headers(), ['299 - "a \\"b\\" \\\\"', '299 - "\u00c3\u00bc"']);
  for (let i = 0; i < 100; i++) warnings.add(`${i} ${'x'.repeat(1000)}`);
  const headers = warnings.headers();
  assert.ok(headers.every((each) => each.length <= 270));
  assert.ok(headers.join('').length < 6000);
});
