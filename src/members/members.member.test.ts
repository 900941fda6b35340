import assert from 'node:assert/strict';
import { after, describe, type TestContext, test } from 'node:test';
import { requireMembers } from '../../testbed/binaries.ts';
import { cutOff, reconnect } from '../../testbed/faults.ts';
import { type Fleet, startFleet } from '../../testbed/fleet.ts';
import type { Member as RealMember } from '../../testbed/member.ts';
import { waitUntil } from '../../testbed/waiting.ts';
import { type Cluster, systemNamespace } from '../api/cluster.ts';
import type { MemberTypes } from '../apiserver/catalog.ts';
import { WallClock } from '../base/clock.ts';
import { UserError } from '../base/errors.ts';
import { SystemRandom } from '../base/random.ts';
import { type ConnectionSettings, connectionOf, parseKubeconfig } from '../client/kubeconfig.ts';
import { RestClient } from '../client/rest.ts';
import { failure, TinyApi } from '../client/tiny-api.ts';
import { TlsTransport } from '../client/tls-transport.ts';
import type { KubeObject } from '../kube/object.ts';
import { tlsTransports } from './connection.ts';
import { MembersController } from './controller.ts';
import { secretAnnotations } from './credentials.ts';
import { type JoinOptions, joinedUid, joinMember, secretNameOf } from './join.ts';
import type { Member } from './member-set.ts';
import { removeFromMember } from './member-side.ts';
import { unjoinMember } from './unjoin.ts';

const clusters = '/apis/ubernetes.dev/v1alpha1/clusters';
const secrets = `/api/v1/namespaces/${systemNamespace}/secrets`;
const namespaces = '/api/v1/namespaces';
const clock = new WallClock();
const random = new SystemRandom();

let fleet: Fleet | undefined;
let starting: Promise<Fleet> | undefined;

async function fleetFor(): Promise<Fleet> {
  starting ??= startFleet({ members: [{ name: 'eu', zone: 'eu-1b', region: 'eu-1', nodes: 2 }] });
  fleet = await starting;
  return fleet;
}

after(() => fleet?.stop());

class Federation {
  readonly api = new TinyApi([clusters, secrets, namespaces]);
  readonly client = new RestClient(this.api, { userAgent: 'test' });
  readonly types = new Map<string, MemberTypes>();
  readonly released: string[] = [];
  readonly id: string;
  controller: MembersController | undefined;

  constructor(id = 'fed-1') {
    this.id = id;
  }

  async join(member: RealMember, name: string, options: Partial<JoinOptions> = {}) {
    return joinMember({
      federation: this.client,
      federationId: this.id,
      name,
      settings: await settingsOf(member),
      clock,
      ...options,
    });
  }

  async start(term = 1, revision = 100): Promise<MembersController> {
    this.controller = new MembersController({
      client: this.client,
      federation: {
        id: this.id,
        instance: 'a',
        term,
        process: `p${term}`,
        currentRevision: () => revision,
        reach: (process) => (process === `p${term}` ? Number.POSITIVE_INFINITY : revision),
      },
      openTransport: tlsTransports(clock),
      clock,
      random,
      onTypes: (name, types) => {
        this.types.set(name, types);
      },
      releaseCopies: async (member, { deleteCopies }) => {
        this.released.push(`${member.name} ${deleteCopies()}`);
      },
    });
    await this.controller.start();
    return this.controller;
  }

  async until(name: string, what: string, check: (member: Member) => boolean): Promise<Member> {
    await waitUntil({
      what: `${name} to be ${what}`,
      check: async () => {
        const member = this.controller!.get(name);
        return member !== undefined && check(member);
      },
      everyMs: 20,
    });
    return this.controller!.get(name)!;
  }

  cluster(name: string): Cluster | undefined {
    return this.api.get(clusters, name) as Cluster | undefined;
  }

  /** Everything it stores, as text. */
  contents(): string {
    const stored = ['eu', 'other'].flatMap((name) => [
      this.api.get(clusters, name),
      this.api.get(secrets, secretNameOf(name)),
    ]);
    return JSON.stringify(stored.filter((object) => object !== undefined));
  }
}

