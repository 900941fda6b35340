import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Cluster, systemNamespace } from '../api/cluster.ts';
import { Budget } from '../base/budget.ts';
import { StepClock } from '../base/clock.ts';
import { SeededRandom } from '../base/random.ts';
import { RestClient } from '../client/rest.ts';
import { TinyApi } from '../client/tiny-api.ts';
import { TransportError } from '../client/transport.ts';
import { MembersController } from './controller.ts';
import { joinedUid, unjoinFinalizer } from './join.ts';
import { leases, nodes, pods, SmallMember } from './small-member.ts';

const clusters = '/apis/ubernetes.dev/v1alpha1/clusters';
const secrets = `/api/v1/namespaces/${systemNamespace}/secrets`;

async function settle(): Promise<void> {
  for (let i = 0; i < 15; i++) await new Promise((resolve) => setImmediate(resolve));
}

class World {
  readonly clock = new StepClock();
  readonly federation = new TinyApi([clusters, secrets]);
  readonly members = new Map<string, SmallMember>();
  readonly changes: string[] = [];
  controller: MembersController;
  term = 0;

  constructor(...names: string[]) {
    for (const name of names) this.add(name);
    this.controller = this.#build();
  }

  add(name: string): SmallMember {
    const member = new SmallMember(`uid-of-${name}`);
    this.members.set(name, member);
    this.federation.put(secrets, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: `cluster-${name}`, namespace: systemNamespace },
      data: { token: Buffer.from('token-1').toString('base64') },
    });
    this.federation.put(clusters, {
      apiVersion: 'ubernetes.dev/v1alpha1',
      kind: 'Cluster',
      metadata: {
        name,
        finalizers: [unjoinFinalizer],
        annotations: { [joinedUid]: member.uid },
      },
      spec: { server: `https://${name}`, credentialsRef: { name: `cluster-${name}` } },
    });
    return member;
  }

  #build(): MembersController {
    const controller = new MembersController({
      client: new RestClient(this.federation, { userAgent: 'test' }),
      federation: {
        id: 'fed',
        instance: 'a',
        term: ++this.term,
        process: `p${this.term}`,
        currentRevision: () => this.federation.revision,
        reach: () => Number.POSITIVE_INFINITY,
      },
      room: { most: 64 * 1024, own: 1024, pool: new Budget({ most: 96 * 1024 }) },
      openTransport: (cluster, credential) =>
        this.members.get(cluster.metadata.name!)!.with(() => credential()?.token),
      clock: this.clock,
      random: new SeededRandom(7),
      onTypes: () => {},
      releaseCopies: async () => {},
    });
    controller.onChange((name, _old, now) => {
      const { health } = now ?? {};
      const seen = [health?.reachable, health?.ready, health?.writable];
      this.changes.push(`${name} ${seen.map((yes) => (yes ? '1' : '0')).join('')}`);
    });
    return controller;
  }

  async start(): Promise<void> {
    await this.controller.start();
    await this.run(1000);
  }

  async restart(): Promise<void> {
    const stopping = this.controller.stop();
    await this.run(3000);
    await stopping;
    this.controller = this.#build();
    await this.start();
  }

  /** Lets time pass in steps small enough for everything to react. */
  async run(ms: number): Promise<void> {
    const until = this.clock.now() + ms;
    await settle();
    while (this.clock.now() < until) {
      this.clock.advance(Math.min(100, until - this.clock.now()));
      await settle();
    }
  }

  status(name: string): string {
    const cluster = this.federation.get(clusters, name) as Cluster | undefined;
    return (cluster?.status?.conditions ?? []).map(({ status }) => status[0]).join('');
  }

  /** Writes into the federation since the last call. */
  writes(): string[] {
    const seen = this.federation.requests.filter((request) => !request.startsWith('GET'));
    this.federation.requests.length = 0;
    return seen;
  }
}

function node(name: string): Parameters<TinyApi['put']>[1] {
  const amounts = { cpu: '4', memory: '8Gi' };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'topology.kubernetes.io/zone': 'z1' } },
    status: {
      capacity: amounts,
      allocatable: amounts,
      conditions: [{ type: 'Ready', status: 'True' }],
    },
  };
}

