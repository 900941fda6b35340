/** Helm 4 against a federation with real members: a release with hooks, a CRD, a custom object. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { binaryPath, membersAvailable } from '../../testbed/binaries.ts';
import { type Fleet, startFleet } from '../../testbed/fleet.ts';
import { helmFile } from '../../testbed/versions.ts';
import { waitUntil } from '../../testbed/waiting.ts';
import { ServedFederation } from '../e2e/serving.ts';

const required = process.env['REQUIRE_MEMBERS'] === '1';
const skip = !required && !membersAvailable('full', 'helm') && 'no testbed';
const chart = fileURLToPath(new URL('chart', import.meta.url));

describe('Helm', { skip }, () => {
  let fleet: Fleet;
  let federation: ServedFederation;

  async function helm(...args: string[]): Promise<string> {
    const { folder, kubeconfig } = federation;
    const child = spawn(binaryPath(helmFile), args, {
      env: {
        ...process.env,
        KUBECONFIG: kubeconfig,
        HELM_CACHE_HOME: join(folder, 'helm'),
        HOME: folder,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 400_000,
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    const code = await new Promise((resolve) => child.once('close', resolve));
    assert.equal(code, 0, `helm ${args.join(' ')}\n${output}\n${federation.log()}`);
    return output;
  }

  /** What a jsonpath prints in the federation. */
  async function shown(what: string, path: string): Promise<string> {
    const { stdout, stderr } = await federation.kubectl(
      'get',
      ...what.split(' '),
      '-o',
      `jsonpath=${path}`,
    );
    return stdout + stderr;
  }

  async function inMembers(what: string): Promise<string[]> {
    const answers = await Promise.all(
      fleet.members.map((member) => member.kubectl('get', ...what.split(' '), '-o', 'name')),
    );
    return answers.map(({ stdout }) => stdout.trim());
  }

  before(async () => {
    [fleet, federation] = await Promise.all([
      startFleet({ members: [{ name: 'eu-west' }, { name: 'us-east' }] }),
      ServedFederation.start(),
    ]);
    for (const member of fleet.members) {
      const { code, output } = await federation.join(member);
      assert.equal(code, 0, output);
    }
  });

  after(async () => {
    await federation?.stop();
    await fleet?.stop();
    await rm(federation.folder, { recursive: true, force: true });
  });

  test('installs a release, and waits for it', async () => {
    const said = await helm('install', 'shop', chart, '--wait', '--timeout', '300s');
    assert.match(said, /STATUS: deployed\nREVISION: 1/);
    assert.equal(await shown('deployment shop', '{.status.readyReplicas}'), '4');
    assert.equal(await shown('widget shop', '{.spec.color}'), 'blue');
    assert.equal(await shown('job shop-migrate', '{.status.succeeded}'), '1');
    const copies = await inMembers('deployment shop');
    assert.deepEqual(copies, ['deployment.apps/shop', 'deployment.apps/shop']);
    // Helm waits for no object of a kind of its own, so neither does this release.
    await waitUntil({
      what: 'the widget to reach both members',
      check: async () => (await inMembers('widget shop')).every((name) => name !== ''),
    });
    // What Helm remembers of its releases stays at home.
    assert.deepEqual(await inMembers('secrets -l owner=helm'), ['', '']);
  });

  test('upgrades it, with what is new merged over what is there', async () => {
    const set = ['--set', 'replicas=6', '--set', 'color=green'];
    await helm('upgrade', 'shop', chart, ...set, '--wait', '--timeout', '300s');
    assert.equal(await shown('deployment shop', '{.status.readyReplicas}'), '6');
    assert.equal(await shown('configmap shop-settings', '{.data.color}'), 'green');
    assert.equal(await shown('widget shop', '{.spec.color}'), 'green');
    assert.match(await helm('list'), /^shop\s+default\s+2\s.*\sdeployed\s/m);
  });

  test('refuses an upgrade that the custom kind does not allow', async () => {
    await assert.rejects(
      helm('upgrade', 'shop', chart, '--set', 'color=red'),
      /spec.color: Unsupported value: "red": supported values: "blue", "green"/,
    );
  });

  test('rolls it back', async () => {
    await helm('rollback', 'shop', '1', '--wait', '--timeout', '300s');
    assert.equal(await shown('deployment shop', '{.spec.replicas}'), '4');
    assert.equal(await shown('configmap shop-settings', '{.data.color}'), 'blue');
    assert.match(await helm('history', 'shop'), /Rollback to 1/);
  });

  test('runs its tests', async () => {
    assert.match(await helm('test', 'shop', '--timeout', '300s'), /Phase:\s+Succeeded/);
  });

  test('uninstalls it, here and in the members', async () => {
    await helm('uninstall', 'shop', '--wait', '--timeout', '300s');
    assert.match(await shown('deployment shop', '{.metadata.name}'), /not found/);
    assert.equal(await shown('configmap shop-farewell', '{.data.said}'), 'goodbye');
    for (const what of [
      'deployment shop',
      'service shop',
      'widget shop',
      'configmap shop-settings',
    ])
      await waitUntil({
        what: `${what} to leave the members`,
        check: async () => (await inMembers(what)).every((name) => name === ''),
      });
    assert.equal(await shown('secrets -l owner=helm', '{.items}'), '[]');
  });
});
