import 'reflect-metadata';
import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Server } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { after, before, test } from 'node:test';
import * as x509 from '@peculiar/x509';
import { Budget } from '../base/budget.ts';
import { WallClock } from '../base/clock.ts';
import { ApiError } from '../kube/status.ts';
import { RestClient } from './rest.ts';
import { TlsTransport } from './tls-transport.ts';
import { TransportError } from './transport.ts';
import { watch } from './watch.ts';

interface Pair {
  readonly cert: string;
  readonly key: string;
}

async function selfSigned(names: x509.JsonGeneralNames): Promise<Pair> {
  x509.cryptoProvider.set(webcrypto as never);
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: 'CN=test',
    notBefore: new Date('2020-01-01'),
    notAfter: new Date('2100-01-01'),
    signingAlgorithm: algorithm,
    keys: keys as never,
    extensions: [new x509.SubjectAlternativeNameExtension(names)],
  });
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  const key = `-----BEGIN PRIVATE KEY-----\n${pkcs8.toString('base64')}\n-----END PRIVATE KEY-----\n`;
  return { cert: certificate.toString('pem'), key };
}

let pair: Pair;
let named: Pair;
let server: Server;
let url: string;
const clock = new WallClock();
const held = new Set<import('node:http').ServerResponse>();

before(async () => {
  pair = await selfSigned([{ type: 'ip', value: '127.0.0.1' }]);
  named = await selfSigned([{ type: 'dns', value: 'kubernetes.default' }]);
  server = createServer(pair, (request, response) => {
    if (request.url?.includes('watch=true')) {
      held.add(response);
      response.writeHead(200, { 'content-type': 'application/json' });
      const object = { metadata: { name: 'a', resourceVersion: '7' } };
      response.write(`${JSON.stringify({ type: 'ADDED', object })}\n`);
      return;
    }
    if (request.url?.startsWith('/hang')) {
      held.add(response);
      return;
    }
    if (request.url === '/drip') {
      response.writeHead(200);
      const drip = setInterval(() => response.write(' '), 10);
      response.once('close', () => clearInterval(drip));
      return;
    }
    if (request.url === '/flood') {
      const chunk = Buffer.alloc(1024 * 1024);
      const more = (): void => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on('drain', more);
      more();
      return;
    }
    if (request.url?.startsWith('/html')) {
      response.writeHead(502, { 'content-type': 'text/html', 'retry-after': '3' });
      response.end('<h1>bad gateway</h1>');
      return;
    }
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      response.writeHead(200, { warning: '299 - "old \\"api\\""' });
      response.end(JSON.stringify({ url: request.url, auth: request.headers.authorization, body }));
    });
  });
  server.on('upgrade', (request, socket) => {
    if (request.url === '/refuse') {
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno');
      return;
    }
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: ${request.headers.upgrade}\r\nConnection: Upgrade\r\n\r\nhello `,
    );
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

after(() => {
  for (const response of held) response.destroy();
  server.closeAllConnections();
  server.close();
});

function clientOf(transport: TlsTransport): RestClient {
  return new RestClient(transport, { userAgent: 'test/1', timeoutMs: 60_000 });
}

test('a call carries path prefix, query, body and the token of the moment', async () => {
  let token = 'one';
  const transport = new TlsTransport({
    server: `${url}/prefix/`,
    ca: pair.cert,
    token: () => token,
    clock,
  });
  const client = clientOf(transport);
  const first = await client.create('/api/v1/x', { a: 1 }, { fieldManager: 'a b', dryRun: true });
  assert.deepEqual(first.object<unknown>(), {
    url: '/prefix/api/v1/x?fieldManager=a%20b&dryRun=All',
    auth: 'Bearer one',
    body: '{"a":1}',
  });
  assert.deepEqual(first.warnings, ['old "api"']);
  token = 'two';
  const second = await client.get('/api');
  assert.equal(second.object<{ auth: string }>().auth, 'Bearer two');
  await transport.close();
  await assert.rejects(client.get('/api'), TransportError);
});

test('a certificate that nobody trusts, or of another name, is refused', async () => {
  const stranger = new TlsTransport({ server: url, clock });
  await assert.rejects(clientOf(stranger).get('/api'), TransportError);
  const misnamed = new TlsTransport({
    server: url,
    ca: pair.cert,
    tlsServerName: 'kubernetes.default',
    clock,
  });
  await assert.rejects(clientOf(misnamed).get('/api'), TransportError);
  const blind = new TlsTransport({ server: url, insecureSkipTLSVerify: true, clock });
  assert.equal((await clientOf(blind).get('/api')).status, 200);
  await Promise.all([stranger.close(), misnamed.close(), blind.close()]);
});

test('tlsServerName is the name that the certificate must bear', async () => {
  const other = createServer(named, (_request, response) => response.end('{}'));
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const transport = new TlsTransport({
    server: `https://127.0.0.1:${(other.address() as AddressInfo).port}`,
    ca: named.cert,
    tlsServerName: 'kubernetes.default',
    clock,
  });
  assert.equal((await clientOf(transport).get('/api')).status, 200);
  await transport.close();
  other.closeAllConnections();
  other.close();
});

