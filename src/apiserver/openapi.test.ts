import assert from 'node:assert/strict';
import { test } from 'node:test';
import { World } from './registry/world.fixture.ts';

test('whoever takes the whole document at the same time, unpacked, gets the same bytes', async () => {
  const { api, context } = await World.start({});
  const ask = async () => {
    const request = { method: 'GET', path: '/openapi/v2', headers: {}, body: undefined };
    for (const each of api.nonResources) {
      const signal = new AbortController().signal;
      const answer = await each.handle(context, { ...request, signal });
      if (answer !== undefined) return answer;
    }
    return undefined;
  };
  const [one, other] = await Promise.all([ask(), ask()]);
  assert.equal(one?.status, 200);
  assert.ok(Buffer.isBuffer(one.body) && one.body.length > 0);
  assert.equal(one.body, other?.body);
});
