/**
 * The talk of 2017 on four real clusters with a real kubectl, then what it could not show. Stories
 * are numbered as in
 * the talk; the transcript is kept as a golden file.
 */
import assert from 'node:assert/strict';
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { KubeObject } from '../../src/kube/object.ts';
import { leaseName } from '../../src/members/connection.ts';
import { annotations } from '../../src/reconcile/lease.ts';
import { membersAvailable } from '../../testbed/binaries.ts';
import { cutOff, deleteBehindOurBack, editBehindOurBack, reconnect } from '../../testbed/faults.ts';
import { type Fleet, startFleet } from '../../testbed/fleet.ts';
import type { Member } from '../../testbed/member.ts';
import { waitUntil } from '../../testbed/waiting.ts';
import { ServedFederation } from './serving.ts';
import { Transcript } from './transcript.ts';

const zones = ['asia-east1-b', 'europe-west1-b', 'us-central1-b', 'us-east1-b'];
const manifest = (name: string): string =>
  fileURLToPath(new URL(`manifests/${name}`, import.meta.url));
const version = 'jsonpath={.metadata.resourceVersion}';
const required = process.env['REQUIRE_MEMBERS'] === '1';

describe('the talk', { skip: !required && !membersAvailable('full') && 'no testbed' }, () => {
  const transcript = new Transcript();
  let fleet: Fleet;
  let federation: ServedFederation;

  before(async () => {
    fleet = await startFleet({
      members: zones.map((zone) => ({ name: zone, zone, region: zone.slice(0, -2) })),
    });
    federation = await ServedFederation.start({ args: ['--failover-after', '10m'] });
  });

  after(async () => {
    await federation?.stop();
    await fleet?.stop();
    if (federation !== undefined) await rm(federation.folder, { recursive: true, force: true });
  });

  /** Types a command into the transcript and fails when it fails. */
  async function type(...args: string[]): Promise<string> {
    const result = await federation.kubectl(...args);
    transcript.kubectl(args, result);
    assert.equal(
      result.code,
      0,
      `kubectl ${args.join(' ')}: ${result.stderr}\n${federation.log()}`,
    );
    return result.stdout;
  }

  async function refused(...args: string[]): Promise<string> {
    const result = await federation.kubectl(...args);
    transcript.kubectl(args, result);
    assert.notEqual(result.code, 0, `kubectl ${args.join(' ')} was not refused`);
    return result.stderr;
  }

  async function until(args: readonly string[], expected: string | RegExp): Promise<void> {
    let last = '';
    try {
      await waitUntil({
        what: `kubectl ${args.join(' ')} to print ${expected}`,
        check: async () => {
          last = (await federation.kubectl(...args)).stdout.trim();
          return typeof expected === 'string' ? last === expected : expected.test(last);
        },
        everyMs: 100,
      });
    } catch (error) {
      throw new Error(`${(error as Error).message}\nlast: ${last}\n${federation.log()}`);
    }
  }

  async function untilMember(
    member: Member,
    args: readonly string[],
    expected: string,
  ): Promise<void> {
    let last = '';
    await waitUntil({
      what: `${member.name}: kubectl ${args.join(' ')} to print ${expected}`,
      check: async () => {
        last = (await member.kubectl(...args)).stdout.trim();
        return last === expected;
      },
      everyMs: 100,
    }).catch((error: Error) => {
      throw new Error(`${error.message}\nlast: ${last}\n${federation.log()}`);
    });
  }

  const readyPods = (selector: string): string[] => [
    'get',
    'pods',
    '-l',
    selector,
    '-o',
    'jsonpath={range .items[*]}{.status.phase} {end}',
  ];
  const names = (what: string, ...more: string[]): string[] => [
    'get',
    what,
    ...more,
    '-o',
    'jsonpath={.items[*].metadata.name}',
  ];
  const running = (count: number): string => Array(count).fill('Running').join(' ');

  test('1, 6: four clusters, one per zone, joined', async () => {
    transcript.story('1, 6. Four clusters, one per zone, joined');
    for (const member of fleet.members) {
      const { code, output } = await federation.join(member);
      assert.equal(code, 0, output);
      transcript.typed(`ubernetes join ${member.name} --member-kubeconfig ${member.name}.yaml`);
      transcript.seen(output);
    }
    const ready = [
      'get',
      'clusters',
      '-o',
      'jsonpath={.items[*].status.conditions[?(@.type=="Ready")].status}',
    ];
    await until(ready, 'True True True True');
    await until(['get', 'clusters', '-o', 'jsonpath={.items[*].status.nodes}'], '3 3 3 3');
    await type('get', 'clusters');
    const again = await federation.join(fleet.members[0]!);
    assert.notEqual(again.code, 0);
    transcript.typed(`ubernetes join ${zones[0]} --member-kubeconfig ${zones[0]}.yaml`);
    transcript.seen(again.output);
  });

  test('5: a ConfigMap goes to every cluster, in kube-system it stays home', async () => {
    transcript.story('5. A ConfigMap goes to every cluster; in kube-system it stays home');
    await type('create', 'configmap', 'settings', '--from-literal=federation=federation');
    await type('create', 'configmap', 'settings', '-n', 'kube-system', '--from-literal=a=b');
    for (const member of fleet.members) {
      const value = ['get', 'configmap', 'settings', '-o', 'jsonpath={.data.federation}'];
      await untilMember(member, value, 'federation');
      const { code } = await member.kubectl('get', 'configmap', 'settings', '-n', 'kube-system');
      assert.notEqual(code, 0);
    }
  });

  test('7, 8: four replicas are one in each', async () => {
    transcript.story('7, 8. Four replicas: one in each');
    await type('create', '-f', manifest('rs-nginx.yaml'));
    await until(['get', 'rs', 'nginx', '-o', 'jsonpath={.status.readyReplicas}'], '4');
    await type('get', 'rs');
    for (const member of fleet.members) {
      await untilMember(member, readyPods('app=nginx'), running(1));
      transcript.typed(`kubectl --context ${member.name} get pods   # one`);
    }
    await until(
      ['get', 'distribution', 'nginx.replicasets.apps', '-o', 'jsonpath={.status.synced}'],
      '4/4',
    );
    await type('get', 'distributions');
  });

  test('9: with preferences, two and two in the US', async () => {
    transcript.story('9. With preferences: two and two in the US');
    await type('create', '-f', manifest('rs-nginx-us.yaml'));
    await until(['get', 'rs', 'nginx-us', '-o', 'jsonpath={.status.readyReplicas}'], '4');
    for (const member of fleet.members) {
      const expected = member.name.startsWith('us-') ? running(2) : '';
      await untilMember(member, readyPods('app=nginx-us'), expected);
    }
    await type('get', 'distribution', 'nginx-us.replicasets.apps');
    const bad = '{"clusters": {"us-east1-b": {"minReplicas": 5, "maxReplicas": 4}}}';
    await refused(
      'annotate',
      'rs',
      'nginx-us',
      '--overwrite',
      `federation.kubernetes.io/replica-set-preferences=${bad}`,
    );
  });

  test('13: a Secret in all four, and in a fifth that joins later', async () => {
    transcript.story('13. A Secret in all four, and in a fifth that joins later');
    await type('create', 'secret', 'generic', 'federated', '--from-literal=key=value');
    const value = ['get', 'secret', 'federated', '-o', 'jsonpath={.data.key}'];
    for (const member of fleet.members) await untilMember(member, value, 'dmFsdWU=');
    const fifth = await fleet.add({ name: 'us-west1-a', zone: 'us-west1-a', region: 'us-west1' });
    const { code, output } = await federation.join(fifth);
    assert.equal(code, 0, output);
    transcript.typed('ubernetes join us-west1-a --member-kubeconfig us-west1-a.yaml');
    await untilMember(fifth, value, 'dmFsdWU=');
    await type('get', 'secret', 'federated');
  });

  test('a copy deleted by force comes back, an edit is undone, a stranger is left alone', async () => {
    transcript.story('A copy deleted, edited, and a name that is taken');
    const [asia, europe] = fleet.members as [Member, Member];
    const secret = { apiVersion: 'v1', plural: 'secrets', namespace: 'default', name: 'federated' };
    await deleteBehindOurBack(asia, secret);
    await untilMember(
      asia,
      ['get', 'secret', 'federated', '-o', 'jsonpath={.data.key}'],
      'dmFsdWU=',
    );
    const settings = {
      apiVersion: 'v1',
      plural: 'configmaps',
      namespace: 'default',
      name: 'settings',
    };
    await editBehindOurBack(europe, settings, { data: { federation: 'changed', theirs: 'stays' } });
    await untilMember(
      europe,
      ['get', 'configmap', 'settings', '-o', 'jsonpath={.data.federation} {.data.theirs}'],
      'federation stays',
    );
    const drift =
      'jsonpath={range .status.clusters[*].drift[*]}{.field}: {.actual} → {.expected}{"\\n"}{end}';
    await until(['get', 'distribution', 'settings.configmaps', '-o', drift], /data\.federation/);
    await type('get', 'distribution', 'settings.configmaps', '-o', drift);

    const taken = await asia.kubectl('create', 'configmap', 'taken', '--from-literal=whose=theirs');
    assert.equal(taken.code, 0, taken.stderr);
    await type('create', 'configmap', 'taken', '--from-literal=whose=ours');
    const reason = 'jsonpath={.status.clusters[?(@.name=="asia-east1-b")].reason}';
    await until(['get', 'distribution', 'taken.configmaps', '-o', reason], 'NameTaken');
    await untilMember(
      europe,
      ['get', 'configmap', 'taken', '-o', 'jsonpath={.data.whose}'],
      'ours',
    );
    await type('get', 'distribution', 'taken.configmaps');
    await type('delete', 'configmap', 'taken');
    await untilMember(europe, names('configmaps', '--field-selector=metadata.name=taken'), '');
    await untilMember(
      asia,
      ['get', 'configmap', 'taken', '-o', 'jsonpath={.data.whose}'],
      'theirs',
    );
  });

  test('a member away while objects change catches up when it returns', async () => {
    transcript.story('A member away while objects change');
    const asia = fleet.member('asia-east1-b');
    await cutOff(asia);
    const reachable = 'jsonpath={.status.conditions[?(@.type=="Reachable")].status}';
    await until(['get', 'cluster', asia.name, '-o', reachable], 'False');
    await type('create', 'configmap', 'while-away', '--from-literal=a=b');
    await type('delete', 'secret', 'federated');
    await type('patch', 'configmap', 'settings', '-p', '{"data":{"federation":"newer"}}');
    const state = 'jsonpath={.status.clusters[?(@.name=="asia-east1-b")].state}';
    await until(['get', 'distribution', 'while-away.configmaps', '-o', state], 'Unreachable');
    await type('get', 'distribution', 'while-away.configmaps');
    await reconnect(asia);
    await untilMember(asia, ['get', 'configmap', 'while-away', '-o', 'jsonpath={.data.a}'], 'b');
    await untilMember(
      asia,
      ['get', 'configmap', 'settings', '-o', 'jsonpath={.data.federation}'],
      'newer',
    );
    await untilMember(asia, names('secrets', '--field-selector=metadata.name=federated'), '');
  });

  test('labels of all clusters removed at once freeze what they chose', async () => {
    transcript.story('Labels of all clusters removed at once: frozen');
    await type('label', 'clusters', '--all', 'env=prod');
    await type(
      'create',
      'configmap',
      'chosen',
      '--from-literal=a=b',
      '--dry-run=client',
      '-o',
      'name',
    );
    const selector = '[{"key":"env","operator":"in","values":["prod"]}]';
    const object = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name: 'chosen',
        annotations: { 'federation.alpha.kubernetes.io/cluster-selector': selector },
      },
      data: { a: 'b' },
    };
    const applied = await federation.kubectlWith({
      args: ['apply', '-f', '-'],
      input: JSON.stringify(object),
    });
    assert.equal(applied.code, 0, applied.stderr);
    for (const member of fleet.members) {
      await untilMember(member, ['get', 'configmap', 'chosen', '-o', 'jsonpath={.data.a}'], 'b');
    }
    await type('label', 'clusters', '--all', 'env-');
    const frozen = 'jsonpath={.status.conditions[?(@.type=="Frozen")].reason}';
    await until(['get', 'distribution', 'chosen.configmaps', '-o', frozen], 'EmptySelection');
    await type('get', 'distribution', 'chosen.configmaps');
    for (const member of fleet.members) {
      const { stdout } = await member.kubectl(
        'get',
        'configmap',
        'chosen',
        '-o',
        'jsonpath={.data.a}',
      );
      assert.equal(stdout, 'b', `${member.name} lost its copy`);
    }
    await type('label', 'clusters', '--all', 'env=prod');
    await until(['get', 'distribution', 'chosen.configmaps', '-o', frozen], '');
    await type('delete', 'configmap', 'chosen');
    for (const member of fleet.members) {
      await untilMember(member, names('configmaps', '--field-selector=metadata.name=chosen'), '');
    }
  });

  test("restored from yesterday's file, nothing newer is deleted", async () => {
    transcript.story("The federation restored from yesterday's file");
    const backup = join(federation.folder, 'backup');
    await federation.stop();
    await cp(federation.dataDir, backup, { recursive: true });
    await federation.start();
    await type('create', 'configmap', 'newer', '--from-literal=a=b');
    for (const member of fleet.members) {
      await untilMember(member, ['get', 'configmap', 'newer', '-o', 'jsonpath={.data.a}'], 'b');
    }
    // The members' leases learn of the newer revisions when they are renewed.
    const newer = (await federation.kubectl('get', 'configmap', 'newer', '-o', version)).stdout;
    for (const member of [...fleet.members]) {
      await waitUntil({
        what: `the lease in ${member.name} to know of the newer revision`,
        check: async () => {
          const lease = ['get', 'lease', leaseName, '-n', 'ubernetes-system', '-o', 'json'];
          const { metadata } = JSON.parse((await member.kubectl(...lease)).stdout) as KubeObject;
          return BigInt(metadata.annotations![annotations.revision]!) >= BigInt(newer) >> 20n;
        },
        everyMs: 500,
      });
    }
    await federation.stop();
    await rm(federation.dataDir, { recursive: true });
    await cp(backup, federation.dataDir, { recursive: true });
    await federation.start();
    const writable = 'jsonpath={.items[*].status.conditions[?(@.type=="Writable")].reason}';
    await until(['get', 'clusters', '-o', writable], Array(5).fill('RevisionAhead').join(' '));
    await type('get', 'clusters');
    const recovered = await federation.command('recover', '--accept-rollback');
    assert.equal(recovered.code, 0, recovered.output);
    transcript.typed('ubernetes recover --accept-rollback');
    transcript.seen(recovered.output);
    await type('create', 'configmap', 'after-recovery', '--from-literal=a=b');
    for (const member of fleet.members) {
      await untilMember(
        member,
        ['get', 'configmap', 'after-recovery', '-o', 'jsonpath={.data.a}'],
        'b',
      );
      await untilMember(member, ['get', 'configmap', 'newer', '-o', 'jsonpath={.data.a}'], 'b');
    }
    const orphaned = 'jsonpath={.status.clusters[0].state}';
    await until(['get', 'distribution', 'newer.configmaps', '-o', orphaned], 'Orphaned');
    await type('get', 'distribution', 'newer.configmaps');
  });

  test('14: clean-up leaves nothing', async () => {
    transcript.story('14. Clean-up leaves nothing');
    await type('delete', 'rs', 'nginx', 'nginx-us');
    await type('delete', 'configmap', 'settings', 'while-away', 'after-recovery');
    for (const member of fleet.members) {
      await untilMember(member, names('rs,pods'), '');
      await untilMember(member, names('configmaps', '-l', 'ubernetes.dev/federation'), 'newer');
    }
    for (const member of fleet.members) {
      const { code, output } = await federation.command('unjoin', member.name);
      assert.equal(code, 0, output);
      transcript.typed(`ubernetes unjoin ${member.name}`);
      transcript.seen(output);
      await untilMember(
        member,
        ['get', 'namespace', 'ubernetes-system', '--ignore-not-found', '-o', 'name'],
        '',
      );
      const kept = await member.kubectl(
        'get',
        'configmap',
        'newer',
        '-o',
        'jsonpath={.metadata.labels}',
      );
      assert.equal(kept.stdout, '', 'the copy stays, without our mark');
    }
    await type('get', 'clusters');
    transcript.compare(new URL('../golden/talk.txt', import.meta.url));
  });
});
