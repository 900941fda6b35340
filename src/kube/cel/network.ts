/** ip(), cidr() and url(). */
import { isIP } from 'node:net';
import { quoteGo } from '../quote.ts';
import type { Library } from './overload.ts';
import { opaque, type Type } from './types.ts';
import { EvaluationError, LiteralMap, Opaque } from './values.ts';

const ipType = opaque('net.IP');
const cidrType = opaque('net.CIDR');
const urlType = opaque('kubernetes.URL');

export class Ip extends Opaque {
  readonly type: Type = ipType;
  /** 4 or 16 bytes. */
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    super();
    this.bytes = bytes;
  }

  override get size(): number {
    return this.bytes.length;
  }

  override equals(other: Ip): boolean {
    return Buffer.compare(this.bytes, other.bytes) === 0;
  }

  /** In canonical form. */
  override toString(): string {
    if (this.bytes.length === 4) return this.bytes.join('.');
    const host = new URL(`http://[${groups(this.bytes).join(':')}]`).hostname;
    return host.slice(1, -1);
  }
}

function groups(bytes: Uint8Array): string[] {
  const out: string[] = [];
  for (let i = 0; i < 16; i += 2) out.push(((bytes[i]! << 8) | bytes[i + 1]!).toString(16));
  return out;
}

