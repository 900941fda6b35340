/** What a hostile or broken client can do with sockets, and that it harms nobody else. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { afterEach, test } from 'node:test';
import type { Status } from '../kube/status.ts';
import { isApiError } from '../kube/status.ts';
import { readBody } from './handlers/body.ts';
import { everything, type Listening, listening } from './listening.fixture.ts';
import { respondError } from './respond.ts';
import type { ServerLimits } from './server.ts';
import type { ApiHandler } from './types.ts';

let front: Listening | undefined;

afterEach(async () => {
  await front?.stop();
  front = undefined;
});

/** How many requests have reached the handler, and how many are in it. */
const reached = { count: 0, inside: 0 };

const handler: ApiHandler = async (request) => {
  reached.count++;
  reached.inside++;
  try {
    if (request.path === '/never') await new Promise(() => {});
    const body = await readBody(request);
    return { status: 200, headers: {}, body: Buffer.from(`${request.path} ${body.length}`) };
  } catch (error) {
    if (isApiError(error)) return respondError(error.status, {});
    throw error;
  } finally {
    reached.inside--;
  }
};

async function serve(limits: Partial<ServerLimits> = {}, serving = handler): Promise<Listening> {
  reached.count = 0;
  reached.inside = 0;
  front = await listening(serving, limits);
  return front;
}

/** Sends text over a connection of its own; what comes back until the server closes it. */
async function say(text: string): Promise<string> {
  const socket = await front!.socket();
  socket.write(text);
  return everything(socket);
}

function statusIn(answer: string): Status {
  return JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)) as Status;
}

