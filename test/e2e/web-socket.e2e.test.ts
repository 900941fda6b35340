/**
 * Watches over WebSockets, as pages in a browser have them, beside a real kube-apiserver: from the
 * handshake to the farewell.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { parse } from 'yaml';
import { membersAvailable } from '../../testbed/binaries.ts';
import { waitUntil } from '../../testbed/waiting.ts';
import { Beside } from './beside.ts';

const required = process.env['REQUIRE_MEMBERS'] === '1';
const skip = !required && !membersAvailable('bare') && 'no testbed';
const path = '/api/v1/namespaces/default/configmaps?watch=1&fieldSelector=metadata.name%3Dshown';
const page = { origin: 'https://page.example' };
const protocol = 'sec-websocket-protocol';
const bearer = 'base64url.bearer.authorization.k8s.io.';

describe('a watch over a WebSocket', { skip }, () => {
  let beside: Beside;
  let both: readonly [ours: Endpoint, theirs: Endpoint];
  const open: Connection[] = [];

  before(async () => {
    beside = await Beside.start({ members: 0 });
    await beside.same('create configmap shown --from-literal=n=1');
    await beside.same('create serviceaccount shown');
    await beside.same('create role shown --verb=get,list,watch --resource=configmaps');
    await beside.same('create rolebinding shown --role=shown --serviceaccount=default:shown');
    const mayWatch = 'auth can-i watch configmaps --as=system:serviceaccount:default:shown';
    await waitUntil({
      what: 'the role to count at both',
      check: async () => {
        const both = await Promise.all([beside.ours(mayWatch), beside.theirs(mayWatch)]);
        return both.every(({ code }) => code === 0);
      },
    });
    const tokens = await Promise.all([
      beside.ours('create token shown'),
      beside.theirs('create token shown'),
    ]);
    const [ours, theirs] = await Promise.all([
      endpointOf(beside.federation.kubeconfig),
      endpointOf(beside.oracle.kubeconfig),
    ]);
    both = [
      { ...ours, token: tokens[0].stdout.trim() },
      { ...theirs, token: tokens[1].stdout.trim() },
    ];
  });

  after(async () => {
    for (const each of open) each.socket.destroy();
    await beside?.stop();
  });

  /** The same request at both, with what differs between servers in `own`. */
  async function asked(headers: Headers, own?: (at: Endpoint) => Headers, at = path) {
    const ask = async (endpoint: Endpoint): Promise<Connection> => {
      const more = own?.(endpoint) ?? endpoint.credentials;
      const connection = await Connection.open(endpoint, at, { ...headers, ...more });
      open.push(connection);
      return connection;
    };
    const [ours, theirs] = await Promise.all([ask(both[0]), ask(both[1])]);
    assert.deepEqual(ours.shown(), theirs.shown(), JSON.stringify(headers));
    return [ours, theirs] as const;
  }

  test('is opened, or refused, as there', async () => {
    for (const headers of [
      {},
      page,
      { origin: 'null' },
      { ...page, [protocol]: 'base64.binary.k8s.io' },
      { ...page, [protocol]: 'of no meaning' },
      { ...page, [protocol]: 'base64.binary.k8s.io, binary.k8s.io' },
      { ...page, 'sec-websocket-version': '8' },
      { ...page, 'sec-websocket-key': '' },
      { ...page, accept: 'application/yaml' },
    ])
      await asked(headers);
    for (const other of [
      '/api/v1/namespaces/default/nothings?watch=1',
      '/api/v1/namespaces/default/configmaps?watch=1&resourceVersion=x',
      '/healthz',
    ])
      await asked(page, undefined, other);
  });

  test('knows who asks by a token among the protocols', async () => {
    const offer = (protocols: (token: string) => string) => (at: Endpoint) => ({
      [protocol]: protocols(bearer + Buffer.from(at.token).toString('base64url')),
    });
    const [known] = await asked(
      page,
      offer((token) => `${token}, base64.binary.k8s.io`),
    );
    assert.match(known.head, /^HTTP\/1.1 101 /);
    for (const wrong of [
      offer((token) => token),
      offer((token) => `${token}x, base64.binary.k8s.io`),
      offer((token) => `${token}, ${token}, base64.binary.k8s.io`),
      offer(() => `${bearer}!!!, base64.binary.k8s.io`),
    ])
      await asked(page, wrong);
  });

  test('sends each event as a message of its own, in every form', async () => {
    for (const accept of [
      'application/json',
      'application/vnd.kubernetes.protobuf',
      'application/json;as=Table;v=v1;g=meta.k8s.io',
      'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io',
    ]) {
      const watches = await asked({ ...page, accept });
      for (const watch of watches) await watch.until('the object', 1);
      for (const n of ['2', '3'])
        await beside.same([
          'patch',
          'configmap',
          'shown',
          '--type=merge',
          `-p={"data":{"n":"${n}${accept.length}"}}`,
        ]);
      for (const watch of watches) await watch.until('three events', 3);
      const [ours, theirs] = watches.map((watch) => watch.frames());
      assert.deepEqual(
        ours!.map(({ first }) => first),
        theirs!.map(({ first }) => first),
      );
      if (accept.includes('protobuf')) continue;
      const types = ours!.map(({ payload }) => JSON.parse(payload.toString('utf8')).type);
      assert.deepEqual(types, ['ADDED', 'MODIFIED', 'MODIFIED']);
    }
  });

  test('answers pings, and says farewell', async () => {
    const masked = [0, 0, 0, 0];
    for (const [said, heard] of [
      [[0x89, 0x82, ...masked, 65, 66], [0x8a]],
      [[0x81, 0x81, ...masked, 65, 0x89, 0x80, ...masked], [0x8a]],
      [[0x88, 0x82, ...masked, 3, 0xe8], [0x88]],
    ] as const) {
      const watches = await asked(page);
      for (const watch of watches) {
        await watch.until('the object', 1);
        watch.socket.write(Buffer.from(said));
        await watch.until('an answer', 2);
        const answers = watch.frames().slice(1);
        assert.deepEqual(
          answers.map(({ first }) => first),
          heard,
        );
      }
    }
    const timed = await asked(page, undefined, `${path}&timeoutSeconds=1`);
    for (const watch of timed) {
      await watch.until('the end', 2);
      const farewell = watch.frames()[1]!;
      assert.deepEqual([farewell.first, ...farewell.payload], [0x88, 0x03, 0xe8]);
    }
  });

  test('ends when the server stops', async () => {
    const watch = await Connection.open(both[0], path, { ...page, ...both[0].credentials });
    open.push(watch);
    await watch.until('the object', 1);
    await beside.federation.stop();
    await watch.until('a farewell', 2);
    assert.equal(watch.frames()[1]!.first, 0x88);
    await beside.federation.start();
  });
});

