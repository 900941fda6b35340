/** HTTP/2 by hand: frames that a client of Node's would never send. */
import type { Dice } from '../../sim/dice.ts';

export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export const frameTypes = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  push: 5,
  ping: 6,
  goAway: 7,
  window: 8,
  continuation: 9,
} as const;

const endStream = 1;
const endHeaders = 4;

export interface Frame {
  readonly type: number;
  readonly flags?: number;
  readonly stream?: number;
  readonly payload?: Buffer;
}

export function frame({ type, flags = 0, stream = 0, payload = Buffer.alloc(0) }: Frame): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length & 0xffffff, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream >>> 0, 5);
  return Buffer.concat([head, payload]);
}

/** Headers as literals that are not indexed. */
export function block(fields: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [literal, text(name), text(value)]));
}

const literal = Buffer.from([0]);

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  return Buffer.concat([integer(bytes.length), bytes]);
}

/** With a prefix of seven bits. */
function integer(value: number): Buffer {
  if (value < 127) return Buffer.from([value]);
  const bytes = [127];
  for (let rest = value - 127; ; rest >>>= 7) {
    if (rest < 128) {
      bytes.push(rest);
      return Buffer.from(bytes);
    }
    bytes.push((rest & 127) | 128);
  }
}

export function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

function setting(id: number, value: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeUInt16BE(id);
  bytes.writeUInt32BE(value >>> 0, 2);
  return bytes;
}

export interface Asking {
  readonly path: string;
  readonly token: string;
  readonly method?: string;
}

function fieldsOf({ path, token, method = 'GET' }: Asking): [string, string][] {
  return [
    [':method', method],
    [':scheme', 'https'],
    [':path', path],
    [':authority', 'localhost'],
    ['authorization', `Bearer ${token}`],
  ];
}

const many = (count: number, make: (index: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, index) => make(index)));

/** An ordinary request, or one that still wants its body. */
function opened(asking: Asking, stream: number, ends = true): Buffer {
  const flags = endHeaders | (ends ? endStream : 0);
  return frame({ type: frameTypes.headers, flags, stream, payload: block(fieldsOf(asking)) });
}

/** What each attack sends after the preface and its settings. */
export const frameAttacks: Readonly<Record<string, (asking: Asking, dice: Dice) => Buffer>> = {
  'opened and reset': (asking) =>
    many(1500, (i) =>
      Buffer.concat([
        opened(asking, 2 * i + 1),
        frame({ type: frameTypes.reset, stream: 2 * i + 1, payload: number(8) }),
      ]),
    ),
  'headers that go on': (asking) =>
    Buffer.concat([
      frame({
        type: frameTypes.headers,
        flags: endStream,
        stream: 1,
        payload: block(fieldsOf(asking)),
      }),
      many(200, () =>
        frame({
          type: frameTypes.continuation,
          stream: 1,
          payload: block([['x', 'y'.repeat(16_000)]]),
        }),
      ),
    ]),
  'empty continuations': (asking) =>
    Buffer.concat([
      frame({ type: frameTypes.headers, stream: 1, payload: block(fieldsOf(asking)) }),
      many(5000, () => frame({ type: frameTypes.continuation, stream: 1 })),
    ]),
  'many pings': () => many(5000, () => frame({ type: frameTypes.ping, payload: Buffer.alloc(8) })),
  'many settings': () => many(5000, () => frame({ type: frameTypes.settings })),
  'many priorities': () =>
    many(5000, (i) =>
      frame({ type: frameTypes.priority, stream: 2 * i + 1, payload: Buffer.alloc(5) }),
    ),
  'empty data': (asking) =>
    Buffer.concat([
      opened({ ...asking, method: 'POST' }, 1, false),
      many(5000, () => frame({ type: frameTypes.data, stream: 1 })),
    ]),
  'bodies without end': (asking) =>
    many(900, (i) => opened({ ...asking, method: 'POST' }, 2 * i + 1, false)),
  'a window that overflows': (asking) =>
    Buffer.concat([
      opened(asking, 1),
      many(3, () => frame({ type: frameTypes.window, stream: 1, payload: number(0x7fffffff) })),
    ]),
  'a window of nothing': (asking) =>
    Buffer.concat([
      opened(asking, 1),
      frame({ type: frameTypes.window, stream: 1, payload: number(0) }),
    ]),
  'a table of headers that unfolds': (asking) => {
    const entry = Buffer.concat([Buffer.from([0x40]), text('x'), text('y'.repeat(4000))]);
    const payload = Buffer.concat([
      block(fieldsOf(asking)),
      entry,
      Buffer.alloc(12_000, 0x80 | 62),
    ]);
    return frame({ type: frameTypes.headers, flags: endHeaders | endStream, stream: 1, payload });
  },
  'lists that nobody reads': (asking) =>
    Buffer.concat([
      frame({ type: frameTypes.settings, payload: setting(4, 0) }),
      many(300, (i) => opened(asking, 2 * i + 1)),
    ]),
  'odd settings': (asking, dice) =>
    Buffer.concat([
      frame({
        type: frameTypes.settings,
        payload: many(100, () => setting(dice.between(0, 9), dice.between(0, 0x7fffffff))),
      }),
      opened(asking, 1),
    ]),
  'odd headers': (asking, dice) => many(20, (i) => oddHeaders(asking, 2 * i + 1, dice)),
  'a length that is none': (asking) =>
    Buffer.concat([
      frame({
        type: frameTypes.headers,
        flags: endHeaders,
        stream: 1,
        payload: block([
          ...fieldsOf({ ...asking, method: 'POST' }),
          ['content-type', 'application/json'],
          ['content-length', '3'],
        ]),
      }),
      frame({
        type: frameTypes.data,
        flags: endStream,
        stream: 1,
        payload: Buffer.from('{"kind":"ConfigMap"}'),
      }),
    ]),
  'any frames': (asking, dice) => many(100, () => anyFrame(asking, dice)),
};

