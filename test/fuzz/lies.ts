/** What a member can answer that no Kubernetes would. */
import type { Dice } from '../../sim/dice.ts';
import { damaged } from './mutate.ts';

interface Piece {
  readonly bytes: Buffer | string;
  /** Before what comes next, milliseconds. */
  readonly waitMs?: number;
}

/** Bytes for the socket in the place of an answer; `body` would have been the honest one. */
export type Lie = (body: Buffer, dice: Dice) => Iterable<Piece>;

const mebibyte = Buffer.alloc(1024 * 1024, 0x20);
/** JSON that takes twenty times its length once it is parsed. */
const braces = Buffer.from(',{}'.repeat(100_000));
const forever = Number.POSITIVE_INFINITY;

function* repeated(piece: Piece, times: number): Generator<Piece> {
  for (let i = 0; i < times; i++) yield piece;
}

const head = (line: string, ...headers: string[]): string =>
  [`HTTP/1.1 ${line}`, 'Content-Type: application/json', ...headers, '', ''].join('\r\n');

const whole = (line: string, body: Buffer, ...headers: string[]): Piece[] => [
  { bytes: head(line, `Content-Length: ${body.length}`, ...headers) },
  { bytes: body, waitMs: 500 },
];

export const rawLies: Readonly<Record<string, Lie>> = {
  'no HTTP': (body, dice) => [
    { bytes: damaged(dice, Buffer.from('HTTP/1.1 200 OK\r\n\r\n')) },
    { bytes: body },
  ],
  'no answer': () => repeated({ bytes: '', waitMs: 1000 }, 40),
  'an answer cut off': (body) => [
    { bytes: head('200 OK', `Content-Length: ${body.length}`) },
    { bytes: body.subarray(0, body.length / 2), waitMs: 10 },
  ],
  'headers that go on': function* () {
    yield { bytes: 'HTTP/1.1 200 OK\r\n' };
    yield* repeated({ bytes: `X: ${'x'.repeat(1000)}\r\n` }, 100_000);
  },
  'a body that goes on': function* () {
    yield { bytes: head('200 OK') };
    yield { bytes: '{"items":[' };
    yield* repeated({ bytes: mebibyte }, 2000);
  },
  'a body of braces': function* () {
    yield { bytes: head('200 OK') };
    yield { bytes: '{"items":[{}' };
    yield* repeated({ bytes: braces }, 200);
    yield { bytes: ']}' };
  },
  'a body that drips': function* () {
    yield { bytes: head('200 OK', 'Content-Length: 100000') };
    yield* repeated({ bytes: ' ', waitMs: 200 }, forever);
  },
  'a body that is two': (body) => [...whole('200 OK', body), ...whole('200 OK', Buffer.from('{}'))],
  'two lengths': (body) => whole('200 OK', body, 'Content-Length: 5'),
  'a length and chunks': (body) => whole('200 OK', body, 'Transfer-Encoding: chunked'),
  'broken chunks': () => [{ bytes: `${head('200 OK', 'Transfer-Encoding: chunked')}zz\r\n{}\r\n` }],
  'continue, and on': function* () {
    yield* repeated({ bytes: 'HTTP/1.1 100 Continue\r\n\r\n' }, 50_000);
  },
  'another protocol': () => [
    {
      bytes: 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
      waitMs: 500,
    },
  ],
  elsewhere: () => whole('301 Moved', Buffer.from(''), 'Location: https://127.0.0.1:1/'),
  'another code': (body, dice) =>
    whole(
      `${dice.pick([201, 202, 204, 304, 401, 403, 404, 409, 410, 429, 500, 503, 599, 999])} X`,
      Buffer.from(`<html>${body}`),
    ),
  'come later': () => whole('429 X', Buffer.from('{}'), 'Retry-After: 999999999'),
  warnings: (body) =>
    whole(
      '200 OK',
      body,
      ...Array.from(
        { length: 50 },
        (_, i) => `Warning: 299 - "lie ${i} \x01\xff ${'w'.repeat(500)}"`,
      ),
    ),
  pressed: (body) => whole('200 OK', body, 'Content-Encoding: gzip'),
};

const deep = (levels: number): string => '{"a":['.repeat(levels) + ']}'.repeat(levels);

const object = (metadata: string, more = ''): string =>
  `{"apiVersion":"v1","kind":"ConfigMap","metadata":${metadata}${more}}`;