type Headers = Readonly<Record<string, string>>;

interface Endpoint {
  readonly host: string;
  readonly port: number;
  readonly credentials: Headers;
  readonly certificate: { readonly cert?: string; readonly key?: string };
  readonly token: string;
}

async function endpointOf(kubeconfig: string): Promise<Endpoint> {
  const config = parse(await readFile(kubeconfig, 'utf8'));
  const { hostname, port } = new URL(config.clusters[0].cluster.server);
  const { user } = config.users[0];
  const decoded = (text: string | undefined) =>
    text === undefined ? undefined : Buffer.from(text, 'base64').toString('utf8');
  const cert = decoded(user['client-certificate-data']);
  const key = decoded(user['client-key-data']);
  return {
    host: hostname,
    port: Number(port),
    credentials: user.token === undefined ? {} : { authorization: `Bearer ${user.token}` },
    certificate: cert === undefined || key === undefined ? {} : { cert, key },
    token: '',
  };
}

interface Frame {
  readonly first: number;
  readonly payload: Buffer;
}

/** A connection on which a watch was asked for, byte for byte. */
class Connection {
  readonly socket: TLSSocket;
  #received = Buffer.alloc(0);
  #ended = false;

  private constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
    });
    for (const end of ['error', 'close', 'end'] as const)
      socket.on(end, () => {
        this.#ended = true;
      });
  }

  /** Resolves when the answer is there, whole: with 101, its head. */
  static async open(endpoint: Endpoint, path: string, headers: Headers): Promise<Connection> {
    const { host, port, certificate, token } = endpoint;
    const bare = headers[protocol]?.includes(bearer) && token !== '';
    const connection = new Connection(
      connect({
        host,
        port,
        rejectUnauthorized: false,
        ALPNProtocols: ['http/1.1'],
        ...(bare ? {} : certificate),
      }),
    );
    const sent = {
      host: `${host}:${port}`,
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'sec-websocket-version': '13',
      ...headers,
    };
    const lines = Object.entries(sent).map(([name, value]) => `${name}: ${value}\r\n`);
    connection.socket.write(`GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`);
    await waitUntil({
      what: `an answer to ${path} ${JSON.stringify(headers)}`,
      check: async () => connection.#complete(),
      everyMs: 20,
    });
    return connection;
  }

  get head(): string {
    const end = this.#received.indexOf('\r\n\r\n');
    return end === -1 ? '' : this.#received.subarray(0, end).toString('latin1');
  }

  get #body(): Buffer {
    return this.#received.subarray(this.#received.indexOf('\r\n\r\n') + 4);
  }

  #complete(): boolean {
    if (this.head === '') return false;
    const length = /content-length: (\d+)/i.exec(this.head)?.[1];
    return /^HTTP\/1.1 101/.test(this.head) || this.#ended || this.#body.length >= Number(length);
  }

  /** What must be the same at both: status, the handshake's headers, and what a refusal says. */
  shown(): unknown {
    const [status, ...headers] = this.head.split('\r\n');
    const handshake = headers
      .map((line) => line.replace(/^[^:]+/, (name) => name.toLowerCase()))
      .filter((line) => line.startsWith('sec-') || line === 'upgrade: websocket');
    const refusal = status!.includes(' 101 ') ? '' : this.#body.toString('utf8').trim();
    return { status, handshake: handshake.sort(), refusal: shownYaml(refusal) };
  }

  /** Messages and control frames that have come whole. */
  frames(): Frame[] {
    const bytes = this.#body;
    const frames: Frame[] = [];
    for (let at = 0; at + 2 <= bytes.length; ) {
      // None of them is so long that it would take eight bytes to say so.
      const short = bytes[at + 1]! < 126;
      const start = at + (short ? 2 : 4);
      if (start > bytes.length) break;
      const length = short ? bytes[at + 1]! : bytes.readUInt16BE(at + 2);
      if (start + length > bytes.length) break;
      frames.push({ first: bytes[at]!, payload: bytes.subarray(start, start + length) });
      at = start + length;
    }
    return frames;
  }

  until(what: string, count: number): Promise<void> {
    return waitUntil({ what, check: async () => this.frames().length >= count, everyMs: 20 });
  }
}

/** A Status in YAML may break its lines elsewhere. */
function shownYaml(text: string): unknown {
  return text.startsWith('apiVersion:') ? parse(text) : text;
}
