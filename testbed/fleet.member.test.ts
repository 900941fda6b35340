import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, type TestContext, test } from 'node:test';
import { requireMembers } from './binaries.ts';
import {
  cutOff,
  deleteBehindOurBack,
  editBehindOurBack,
  emptyNodes,
  fillNodes,
  reconnect,
  slowDown,
} from './faults.ts';
import { type Fleet, startFleet } from './fleet.ts';
import type { KubectlResult } from './kubectl.ts';
import type { Member } from './member.ts';
import { isRunning } from './processes.ts';
import { waitUntil } from './waiting.ts';

function ok(result: KubectlResult): string {
  assert.equal(result.code, 0, result.stderr);
  return result.stdout.trim();
}

async function startFor(t: TestContext, ...members: Parameters<Fleet['add']>): Promise<Fleet> {
  const fleet = await startFleet({ members });
  t.after(() => fleet.stop());
  return fleet;
}

async function untilPrints(member: Member, expected: string, ...args: string[]): Promise<void> {
  await waitUntil({
    what: `kubectl ${args.join(' ')} to print ${expected}`,
    check: async () => (await member.kubectl(...args)).stdout.trim() === expected,
    everyMs: 100,
  });
}

describe('a full member', () => {
  test('runs pods on fake nodes, and a full node gives an Unschedulable pod', async (t) => {
    if (!(await requireMembers(t, 'full'))) return;
    const spec = { name: 'eu-west', zone: 'eu-west-b', region: 'eu', nodes: 2, podsPerNode: 5 };
    const fleet = await startFor(t, spec);
    const member = fleet.member('eu-west');
    const zone = 'jsonpath={.items[*].metadata.labels.topology\\.kubernetes\\.io/zone}';
    assert.equal(ok(await member.kubectl('get', 'nodes', '-o', zone)), 'eu-west-b eu-west-b');

    ok(await member.kubectl('create', 'deployment', 'web', '--image=web', '--replicas=3'));
    ok(await member.kubectl('rollout', 'status', 'deployment/web', '--timeout=150s'));
    const phases = ['get', 'pods', '-o', 'jsonpath={.items[*].status.phase}'];
    assert.equal(ok(await member.kubectl(...phases)), 'Running Running Running');

    assert.equal(await fillNodes(member), 7);
    ok(await member.kubectl('scale', 'deployment/web', '--replicas=4'));
    const reason = 'jsonpath={.items[*].status.conditions[?(@.type=="PodScheduled")].reason}';
    const pending = ['get', 'pods', '--field-selector=status.phase=Pending', '-o', reason];
    await untilPrints(member, 'Unschedulable', ...pending);

    await emptyNodes(member);
    ok(await member.kubectl('rollout', 'status', 'deployment/web', '--timeout=150s'));
    assert.equal(await fillNodes(member, 2), 4);
    await emptyNodes(member);

    ok(await member.kubectl('create', 'job', 'once', '--image=once'));
    ok(await member.kubectl('wait', '--for=condition=complete', 'job/once', '--timeout=150s'));
    ok(await member.kubectl('delete', 'deployment/web', 'job/once', '--cascade=foreground'));
    assert.equal(ok(await member.kubectl('get', 'pods', '-o', 'name')), '');
  });
});

describe('an older full member', () => {
  test('runs pods too', async (t) => {
    if (!(await requireMembers(t, 'full', 'older'))) return;
    const fleet = await startFor(t, { name: 'old', older: true, nodes: 1 });
    const member = fleet.member('old');
    ok(await member.kubectl('create', 'deployment', 'web', '--image=web', '--replicas=2'));
    ok(await member.kubectl('rollout', 'status', 'deployment/web', '--timeout=150s'));
    const version = 'jsonpath={.items[*].status.nodeInfo.kubeletVersion}';
    assert.equal(ok(await member.kubectl('get', 'nodes', '-o', version)), member.version);
  });
});

describe('bare members', () => {
  test('keep their data over a stop, and share nothing', async (t) => {
    if (!(await requireMembers(t, 'bare'))) return;
    const fleet = await startFleet({
      members: [
        { name: 'one', full: false },
        { name: 'two', full: false },
      ],
    });
    t.after(() => fleet.stop());
    const [one, two] = fleet.members as [Member, Member];
    ok(await one.kubectl('create', 'configmap', 'kept', '--from-literal=a=b'));
    assert.equal(ok(await two.kubectl('get', 'configmaps', '-o', 'name')).includes('kept'), false);

    const { pid } = one.processes()[0] as { pid: number };
    await one.stop();
    assert.equal(one.isRunning(), false);
    assert.equal(isRunning(pid), false);
    assert.match((await one.kubectl('get', 'configmaps')).stderr, /refused/);
    await one.start();
    const data = ['get', 'configmap', 'kept', '-o', 'jsonpath={.data.a}'];
    assert.equal(ok(await one.kubectl(...data)), 'b');
  });

  test('can be cut off, slowed down and changed behind our back', async (t) => {
    if (!(await requireMembers(t, 'bare'))) return;
    const fleet = await startFor(t, { name: 'one', full: false });
    const one = fleet.member('one');
    ok(await one.kubectl('create', 'configmap', 'settings', '--from-literal=a=1'));
    const settings = {
      apiVersion: 'v1',
      plural: 'configmaps',
      namespace: 'default',
      name: 'settings',
    };
    await cutOff(one);
    assert.match((await one.kubectl('get', 'configmaps')).stderr, /refused/);
    await editBehindOurBack(one, settings, { data: { a: '2' } });
    await cutOff(one, 'blackhole');
    const silent = await one.kubectl('get', 'configmaps', '--request-timeout=1s');
    assert.notEqual(silent.code, 0);
    await reconnect(one);
    const data = ['get', 'configmap', 'settings', '-o', 'jsonpath={.data.a}'];
    assert.equal(ok(await one.kubectl(...data)), '2');

    slowDown(one, 200);
    assert.equal(ok(await one.kubectl(...data)), '2');
    slowDown(one, 0);
    await deleteBehindOurBack(one, settings);
    assert.match((await one.kubectl(...data)).stderr, /NotFound/);
  });
});

describe('a fleet', () => {
  test('takes more members, an older one too, and leaves nothing behind', async (t) => {
    if (!(await requireMembers(t, 'bare', 'older'))) return;
    const fleet = await startFor(t, { name: 'new', full: false });
    const added = await fleet.add({ name: 'old', full: false, older: true });
    const version = ok(await added.kubectl('version', '-o', 'json'));
    const { clientVersion, serverVersion } = JSON.parse(version) as Record<string, Version>;
    assert.equal(serverVersion?.gitVersion, added.version);
    assert.equal(clientVersion?.gitVersion, added.version);
    const pids = fleet.members.flatMap((m) => m.processes()).map(({ pid }) => pid);
    assert.equal(pids.length, 2);
    assert.equal(pids.every(isRunning), true);
    await fleet.stop();
    assert.deepEqual([...pids, fleet.etcd.process.pid].filter(isRunning), []);
    assert.equal(existsSync(fleet.folder), false);
  });

  test('refuses two members of one name, and names that are no DNS labels', async (t) => {
    if (!(await requireMembers(t, 'bare'))) return;
    const bare = { full: false };
    const twice = [
      { name: 'a', ...bare },
      { name: 'a', ...bare },
    ];
    await assert.rejects(startFleet({ members: twice }), /same name/);
    const path = [{ name: '../etc', ...bare }];
    await assert.rejects(startFleet({ members: path }), /not a DNS label/);
  });
});

interface Version {
  gitVersion: string;
}
