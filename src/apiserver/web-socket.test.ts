import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  ClientFrames,
  closeFrame,
  handshake,
  isWebSocket,
  messageFrame,
  sendEvents,
  withBearer,
} from './web-socket.ts';

const asked = {
  upgrade: 'WebSocket',
  connection: 'keep-alive, Upgrade',
  origin: 'https://page.example',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

test('a handshake is answered as RFC 6455 has it', () => {
  assert.ok(isWebSocket(asked));
  assert.ok(!isWebSocket({ ...asked, upgrade: 'h2c' }));
  assert.ok(!isWebSocket({ upgrade: 'websocket', connection: 'close' }));
  const { status, headers } = handshake({ ...asked, 'sec-websocket-protocol': 'binary.k8s.io' });
  assert.equal(status, 101);
  assert.equal(headers['Sec-WebSocket-Accept'], 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
  assert.equal(headers['Sec-WebSocket-Protocol'], 'binary.k8s.io');
  assert.equal(handshake(asked).headers['Sec-WebSocket-Protocol'], undefined);
});

test('a token among the protocols becomes the bearer token, and is not handed on', () => {
  const prefix = 'base64url.bearer.authorization.k8s.io.';
  const token = (text: string): string => prefix + Buffer.from(text).toString('base64url');
  const offering = (...protocols: string[]) =>
    withBearer({ ...asked, 'sec-websocket-protocol': protocols.join(', ') });
  const both = offering(token('secret'), 'base64.binary.k8s.io');
  assert.equal(both['authorization'], 'Bearer secret');
  assert.equal(both['sec-websocket-protocol'], 'base64.binary.k8s.io');
  for (const wrong of [
    [token('secret')],
    [token('a'), token('b'), 'x'],
    [`${prefix}!!`, 'x'],
    [prefix, 'x'],
  ]) {
    const headers = offering(...wrong);
    assert.equal(headers['authorization'], 'Bearer !');
    assert.doesNotMatch(headers['sec-websocket-protocol'] ?? '', /bearer/);
  }
  const other = { ...asked, authorization: 'Bearer other' };
  assert.equal(withBearer(other), other);
  assert.equal(withBearer(asked), asked);
});

/** A frame as a client sends it: masked. */
function said(opcode: number, payload: Buffer): Buffer {
  const mask = Buffer.from([1, 2, 3, 4]);
  const masked = Buffer.from(payload.map((byte, i) => byte ^ mask[i % 4]!));
  const { length } = payload;
  const size = length < 126 ? [0x80 | length] : [0xfe, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([0x80 | opcode, ...size]), mask, masked]);
}

test('what a client says is understood however it is cut', () => {
  const frame = fc.oneof(
    fc.record({ opcode: fc.constant(9), payload: fc.uint8Array({ maxLength: 125 }) }),
    fc.record({ opcode: fc.constantFrom(1, 2, 10), payload: fc.uint8Array({ maxLength: 125 }) }),
    fc.record({
      opcode: fc.constant(2),
      payload: fc.uint8Array({ minLength: 126, maxLength: 400 }),
    }),
  );
  const cuts = fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 40 });
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 8 }), cuts, (frames, sizes) => {
      const bytes = Buffer.concat([
        ...frames.map(({ opcode, payload }) => said(opcode, Buffer.from(payload))),
        said(8, Buffer.from([3, 232])),
      ]);
      const reader = new ClientFrames();
      const pongs: Buffer[] = [];
      let close: number | undefined;
      for (let at = 0, n = 0; at < bytes.length && close === undefined; n++) {
        const size = sizes[n] ?? bytes.length;
        const heard = reader.read(bytes.subarray(at, at + size));
        pongs.push(...heard.pongs);
        close = heard.close;
        at += size;
      }
      assert.equal(close, 1000);
      const pings = frames.filter(({ opcode }) => opcode === 9);
      const expected = pings.map(({ payload }) => [0x8a, payload.length, ...payload]);
      assert.deepEqual(
        pongs.map((pong) => [...pong]),
        expected,
      );
    }),
  );
});

test('who does not keep to the protocol is sent away', () => {
  assert.equal(new ClientFrames().read(Buffer.from([0x81, 2, 65, 65])).close, 1002);
  assert.equal(new ClientFrames().read(said(9, Buffer.alloc(126))).close, 1002);
  const endless = Buffer.from([0x82, 0xff, 0x7f, 0, 0, 0, 0, 0, 0, 0]);
  assert.equal(new ClientFrames().read(endless).close, 1000);
});

test('a message says how long it is', () => {
  for (const [length, head] of [
    [0, 2],
    [125, 2],
    [126, 4],
    [65_535, 4],
    [65_536, 10],
  ] as const)
    assert.equal(messageFrame('text', Buffer.alloc(length)).length, head + length);
  assert.deepEqual([...messageFrame('binary', Buffer.from('ab'))], [0x82, 2, 97, 98]);
});

test('events go out one by one, and the end is said', async () => {
  const socket = new PassThrough();
  const events = (async function* () {
    yield Buffer.from('one');
    yield Buffer.from('two');
  })();
  const taken = async (): Promise<boolean> => true;
  const sent: Buffer[] = [];
  const write = socket.write.bind(socket);
  // A socket of one direction: what is written to it is not what the client says.
  socket.write = ((frame: Buffer) => {
    sent.push(frame);
    return true;
  }) as typeof write;
  socket.end = ((frame: Buffer) => {
    sent.push(frame);
    return socket;
  }) as typeof socket.end;
  await sendEvents({ socket, head: Buffer.alloc(0), events, kind: 'text', taken });
  const expected = [
    messageFrame('text', Buffer.from('one')),
    messageFrame('text', Buffer.from('two')),
  ];
  assert.deepEqual(sent, [...expected, closeFrame(1000)]);
});
