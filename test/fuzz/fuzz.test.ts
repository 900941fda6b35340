import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fuzz } from './fuzz.ts';

test('twenty seconds of requests that are nearly right', async () => {
  const { requests, codes, findings, grownMiB } = await fuzz({ seed: 20_261_125, seconds: 20 });
  assert.deepEqual(findings, []);
  assert.ok(requests > 500, `${requests} requests`);
  // What is sent is near enough to be taken now and then, and to be refused in every way.
  for (const code of [200, 201, 400, 403, 404, 422])
    assert.ok((codes[code] ?? 0) > 0, `no ${code}`);
  assert.ok(grownMiB < 150, `${grownMiB} MiB more`);
});
