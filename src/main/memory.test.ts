import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bodyMax, readBody } from '../apiserver/handlers/body.ts';
import { Budget } from '../base/budget.ts';
import { heapLimit, memoryShares } from './memory.ts';

const mebibyte = 1024 * 1024;
const heaps = [64, 512, 4096, 16_384].map((size) => size * mebibyte);

test('in every heap a user can send the largest body', async () => {
  for (const heap of heaps) {
    const { bodies } = memoryShares(heap);
    const ended = new AbortController();
    const body = (async function* () {
      for (let i = 0; i < bodyMax / mebibyte; i++) yield Buffer.alloc(mebibyte);
    })();
    const request = { method: 'POST', path: '/', headers: {}, body, signal: ended.signal };
    const user = { name: 'ada', groups: [], extra: {} };
    assert.equal((await readBody(bodies.counted(request, user))).length, bodyMax);
    ended.abort();
    assert.equal(bodies.held, 0);
  }
});

test('members that take all they can leave a part of the heap, and something to every other', () => {
  for (const heap of heaps) {
    const { room, answers } = memoryShares(heap);
    for (const share of [room, answers]) {
      const greedy = Array.from({ length: 10 }, () => new Budget(share));
      for (const budget of greedy) while (budget.take(mebibyte));
      const taken = greedy.reduce((sum, { used }) => sum + used, 0);
      assert.ok(taken <= heap / 4 + 10 * share.own!, `${taken} of ${heap}`);
      assert.equal(new Budget(share).take(share.own!), true);
    }
  }
});

test('the limit of the heap is that of this process', () => {
  assert.ok(heapLimit() > 64 * mebibyte);
});