function bytesOf(text: string): Uint8Array | undefined {
  const family = isIP(text);
  if (family === 4) return Uint8Array.from(text.split('.').map(Number));
  if (family !== 6) return undefined;
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  let plain = text;
  if (dotted !== null) {
    const [a, b, c, d] = dotted[2]!.split('.').map(Number) as [number, number, number, number];
    plain = `${dotted[1]}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  }
  const [head = '', tail] = plain.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = new Array<string>(8 - left.length - right.length).fill('0');
  const words = [...left, ...(tail === undefined ? [] : zeros), ...right];
  return Uint8Array.from(
    words.flatMap((word) => [parseInt(word, 16) >> 8, parseInt(word, 16) & 255]),
  );
}

function isMapped(bytes: Uint8Array): boolean {
  return (
    bytes.length === 16 &&
    bytes.subarray(0, 10).every((byte) => byte === 0) &&
    bytes[10] === 255 &&
    bytes[11] === 255
  );
}

/** Text that netip.ParseAddr takes: no leading zeros, zones set aside. */
function parseIp(text: string): Ip {
  const parseError = (): never => {
    throw new EvaluationError(
      `IP Address ${quoteGo(text)} parse error during conversion from string: ` +
        `ParseAddr(${quoteGo(text)}): ${whyNoIp(text)}`,
    );
  };
  const zone = text.indexOf('%');
  const bytes = bytesOf(zone < 0 ? text : text.slice(0, zone)) ?? parseError();
  if (zone >= 0) {
    if (bytes.length === 4) parseError();
    throw new EvaluationError(`IP address ${quoteGo(text)} with zone value is not allowed`);
  }
  if (isMapped(bytes))
    throw new EvaluationError(`IPv4-mapped IPv6 address ${quoteGo(text)} is not allowed`);
  return new Ip(bytes);
}

function whyNoIp(text: string): string {
  if (/^[^.:%]*$/.test(text)) return 'unable to parse IP';
  const parts = text.split('.');
  if (!/^[\d.]+$/.test(text)) return 'unable to parse IP';
  if (parts.some((part) => /^0\d/.test(part))) return 'IPv4 field has octet with leading zero';
  if (parts.some((part) => Number(part) > 255)) return 'IPv4 field has value >255';
  if (parts.length > 4) return 'IPv4 address too long';
  return parts.length < 4 ? 'IPv4 address too short' : 'unable to parse IP';
}

function attempt(parse: () => unknown): boolean {
  try {
    parse();
    return true;
  } catch (error) {
    if (error instanceof EvaluationError) return false;
    throw error;
  }
}

function starts(ip: Ip, ...prefix: readonly number[]): boolean {
  return prefix.every((byte, i) => ip.bytes[i] === byte);
}

const isUnspecified = (ip: Ip): boolean => ip.bytes.every((byte) => byte === 0);
const is4 = (ip: Ip): boolean => ip.bytes.length === 4;
const isLoopback = (ip: Ip): boolean =>
  is4(ip) ? starts(ip, 127) : ip.bytes.every((byte, i) => byte === (i === 15 ? 1 : 0));
const isLinkLocalMulticast = (ip: Ip): boolean =>
  is4(ip) ? starts(ip, 224, 0, 0) : ip.bytes[0] === 255 && (ip.bytes[1]! & 15) === 2;
const isLinkLocalUnicast = (ip: Ip): boolean =>
  is4(ip) ? starts(ip, 169, 254) : ip.bytes[0] === 0xfe && (ip.bytes[1]! & 0xc0) === 0x80;
const isMulticast = (ip: Ip): boolean =>
  is4(ip) ? (ip.bytes[0]! & 0xf0) === 0xe0 : ip.bytes[0] === 255;
const isBroadcast = (ip: Ip): boolean => is4(ip) && ip.bytes.every((byte) => byte === 255);

export const addresses: Library = {
  'ip(string) -> ip': parseIp,
  'ip#family() -> int': (ip: Ip) => (is4(ip) ? 4n : 6n),
  'ip.isCanonical(string) -> bool': (text: string) => String(parseIp(text)) === text,
  'isIP(string) -> bool': (text: string) => attempt(() => parseIp(text)),
  'ip#isUnspecified() -> bool': isUnspecified,
  'ip#isLoopback() -> bool': isLoopback,
  'ip#isLinkLocalMulticast() -> bool': isLinkLocalMulticast,
  'ip#isLinkLocalUnicast() -> bool': isLinkLocalUnicast,
  'ip#isGlobalUnicast() -> bool': (ip: Ip) =>
    ![isUnspecified, isLoopback, isMulticast, isLinkLocalUnicast, isBroadcast].some((is) => is(ip)),
};

export class Cidr extends Opaque {
  readonly type: Type = cidrType;
  readonly ip: Ip;
  readonly bits: number;

  constructor(ip: Ip, bits: number) {
    super();
    this.ip = ip;
    this.bits = bits;
  }

  /** cel-go's cost counts the bytes that the mask needs. */
  override get size(): number {
    return Math.ceil(this.bits / 8);
  }

  override equals(other: Cidr): boolean {
    return this.bits === other.bits && this.ip.equals(other.ip);
  }

  override toString(): string {
    return `${this.ip}/${this.bits}`;
  }

  masked(): Cidr {
    return new Cidr(new Ip(this.ip.bytes.map((byte, i) => byte & maskAt(this.bits, i))), this.bits);
  }

  contains(ip: Ip): boolean {
    const own = this.ip.bytes;
    if (own.length !== ip.bytes.length) return false;
    return own.every((byte, i) => ((byte ^ ip.bytes[i]!) & maskAt(this.bits, i)) === 0);
  }
}

/** The mask's byte at `index` for a prefix of so many bits. */
function maskAt(bits: number, index: number): number {
  const left = Math.min(Math.max(bits - index * 8, 0), 8);
  return (0xff << (8 - left)) & 0xff;
}

function parseCidr(text: string): Cidr {
  const slash = text.lastIndexOf('/');
  const bits = text.slice(slash + 1);
  const fail = (why: string): never => {
    const prefix = 'network address parse error during conversion from string: ';
    throw new EvaluationError(`${prefix}${prefix}netip.ParsePrefix(${quoteGo(text)}): ${why}`);
  };
  if (slash < 0) fail("no '/'");
  const address = text.slice(0, slash);
  const bytes = bytesOf(address) ?? fail(`ParseAddr(${quoteGo(address)}): ${whyNoIp(address)}`);
  if (!/^(0|[1-9]\d{0,2})$/.test(bits)) fail(`bad bits after slash: ${quoteGo(bits)}`);
  if (Number(bits) > bytes.length * 8) fail('prefix length out of range');
  if (isMapped(bytes))
    throw new EvaluationError(
      'network address parse error during conversion from string: ' +
        `IPv4-mapped IPv6 address ${quoteGo(text)} is not allowed`,
    );
  return new Cidr(new Ip(bytes), Number(bits));
}

const containsCidr = (outer: Cidr, inner: Cidr): boolean =>
  outer.contains(inner.ip) && outer.bits <= inner.bits;

export const networks: Library = {
  'cidr(string) -> cidr': parseCidr,
  'cidr#containsIP(string) -> bool': (cidr: Cidr, ip: string) => cidr.contains(parseIp(ip)),
  'cidr#containsIP(ip) -> bool': (cidr: Cidr, ip: Ip) => cidr.contains(ip),
  'cidr#containsCIDR(string) -> bool': (cidr: Cidr, other: string) =>
    containsCidr(cidr, parseCidr(other)),
  'cidr#containsCIDR(cidr) -> bool': containsCidr,
  'cidr#ip() -> ip': (cidr: Cidr) => cidr.ip,
  'cidr#prefixLength() -> int': (cidr: Cidr) => BigInt(cidr.bits),
  'cidr#masked() -> cidr': (cidr: Cidr) => cidr.masked(),
  'isCIDR(string) -> bool': (text: string) => attempt(() => parseCidr(text)),
};

class Url extends Opaque {
  readonly type: Type = urlType;
  readonly text: string;
  readonly scheme: string;
  readonly host: string;
  readonly path: string;
  readonly query: string;

  constructor(
    text: string,
    [scheme, host, path, query]: readonly [string, string, string, string],
  ) {
    super();
    this.text = text;
    this.scheme = scheme;
    this.host = host;
    this.path = path;
    this.query = query;
  }

  override equals(other: Url): boolean {
    return this.text === other.text;
  }

  override toString(): string {
    return this.text;
  }

  get hostname(): string {
    const found = /^\[(.*)\](?::\d*)?$/.exec(this.host);
    return found?.[1] ?? this.host.replace(/:\d*$/, '');
  }

  get port(): string {
    return /:(\d*)$/.exec(this.host.replace(/^\[.*\]/, ''))?.[1] ?? '';
  }
}

const urlParts = /^(?:([a-zA-Z][a-zA-Z0-9+.-]*):)?(?:\/\/([^/?#]*))?([^?]*)(?:\?(.*))?$/s;

/** As Go's url.ParseRequestURI: absolute, or a path from the root. */
function parseUrl(text: string): Url {
  const fail = (why: string): never => {
    throw new EvaluationError(
      `URL parse error during conversion from string: parse ${quoteGo(text)}: ${why}`,
    );
  };
  if (/\p{Cc}/u.test(text)) fail('net/url: invalid control character in URL');
  if (text === '') fail('empty url');
  const [, scheme = '', authority, path = '', query = ''] = urlParts.exec(text)!;
  if (scheme === '' && /^:/.test(text)) fail('missing protocol scheme');
  if (!text.startsWith('/') && (scheme === '' || (authority === undefined && path[0] !== '/')))
    if (scheme === '') fail('invalid URI for request');
  const bad = /%(?![0-9a-fA-F]{2}).{0,2}/s.exec(path);
  if (bad !== null) fail(`invalid URL escape ${quoteGo(bad[0])}`);
  const host = (authority ?? '').replace(/^.*@/s, '');
  const badHost = /[ "<>\\^`{|}]/.exec(host);
  if (badHost !== null) fail(`invalid character ${quoteGo(badHost[0])} in host name`);
  const port = /:([^\]:]*)$/.exec(host)?.[1];
  if (port !== undefined && !/^\d*$/.test(port))
    fail(`invalid port ${quoteGo(`:${port}`)} after host`);
  if (authority === undefined && scheme !== '' && !path.startsWith('/'))
    return new Url(text, [scheme.toLowerCase(), '', '', query]);
  return new Url(text, [scheme.toLowerCase(), host, path, query]);
}

function queryOf({ query }: Url): LiteralMap {
  const values = new Map<string, string[]>();
  for (const [name, value] of new URLSearchParams(query))
    values.set(name, [...(values.get(name) ?? []), value]);
  return new LiteralMap(values);
}

const escapePath = (path: string): string =>
  path.replace(/[^A-Za-z0-9\-._~$&+,/:;=@!'()*%[\]]/gu, (sign) => encodeURIComponent(sign));

export const urls: Library = {
  'url(string) -> url': parseUrl,
  'isURL(string) -> bool': (text: string) => attempt(() => parseUrl(text)),
  'url#getScheme() -> string': ({ scheme }: Url) => scheme,
  'url#getHost() -> string': ({ host }: Url) => host,
  'url#getHostname() -> string': ({ hostname }: Url) => hostname,
  'url#getPort() -> string': ({ port }: Url) => port,
  'url#getEscapedPath() -> string': ({ path }: Url) => escapePath(path),
  'url#getQuery() -> map(string, list(string))': queryOf,
};
