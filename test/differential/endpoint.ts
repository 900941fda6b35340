/** The two servers that are held against each other, spoken to in one way. */
import { Agent, request } from 'undici';
import { createApi } from '../../src/apiserver/api.ts';
import { authenticator } from '../../src/apiserver/auth/authenticate.ts';
import { loadRecordedTypes } from '../../src/apiserver/catalog/recorded.fixture.ts';
import { createHandler } from '../../src/apiserver/handler.ts';
import { inProcessTransport } from '../../src/apiserver/in-process.ts';
import type { ApiHandler } from '../../src/apiserver/types.ts';
import { WallClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/log.ts';
import { SystemRandom } from '../../src/base/random.ts';
import { RestClient } from '../../src/client/rest.ts';
import { parseJson } from '../../src/kube/json.ts';
import type { Json } from '../../src/kube/object.ts';
import { Definitions } from '../../src/lifecycle/definitions.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import type { Member } from '../../testbed/member.ts';

export interface Request {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With its query. */
  readonly path: string;
  readonly contentType?: string;
  /** Default: JSON. */
  readonly accept?: string;
  readonly body?: string | Buffer;
  /** Default: that of the generated requests. */
  readonly userAgent?: string;
}

export interface Answer {
  readonly status: number;
  readonly contentType: string;
  /** As it came. */
  readonly bytes: Buffer;
  /** Of JSON; null of everything else. */
  readonly body: Json;
  readonly warnings: readonly string[];
}

export interface Endpoint {
  send(request: Request): Promise<Answer>;
  close(): Promise<void>;
}

/** The user of both: every right. */
const administrator = {
  name: 'admin',
  groups: ['system:masters', 'system:authenticated'],
  extra: {},
};

/** A real kube-apiserver. */
export function oracleOf(member: Pick<Member, 'ca' | 'directServer' | 'adminToken'>): Endpoint {
  const agent = new Agent({ connect: { ca: member.ca } });
  return {
    async send({ method, path, contentType, accept, body, userAgent }) {
      const response = await request(`${member.directServer}${path}`, {
        dispatcher: agent,
        method,
        headers: {
          authorization: `Bearer ${member.adminToken}`,
          ...headersOf(contentType, accept, userAgent),
        },
        ...(body === undefined ? {} : { body }),
      });
      const bytes = Buffer.from(await response.body.arrayBuffer());
      const { headers } = response;
      return answer(response.statusCode, bytes, headers);
    },
    close: () => agent.destroy(),
  };
}

/** Our API server in this process, with the types of a recorded Kubernetes and an empty store. */
export async function ourEndpoint(): Promise<Endpoint> {
  const [clock, random, log] = [new WallClock(), new SystemRandom(), silentLogger];
  const store = new MemoryStore({ clock, random });
  // Dependents wait to be collected, as in a kube-apiserver without its controllers.
  const processes = (): boolean => true;
  const api = await createApi({ store, clock, random, logger: log, kinds: [], processes });
  await api.catalog.setMember('recorded', loadRecordedTypes());
  const handler = createHandler({
    types: api.typeSource,
    nonResources: api.nonResources,
    authenticate: authenticator({ tokens: [] }),
    authorizer: { authorize: () => ({ allowed: true, reason: '' }) },
    clock,
    random,
    log,
  });
  // The part of kube-apiserver that makes custom kinds served.
  const client = new RestClient(inProcessTransport(handler, administrator), {
    userAgent: 'definitions',
  });
  const definitions = new Definitions({
    ...{ client, clock, random, log },
    types: () => api.catalog.list(),
  });
  definitions.start();
  return {
    ...handledBy(handler),
    async close() {
      await definitions.stop();
      api.close();
      await store.close();
    },
  };
}

/** A handler of this process, asked by the administrator. */
export function handledBy(handler: ApiHandler): Endpoint {
  const signal = new AbortController().signal;
  return {
    async send({ method, path, contentType, accept, body, userAgent }) {
      const response = await handler({
        method,
        path,
        headers: headersOf(contentType, accept, userAgent),
        body: body === undefined ? undefined : Buffer.from(body),
        signal,
        user: administrator,
      });
      const chunks: Buffer[] = [];
      if (Buffer.isBuffer(response.body)) chunks.push(response.body);
      else for await (const chunk of response.body) chunks.push(chunk);
      return answer(response.status, Buffer.concat(chunks), response.headers);
    },
    close: () => Promise.resolve(),
  };
}

function headersOf(
  contentType: string | undefined,
  accept = 'application/json',
  userAgent = 'differential/v1',
): Record<string, string> {
  return {
    accept,
    'user-agent': userAgent,
    ...(contentType === undefined ? {} : { 'content-type': contentType }),
  };
}

function answer(
  status: number,
  bytes: Buffer,
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
): Answer {
  const { warning: warnings } = headers;
  const contentType = String(headers['content-type'] ?? '');
  const isJson = contentType === 'application/json' && bytes[0] === 0x7b;
  return {
    status,
    contentType,
    bytes,
    body: isJson ? jsonOf(bytes) : null,
    warnings: warnings === undefined ? [] : [warnings].flat(),
  };
}

/** The only value, or of a stream the list of all of them. */
function jsonOf(bytes: Buffer): Json {
  const lines = bytes.toString('utf8').trimEnd().split('\n');
  if (lines.length === 1 || !lines.every((line) => line.startsWith('{')))
    return parseJson(bytes).value;
  return lines.map((line) => parseJson(line).value);
}
