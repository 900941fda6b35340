/**
 * The engine of Argo CD against a federation with two real members: everything that discovery
 * names is listed and watched; an application of ten kinds with hooks, waves, a custom kind and
 * pruning becomes synced and healthy, and nothing differs then.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { membersAvailable } from '../../testbed/binaries.ts';
import { Joined } from '../propagation/joined.ts';
import { clientOfItsOwn } from './build.ts';

const required = process.env['REQUIRE_MEMBERS'] === '1';
const skip = !required && !membersAvailable('full') && 'no testbed';
const run = promisify(execFile);

interface Report {
  readonly apis: number;
  readonly objects: number;
  readonly synced: Readonly<Record<string, string>>;
  readonly health: Readonly<Record<string, string>>;
}

describe('the engine of Argo CD', { skip }, () => {
  let joined: Joined;
  let program: string;

  before(async () => {
    [joined, program] = await Promise.all([
      Joined.start([{ name: 'eu-west' }, { name: 'us-east' }]),
      clientOfItsOwn('gitops'),
    ]);
  });

  after(() => joined?.stop());

  async function bring(...states: string[]): Promise<Report[]> {
    const files = states.map((state) =>
      fileURLToPath(new URL(`gitops/${state}.yaml`, import.meta.url)),
    );
    const env = { ...process.env, KUBECONFIG: joined.federation.kubeconfig };
    const { stdout } = await run(program, files, { env }).catch((error) => {
      const said = String(error.stderr).slice(-6000);
      throw new Error(`${error.message}\n${said}\n${joined.federation.log()}`);
    });
    return stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Report);
  }

  test('brings an application from one state to the next', async () => {
    const [first, second, last] = await bring('v1', 'v2', 'v3');
    assert.ok(first!.apis > 40, `${first!.apis} resources were watched`);
    const healthy = {
      'Deployment/web': 'Healthy',
      'Job/migrate': 'Healthy',
      'Service/web': 'Healthy',
    };
    assert.deepEqual(first!.health, healthy);
    assert.equal(first!.synced['Job/migrate'], 'SyncedSucceeded');
    assert.equal(first!.synced['Cart/small'], 'SyncedSucceeded');
    assert.equal(second!.synced['NetworkPolicy/web'], 'PrunedSucceeded');
    assert.deepEqual(second!.health, healthy);
    for (const gone of ['Deployment/web', 'Cart/small', 'Secret/key', 'ServiceAccount/shop'])
      assert.equal(last!.synced[gone], 'PrunedSucceeded', gone);
    for (const member of ['eu-west', 'us-east'])
      await joined.untilIn(member, 'get deployments,secrets,services -n shop -o name', '');
  });

  test('spreads what it applies', async () => {
    await bring('v2');
    for (const member of ['eu-west', 'us-east']) {
      const replicas = 'get deployment web -n shop -o jsonpath={.status.readyReplicas}';
      await joined.untilIn(member, replicas, '3');
      await joined.untilIn(
        member,
        'get cart small -n shop -o jsonpath={.spec}',
        '{"lanes":2,"size":5}',
      );
      // What tracks an application stays here: members may have an Argo CD of their own.
      const { stdout } = await joined
        .member(member)
        .kubectl('get', 'deployment', 'web', '-n', 'shop', '-o', 'yaml');
      assert.doesNotMatch(stdout, /argocd.argoproj.io\/tracking-id/);
    }
  });
});