async function stillServes(): Promise<void> {
  const answer = await say('GET /still HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  assert.match(answer, /^HTTP\/1\.1 200 [\s\S]*\/still 0$/);
}

test('what is no request is answered with a Status, and the connection closed', async () => {
  await serve();
  const cases: [string, string, number][] = [
    ['words', 'hello\r\n\r\n', 400],
    [
      'a body with two lengths',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabcde',
      400,
    ],
    [
      'a length and chunks',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    [
      'chunks twice over',
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    ['a space before the colon', 'GET / HTTP/1.1\r\nHost: a\r\nContent-Length : 3\r\n\r\n', 400],
    ['a line folded', 'GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n', 400],
    ['a bare line feed', 'GET / HTTP/1.1\nHost: a\n\n', 400],
    ['a negative length', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n', 400],
    ['headers without end', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(80_000)}\r\n\r\n`, 431],
    ['a path without end', `GET /${'x'.repeat(80_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, 431],
  ];
  for (const [what, text, code] of cases) {
    const answer = await say(text);
    assert.match(answer, new RegExp(`^HTTP/1\\.1 ${code} `), what);
    assert.equal(statusIn(answer).code, code, what);
  }
  await stillServes();
});

test('a second request hidden in a body is no request', async () => {
  await serve();
  const hidden = 'GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n';
  const head = `POST /open HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${hidden.length}\r\n\r\n`;
  assert.match(await say(head + hidden), new RegExp(`/open ${hidden.length}$`));
  assert.equal(reached.count, 1);
});

test('a body above 3 MiB is answered with 413, announced or not', async () => {
  await serve();
  const size = 3 * 1024 * 1024 + 1;
  const announced = await say(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n`);
  assert.match(announced, /^HTTP\/1\.1 413 /);
  assert.equal(statusIn(announced).reason, 'RequestEntityTooLarge');
  const chunk = `100000\r\n${'x'.repeat(0x100000)}\r\n`;
  const chunks = await say(
    `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(4)}`,
  );
  assert.match(chunks, /^HTTP\/1\.1 413 /);
  await stillServes();
});

test('a head that comes byte by byte is not waited for', async () => {
  await serve({ headMs: 200 });
  const socket = await front!.socket();
  const drip = setInterval(() => socket.write('X'), 20);
  socket.write('GET / HTTP/1.1\r\nHost: a\r\nX: ');
  const answer = await everything(socket);
  clearInterval(drip);
  assert.equal(statusIn(answer).code, 408);
  assert.equal(reached.count, 0);
});

test('a body that comes byte by byte ends with 504, over either protocol', async () => {
  await serve({ requestMs: 300 });
  const socket = await front!.socket();
  const drip = setInterval(() => socket.write('x'), 20);
  socket.write('POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n');
  const answer = await everything(socket);
  clearInterval(drip);
  assert.match(answer, /^HTTP\/1\.1 504 /);
  assert.equal(
    statusIn(answer).message,
    'Timeout: request did not complete within the allotted timeout',
  );
  const session = await front!.session();
  const stream = session.request({ ':method': 'POST', ':path': '/slow' });
  stream.write('x');
  const closed = once(stream, 'close');
  const [headers] = await once(stream, 'response');
  assert.equal(headers[':status'], 504);
  stream.resume();
  await closed;
  assert.equal(reached.inside, 0, 'nobody waits for the rest');
});

test('a handler that never answers is answered for', async () => {
  await serve({ requestMs: 200 });
  assert.match(await say('GET /never HTTP/1.1\r\nHost: a\r\n\r\n'), /^HTTP\/1\.1 504 /);
  await stillServes();
});

test('streams of open end may take as long as they like', async () => {
  await serve({ requestMs: 100 }, async ({ path, signal }) => {
    await new Promise((resolve) => setTimeout(resolve, 400));
    if (!signal.aborted) return { status: 200, headers: {}, body: Buffer.from(path) };
    return { status: 500, headers: {}, body: Buffer.alloc(0) };
  });
  const path = '/api/v1/namespaces/a/pods/p/log?follow=true';
  const answer = await say(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
  assert.match(answer, /^HTTP\/1\.1 200 /);
});

test('no more connections than allowed are held, and freed ones count again', async () => {
  await serve({ connections: 5 });
  const sockets = await Promise.all(Array.from({ length: 5 }, () => front!.socket()));
  await assert.rejects(
    Promise.race([
      front!.socket(),
      new Promise((_, reject) => setTimeout(() => reject(new Error('left outside')), 300)),
    ]),
  );
  for (const socket of sockets) socket.destroy();
  while (front!.server.connections > 0) await new Promise((resolve) => setTimeout(resolve, 10));
  await stillServes();
});

test('an idle connection over HTTP/2 is closed, one with a stream is not', async () => {
  await serve({ keepAliveMs: 1000 });
  const idle = await front!.session();
  const busy = await front!.session();
  const stream = busy.request({ ':path': '/never' });
  stream.on('error', () => {});
  await once(idle, 'close');
  assert.equal(busy.closed, false);
});

test('streams opened and reset as fast as can be cost that client its connection', async () => {
  await serve({ keepAliveMs: 1000 });
  const session = await front!.session();
  const flood = async (): Promise<void> => {
    for (let i = 0; i < 20 && !session.closed && !session.destroyed; i++) {
      for (let j = 0; j < 250; j++) {
        const stream = session.request({ ':path': '/never' });
        stream.on('error', () => {});
        setImmediate(() => stream.close(8));
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  await flood().catch(() => {});
  for (let i = 0; i < 2000 && front!.server.connections > 0; i++)
    await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(front!.server.connections, 0);
  assert.ok(reached.count < 5000, `${reached.count} requests got through`);
  await stillServes();
});

test('more streams than allowed wait on the client, and others are served', async () => {
  await serve({ streamsPerConnection: 10 });
  const session = await front!.session();
  if (session.remoteSettings?.maxConcurrentStreams !== 10) await once(session, 'remoteSettings');
  for (let i = 0; i < 50; i++) session.request({ ':path': '/never' }).on('error', () => {});
  await stillServes();
  assert.ok(reached.inside <= 10, `${reached.inside} at one time`);
});

test('a watch over a WebSocket that is none is refused, not collected', async () => {
  let returned = false;
  async function* events(): AsyncGenerator<Buffer> {
    try {
      for (;;) yield Buffer.alloc(1000);
    } finally {
      returned = true;
    }
  }
  await serve({}, async () => {
    const body = events();
    await body.next();
    return { status: 200, headers: {}, body, endless: true, messages: 'text' };
  });
  const answer = await say(
    'GET /api/v1/pods?watch=1 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
  );
  assert.match(answer, /^HTTP\/1\.1 400 Bad Request/);
  assert.ok(returned);
});