test('a member becomes writable, its status tells all, and then nothing is written any more', async () => {
  const world = new World('eu');
  world.members.get('eu')!.api.put(nodes, node('n1'));
  await world.start();
  await world.run(5000);
  assert.equal(world.status('eu'), 'TTTT');
  const { status } = world.federation.get(clusters, 'eu') as Cluster;
  assert.equal(status?.uid, 'uid-of-eu');
  assert.equal(status?.version, 'v1.37.2');
  assert.deepEqual([status?.nodes, status?.zones], [1, ['z1']]);
  assert.ok(world.writes().length <= 4);
  await world.run(600_000);
  assert.deepEqual(world.writes(), []);
  assert.equal(world.controller.get('eu')?.clusterUid, 'uid-of-eu');
});

test('a restart on a quiet federation writes nothing into it', async () => {
  const world = new World('eu', 'us', 'asia');
  for (const member of world.members.values()) member.api.put(nodes, node('n1'));
  await world.start();
  await world.run(60_000);
  world.writes();
  await world.restart();
  await world.run(60_000);
  assert.deepEqual(world.writes(), []);
  assert.equal(
    world.controller.list().every(({ health }) => health.writable),
    true,
  );
});

test('silence is noticed in seconds, a return at once, each by one write', async () => {
  const world = new World('eu');
  const { api } = world.members.get('eu')!;
  await world.start();
  await world.run(60_000);
  world.writes();
  const start = world.clock.now();
  api.down = true;
  api.breakWatches(new TransportError('reset'));
  while (world.controller.get('eu')!.health.reachable) await world.run(100);
  assert.ok(world.clock.now() - start < 10_000, `${world.clock.now() - start} ms`);
  await world.run(60_000);
  assert.equal(world.status('eu'), 'FFTF');
  assert.ok(world.writes().length <= 2);
  api.down = false;
  const back = world.clock.now();
  while (!world.controller.get('eu')!.health.writable) await world.run(100);
  assert.ok(world.clock.now() - back < 2000, `${world.clock.now() - back} ms`);
  await world.run(60_000);
  assert.equal(world.status('eu'), 'TTTT');
  assert.ok(world.writes().length <= 2);
});

for (const code of [403, 429, 500, 503]) {
  test(`a member that answers ${code} to everything is alive`, async () => {
    const world = new World('eu');
    await world.start();
    await world.run(60_000);
    world.members.get('eu')!.broken = code;
    await world.run(120_000);
    const { health, unreachableSince } = world.controller.get('eu')!;
    assert.deepEqual([health.reachable, health.ready], [true, false]);
    assert.equal(unreachableSince, undefined);
    // The lease could not be renewed, so that another replica may have it by now.
    assert.equal(health.writable, false);
  });
}

test('a member that hangs holds up nobody else', async () => {
  const world = new World('eu', 'us');
  world.members.get('eu')!.hanging = true;
  await world.start();
  await world.run(5000);
  assert.equal(world.controller.get('us')!.health.writable, true);
  assert.equal(world.status('us'), 'TTTT');
  assert.equal(world.status('eu'), '');
});

test('a member with objects without end is not ready, says why, and takes nothing from others', async () => {
  const world = new World('eu', 'us');
  const { api } = world.members.get('eu')!;
  await world.start();
  for (let i = 0; i < 1000; i++) api.put(nodes, node(`n${i}`));
  await world.run(5000);
  assert.deepEqual([world.status('eu'), world.status('us')], ['TFTT', 'TTTT']);
  const { status } = world.federation.get(clusters, 'eu') as Cluster;
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  assert.equal(ready?.reason, 'TooManyObjects');
  const others = world.members.get('us')!.api;
  for (let i = 0; i < 20; i++) others.put(nodes, node(`n${i}`));
  await world.run(60_000);
  assert.deepEqual([world.status('eu'), world.status('us')], ['TFTT', 'TTTT']);
  assert.equal((world.federation.get(clusters, 'us') as Cluster).status?.nodes, 20);
  for (let i = 0; i < 1000; i++) api.remove(nodes, `n${i}`);
  await world.run(60_000);
  assert.equal(world.status('eu'), 'TTTT');
  assert.equal((world.federation.get(clusters, 'eu') as Cluster).status?.nodes, 0);
  await world.controller.stop();
});

