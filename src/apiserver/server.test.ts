import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';
import { type ClientHttp2Session, connect } from 'node:http2';
import { Agent, request as httpsRequest } from 'node:https';
import { Duplex, PassThrough } from 'node:stream';
import { after, afterEach, before, test } from 'node:test';
import { type TLSSocket, connect as tlsConnect } from 'node:tls';
import { gunzipSync } from 'node:zlib';
import { WallClock } from '../base/clock.ts';
import { silentLogger } from '../base/log.ts';
import { SystemRandom } from '../base/random.ts';
import { isApiError } from '../kube/status.ts';
import {
  type Authority,
  createAuthority,
  exportKey,
  generateKeys,
  issueClient,
  issueServing,
  pemOf,
} from './auth/certificates.ts';
import { readBody } from './handlers/body.ts';
import { respondError } from './respond.ts';
import { ApiServer, type ServerLimits } from './server.ts';
import type { ApiHandler, ApiRequest, ApiResponse } from './types.ts';

const clock = new WallClock();
const random = new SystemRandom();

interface Identity {
  readonly cert: string;
  readonly key: string;
}

let authority: Authority;
let serving: Identity;
let client: Identity;
let stranger: Identity;
let server: ApiServer | undefined;
const sessions: ClientHttp2Session[] = [];
let handle: ApiHandler;

async function issued(
  by: Authority,
  issue: (issued: Parameters<typeof issueClient>[1]) => ReturnType<typeof issueClient>,
): Promise<Identity> {
  const keys = await generateKeys();
  const validity = { now: clock.now(), days: 1, serial: random.bytes(8) };
  const certificate = await issue({ ...validity, authority: by, publicKey: keys.publicKey });
  return { cert: pemOf(certificate), key: await exportKey(keys.privateKey) };
}

before(async () => {
  const validity = { now: clock.now(), days: 1, serial: random.bytes(8) };
  authority = await createAuthority('test', await generateKeys(), validity);
  const other = await createAuthority('test', await generateKeys(), validity);
  serving = await issued(authority, (leaf) => issueServing(['localhost', '127.0.0.1'], leaf));
  const ada = { commonName: 'ada', organizations: ['devs', 'ops'] };
  client = await issued(authority, (leaf) => issueClient(ada, leaf));
  stranger = await issued(other, (leaf) => issueClient(ada, leaf));
});

async function listen(handler: ApiHandler, limits?: Partial<ServerLimits>): Promise<ApiServer> {
  handle = handler;
  server = await ApiServer.listen({
    handler: (request) => handle(request),
    host: '127.0.0.1',
    port: 0,
    certificate: serving.cert,
    key: serving.key,
    clientAuthorities: pemOf(authority.certificate),
    clock,
    log: silentLogger,
    ...(limits !== undefined && { limits }),
  });
  return server;
}

afterEach(async () => {
  for (const session of sessions.splice(0)) session.destroy();
  await server?.stop(0);
  server = undefined;
});

const agent = new Agent({ keepAlive: true });
after(() => agent.destroy());

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

interface Ask {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: Buffer;
  readonly identity?: Identity;
}

function http1(path: string, ask: Ask = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest(
      {
        host: '127.0.0.1',
        port: server!.port,
        path,
        method: ask.method ?? 'GET',
        headers: ask.headers ?? {},
        ca: pemOf(authority.certificate),
        agent: ask.identity === undefined ? agent : false,
        ...ask.identity,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks),
          }),
        );
      },
    );
    request.on('error', reject);
    request.end(ask.body);
  });
}

function session(identity?: Identity): ClientHttp2Session {
  const opened = connect(`https://127.0.0.1:${server!.port}`, {
    ca: pemOf(authority.certificate),
    ...identity,
  });
  opened.on('error', () => {});
  sessions.push(opened);
  return opened;
}

function http2(path: string, ask: Ask = {}, over = session(ask.identity)): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const stream = over.request({
      ':path': path,
      ':method': ask.method ?? 'GET',
      ...ask.headers,
    });
    let headers: IncomingHttpHeaders & { ':status'?: number | undefined } = {};
    const chunks: Buffer[] = [];
    stream.on('response', (received) => {
      headers = received;
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', reject);
    stream.on('end', () =>
      resolve({ status: headers[':status'] ?? 0, headers, body: Buffer.concat(chunks) }),
    );
    stream.end(ask.body);
  });
}

const both = [
  ['HTTP/1.1', http1],
  ['HTTP/2', http2],
] as const;

function ok(body: ApiResponse['body'], headers: Record<string, string> = {}): ApiResponse {
  return { status: 200, headers: { 'content-type': 'application/json', ...headers }, body };
}

const echo: ApiHandler = async (request) => {
  try {
    const body = await readBody(request);
    const { method, path, headers, certificate } = request;
    return ok(
      Buffer.from(JSON.stringify({ method, path, headers, certificate, size: body.length })),
    );
  } catch (error) {
    if (isApiError(error)) return respondError(error.status, request.headers);
    throw error;
  }
};

