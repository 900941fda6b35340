import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, connect as netConnect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { freePort, releasePort } from './ports.ts';
import { startWire, type Wire } from './wire.ts';

/** An echo server and a wire to it, both gone with the test. */
async function wireToEcho(t: TestContext): Promise<Wire> {
  const server = createServer((socket) => socket.on('error', () => {}).pipe(socket));
  server.listen({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  const port = await freePort();
  const wire = await startWire({ port, target: (server.address() as AddressInfo).port });
  t.after(async () => {
    await wire.close();
    server.close();
    releasePort(port);
  });
  return wire;
}

async function connectTo(wire: Wire): Promise<Socket> {
  const socket = netConnect({ port: wire.port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  socket.setEncoding('utf8');
  return socket;
}

async function echo(socket: Socket, text: string): Promise<string> {
  const answer = once(socket, 'data');
  socket.write(text);
  return String((await answer)[0]);
}

test('a whole wire passes bytes both ways', async (t) => {
  const wire = await wireToEcho(t);
  const socket = await connectTo(wire);
  assert.equal(await echo(socket, 'hello'), 'hello');
  socket.end();
  await once(socket, 'close');
});

test('a large stream passes a slow wire whole and in order', async (t) => {
  const wire = await wireToEcho(t);
  wire.setRoundTrip(10);
  const socket = netConnect({ port: wire.port, host: '127.0.0.1' });
  const sent = Buffer.alloc(9_000_000, 'abcdefghijklmnopqrstuvwxyz0123456789!');
  const received: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => received.push(chunk));
  socket.end(sent);
  await once(socket, 'close');
  assert.ok(Buffer.concat(received).equals(sent));
});

test('a cut wire resets its connections, refuses new ones, and heals', async (t) => {
  const wire = await wireToEcho(t);
  const socket = await connectTo(wire);
  assert.equal(await echo(socket, 'before'), 'before');
  const reset = once(socket, 'error');
  await wire.set('refuse');
  assert.equal(((await reset)[0] as NodeJS.ErrnoException).code, 'ECONNRESET');
  await assert.rejects(connectTo(wire), { code: 'ECONNREFUSED' });
  await wire.set('pass');
  const again = await connectTo(wire);
  assert.equal(await echo(again, 'after'), 'after');
  again.destroy();
});

test('a black hole accepts connections and swallows bytes until it ends', async (t) => {
  const wire = await wireToEcho(t);
  const old = await connectTo(wire);
  assert.equal(await echo(old, 'one'), 'one');
  await wire.set('blackhole');
  const fresh = await connectTo(wire);
  const heard: string[] = [];
  old.on('data', (text: string) => heard.push(text));
  fresh.on('data', (text: string) => heard.push(text));
  old.write('two');
  fresh.write('three');
  // A second, whole wire has passed bytes to and fro in the meantime.
  const witness = await connectTo(await wireToEcho(t));
  assert.equal(await echo(witness, 'meanwhile'), 'meanwhile');
  assert.deepEqual(heard, []);
  const late = Promise.all([once(old, 'data'), once(fresh, 'data')]);
  await wire.set('pass');
  await late;
  assert.deepEqual(heard.sort(), ['three', 'two']);
  for (const socket of [old, fresh, witness]) socket.destroy();
});

test('dropped connections are reset once and new ones work', async (t) => {
  const wire = await wireToEcho(t);
  const socket = await connectTo(wire);
  assert.equal(await echo(socket, 'one'), 'one');
  const reset = once(socket, 'error');
  wire.drop();
  assert.equal(((await reset)[0] as NodeJS.ErrnoException).code, 'ECONNRESET');
  const again = await connectTo(wire);
  assert.equal(await echo(again, 'two'), 'two');
  again.destroy();
});

test('a wire whose far end is dead resets its clients', async (t) => {
  const [port, target] = [await freePort(), await freePort()];
  const wire = await startWire({ port, target });
  t.after(() => wire.close());
  const socket = netConnect({ port, host: '127.0.0.1' });
  const [error] = await once(socket, 'error');
  assert.equal((error as NodeJS.ErrnoException).code, 'ECONNRESET');
});