test('no answer in time, an aborted call and a refused connection are TransportErrors', async () => {
  const transport = new TlsTransport({ server: url, ca: pair.cert, clock });
  const client = clientOf(transport);
  await assert.rejects(client.get('/hang', { timeoutMs: 30 }), TransportError);
  const abort = new AbortController();
  const pending = client.get('/hang', { signal: abort.signal });
  abort.abort();
  await assert.rejects(pending, TransportError);
  await transport.close();
  const nobody = new TlsTransport({ server: 'https://127.0.0.1:1', clock });
  await assert.rejects(clientOf(nobody).get('/api'), TransportError);
  await nobody.close();
});

test('an answer that drips, or never ends, is a TransportError', async () => {
  const answers = new Budget({ most: 8 * 1024 * 1024 });
  const transport = new TlsTransport({ server: url, ca: pair.cert, clock, answers });
  const client = clientOf(transport);
  const dripping = client.get('/drip', { timeoutMs: 1000 });
  await assert.rejects(dripping, new TransportError('the answer does not end'));
  // All of them together hold no more than one may.
  const floods = await Promise.allSettled([1, 2, 3].map(() => client.get('/flood')));
  for (const flood of floods)
    assert.equal(flood.status === 'rejected' && flood.reason.message, 'the answer is too long');
  assert.equal(answers.used, 0);
  assert.equal((await client.get('/fine')).status, 200);
  await transport.close();
});

test('an answer that is no Status becomes an ApiError with its code and Retry-After', async () => {
  const transport = new TlsTransport({ server: url, ca: pair.cert, clock });
  await assert.rejects(clientOf(transport).get('/html'), (error) => {
    assert.ok(error instanceof ApiError);
    assert.equal(error.code, 502);
    assert.equal(error.status.details?.retryAfterSeconds, 3);
    return true;
  });
  await transport.close();
});

test('watches do not take the sockets of calls, and resetStreams breaks them', async () => {
  const transport = new TlsTransport({ server: url, ca: pair.cert, clock, connections: 1 });
  const client = clientOf(transport);
  const streams = [1, 2, 3].map(() => watch(client, '/api/v1/pods'));
  for (const stream of streams) {
    const first = await stream.next();
    assert.equal(first.value?.[0]?.object().metadata.name, 'a');
  }
  assert.equal((await client.get('/api')).status, 200);
  transport.resetStreams();
  for (const stream of streams) await assert.rejects(stream.next(), TransportError);
  await transport.close();
});

test('an upgrade hands over the connection, or the refusal', async () => {
  const transport = new TlsTransport({ server: url, ca: pair.cert, token: () => 't', clock });
  const { status, stream } = await transport.upgrade({
    method: 'POST',
    path: '/exec',
    headers: { upgrade: 'SPDY/3.1', connection: 'Upgrade' },
  });
  assert.equal(status, 101);
  stream.write('world');
  let text = '';
  while (text.length < 11) {
    const chunk = stream.read() as Buffer | null;
    if (chunk === null) await once(stream, 'readable');
    else text += chunk.toString();
  }
  assert.equal(text, 'hello world');
  stream.destroy();
  await assert.rejects(
    transport.upgrade({ method: 'GET', path: '/refuse', headers: { upgrade: 'websocket' } }),
    (error) => error instanceof ApiError && error.code === 403,
  );
  await transport.close();
});

test('a proxy is reached by CONNECT', async () => {
  const seen: string[] = [];
  const proxy = createHttpServer();
  proxy.on('connect', (request, socket) => {
    seen.push(request.url ?? '');
    const [host, port] = (request.url ?? '').split(':');
    const upstream = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      upstream.pipe(socket);
      socket.pipe(upstream);
    });
    upstream.on('error', () => socket.destroy());
    socket.on('error', () => upstream.destroy());
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const transport = new TlsTransport({
    server: url,
    ca: pair.cert,
    proxyURL: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    clock,
  });
  assert.equal((await clientOf(transport).get('/api')).status, 200);
  assert.deepEqual(seen, [new URL(url).host]);
  await transport.close();
  proxy.closeAllConnections();
  proxy.close();
});