test('a refused credential is said so, and a new one counts at once', async () => {
  const world = new World('eu');
  const member = world.members.get('eu')!;
  await world.start();
  await world.run(5000);
  member.token = 'token-2';
  await world.run(10_000);
  assert.equal(world.status('eu'), 'TFFF');
  const secret = structuredClone(world.federation.get(secrets, 'cluster-eu')!);
  secret['data'] = { token: Buffer.from('token-2').toString('base64') };
  world.federation.put(secrets, secret);
  await world.run(3000);
  assert.equal(world.status('eu'), 'TTTT');
});

test('a cluster made anew under the old address is not written to', async () => {
  const world = new World('eu');
  const member = world.members.get('eu')!;
  await world.start();
  await world.run(5000);
  member.uid = 'another';
  const written = member.api.get(leases, 'ubernetes-writer')!.metadata.resourceVersion;
  await world.run(60_000);
  assert.equal(world.status('eu'), 'TTTF');
  assert.equal(world.controller.get('eu')!.health.reason, 'OtherCluster');
  const now = member.api.get(leases, 'ubernetes-writer')!.metadata.resourceVersion;
  assert.ok(Number(now) - Number(written) <= 1);
  assert.equal((world.federation.get(clusters, 'eu') as Cluster).status?.uid, 'uid-of-eu');
});

test('a member that flaps costs at most one status write a second', async () => {
  const world = new World('eu');
  const member = world.members.get('eu')!;
  await world.start();
  await world.run(5000);
  world.writes();
  for (let i = 0; i < 60; i++) {
    member.broken = i % 2 === 0 ? 403 : undefined;
    await world.run(1000);
  }
  const { length } = world.writes();
  assert.ok(length > 3 && length <= 62, `${length} writes in 60 s`);
});

test('pods that come and go cost a status write in half a minute', async () => {
  const world = new World('eu');
  const { api } = world.members.get('eu')!;
  api.put(nodes, node('n1'));
  await world.start();
  await world.run(60_000);
  world.writes();
  for (let i = 0; i < 120; i++) {
    api.put(pods, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: `p${i}`, namespace: 'd' },
      spec: { nodeName: 'n1', containers: [{ resources: { requests: { cpu: '10m' } } }] },
    });
    await world.run(1000);
  }
  await world.run(40_000);
  const { length } = world.writes();
  assert.ok(length >= 2 && length <= 7, `${length} writes in 160 s`);
  const { status } = world.federation.get(clusters, 'eu') as Cluster;
  assert.equal(status?.requested?.['cpu'], '1200m');
});

test('a Cluster that is deleted is let go: copies first, then rights, then the Cluster', async () => {
  const world = new World('eu', 'us');
  await world.start();
  await world.run(5000);
  const client = new RestClient(world.federation, { userAgent: 'test' });
  await client.delete(`${clusters}/eu`);
  await world.run(3000);
  assert.equal(world.federation.get(clusters, 'eu'), undefined);
  assert.equal(world.federation.get(secrets, 'cluster-eu'), undefined);
  assert.equal(world.controller.get('eu'), undefined);
  const deleted = world.members.get('eu')!.api.requests.filter((one) => one.startsWith('DELETE'));
  assert.equal(deleted[0], `DELETE /api/v1/namespaces/${systemNamespace}`);
  assert.equal(deleted.length, 6);
  assert.equal(world.changes.at(-1), 'eu 000');
  assert.equal(world.controller.get('us')!.health.writable, true);
});

test('a member out of reach is not let go, unless by force', async () => {
  const world = new World('eu');
  await world.start();
  await world.run(5000);
  world.members.get('eu')!.api.down = true;
  await world.run(20_000);
  const client = new RestClient(world.federation, { userAgent: 'test' });
  await client.delete(`${clusters}/eu`);
  await world.run(20_000);
  assert.notEqual(world.federation.get(clusters, 'eu'), undefined);
  const body = { metadata: { annotations: { 'ubernetes.dev/force-unjoin': 'true' } } };
  await client.patch(`${clusters}/eu`, { type: 'application/merge-patch+json', body });
  await world.run(6000);
  assert.equal(world.federation.get(clusters, 'eu'), undefined);
});