for (const [name, ask] of both) {
  test(`${name}: method, path, headers and body arrive whole`, async () => {
    await listen(echo);
    const answer = await ask('/api/v1/x?a=%20b', {
      method: 'POST',
      headers: { 'x-thing': 'y' },
      body: Buffer.alloc(500_000, 0x61),
    });
    assert.equal(answer.status, 200);
    const seen = JSON.parse(answer.body.toString('utf8'));
    assert.equal(seen.method, 'POST');
    assert.equal(seen.path, '/api/v1/x?a=%20b');
    assert.equal(seen.headers['x-thing'], 'y');
    assert.equal(seen.size, 500_000);
    assert.equal(seen.headers[':method'], undefined);
    assert.equal(answer.headers['content-length'], String(answer.body.length));
  });

  test(`${name}: a certificate of our authority names its user, any other nobody`, async () => {
    await listen(echo);
    const known = JSON.parse((await ask('/', { identity: client })).body.toString('utf8'));
    assert.equal(known.certificate.commonName, 'ada');
    assert.deepEqual(known.certificate.organizations, ['devs', 'ops']);
    const other = JSON.parse((await ask('/', { identity: stranger })).body.toString('utf8'));
    assert.equal(other.certificate, undefined);
    const none = JSON.parse((await ask('/')).body.toString('utf8'));
    assert.equal(none.certificate, undefined);
  });

  test(`${name}: a body above the limit is answered with 413`, async () => {
    await listen(echo);
    const answer = await ask('/', { method: 'POST', body: Buffer.alloc(4 * 1024 * 1024) });
    assert.equal(answer.status, 413);
    assert.equal((await ask('/again')).status, 200);
  });

  test(`${name}: a large body is compressed for who accepts that, whole or streamed`, async () => {
    const large = Buffer.from(JSON.stringify(Array.from({ length: 60_000 }, (_, i) => i)));
    async function* streamed(): AsyncGenerator<Buffer> {
      for (let at = 0; at < large.length; at += 50_000) yield large.subarray(at, at + 50_000);
    }
    await listen(async ({ path }) => ok(path === '/streamed' ? streamed() : large));
    for (const path of ['/whole', '/streamed']) {
      const packed = await ask(path, { headers: { 'accept-encoding': 'gzip' } });
      assert.equal(packed.headers['content-encoding'], 'gzip');
      assert.equal(packed.headers.vary, 'Accept-Encoding');
      assert.deepEqual(gunzipSync(packed.body), large);
      const plain = await ask(path);
      assert.equal(plain.headers['content-encoding'], undefined);
      assert.deepEqual(plain.body, large);
    }
  });

  test(`${name}: a client that goes away ends its watch`, async () => {
    const ended = Promise.withResolvers<void>();
    await listen(async ({ signal }) => {
      signal.addEventListener('abort', () => ended.resolve(), { once: true });
      return { ...ok(events(signal)), endless: true };
    });
    const socket = await raw(name === 'HTTP/2');
    await socket.firstEvent;
    socket.leave();
    await ended.promise;
  });

  test(`${name}: a fault in a handler costs that request only`, async () => {
    await listen(() => Promise.reject(new Error('boom')));
    await assert.rejects(ask('/'));
    handle = echo;
    assert.equal((await ask('/')).status, 200);
  });

  test(`${name}: several warnings are several headers`, async () => {
    await listen(async () => ({
      status: 200,
      headers: { warning: ['299 - "one"', '299 - "two"'] },
      body: Buffer.from('{}'),
    }));
    assert.equal((await ask('/')).headers.warning, '299 - "one", 299 - "two"');
  });
}

/** Events until the signal comes. */
async function* events(signal: AbortSignal): AsyncGenerator<Buffer> {
  let number = 0;
  while (!signal.aborted) {
    yield Buffer.from(`{"number":${number++}}\n`);
    await new Promise<void>((resolve) => {
      const timer = clock.after(50, resolve);
      signal.addEventListener('abort', () => {
        timer.cancel();
        resolve();
      });
    });
  }
}

interface Raw {
  readonly firstEvent: Promise<unknown>;
  readonly end: Promise<unknown>;
  leave(): void;
}

async function raw(two: boolean): Promise<Raw> {
  if (two) {
    const opened = session();
    const stream = opened.request({ ':path': '/watch' });
    stream.on('error', () => {});
    const firstEvent = once(stream, 'data');
    return { firstEvent, end: once(stream, 'end'), leave: () => stream.close() };
  }
  const request = httpsRequest({
    host: '127.0.0.1',
    port: server!.port,
    path: '/watch',
    ca: pemOf(authority.certificate),
  });
  request.on('error', () => {});
  request.end();
  const [response] = (await once(request, 'response')) as [NodeJS.ReadableStream];
  response.on('error', () => {});
  const end = once(response, 'end');
  end.catch(() => {});
  return { firstEvent: once(response, 'data'), end, leave: () => request.destroy() };
}

async function rawSocket(): Promise<TLSSocket> {
  const socket = tlsConnect({
    host: '127.0.0.1',
    port: server!.port,
    ca: pemOf(authority.certificate),
    ALPNProtocols: ['http/1.1'],
  });
  socket.on('error', () => {});
  await once(socket, 'secureConnect');
  return socket;
}