const objects: readonly string[] = [
  'null',
  '[]',
  '"x"',
  '5',
  '{}',
  '{"kind":5}',
  object('null'),
  object('[]'),
  object('{"name":5,"uid":{},"resourceVersion":7}'),
  object('{"name":"a/b@c","namespace":"../x","uid":"u","resourceVersion":"-1"}'),
  object('{"name":"x","uid":"u","resourceVersion":"1e400","labels":[1],"annotations":"x"}'),
  object('{"name":"x","uid":"u","resourceVersion":"9","annotations":{"ubernetes.dev/copy":"{{{"}}'),
  object(
    '{"name":"x","uid":"u","resourceVersion":"9","managedFields":[null,{"fieldsV1":{"f:":[]}}]}',
  ),
  object('{"name":"x","__proto__":{"uid":"u"},"constructor":{"prototype":{"a":1}}}'),
  object('{"name":"x","deletionTimestamp":"never","ownerReferences":[5],"finalizers":{}}'),
  object(
    '{"name":"x","uid":"u","resourceVersion":"10"}',
    ',"spec":[],"status":{"conditions":5,"replicas":"x"}',
  ),
  object(
    '{"name":"x","uid":"u","resourceVersion":"11"}',
    ',"data":{"k":1e999,"l":-0,"m":12345678901234567890}',
  ),
  object('{"name":"\\ud800","uid":"\\u0000","resourceVersion":"12"}'),
  deep(20_000),
];

/** Whole bodies, well framed. */
export const bodyLies: Readonly<Record<string, Buffer>> = Object.fromEntries(
  [
    ...objects,
    '',
    '{"items":{}}',
    '{"items":[null,5,[],{"metadata":null}],"metadata":{"resourceVersion":5}}',
    '{"kind":"List","items":[],"metadata":{"continue":"again"}}',
    '{"kind":"APIGroupDiscoveryList","items":[{"metadata":{"name":5},"versions":[{"resources":{}}]}]}',
    '{"kind":"APIGroupDiscoveryList","items":[{"metadata":{"name":"ubernetes.dev"},"versions":[{"version":"v1alpha1","resources":[{"resource":"clusters","responseKind":{"kind":"X"},"scope":"Namespaced","verbs":["list"]}]}]}]}',
    '{"paths":{"api/v1":{"serverRelativeURL":"/openapi/v3/api/v1?hash=lie"}}}',
    '{"gitVersion":{"a":1}}',
    '{"kind":"Status","status":"Success","code":"x"}',
    '{"status":{"token":5,"expirationTimestamp":"soon"}}',
  ].map((text, index) => [`body ${index}`, Buffer.from(text)]),
);

type Frames = (dice: Dice) => Iterable<Buffer | string>;

function* flood(
  make: (index: number) => Buffer | string,
  times: number,
): Generator<Buffer | string> {
  for (let i = 0; i < times; i++) yield make(i);
}

/** What follows on a watch that began well. */
export const frameLies: Readonly<Record<string, Frames>> = {
  'events of odd objects': (dice) =>
    objects.map(
      (each) =>
        `{"type":"${dice.pick(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK'])}","object":${each}}\n`,
    ),
  'no events': (dice) => [
    dice.pick([
      'hello\n',
      '{"type":"ADDED"}\n',
      '{"type":"ADDED","object":null}\n',
      '{"type":5,"object":{}}\n',
      '{"type":"WHAT","object":{}}\n',
      '[[[[\n',
      '{"type":"ADDED","object":{"metadata":{"name":"x"}}\n',
      '\0\0\0\n',
    ]),
  ],
  errors: (dice) => [
    dice.pick([
      '{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}}\n',
      '{"type":"ERROR","object":{"kind":"Status","code":"x","message":{}}}\n',
      '{"type":"ERROR","object":5}\n',
      '{"type":"ERROR","object":{"kind":"Status","code":500,"details":{"retryAfterSeconds":1e9}}}\n',
    ]),
  ],
  'bookmarks of another world': (dice) =>
    flood(
      () =>
        `{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"${dice.pick(['', 'x', '-1', '0', '99999999999999999999999'])}","annotations":{"k8s.io/initial-events-end":"true"}}}}\n`,
      50,
    ),
  'a line without end': () => flood(() => mebibyte, 2000),
  'empty lines': () => flood(() => '\n'.repeat(10_000), 500),
  'objects without end': (dice) => {
    const start = dice.between(0, 1e9);
    return flood(
      (i) =>
        `{"type":"ADDED","object":${object(`{"name":"flood-${start + i}","namespace":"tenant-b","uid":"${start + i}","resourceVersion":"${start + i}","labels":{"ubernetes.dev/federation":"lie"}}`, `,"data":{"x":"${'y'.repeat(3000)}"}`)}}\n`,
      20_000,
    );
  },
  'objects of braces': (dice) => {
    const start = dice.between(0, 1e9);
    const more = `,"data":[{}${braces.subarray(0, 30_000)}]`;
    return flood((i) => {
      const id = start + i;
      const metadata = `{"name":"braces-${id}","namespace":"tenant-b","uid":"${id}","resourceVersion":"${id}"}`;
      return `{"type":"ADDED","object":${object(metadata, more)}}\n`;
    }, 2000);
  },
  'an end at once': () => [],
};