async function settingsOf(member: RealMember): Promise<ConnectionSettings> {
  const context = parseKubeconfig(member.kubeconfigText).context();
  const readFile = (): string => assert.fail('everything is embedded');
  return connectionOf(context, { clock, directory: '/', readFile });
}

async function adminOf(member: RealMember): Promise<RestClient> {
  return new RestClient(new TlsTransport(await settingsOf(member)), { userAgent: 'test' });
}

/** Our things in the member that are still there. */
async function traces(member: RealMember): Promise<string[]> {
  const admin = await adminOf(member);
  const rbac = '/apis/rbac.authorization.k8s.io/v1';
  const paths = [
    `/api/v1/namespaces/${systemNamespace}`,
    ...['propagation', 'impersonation'].flatMap((name) => [
      `${rbac}/clusterroles/ubernetes-${name}`,
      `${rbac}/clusterrolebindings/ubernetes-${name}`,
    ]),
  ];
  const found = await Promise.all(paths.map((path) => admin.find(path)));
  await admin.transport.close();
  return paths.filter((_path, i) => found[i] !== undefined);
}

async function untilClean(member: RealMember): Promise<void> {
  await waitUntil({
    what: 'the member to be clean',
    check: async () => {
      assert.deepEqual(await traces(member), []);
      return true;
    },
    everyMs: 100,
  });
}

async function prepare(t: TestContext): Promise<RealMember | undefined> {
  if (!(await requireMembers(t, 'full'))) return undefined;
  return (await fleetFor()).member('eu');
}

/** Joined, started, ready; unjoined and stopped at the end. */
async function running(t: TestContext, member: RealMember): Promise<Federation> {
  const federation = new Federation();
  await federation.join(member, 'eu');
  await federation.start();
  t.after(async () => {
    await federation.controller!.stop();
    const admin = await adminOf(member);
    await removeFromMember(admin);
    await admin.transport.close();
    await untilClean(member);
  });
  await federation.until('eu', 'writable', ({ health }) => health.writable);
  return federation;
}

function conditionsOf(federation: Federation): string | undefined {
  return federation
    .cluster('eu')
    ?.status?.conditions?.map(({ status }) => status)
    .join(' ');
}

function refusal(pattern: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof UserError, String(error));
    assert.match(error.message, pattern);
    assert.notEqual(error.hint, '');
    return true;
  };
}

describe('joining a real cluster', () => {
  test('a wrong credential, a dead address and a server of another kind leave nothing behind', async (t) => {
    const member = await prepare(t);
    if (member === undefined) return;
    const federation = new Federation();
    const settings = await settingsOf(member);
    const cases: [ConnectionSettings, RegExp][] = [
      [{ ...settings, token: () => 'wrong' }, /does not accept the credential/],
      [{ ...settings, server: 'https://127.0.0.1:1' }, /does not answer/],
      [{ ...settings, server: fleet!.etcd.url }, /no Kubernetes API server/],
      [{ server: settings.server, clock, token: settings.token! }, /does not answer/],
    ];
    for (const [wrong, message] of cases) {
      await assert.rejects(federation.join(member, 'eu', { settings: wrong }), refusal(message));
    }
    await assert.rejects(federation.join(member, 'Not_A_Name'), refusal(/no name for a cluster/));
    assert.equal(federation.contents(), '[]');
    assert.deepEqual(await traces(member), []);
  });

  test('a federation that fails at the last step gets the cluster back as it was', async (t) => {
    const member = await prepare(t);
    if (member === undefined) return;
    const federation = new Federation();
    federation.api.intercept = ({ method, path }) =>
      method === 'POST' && path.startsWith(clusters) ? failure(500, 'InternalError') : undefined;
    await assert.rejects(federation.join(member, 'eu'), refusal(/could not be joined/));
    assert.equal(federation.contents(), '[]');
    await untilClean(member);
  });

  test('the same cluster twice, a name in use and a foreign federation are refused', async (t) => {
    const member = await prepare(t);
    if (member === undefined) return;
    const federation = await running(t, member);
    await assert.rejects(federation.join(member, 'other'), refusal(/joined already, as "eu"/));
    await assert.rejects(federation.join(member, 'eu'), refusal(/name "eu" is taken/));
    const stranger = new Federation('fed-2');
    await assert.rejects(stranger.join(member, 'eu'), refusal(/belongs to another federation/));
    assert.equal(stranger.contents(), '[]');
    assert.equal(federation.controller!.get('eu')!.health.writable, true);
  });
});