test('a body that breaks off, a head that is none and a bare connection leave the server well', async () => {
  const requests: ApiRequest[] = [];
  await listen((request) => {
    requests.push(request);
    return echo(request);
  });
  const cut = await rawSocket();
  cut.write('POST /cut HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"half":');
  while (requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
  cut.destroy();
  const nonsense = await rawSocket();
  nonsense.write('\u0000\u0001 nonsense\r\n\r\n');
  const [reply] = (await once(nonsense, 'data')) as [Buffer];
  assert.match(reply.toString('utf8'), /^HTTP\/1\.1 400/);
  const bare = await rawSocket();
  bare.end();
  const broken = session();
  const stream = broken.request({ ':path': '/cut', ':method': 'POST' });
  stream.on('error', () => {});
  stream.write('{"half":');
  while (requests.length < 2) await new Promise((resolve) => setImmediate(resolve));
  stream.close(8);
  assert.equal((await http1('/after')).status, 200);
  assert.equal((await http2('/after')).status, 200);
});

test('stopping ends watches, lets requests finish and refuses new ones', async () => {
  const release = Promise.withResolvers<void>();
  const started = Promise.withResolvers<void>();
  const running = await listen(async ({ path, signal }) => {
    if (path === '/watch') return { ...ok(events(signal)), endless: true };
    started.resolve();
    await release.promise;
    return ok(Buffer.from('{"done":true}'));
  });
  const one = await raw(false);
  const two = await raw(true);
  await Promise.all([one.firstEvent, two.firstEvent]);
  const slow = [http1('/slow'), http2('/slow')];
  await started.promise;
  const { port } = running;
  const stopped = running.stop(60_000);
  await Promise.all([one.end, two.end]);
  release.resolve();
  for (const answer of await Promise.all(slow))
    assert.equal(answer.body.toString('utf8'), '{"done":true}');
  await stopped;
  server = undefined;
  const refused = tlsConnect({ host: '127.0.0.1', port });
  await assert.rejects(once(refused, 'secureConnect'));
});

test('what does not finish by the deadline is cut off', async () => {
  const started = Promise.withResolvers<void>();
  const running = await listen(({ signal }) => {
    started.resolve();
    return new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
  });
  const stuck = assert.rejects(http1('/stuck', { identity: client }));
  await started.promise;
  await running.stop(10);
  await stuck;
  server = undefined;
});

test('a client that takes nothing is dropped', async () => {
  const dropped = Promise.withResolvers<void>();
  async function* flood(): AsyncGenerator<Buffer> {
    const chunk = Buffer.alloc(1024 * 1024);
    for (;;) yield chunk;
  }
  await listen(
    async ({ signal }) => {
      signal.addEventListener('abort', () => dropped.resolve(), { once: true });
      return { ...ok(flood()), endless: true };
    },
    { stallMs: 20 },
  );
  const lazy = await rawSocket();
  lazy.pause();
  lazy.write('GET /flood HTTP/1.1\r\nHost: x\r\n\r\n');
  await dropped.promise;
  lazy.destroy();
});

test('an upgraded connection is joined to its far end', async () => {
  const inbound = new PassThrough();
  const outbound = new PassThrough();
  const far = Duplex.from({ readable: outbound, writable: inbound });
  await listen(async ({ headers, path }) => {
    if (path === '/refused') return { status: 403, headers: {}, body: Buffer.from('no') };
    assert.equal(headers.upgrade, 'websocket');
    return {
      status: 101,
      headers: { connection: 'Upgrade', upgrade: 'websocket' },
      body: Buffer.alloc(0),
      upgraded: far,
    };
  });
  const ask = (path: string): string =>
    `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;
  const socket = await rawSocket();
  socket.write(ask('/exec'));
  const [head] = (await once(socket, 'data')) as [Buffer];
  assert.match(head.toString('utf8'), /^HTTP\/1\.1 101 Switching Protocols\r\n/);
  socket.write('to the far end');
  const [there] = (await once(inbound, 'data')) as [Buffer];
  assert.equal(there.toString('utf8'), 'to the far end');
  outbound.write('and back');
  const [back] = (await once(socket, 'data')) as [Buffer];
  assert.equal(back.toString('utf8'), 'and back');
  socket.destroy();
  const other = await rawSocket();
  other.write(ask('/refused'));
  const [refused] = (await once(other, 'data')) as [Buffer];
  assert.match(refused.toString('utf8'), /^HTTP\/1\.1 403/);
  other.destroy();
});

test('a flood of resets ends the connection, not the server', async () => {
  let served = 0;
  await listen(async () => {
    served++;
    return ok(Buffer.from('{}'));
  });
  const flooding = session();
  await once(flooding, 'connect');
  for (let i = 0; i < 5000 && !flooding.destroyed; i++) {
    const stream = flooding.request({ ':path': '/x' });
    stream.on('error', () => {});
    stream.close(8);
    if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal((await http2('/after')).status, 200);
  assert.ok(served > 0 && served < 3000, `${served} requests were served`);
});
