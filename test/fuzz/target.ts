/**
 * What is fuzzed: a whole federation in this process with a member whose answers can be damaged,
 * two tenants, and something of the one that the other must never see.
 */
import type { Dice } from '../../sim/dice.ts';
import { WallClock } from '../../src/base/clock.ts';
import type { Logger } from '../../src/base/log.ts';
import { SystemRandom } from '../../src/base/random.ts';
import type { RestClient } from '../../src/client/rest.ts';
import type { Transport, TransportResponse } from '../../src/client/transport.ts';
import { type Federation, startFederation } from '../../src/main/federation.ts';
import { Telemetry } from '../../src/main/telemetry.ts';
import type { OpenTransport } from '../../src/members/connection.ts';
import { joinMember } from '../../src/members/join.ts';
import { createSandboxMember } from '../../src/sandbox/member.ts';
import { findAmong, joinSandboxes, openSandboxes } from '../../src/sandbox/open.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { damaged } from './mutate.ts';

/** Stands in tenant-b's objects only. */
export const canary = 'canary-7f3a91c2';

export interface Target {
  readonly federation: Federation;
  /** Bearer token of a user who may do everything in namespace tenant-a, and nothing else. */
  readonly token: string;
  /** Errors that the program itself logged. */
  readonly logged: readonly string[];
  /** From now on the member's answers are damaged, with this probability each. */
  damage(probability: number): void;
  /** Deletes what was made, so that the store does not grow. */
  sweep(): Promise<void>;
  stop(): Promise<void>;
}

const clock = new WallClock();
const random = new SystemRandom();

export async function startTarget(dice: Dice): Promise<Target> {
  const logged: string[] = [];
  const log = loggerInto(logged);
  const member = createSandboxMember({
    clock,
    random,
    log,
    name: 'eu-west',
    region: 'eu',
    zone: 'eu-a',
    nodes: 2,
    podsPerNode: 20,
  });
  const sandbox = await member;
  const find = findAmong([sandbox]);
  const fault = { probability: 0 };
  const store = new MemoryStore({ clock, random });
  const telemetry = new Telemetry({ clock });
  const federation = await startFederation({
    store,
    clock,
    random,
    log,
    telemetry,
    openTransport: damaging(openSandboxes(find), dice, fault),
    tokens: [
      (token) => (token === 'tenant-a' ? { name: 'tenant-a', groups: [], extra: {} } : undefined),
    ],
    audiences: ['fuzz'],
    instance: 'fuzz',
    term: 1,
    salt: 'salt',
    failoverAfterMs: 300_000,
    preflight: true,
  });
  const { client } = federation;
  const home = await client.get('/api/v1/namespaces/kube-system');
  await joinMember({
    federation: client,
    federationId: home.object().metadata.uid!,
    name: 'eu-west',
    settings: { server: sandbox.server, clock },
    clock,
    openTransport: joinSandboxes(find),
  });
  await furnish(federation);
  return {
    federation,
    token: 'tenant-a',
    logged,
    damage: (probability) => {
      fault.probability = probability;
    },
    sweep: () => sweep(federation),
    async stop() {
      await federation.stop();
      telemetry.stop();
      await sandbox.stop();
      await store.close();
    },
  };
}

async function furnish({ client }: Federation): Promise<void> {
  const metadata = (name: string) => ({ metadata: { name } });
  for (const name of ['tenant-a', 'tenant-b'])
    await client.create('/api/v1/namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      ...metadata(name),
    });
  const b = '/api/v1/namespaces/tenant-b';
  const data = { secret: canary };
  await client.create(`${b}/configmaps`, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    ...metadata('canary'),
    data,
  });
  await client.create(`${b}/secrets`, {
    apiVersion: 'v1',
    kind: 'Secret',
    ...metadata('canary'),
    stringData: data,
  });
  // Everything about them in one namespace, so that requests get as far as they can.
  const rbac = '/apis/rbac.authorization.k8s.io/v1/namespaces/tenant-a';
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  const resources = ['configmaps', 'secrets', 'services', 'deployments', 'rolebindings'].flatMap(
    (name) => [name, `${name}/status`, `${name}/scale`],
  );
  resources.push('serviceaccounts', 'serviceaccounts/token', 'pods', 'pods/log');
  await client.create(`${rbac}/roles`, {
    apiVersion,
    kind: 'Role',
    ...metadata('all'),
    // But not the namespace itself: without it nothing is left to be tried.
    rules: [{ apiGroups: ['*'], resources, verbs: ['*'] }],
  });
  await bind(client);
}

/** The tenant may delete its own rights, and gets them again. */
async function bind(client: RestClient): Promise<void> {
  const path = '/apis/rbac.authorization.k8s.io/v1/namespaces/tenant-a/rolebindings';
  const object = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { name: 'all' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'all' },
    subjects: [{ kind: 'User', name: 'tenant-a', apiGroup: 'rbac.authorization.k8s.io' }],
  };
  await client.create(path, object).catch(() => {});
}

const swept = [
  '/api/v1/namespaces/tenant-a/configmaps',
  '/api/v1/namespaces/tenant-a/secrets',
  '/api/v1/namespaces/tenant-a/services',
  '/apis/apps/v1/namespaces/tenant-a/deployments',
];

async function sweep({ client }: Federation): Promise<void> {
  await bind(client);
  for (const path of swept) {
    const { items } = await client.list(path);
    for (const { metadata } of items) {
      const target = `${path}/${encodeURIComponent(metadata.name!)}`;
      const body = { metadata: { finalizers: null } };
      await client.patch(target, { type: 'application/merge-patch+json', body }).catch(() => {});
      await client.delete(target).catch(() => {});
    }
  }
}

/** Answers of the member with bytes changed, cut off, or never ending. */
function damaging(open: OpenTransport, dice: Dice, fault: { probability: number }): OpenTransport {
  return (cluster, credential) => {
    const inner: Transport = open(cluster, credential);
    return {
      ...(inner.upgrade === undefined ? {} : { upgrade: (request) => inner.upgrade!(request) }),
      close: () => inner.close(),
      request: async (request) => {
        const response = await inner.request(request);
        return fault.probability === 0 ? response : broken(response, dice, fault);
      },
    };
  };
}

function broken(
  response: TransportResponse,
  dice: Dice,
  fault: { probability: number },
): TransportResponse {
  const hit = (): boolean => dice.chance(fault.probability);
  const status = hit()
    ? dice.pick([200, 201, 204, 301, 400, 401, 403, 404, 409, 410, 429, 500, 503])
    : response.status;
  return {
    status,
    headers: hit() ? { 'content-type': 'text/html' } : response.headers,
    body: (async function* () {
      for await (const chunk of response.body) yield hit() ? damaged(dice, chunk) : chunk;
    })(),
    bytes: async () => {
      const bytes = await response.bytes();
      return hit() ? damaged(dice, bytes) : bytes;
    },
  };
}

function loggerInto(logged: string[]): Logger {
  const error = (message: string, fields: object = {}): void => {
    logged.push(`${message} ${JSON.stringify(fields)}`);
  };
  return { debug: () => {}, info: () => {}, warn: () => {}, error };
}
