/** A real kube-apiserver and ours side by side: the same requests, comparable answers. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Fleet, startFleet } from '../../../testbed/fleet.ts';
import { WallClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/log.ts';
import { Metrics } from '../../base/metrics.ts';
import { SystemRandom } from '../../base/random.ts';
import { warningsOf } from '../../client/answer-error.ts';
import { TlsTransport } from '../../client/tls-transport.ts';
import type { Transport } from '../../client/transport.ts';
import type { JsonObject } from '../../kube/object.ts';
import { MemoryStore } from '../../store/memory.ts';
import { type Api, createApi } from '../api.ts';
import { authenticator } from '../auth/authenticate.ts';
import { loadPki } from '../auth/pki-files.ts';
import { RbacIndex } from '../auth/rbac.ts';
import { loadRecordedTypes } from '../catalog/recorded.fixture.ts';
import { createHandler } from '../handler.ts';
import { inProcessTransport } from '../in-process.ts';

export interface Sent {
  readonly method?: string;
  readonly path: string;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  readonly warnings: readonly string[];
  readonly body: JsonObject;
}

export type Send = (sent: Sent) => Promise<Answer>;

/** What a webhook of the test does: its answer, or undefined to let the connection hang. */
export type Behaviour = (
  review: JsonObject,
) => { readonly code?: number; readonly body: unknown } | undefined;

export interface Both extends AsyncDisposable {
  readonly real: Send;
  readonly ours: Send;
  readonly api: Api;
  /** Of ours. */
  readonly metrics: Metrics;
  /** Into ours. */
  readonly transport: Transport;
  readonly fleet: Fleet;
  /** `https://127.0.0.1:PORT` and the PEM that it is trusted by, in base64. */
  readonly hooks: { readonly url: string; readonly caBundle: string };
}

/** Behaviours are reached by the last segment of a webhook's path; all of it names who called. */
export async function startBoth(
  behaviours: Readonly<Record<string, Behaviour>>,
  seen: (path: string, review: JsonObject) => void,
): Promise<Both> {
  const folder = mkdtempSync(join(tmpdir(), 'admission-'));
  const [clock, random] = [new WallClock(), new SystemRandom()];
  const pki = await loadPki({ directory: folder, hosts: ['127.0.0.1'], clock, random });
  const server = hookServer(pki.serving, behaviours, seen);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const fleet = await startFleet({ members: [{ name: 'real', full: false }] });
  const member = fleet.members[0]!;
  const real = new TlsTransport({
    server: member.directServer,
    ca: member.ca,
    token: () => member.adminToken,
    clock,
  });
  const authorizer = new RbacIndex();
  const metrics = new Metrics();
  const store = new MemoryStore({ clock, random });
  const api = await createApi({
    ...{ store, clock, random, logger: silentLogger, kinds: [] },
    admission: {
      authorizer,
      metrics,
      openWebhook: (address, ca) =>
        new TlsTransport({ server: address, clock, ...(ca === undefined ? {} : { ca }) }),
    },
  });
  await api.catalog.setMember('recorded', loadRecordedTypes());
  const handler = createHandler({
    ...{ types: api.typeSource, nonResources: api.nonResources, clock, random },
    authenticate: authenticator({ tokens: [] }),
    authorizer,
    log: silentLogger,
  });
  const admin = { name: 'admin', groups: ['system:masters'], extra: {} };
  const transport = inProcessTransport(handler, admin);
  return {
    real: sending(real),
    ours: sending(transport),
    transport,
    api,
    metrics,
    fleet,
    hooks: {
      url: `https://127.0.0.1:${port}`,
      caBundle: Buffer.from(pki.authority).toString('base64'),
    },
    async [Symbol.asyncDispose]() {
      api.close();
      server.closeAllConnections();
      server.close();
      await real.close();
      await fleet.stop();
      rmSync(folder, { recursive: true });
    },
  };
}

function hookServer(
  { key, certificate }: { key: string; certificate: string },
  behaviours: Readonly<Record<string, Behaviour>>,
  seen: (path: string, review: JsonObject) => void,
): Server {
  return createServer({ key, cert: certificate }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const path = request.url!.split('?', 1)[0]!;
      const review = JSON.parse(Buffer.concat(chunks).toString('utf8')) as JsonObject;
      seen(path, review);
      const answer = behaviours[path.split('/').at(-1)!]!(review);
      if (answer === undefined) return;
      const text = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body);
      response.writeHead(answer.code ?? 200, { 'content-type': 'application/json' });
      response.end(text);
    });
  });
}

function sending(transport: Transport): Send {
  return async ({ method = 'GET', path, body, contentType, headers }) => {
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const response = await transport.request({
      method,
      path,
      headers: {
        accept: 'application/json',
        'user-agent': 'test',
        'impersonate-user': 'ada',
        'impersonate-group': 'system:masters',
        ...(body === undefined ? {} : { 'content-type': contentType ?? type }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: Buffer.from(JSON.stringify(body)) }),
    });
    const bytes = await response.bytes();
    return {
      status: response.status,
      warnings: warningsOf(response.headers),
      body: JSON.parse(bytes.toString('utf8')) as JsonObject,
    };
  };
}

/** Without what two servers cannot agree on, and without what Go writes of empty structs. */
export function comparable(value: unknown, key = ''): unknown {
  if (/^(uid|resourceVersion|time)$|[tT]imestamp$/.test(key)) return undefined;
  if (Array.isArray(value)) {
    const items = value.map((item) => comparable(item));
    // Their order hangs on the time.
    return key === 'managedFields' ? items.map((item) => JSON.stringify(item)).sort() : items;
  }
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value)
    .map(([name, each]) => [name, comparable(each, name)] as const)
    .filter(([, each]) => !isEmpty(each))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries);
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined) return true;
  return typeof value === 'object' && !Array.isArray(value) && Object.keys(value).length === 0;
}
