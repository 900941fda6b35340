/** HTTP/1.1 by hand: what a client sends that is broken, hostile, or only half there. */
import type { Dice } from '../../sim/dice.ts';
import { damaged } from './mutate.ts';

export interface RawTarget {
  readonly token: string;
  /** A collection in which that token may do everything. */
  readonly collection: string;
}

const hidden = 'smuggled';

/** Bytes for one connection, with what they are. */
export interface RawBytes {
  readonly what: string;
  readonly bytes: Buffer;
}

type Make = (target: RawTarget, dice: Dice) => string;

function head({ token }: RawTarget, line: string, ...headers: string[]): string {
  const all = [line, 'Host: localhost', `Authorization: Bearer ${token}`, ...headers];
  return `${all.join('\r\n')}\r\n\r\n`;
}

function configMap(name: string): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } });
}

/** A whole request that must never be taken for one: it stands in another one's body. */
function smuggled(target: RawTarget): string {
  const body = configMap(hidden);
  return (
    head(
      target,
      `POST ${target.collection} HTTP/1.1`,
      'Content-Type: application/json',
      `Content-Length: ${body.length}`,
    ) + body
  );
}

const json = 'Content-Type: application/json';

const kinds: Readonly<Record<string, Make>> = {
  'two lengths': (target) => {
    const body = smuggled(target);
    const lengths = [`Content-Length: ${body.length}`, 'Content-Length: 0'];
    return head(target, `POST ${target.collection} HTTP/1.1`, json, ...lengths) + body;
  },
  'a length and chunks': (target, dice) => {
    const both = ['Content-Length: 5', 'Transfer-Encoding: chunked'];
    const headers = dice.chance(0.5) ? both : both.reverse();
    return `${head(target, `POST ${target.collection} HTTP/1.1`, json, ...headers)}0\r\n\r\n${smuggled(target)}`;
  },
  'chunks in disguise': (target, dice) => {
    const coding = dice.pick([
      'Transfer-Encoding : chunked',
      'Transfer-Encoding: xchunked',
      'Transfer-Encoding: chunked, identity',
      'Transfer-Encoding: identity\r\nTransfer-Encoding: chunked',
      'Transfer-Encoding:\tchunked',
      'X: y\r\n Transfer-Encoding: chunked',
      'Transfer\x0bEncoding: chunked',
    ]);
    const start = head(
      target,
      `POST ${target.collection} HTTP/1.1`,
      json,
      coding,
      'Content-Length: 5',
    );
    return `${start}0\r\n\r\n${smuggled(target)}`;
  },
  'broken chunks': (target, dice) => {
    const start = head(
      target,
      `POST ${target.collection} HTTP/1.1`,
      json,
      'Transfer-Encoding: chunked',
    );
    const chunk = dice.pick([
      '-1\r\nx\r\n0\r\n\r\n',
      'ffffffffffffffff\r\nx',
      'zz\r\nx\r\n',
      `5;${'e'.repeat(50_000)}\r\nhello\r\n0\r\n\r\n`,
      '5\nhello\n0\n\n',
      '0\r\nAuthorization: Bearer other\r\nContent-Length: 5\r\n\r\n',
      `0\r\n${'T: x\r\n'.repeat(5000)}\r\n`,
    ]);
    return start + chunk;
  },
  'a body cut off': (target) => {
    const body = configMap('cut');
    return head(target, `POST ${target.collection} HTTP/1.1`, json, 'Content-Length: 5000') + body;
  },
  'a body too large': (target) =>
    head(target, `POST ${target.collection} HTTP/1.1`, json, 'Content-Length: 99999999999') +
    'x'.repeat(200_000),
  'a body with a GET': (target) =>
    head(target, `GET ${target.collection} HTTP/1.1`, `Content-Length: ${hidden.length}`) + hidden,
  'a body in a GET that is a request': (target) => {
    const body = smuggled(target);
    return (
      head(target, `GET ${target.collection} HTTP/1.1`, `Content-Length: ${body.length}`) + body
    );
  },
  'no HTTP': (_, dice) =>
    dice.pick(['\0'.repeat(1000), 'hello\r\n\r\n', '\x16\x03\x01', 'GET\r\n\r\n']),
  'a version of its own': (target, dice) => {
    const version = dice.pick([
      'HTTP/0.9',
      'HTTP/1.0',
      'HTTP/2.0',
      'HTTP/9.9',
      'http/1.1',
      '',
      'HTTP/1.1 x',
    ]);
    return head(target, `GET ${target.collection} ${version}`);
  },
  'a method of its own': (target, dice) => {
    const method = dice.pick([
      'TRACE',
      'CONNECT',
      'PRI',
      'get',
      'PROPFIND',
      'X'.repeat(9000),
      'M-SEARCH',
    ]);
    return head(target, `${method} ${target.collection} HTTP/1.1`);
  },
  'a path of its own': (target, dice) => {
    const path = dice.pick([
      '*',
      'https://localhost/api',
      'http://elsewhere/api',
      '//api',
      '/api/v1/%00',
      '/%',
      `/${'a/'.repeat(10_000)}`,
      `/api?${'a=b&'.repeat(10_000)}`,
      `/api/v1/namespaces/tenant-b/configmaps/${'x'.repeat(40_000)}`,
      '/api/v1/../../etc/passwd',
      '/openapi/v3/%2e%2e',
      '/api\x7f\xff',
    ]);
    return head(target, `GET ${path} HTTP/1.1`);
  },
  'headers of its own': (target, dice) => {
    const header = dice.pick([
      `X: ${'x'.repeat(70_000)}`,
      'X: y\r\n'.repeat(3000).trimEnd(),
      'X : y',
      ': y',
      'X\0: y',
      'X: y\nZ: q',
      'Content-Length: 1e3',
      'Content-Length: 0x10',
      'Expect: 100-continue',
      'Expect: everything',
      'Accept-Encoding: gzip;q=x, *;q=-1',
      'Impersonate-User: system:admin\r\nImpersonate-Group: system:masters',
      'Impersonate-Extra-\xff: y',
      'X-Remote-User: admin\r\nX-Remote-Group: system:masters',
      'Connection: close, keep-alive, upgrade',
      'Host: other',
      'Range: bytes=0-1,-1',
      'Cookie: a=b',
    ]);
    return head(target, `GET ${target.collection} HTTP/1.1`, header);
  },
  'an upgrade': (target, dice) => {
    const to = dice.pick(['websocket', 'h2c', 'SPDY/3.1', 'TLS/1.3', 'x'.repeat(5000), 'a, b']);
    const path = dice.pick([
      target.collection,
      `${target.collection}?watch=true`,
      '/api/v1/namespaces/tenant-a/pods/p/exec?command=sh&stdin=true',
      '/api/v1/namespaces/tenant-a/pods/p@liar/portforward',
      '/healthz',
    ]);
    const more = dice.pick([
      'X: y',
      'Sec-WebSocket-Key: AAAA\r\nSec-WebSocket-Version: 13',
      'Content-Length: 10',
      'Sec-WebSocket-Protocol: v5.channel.k8s.io',
      'HTTP2-Settings: AAMAAABkAAQAAP__',
    ]);
    const method = dice.pick(['GET', 'POST']);
    return `${head(target, `${method} ${path} HTTP/1.1`, 'Connection: Upgrade', `Upgrade: ${to}`, more)}${'x'.repeat(500)}`;
  },
  'a watch that is left': (target, dice) => {
    const more = dice.pick([
      '',
      '&resourceVersion=0',
      '&allowWatchBookmarks=true',
      '&timeoutSeconds=1',
    ]);
    return head(target, `GET ${target.collection}?watch=true${more} HTTP/1.1`);
  },
  'many at once': (target, dice) =>
    head(
      target,
      `GET ${target.collection}${dice.pick(['', '?watch=1', '?limit=1'])} HTTP/1.1`,
    ).repeat(100),
};

export const rawKinds: readonly string[] = Object.keys(kinds);

/** One connection's worth, sometimes damaged further. */
export function rawRequest(dice: Dice, target: RawTarget, what = dice.pick(rawKinds)): RawBytes {
  const bytes = Buffer.from(kinds[what]!(target, dice), 'latin1');
  // Damage may bring two requests to light that stood in one, by their right.
  const mayDamage = !bytes.includes(hidden);
  return { what, bytes: mayDamage && dice.chance(0.3) ? damaged(dice, bytes) : bytes };
}

/** Name of an object that no request asks for by itself. */
export const smuggledName = hidden;
