import assert from 'node:assert/strict';
import { request } from 'node:https';
import type { Readable } from 'node:stream';
import { test } from 'node:test';
import { listening } from './listening.fixture.ts';
import { PiecePool, pooledBytes } from './piece-pool.ts';
import type { ApiHandler } from './types.ts';

test('memory that was given back is used again, other memory is not', () => {
  const pool = new PiecePool(1);
  const first = pool.take(100);
  const second = pool.take(pooledBytes);
  const large = pool.take(pooledBytes + 1);
  assert.equal(large.length, pooledBytes + 1);
  assert.notEqual(first.buffer, second.buffer);
  for (const piece of [large, first, second]) pool.giveBack(piece);
  const again = pool.take(7);
  assert.equal(again.length, 7);
  assert.equal(again.buffer, first.buffer);
  assert.notEqual(pool.take(7).buffer, second.buffer);
});

const pieces = 30;
const fill = (number: number, i: number): number => (number * 37 + i) % 251;

/** Each answer has bytes of its own. */
const handler: ApiHandler = async ({ path }) => {
  const number = Number(path.slice(1));
  const body = function* (allocate: (size: number) => Buffer = Buffer.alloc) {
    for (let i = 0; i < pieces; i++) yield allocate(pooledBytes - (i % 3)).fill(fill(number, i));
  };
  const streamed = async function* () {
    yield* body();
  };
  return { status: 200, headers: {}, body: streamed(), pieces: body };
};

async function check(answer: Readable, number: number): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) {
    chunks.push(chunk as Buffer);
    // Slow readers, so that pieces of several answers wait at one time.
    if (chunks.length % 16 === number) await new Promise((resolve) => setImmediate(resolve));
  }
  const expected = Array.from({ length: pieces }, (_, i) =>
    Buffer.alloc(pooledBytes - (i % 3), fill(number, i)),
  );
  assert.ok(Buffer.concat(chunks).equals(Buffer.concat(expected)), `answer ${number} is its own`);
}

test('long answers at one time do not get into each other, over HTTP/1.1 and HTTP/2', async () => {
  const { server, ca, session, stop } = await listening(handler);
  try {
    const streams = await session();
    await Promise.all(
      Array.from({ length: 16 }, async (_, number) => {
        if (number % 2 === 0) {
          await check(streams.request({ ':path': `/${number}` }), number);
          return;
        }
        const options = { host: '127.0.0.1', port: server.port, path: `/${number}`, ca };
        const answer = await new Promise<Readable>((resolve, reject) => {
          request({ ...options, agent: false }, resolve)
            .on('error', reject)
            .end();
        });
        await check(answer, number);
      }),
    );
  } finally {
    await stop();
  }
});