function oddHeaders(asking: Asking, stream: number, dice: Dice): Buffer {
  const fields = fieldsOf(asking);
  const odd = dice.pick([
    () => [...fields, [':path', '/hidden']],
    () => [['x', 'y'], ...fields],
    () => fields.slice(1),
    () => fields.filter(([name]) => name !== ':path'),
    () => [...fields, ['Connection', 'close']],
    () => [...fields, ['connection', 'upgrade'], ['upgrade', 'websocket']],
    () => [...fields, ['transfer-encoding', 'chunked']],
    () => [...fields, ['x', 'a\r\nContent-Length: 5']],
    () => [...fields, ['', 'x']],
    () => [...fields, ['x\0y', 'z']],
    () => [...fields, ['content-length', '-1']],
    () => [[':method', 'CONNECT'], ...fields.slice(1)],
    () => [[':method', 'G T'], ...fields.slice(1)],
    () => [...fields.slice(0, 2), [':path', '*'], ...fields.slice(3)],
    () => [...fields.slice(0, 2), [':path', 'no slash'], ...fields.slice(3)],
    () => [...fields, ['cookie', 'a'.repeat(30_000)]],
    () => [...fields, ...Array.from({ length: 300 }, (_, i) => [`x-${i}`, 'y'])],
  ])() as [string, string][];
  const flags = endHeaders | endStream;
  return frame({ type: frameTypes.headers, flags, stream, payload: block(odd) });
}

function anyFrame(asking: Asking, dice: Dice): Buffer {
  const stream = dice.pick([0, 1, 1, 3, 2, 5, 0x7fffffff]);
  if (dice.chance(0.2)) return opened(asking, stream, dice.chance(0.5));
  const payload = Buffer.from(
    Array.from({ length: dice.between(0, 40) }, () => dice.between(0, 255)),
  );
  return frame({ type: dice.between(0, 11), flags: dice.between(0, 255), stream, payload });
}

/** Codes of the answers in what a server sent, of which it tells without a table: 200, 404, 500. */
export function codesIn(bytes: Buffer): number[] {
  const codes: number[] = [];
  for (let at = 0; at + 9 <= bytes.length; ) {
    const length = bytes.readUIntBE(at, 3);
    if (bytes[at + 3] === frameTypes.headers) {
      let first = at + 9;
      while (((bytes[first] ?? 0) & 0xe0) === 0x20) first++;
      const code = indexed[bytes[first] ?? 0];
      if (code !== undefined) codes.push(code);
    }
    at += 9 + length;
  }
  return codes;
}

const indexed: Readonly<Record<number, number>> = {
  136: 200,
  137: 204,
  139: 304,
  140: 400,
  141: 404,
  142: 500,
};