describe('a joined cluster', () => {
  test('is seen with its version, place, nodes and types; the admin credential is nowhere', async (t) => {
    const member = await prepare(t);
    if (member === undefined) return;
    const federation = await running(t, member);
    await waitUntil({
      what: 'the status to tell all',
      check: async () => (federation.cluster('eu')?.status?.nodes ?? 0) > 0,
      everyMs: 50,
    });
    const { status } = federation.cluster('eu')!;
    assert.equal(status?.version, member.version);
    assert.deepEqual(status?.zones, ['eu-1b']);
    assert.equal(status?.region, 'eu-1');
    assert.equal(status?.nodes, 2);
    assert.equal(status?.capacity?.['pods'], '40');
    assert.deepEqual(
      status?.conditions?.map((one) => `${one.type}=${one.status}`),
      ['Reachable=True', 'Ready=True', 'CredentialsValid=True', 'Writable=True'],
    );
    assert.equal(federation.contents().includes(member.adminToken), false);
    assert.equal(
      federation.contents().includes(Buffer.from(member.adminToken).toString('base64')),
      false,
    );
    await waitUntil({ what: 'its types', check: async () => federation.types.has('eu') });
    const types = federation.types.get('eu')!;
    assert.ok(types.openapiV3.has('apis/apps/v1'));
    assert.ok(types.discovery.items.some(({ metadata }) => metadata.name === 'apps'));
  });

  test('tells of a new type by itself', async (t) => {
    const member = await prepare(t);
    if (member === undefined) return;
    const federation = await running(t, member);
    await waitUntil({ what: 'its types', check: async () => federation.types.has('eu') });
    const admin = await adminOf(member);
    const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
    await admin.create(crds, widgetDefinition);
    const begun = clock.monotonic();
    await waitUntil({
      what: 'the new type',
      check: async () => federation.types.get('eu')!.openapiV3.has('apis/example.com/v1'),
      everyMs: 20,
    });
    t.diagnostic(`seen after ${Math.round(clock.monotonic() - begun)} ms`);
    await admin.remove(`${crds}/widgets.example.com`);
    await waitUntil({
      what: 'the type to go',
      check: async () => !federation.types.get('eu')!.openapiV3.has('apis/example.com/v1'),
    });
    await admin.transport.close();
  });

  test('is lost when cut off and back at once', async (t) => {
    const member = await prepare(t);
    if (member === undefined) return;
    const federation = await running(t, member);
    await cutOff(member);
    const lost = await federation.until('eu', 'lost', ({ health }) => !health.reachable);
    assert.notEqual(lost.unreachableSince, undefined);
    assert.equal(lost.health.writable, false);
    await assert.rejects(lost.client.get('/version'));
    await waitUntil({
      what: 'the status to say so',
      check: async () => conditionsOf(federation) === 'False False True False',
    });
    await assert.rejects(
      unjoinMember({ federation: federation.client, name: 'eu', clock }),
      refusal(/cannot be cleaned up/),
    );
    await reconnect(member);
    await federation.until('eu', 'back', ({ health }) => health.writable);
    assert.equal((await federation.controller!.get('eu')!.client.get('/version')).status, 200);
    await waitUntil({
      what: 'the status to say so',
      check: async () => conditionsOf(federation) === 'True True True True',
    });
  });

  test('gets a new token before half of the life of the old one', async (t) => {
    const member = await prepare(t);
    if (member === undefined) return;
    const federation = await running(t, member);
    const name = secretNameOf('eu');
    const old = federation.api.get(secrets, name)!;
    const aged = structuredClone(old);
    aged.metadata.annotations![secretAnnotations.issuedAt] = new Date(
      clock.now() - 40 * 24 * 3600_000,
    ).toISOString();
    federation.api.put(secrets, aged);
    await waitUntil({
      what: 'a new token',
      check: async () => {
        const now = federation.api.get(secrets, name)!;
        return JSON.stringify(now['data']) !== JSON.stringify(old['data']);
      },
      everyMs: 50,
    });
    const { client, health } = federation.controller!.get('eu')!;
    assert.equal((await client.get('/api/v1/nodes')).status, 200);
    assert.equal(health.writable, true);
  });

  test('that is not the one that joined is not written to', async (t) => {
    const member = await prepare(t);
    if (member === undefined) return;
    const federation = new Federation();
    await federation.join(member, 'eu');
    const cluster = structuredClone(federation.cluster('eu')!);
    cluster.metadata.annotations![joinedUid] = 'another-uid';
    federation.api.put(clusters, cluster);
    await federation.start();
    const seen = await federation.until('eu', 'ready', ({ health }) => health.ready);
    assert.equal(seen.health.writable, false);
    assert.equal(seen.health.reason, 'OtherCluster');
    const admin = await adminOf(member);
    const leases = `/apis/coordination.k8s.io/v1/namespaces/${systemNamespace}/leases`;
    assert.deepEqual((await admin.list(leases)).items, []);
    await admin.transport.close();
    await unjoinMember({ federation: federation.client, name: 'eu', clock, force: true });
    await federation.controller!.stop();
    const cleaner = await adminOf(member);
    await removeFromMember(cleaner);
    await cleaner.transport.close();
    await untilClean(member);
  });

  test('a store restored from an older copy does not write, a restarted one does at once', async (t) => {
    const member = await prepare(t);
    if (member === undefined) return;
    const federation = await running(t, member);
    await federation.controller!.stop();
    await federation.start(2, 99);
    const frozen = await federation.until('eu', 'frozen', ({ health }) => {
      return health.reason === 'RevisionAhead';
    });
    assert.equal(frozen.health.writable, false);
    await federation.controller!.stop();
    await federation.start(3, 101);
    await federation.until('eu', 'writable', ({ health }) => health.writable);
  });

  test('impersonates users under their own prefix only', async (t) => {
    const member = await prepare(t);
    if (member === undefined) return;
    const federation = await running(t, member);
    const { port } = federation.controller!.get('eu')!;
    const client = new RestClient(
      port.as({ name: 'system:admin', groups: ['system:masters', 'dev team'] }),
      { userAgent: 'test' },
    );
    const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
    const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
    const answer = await client.create(path, review);
    const { status } = answer.object<KubeObject & { status: { userInfo: object } }>();
    assert.deepEqual(status.userInfo, {
      username: 'ubernetes:fed-1:system:admin',
      groups: [
        'ubernetes:fed-1:system:masters',
        'ubernetes:fed-1:dev%20team',
        'system:authenticated',
      ],
    });
  });

  test('leaves without a trace, its copies released first', async (t) => {
    const member = await prepare(t);
    if (member === undefined) return;
    const federation = await running(t, member);
    await unjoinMember({ federation: federation.client, name: 'eu', clock });
    assert.deepEqual(federation.released, ['eu false']);
    assert.equal(federation.contents(), '[]');
    await untilClean(member);
  });
});

test('an older cluster without controllers joins just as well', async (t) => {
  if (!(await requireMembers(t, 'bare', 'older'))) return;
  const old = await startFleet({ members: [{ name: 'old', full: false, older: true }] });
  t.after(() => old.stop());
  const federation = new Federation();
  const { version } = await federation.join(old.member('old'), 'eu');
  assert.equal(version, old.member('old').version);
  await federation.start();
  t.after(() => federation.controller!.stop());
  await federation.until('eu', 'writable', ({ health }) => health.writable);
  await waitUntil({ what: 'its types', check: async () => federation.types.has('eu') });
  assert.ok(federation.types.get('eu')!.openapiV3.has('apis/apps/v1'));
});

const widgetDefinition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.example.com' },
  spec: {
    group: 'example.com',
    names: { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' },
    scope: 'Namespaced',
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: { spec: { type: 'object', properties: { size: { type: 'integer' } } } },
          },
        },
      },
    ],
  },
};
